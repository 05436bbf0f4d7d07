"""tls_client: authorities, certificates and TLS clients for the system tests.

Everything is made by openssl(1) in a folder of the test's own. Pop3Tls is Pop3 over TLS: an end
without close_notify is an error. RawTls keeps the records in memory, so that a test can cut, delay
and damage them.
"""
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

from ringpost_server import ANSWER_S, PATIENCE, TOP, Pop3, ServerTest


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


class Authority:
    """A certificate authority in a folder, and what it has issued: pairs of paths."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.path, self.key = self.paths(name)
        self.serial = 1000
        openssl("req", "-x509", *self.new_key("ecdsa", self.key), "-out", self.path, "-days", "30",
                "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")

    def paths(self, name):
        return os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key")

    @staticmethod
    def new_key(kind, path):
        kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ecdsa" else ["rsa:2048"]
        return ["-newkey", *kind, "-nodes", "-keyout", path]

    def issue(self, name, hosts=(), kind="ecdsa", subject=None):
        """A certificate for hosts, or for a client where there are none: a block's two keys."""
        certificate, key = self.paths(name)
        self.serial += 1
        hosts = ",".join(("IP:" if host[0].isdigit() else "DNS:") + host for host in hosts)
        usage = f"subjectAltName={hosts}" if hosts else "extendedKeyUsage=clientAuth"
        openssl("req", "-x509", "-CA", self.path, "-CAkey", self.key, *self.new_key(kind, key),
                "-out", certificate, "-days", "20", "-subj", f"/CN={subject or name}",
                "-set_serial", str(self.serial), "-addext", usage,
                "-addext", "basicConstraints=critical,CA:FALSE")
        with open(certificate, "ab") as file, open(self.path, "rb") as chain:
            file.write(chain.read())
        return {"certificate": certificate, "key": key}

    def context(self, version=None, client=None, alpn=None):
        """A client that trusts this authority; `client` is what `issue` returned."""
        context = ssl.create_default_context(cafile=self.path)
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(client["certificate"], client["key"])
        if alpn:
            context.set_alpn_protocols(alpn)
        return context


class Pop3Tls(Pop3):
    """Pop3 behind TLS: implicit, or after STLS where `stls` is set."""

    def __init__(self, port, context, host="localhost", session=None, stls=False):
        super().__init__(port, greeting=stls)
        try:
            if stls:
                self.ok("STLS")
            self.socket = context.wrap_socket(self.socket, server_hostname=host, session=session,
                                              suppress_ragged_eofs=False)
            if not stls:
                self.greeting = self.line()
        except BaseException:
            self.socket.close()
            raise


class RawTls:
    """A TLS client whose records the test carries itself."""

    def __init__(self, port, context, host="localhost", stls=False):
        self.plain = Pop3(port, greeting=stls)
        self.socket = self.plain.socket
        if stls:
            self.plain.ok("STLS")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)

    def take(self, act, *arguments):
        """One try of `act`: its result, or None where the server has to speak first."""
        try:
            return act(*arguments)
        except ssl.SSLWantReadError:
            return None

    def feed(self):
        data = self.socket.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
        return data

    def send(self, cut=65536):
        """What TLS has to say, `cut` bytes at a time."""
        data = self.outgoing.read()
        for at in range(0, len(data), cut):
            self.socket.sendall(data[at:at + cut])
        return len(data)

    def shake(self, cut=65536):
        while True:
            try:
                self.tls.do_handshake()
                self.send(cut)
                return self
            except ssl.SSLWantReadError:
                self.send(cut)
                self.feed()

    def read(self, end=b"\r\n"):
        data = b""
        while not data.endswith(end):
            more = self.take(self.tls.read, 65536)
            if more is None:
                self.feed()
            elif not more:
                break
            else:
                data += more
        return data

    def say(self, command, cut=65536):
        self.tls.write(command)
        self.send(cut)
        return self.read()

    def close(self):
        self.socket.close()


class TlsTest(ServerTest):
    """Tests with an authority and one certificate for localhost."""

    @classmethod
    def setUpClass(cls):
        cls.pki = tempfile.mkdtemp(prefix="ringpost-pki-")
        cls.addClassCleanup(shutil.rmtree, cls.pki)
        cls.authority = Authority(cls.pki)
        cls.block = cls.authority.issue("localhost", ["localhost", "127.0.0.1"])

    def make_tls_server(self, *more, users=("alice",), start=True, **settings):
        """With the usual block, changed by `more[0]`, and the other blocks of `more`."""
        first, others = (more[0], more[1:]) if more else ({}, ())
        return self.make_server(users, tls=[{**self.block, **first}, *others], start=start, **settings)

    def connect(self, server, stls=False, host="localhost", session=None, **context):
        """A client past the greeting; `context` is for Authority.context."""
        made = self.authority.context(**context)
        return Pop3Tls(server.port if stls else server.tls_port, made, host, session, stls)

    def refuse(self, server, pattern, **how):
        """The handshake, or the first words after it, fail with this alert."""
        with self.assertRaisesRegex((ssl.SSLError, ConnectionError), pattern):
            self.connect(server, **how).close()

    def assert_given_back(self, server, before, within_s=8):
        """Soon the server holds no more descriptors than before."""
        end = time.monotonic() + within_s * PATIENCE
        while descriptors(server) > before:
            self.assertLess(time.monotonic(), end, f"{descriptors(server)} descriptors instead of {before}")
            time.sleep(0.05)


def has_own_library():
    """Whether the server is linked with the library that tools/wolfssl has built."""
    libraries = subprocess.run([os.path.join(TOP, "tools", "wolfssl"), "--libs"], capture_output=True, check=True)
    return b"libwolfssl.a" in libraries.stdout


def s_client(port, *options, data=b"", stls=False):
    """openssl s_client; returns its stdout and stderr as text."""
    starttls = ("-starttls", "pop3") if stls else ()
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *starttls, *options],
                          input=data, capture_output=True, timeout=2 * ANSWER_S, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def descriptors(server):
    """How many descriptors the server holds."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def connect_raw(port):
    return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
