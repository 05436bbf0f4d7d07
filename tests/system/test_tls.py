"""test_tls: POP3S and STLS as clients see them.

Programs that people use fetch by both, with TLS 1.2 and 1.3; certificates are chosen by name and
by kind of key, exchanged while sessions run; clients show theirs for AUTH EXTERNAL.
What goes wrong or is meant to is in test_tls_hostile, resumption in test_tls_resume.
"""
import base64
import glob
import os
import poplib
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time

from mails import MEAN, ORDINARY
from ringpost_server import ANSWER_S, Pop3, on_the_wire, password_of
from tls_client import Authority, Pop3Tls, TlsTest, s_client

SECRET = "secret-of-alice"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
PLAIN = base64.b64encode(b"\0alice\0" + SECRET.encode()).decode()


def capabilities(client):
    return [line.decode() for line in client.lines("CAPA")]


class Programs(TlsTest):
    """Each fetches everything byte for byte."""

    def setUp(self):
        self.server = self.make_tls_server(start=False, plaintext_login="never")
        self.server.write_users({"alice": SECRET})
        self.server.start()
        self.messages = [message for _, message in MEAN]
        self.server.import_mail("alice", self.messages)

    def run_client(self, *command, **options):
        environment = {"HOME": self.server.folder, "PATH": os.environ["PATH"], "LC_ALL": "C",
                       "SSL_CERT_FILE": self.authority.path}
        done = subprocess.run(command, capture_output=True, timeout=3 * ANSWER_S, cwd=self.server.folder,
                              env=environment, check=False, **options)
        self.assertEqual(done.returncode, 0, (command, done.stdout[-2000:], done.stderr[-2000:]))
        return done.stdout

    def write(self, name, text):
        path = os.path.join(self.server.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def arrived(self, pattern):
        files = []
        for path in glob.glob(os.path.join(self.server.folder, pattern)):
            with open(path, "rb") as file:
                files.append(file.read())
        return sorted(files)

    def test_python(self):
        for stls in (False, True):
            for version in (TLS12, TLS13):
                context = self.authority.context(version)
                if stls:
                    client = poplib.POP3("localhost", self.server.port, timeout=ANSWER_S)
                    client.stls(context)
                else:
                    client = poplib.POP3_SSL("localhost", self.server.tls_port, timeout=ANSWER_S, context=context)
                self.assertEqual(client.sock.version(), {TLS12: "TLSv1.2", TLS13: "TLSv1.3"}[version])
                client.user("alice")
                client.pass_(SECRET)
                poplib._MAXLINE = 1 << 20
                for number, message in enumerate(self.messages, 1):
                    lines = client.retr(number)[1]
                    self.assertEqual(b"".join(line + b"\r\n" for line in lines).replace(b"\r\r\n", b"\r\n"),
                                     on_the_wire(message).replace(b"\r\r\n", b"\r\n"))
                client.quit()

    def test_curl(self):
        for stls in (False, True):
            for version in ("1.2", "1.3"):
                where = f"pop3://localhost:{self.server.port}" if stls else f"pop3s://localhost:{self.server.tls_port}"
                how = ["--ssl-reqd"] if stls else []
                self.run_client("curl", "-sS", *how, "--cacert", self.authority.path, f"--tlsv{version}",
                                "--tls-max", version, "--user", f"alice:{SECRET}", "-o", "curl-#1",
                                f"{where}/[1-{len(self.messages)}]")
                # For a message without any octet curl writes the CRLF that stands before the dot.
                self.assertEqual(self.arrived("curl-*"),
                                 sorted(on_the_wire(message) or b"\r\n" for message in self.messages))

    def test_fetchmail(self):
        mda = self.write("keep", '#!/bin/sh\ncat >"$(mktemp fetched-XXXXXX)"\n')
        os.chmod(mda, 0o700)
        ordinary = {re.search(rb"(?im)^message-id: *(\S+)", message).group(1) for _, message in ORDINARY
                    if re.search(rb"(?im)^message-id:", message)}
        for number, (port, how) in enumerate(((self.server.tls_port, "ssl"),
                                              (self.server.port, "sslproto TLS1.2+"),
                                              (self.server.port, "sslproto TLS1.3"))):
            settings = self.write(f"fetchmailrc{number}", f"""
                poll localhost protocol pop3 service {port} auth password
                user alice password "{SECRET}" is root here {how} sslcertck sslcertfile "{self.authority.path}"
                no rewrite mda "{mda}"
            """)
            self.run_client("fetchmail", "-f", settings, "--invisible", "--pidfile",
                            os.path.join(self.server.folder, "pid"), "--nosyslog", "--keep", "--fetchall")
            self.assertTrue(ordinary <= {name for text in self.arrived("fetched-*")
                                         for name in re.findall(rb"(?im)^message-id: *(\S+)", text)})
            for path in glob.glob(os.path.join(self.server.folder, "fetched-*")):
                os.remove(path)

    def test_mpop(self):
        for number, (port, how) in enumerate(((self.server.tls_port, "off"), (self.server.port, "on"))):
            folder = os.path.join(self.server.folder, f"in{number}")
            for name in ("new", "cur", "tmp"):
                os.makedirs(os.path.join(folder, name))
            settings = self.write(f"mpoprc{number}", f"""
                defaults
                tls on
                tls_starttls {how}
                tls_trust_file {self.authority.path}
                received_header off
                uidls_file {folder}/uidls
                account ringpost
                host localhost
                port {port}
                user alice
                auth plain
                password {SECRET}
                delivery maildir {folder}
            """)
            self.run_client("mpop", "-C", settings, "--keep=on", "ringpost")
            self.assertEqual(self.arrived(f"in{number}/new/*"),
                             sorted(on_the_wire(message).replace(b"\r\n", b"\n") for message in self.messages))

    def test_openssl_and_gnutls(self):
        commands = f"USER alice\r\nPASS {SECRET}\r\nSTAT\r\nQUIT\r\n".encode()
        stat = f"+OK {len(self.messages)} {sum(len(on_the_wire(message)) for message in self.messages)}"
        for stls in (False, True):
            port = self.server.port if stls else self.server.tls_port
            for version, priority in (("1_2", "TLS1.2"), ("1_3", "TLS1.3")):
                text = s_client(port, f"-tls{version}", "-CAfile", self.authority.path, "-verify_return_error",
                                "-quiet", "-crlf", data=commands.replace(b"\r\n", b"\n"), stls=stls)
                self.assertIn(stat, text)
                starttls = ["--starttls-proto=pop3"] if stls else []
                done = self.run_client("gnutls-cli", "--x509cafile", self.authority.path, *starttls,
                                       "--priority", f"NORMAL:-VERS-ALL:+VERS-{priority}", "--port", str(port),
                                       "localhost", input=commands).decode()
                self.assertIn(stat, done)
                self.assertIn(f"({priority}-", done)


class Choices(TlsTest):
    """What of the certificates, versions, suites and protocols a client gets."""

    def peer(self, server, host="localhost", ciphers=None, **context):
        made = self.authority.context(**context)
        made.check_hostname = False
        if ciphers:
            made.set_ciphers(ciphers)
        client = Pop3Tls(server.tls_port, made, host)
        names = [dict(part[0] for part in client.socket.getpeercert()["subject"])["commonName"]]
        client.quit()
        return names[0]

    def test_host_names(self):
        blocks = [{"host": host, **self.authority.issue(name, [host])}
                  for name, host in (("one", "mail.example.org"), ("any", "*.example.net"))]
        server = self.make_tls_server({}, *blocks)
        for version in (TLS12, TLS13):
            for host, name in (("mail.example.org", "one"), ("MAIL.Example.ORG", "one"), ("a.example.net", "any"),
                               ("a.b.example.net", "localhost"), ("example.net", "localhost"),
                               ("mail.example.com", "localhost"), (None, "localhost")):
                self.assertEqual(self.peer(server, host, version=version), name, host)

    def test_both_kinds_of_keys(self):
        rsa = self.authority.issue("rsa", ["localhost"], "rsa")
        for blocks in ([self.block, rsa], [rsa, self.block]):
            server = self.make_server(tls=blocks)
            self.assertEqual(self.peer(server), "localhost")
            self.assertEqual(self.peer(server, version=TLS12), "localhost")
            self.assertEqual(self.peer(server, version=TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256"), "rsa")
            self.assertEqual(self.peer(server, version=TLS12, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"), "localhost")
            for signatures, name in (("rsa_pss_rsae_sha256:rsa_pkcs1_sha256", "rsa"),
                                     ("ecdsa_secp256r1_sha256", "localhost")):
                for version in ("1_2", "1_3"):
                    text = s_client(server.tls_port, "-sigalgs", signatures, "-tls" + version, data=b"QUIT\r\n")
                    self.assertRegex(text, f"subject=CN ?= ?{name}\n")

    def test_alpn(self):
        server = self.make_tls_server()
        for version in (TLS12, TLS13):
            for stls in (False, True):
                for offered, chosen in ((["pop3"], "pop3"), (["imap", "pop3"], "pop3"), (None, None)):
                    client = self.connect(server, stls, version=version, alpn=offered)
                    self.assertEqual(client.socket.selected_alpn_protocol(), chosen)
                    client.quit()
                # Some builds of OpenSSL have no words for this alert.
                self.refuse(server, "(?i)no application protocol|unknown error", stls=stls, version=version,
                            alpn=["http/1.1", "imap"])

    def test_old_versions_and_suites(self):
        server = self.make_tls_server()
        for old in ("-tls1", "-tls1_1"):
            text = s_client(server.tls_port, old, "-cipher", "ALL:@SECLEVEL=0")
            self.assertRegex(text, "alert protocol version|unsupported protocol")
            self.assertNotIn("+OK POP3", text)
        weak = ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-SHA", "AES128-GCM-SHA256",
                "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM", "NULL", "aNULL")
        for suite in weak:
            text = s_client(server.tls_port, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
            self.assertIn("alert handshake failure", text, suite)
        server.wait_for_log(r" tls-failed peer=127\.0\.0\.1:\d+ reason=\S+$", 2 + len(weak))

    def test_only_the_newest(self):
        server = self.make_tls_server({"min_version": "1.3"})
        self.connect(server, version=TLS13).quit()
        for stls in (False, True):
            self.refuse(server, "(?i)protocol version", stls=stls, version=TLS12)

    def type_in(self, server, version, *lines):
        """What s_client and the server say to lines that are typed in slowly."""
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", version, "-crlf"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in lines:
            time.sleep(0.3)
            try:
                client.stdin.write(line + b"\n")
                client.stdin.flush()
            except BrokenPipeError:
                break
        time.sleep(0.3)
        return client.communicate(timeout=ANSWER_S)[0].decode("latin-1")

    def test_no_renegotiation(self):
        server = self.make_tls_server()
        text = self.type_in(server, "-tls1_2", b"R", b"noop")
        self.assertIn("RENEGOTIATING", text)
        server.wait_for_log(" tls-failed peer=")
        self.assertNotIn("verify return:1", text.split("RENEGOTIATING", 1)[1].split("CONNECTED")[0])
        self.connect(server).quit()

    def test_new_keys(self):
        """A peer may change its keys in the middle, and ask for ours to change (RFC 8446 4.6.3)."""
        server = self.make_tls_server()
        text = self.type_in(server, "-tls1_3", b"k", b"noop", b"K", b"noop", b"K", b"quit")
        self.assertEqual(text.count("KEYUPDATE"), 3)
        self.assertIn("+OK Bye.", text)


class Reload(TlsTest):
    def setUp(self):
        self.live = {"certificate": os.path.join(self.pki, "live.pem"), "key": os.path.join(self.pki, "live.key")}
        self.first, self.second = (self.authority.issue(name, ["localhost"]) for name in ("first", "second"))
        self.put(self.first)

    def put(self, block):
        for key in ("key", "certificate"):
            shutil.copy(block[key], self.live[key] + ".new")
            os.replace(self.live[key] + ".new", self.live[key])

    def name(self, server):
        client = self.connect(server)
        name = dict(part[0] for part in client.socket.getpeercert()["subject"])["commonName"]
        client.quit()
        return name

    def test_while_one_fetches(self):
        server = self.make_tls_server(self.live, shards=2)
        large = b"Subject: large\n\n" + b"0123456789abcdef" * 64 * 1024 * 5
        server.import_mail("alice", [large])
        client = self.connect(server)
        client.log_in("alice")
        client.ok("RETR 1")
        self.assertEqual(self.name(server), "first")
        self.put(self.second)
        server.signal(signal.SIGHUP)
        server.wait_for_log(" certificates-reloaded blocks=1")
        self.assertEqual({self.name(server) for _ in range(8)}, {"second"})
        self.assertEqual(client.body(), on_the_wire(large))
        client.quit()

    def test_by_the_file_alone(self):
        server = self.make_tls_server(self.live)
        self.assertEqual(self.name(server), "first")
        self.put(self.second)
        server.wait_for_log(" certificates-reloaded ", within_s=15)
        self.assertEqual(self.name(server), "second")

    def test_counters_do_not_hide_a_new_file(self):
        """Whoever asks for the counters every few seconds keeps the certificates fresh all the same."""
        server = self.make_tls_server(self.live)
        self.put(self.second)
        end = time.monotonic() + 16
        while time.monotonic() < end and " certificates-reloaded " not in server.log():
            server.signal(signal.SIGUSR1)
            time.sleep(0.5)
        server.wait_for_log(" certificates-reloaded ", within_s=0.1)

    def test_bad_files(self):
        server = self.make_tls_server(self.live)
        for number, (key, text) in enumerate((("certificate", b"no certificate\n"), ("key", b""),
                                              ("key", open(self.second["key"], "rb").read())), 1):
            self.put(self.first)
            with open(self.live[key], "wb") as file:
                file.write(text)
            server.signal(signal.SIGHUP)
            line = server.wait_for_log(" certificates-not-reloaded ", number)[-1]
            self.assertIn(self.live[key], line)
            self.assertNotIn("PRIVATE", line)
            self.assertEqual(self.name(server), "first")

    def test_under_load(self):
        server = self.make_tls_server(self.live, shards=2)
        server.import_mail("alice", [b"Subject: a\n\nText\n"])
        failures, stop = [], threading.Event()

        def poll():
            while not stop.is_set():
                try:
                    self.name(server)
                except (OSError, AssertionError) as error:
                    failures.append(error)

        threads = [threading.Thread(target=poll) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, 11):
            self.put(self.second if number % 2 else self.first)
            server.signal(signal.SIGHUP)
            server.wait_for_log(" certificates-reloaded ", number)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class ClientCertificates(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.authority.issue("alice")
        cls.nobody = cls.authority.issue("nobody")
        os.mkdir(os.path.join(cls.pki, "other"))
        cls.forged = Authority(os.path.join(cls.pki, "other"), "other").issue("forged", subject="alice")

    def server(self, mode):
        return self.make_tls_server({"verify_client": mode, "client_ca": self.authority.path},
                                    users=("alice", "bob"), plaintext_login="never")

    def test_external(self):
        for mode in ("request", "require"):
            server = self.server(mode)
            for stls in (False, True):
                for version in (TLS12, TLS13):
                    client = self.connect(server, stls, version=version, client=self.alice)
                    self.assertIn("SASL PLAIN LOGIN EXTERNAL", capabilities(client))
                    client.refused("AUTH EXTERNAL " + base64.b64encode(b"bob").decode(), b"[AUTH]")
                    client.ok("AUTH EXTERNAL " + base64.b64encode(b"alice").decode())
                    client.ok("STAT")
                    client.quit()
                    client = self.connect(server, stls, version=version, client=self.alice)
                    client.ok("AUTH EXTERNAL =")
                    client.quit()
            lines = server.wait_for_log(r" login user=alice ", 8)
            self.assertEqual(len(lines), 8)
            client = self.connect(server, client=self.nobody)
            client.refused("AUTH EXTERNAL =", b"[AUTH]")
            client.close()

    def test_without_a_certificate(self):
        server = self.server("request")
        for version in (TLS12, TLS13):
            client = self.connect(server, version=version)
            self.assertIn("SASL PLAIN LOGIN", capabilities(client))
            client.refused("AUTH EXTERNAL =")
            client.log_in("alice")
            client.quit()
        client = server.client()
        self.assertNotIn("EXTERNAL", " ".join(capabilities(client)))
        client.refused("AUTH EXTERNAL =")
        client.close()

    def test_require(self):
        server = self.server("require")
        for stls in (False, True):
            self.refuse(server, "(?i)alert", stls=stls, version=TLS12)
        client = None
        with self.assertRaisesRegex((ssl.SSLError, ConnectionError), "(?i)alert|reset"):
            client = self.connect(server, version=TLS13)
        self.assertIsNone(client)
        server.wait_for_log(" tls-failed peer=", 3)

    def test_of_another_authority(self):
        for mode in ("request", "require"):
            server = self.server(mode)
            for version in (TLS12, TLS13):
                self.refuse(server, "(?i)alert|reset", version=version, client=self.forged)
            self.assertNotIn(" login ", server.log())


class Passwords(TlsTest):
    """plaintext-login, and what STLS changes."""

    def offers(self, client):
        lines = capabilities(client)
        return ("USER" in lines, any("PLAIN" in line for line in lines), "STLS" in lines)

    def test_never(self):
        server = self.make_tls_server(plaintext_login="never")
        client = server.client()
        self.assertEqual(self.offers(client), (False, False, True))
        client.refused("USER alice")
        client.refused("AUTH PLAIN")
        client.refused("AUTH PLAIN " + PLAIN)
        client.close()
        for stls in (True, False):
            client = self.connect(server, stls)
            self.assertEqual(self.offers(client), (True, True, False))
            client.log_in("alice")
            client.refused("STLS")
            self.assertEqual(self.offers(client)[2], False)
            client.quit()

    def test_local_and_always(self):
        for value in ("local", "always"):
            server = self.make_tls_server(plaintext_login=value)
            client = server.client()
            self.assertEqual(self.offers(client), (True, True, True))
            client.log_in("alice")
            client.refused("STLS")
            client.quit()

    def test_stls_only_once_and_only_with_a_certificate(self):
        server = self.make_tls_server()
        client = self.connect(server, stls=True)
        client.refused("STLS")
        client.log_in("alice")
        client.quit()
        bare = self.make_server()
        client = Pop3(bare.port)
        self.assertEqual(self.offers(client), (True, True, False))
        client.refused("STLS")
        client.log_in("alice")
        client.quit()

    def test_stls_forgets(self):
        server = self.make_tls_server()
        client = server.client()
        client.ok("USER alice")
        client.ok("STLS")
        context = self.authority.context()
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        client.refused(f"PASS {password_of('alice')}")
        client.log_in("alice")
        client.quit()
