"""test_tls_ocsp: a stapled OCSP response, as clients see it.

The responses are made by openssl(1), by the authority itself or by a responder in its name; those
with other dates are signed anew. What may not be stapled is never shown, and never ends a handshake.
"""
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
import unittest

from ringpost_server import ANSWER_S, RINGPOSTD
from tls_client import Authority, Pop3Tls, TlsTest, has_own_library, openssl, s_client

DATES = rb"\x18\x0f(\d{14}Z)"
GOOD, NONE = "OCSP Response Status: successful", "OCSP response: no response sent"


def der(data, at):
    """The begin and the end of the content of the element at `at`."""
    length, at = data[at + 1], at + 2
    if length >= 0x80:
        count = length - 0x80
        length, at = int.from_bytes(data[at:at + count], "big"), at + count
    return at, at + length


def signed_part(data):
    """Where ResponseData is (RFC 6960 section 4.2.1)."""
    at = der(data, 0)[0]
    at = der(data, at)[1]                          # the status
    at = der(data, der(data, at)[0])[0]            # [0], SEQUENCE
    at = der(data, at)[1]                          # the type
    at = der(data, der(data, at)[0])[0]            # OCTET STRING, BasicOCSPResponse
    return at, der(data, at)[1]


@unittest.skipUnless(has_own_library(), "this TLS library cannot show a response")
class OcspTest(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.responder = cls.paths("responder")
        openssl("req", "-x509", "-CA", cls.authority.path, "-CAkey", cls.authority.key,
                *Authority.new_key("rsa", cls.responder[1]), "-out", cls.responder[0], "-days", "20",
                "-subj", "/CN=responder", "-set_serial", "77", "-addext", "extendedKeyUsage=OCSPSigning",
                "-addext", "basicConstraints=critical,CA:FALSE")

    @classmethod
    def paths(cls, name):
        return os.path.join(cls.pki, name + ".pem"), os.path.join(cls.pki, name + ".key")

    def setUp(self):
        self.path = os.path.join(self.pki, "ocsp.der")
        self.ask(self.path)

    @staticmethod
    def number(certificate):
        return openssl("x509", "-in", certificate, "-noout", "-serial").decode().strip().split("=")[1]

    def ask(self, path, certificate=None, status="V", signer=None, authority=None):
        """A response about `certificate`, as a responder gives it."""
        certificate = certificate or self.block["certificate"]
        authority = authority or self.authority
        number = self.number(certificate)
        index = os.path.join(self.pki, "index.txt")
        with open(index, "w", encoding="ascii") as file:
            revoked = "250101000000Z" if status == "R" else ""
            if status != "unknown":
                file.write(f"{status}\t401231235959Z\t{revoked}\t{number}\tunknown\t/CN=x\n")
        pem, key = signer or (authority.path, authority.key)
        openssl("ocsp", "-index", index, "-CA", authority.path, "-rsigner", pem, "-rkey", key, "-issuer",
                authority.path, "-cert", certificate, "-respout", path + ".new", "-ndays", "2", "-noverify")
        os.replace(path + ".new", path)

    def dated(self, begin_s, end_s):
        """One by the responder that is valid from and to these seconds from now."""
        self.ask(self.path, signer=self.responder)
        with open(self.path, "rb") as file:
            data = file.read()
        begin, end = signed_part(data)
        old = data[begin:end]
        times = [match.start(1) for match in re.finditer(DATES, old)]
        self.assertEqual(len(times), 3)  # producedAt is the first
        new = bytearray(old)
        for at, seconds in zip(times[1:], (begin_s, end_s)):
            new[at:at + 15] = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds)).encode()
        new = bytes(new)
        sign = ("dgst", "-sha256", "-sign", self.responder[1])
        before, after = openssl(*sign, data=old), openssl(*sign, data=new)
        self.assertEqual(data.count(before), 1)
        with open(self.path + ".new", "wb") as file:
            file.write(data.replace(old, new).replace(before, after))
        os.replace(self.path + ".new", self.path)

    def status(self, server, version="1_3", *options, stls=False):
        text = s_client(server.port if stls else server.tls_port, "-tls" + version, "-status", "-CAfile",
                        self.authority.path, "-verify_return_error", *options, data=b"QUIT\n", stls=stls)
        self.assertIn("Verify return code: 0 (ok)", text)
        return text

    def expect(self, server, what):
        for version in ("1_2", "1_3"):
            text = self.status(server, version)
            self.assertIn(what, text, version)
            self.assertIn("+OK", text)


class Shown(OcspTest):
    def test_to_who_asks(self):
        server = self.make_tls_server({"ocsp": self.path})
        with open(self.path, "rb") as file:
            begin, end = signed_part(file.read())
        self.assertGreater(end - begin, 50)
        for version in ("1_2", "1_3"):
            for stls in (False, True):
                text = self.status(server, version, stls=stls)
                self.assertIn(GOOD, text)
                self.assertIn("Cert Status: good", text)
            text = s_client(server.tls_port, "-tls" + version, "-CAfile", self.authority.path, data=b"QUIT\n")
            self.assertNotIn("OCSP", text)
            self.assertIn("+OK", text)
        # A second hello asks again.
        self.assertIn(GOOD, self.status(server, "1_3", "-groups", "P-521:P-256"))
        self.connect(server).quit()

    def test_gnutls_checks_it(self):
        server = self.make_tls_server({"ocsp": self.path})
        for version in ("TLS1.2", "TLS1.3"):
            done = subprocess.run(["gnutls-cli", "--ocsp", "--x509cafile", self.authority.path, "--priority",
                                   f"NORMAL:-VERS-ALL:+VERS-{version}", "--port", str(server.tls_port), "localhost"],
                                  input=b"QUIT\r\n", capture_output=True, timeout=2 * ANSWER_S, check=False)
            text = (done.stdout + done.stderr).decode("latin-1")
            self.assertEqual(done.returncode, 0, text)
            self.assertIn("OCSP status request", text)
            self.assertIn("+OK", text)

    def test_of_a_responder_in_the_authoritys_name(self):
        self.ask(self.path, signer=self.responder)
        server = self.make_tls_server({"ocsp": self.path})
        self.expect(server, GOOD)

    def test_each_block_has_its_own(self):
        other = self.authority.issue("other", ["other.example"], "rsa")
        path = os.path.join(self.pki, "other.der")
        self.ask(path, other["certificate"])
        server = self.make_tls_server({"ocsp": self.path}, {"host": "other.example", "ocsp": path, **other})
        for host, block in (("localhost", self.block), ("other.example", other)):
            for version in ("1_2", "1_3"):
                text = self.status(server, version, "-servername", host)
                self.assertRegex(text, f"Serial Number: 0*{self.number(block['certificate'])}\n")

    def test_not_of_a_block_without(self):
        self.expect(self.make_tls_server(), NONE)

    def test_resumed(self):
        """In TLS 1.3 a resumed session shows no certificate and so no status; none may fail."""
        server = self.make_tls_server({"ocsp": self.path})
        session = os.path.join(self.pki, "session")
        for version in ("1_2", "1_3"):
            for how in ("-sess_out", "-sess_in"):
                text = self.status(server, version, how, session)
                self.assertIn("+OK", text)
            self.assertIn("Reused", text)

    def test_reload(self):
        live = {key: os.path.join(self.pki, "live." + key) for key in ("certificate", "key")}

        def put(block):
            for key, path in live.items():
                shutil.copy(block[key], path + ".new")
                os.replace(path + ".new", path)

        put(self.block)
        server = self.make_tls_server({"ocsp": self.path, **live})
        self.expect(server, GOOD)
        second = self.authority.issue("second", ["localhost"])
        # A response about another certificate: all of the old stays.
        self.ask(self.path, second["certificate"])
        server.signal(signal.SIGHUP)
        line = server.wait_for_log(" certificates-not-reloaded ")[0]
        self.assertIn("it is about another certificate", line)
        self.assertIn(self.path, line)
        self.assertRegex(self.status(server), "subject=CN ?= ?localhost")
        self.expect(server, GOOD)
        # With that certificate it is taken, by the change of the files alone.
        put(second)
        server.wait_for_log(" certificates-reloaded ", within_s=15)
        self.assertRegex(self.status(server), "subject=CN ?= ?second")
        self.expect(server, GOOD)

    def test_the_file_alone_changes(self):
        self.dated(-7200, -3600)
        server = self.make_tls_server({"ocsp": self.path})
        self.expect(server, NONE)
        self.ask(self.path)
        server.wait_for_log(" certificates-reloaded ", within_s=15)
        self.expect(server, GOOD)


class NeverShown(OcspTest):
    def test_when_it_has_expired(self):
        for begin, end in ((-7200, -3600), (3600, 7200)):
            self.dated(begin, end)
            server = self.make_tls_server({"ocsp": self.path})
            self.assertIn(self.path, server.wait_for_log(" ocsp-not-stapled ")[0])
            self.expect(server, NONE)
            server.signal(signal.SIGHUP)
            server.wait_for_log(" ocsp-not-stapled ", 2)

    def test_from_the_moment_on_when_it_expires(self):
        self.dated(-60, 6)
        begun = time.time()
        server = self.make_tls_server({"ocsp": self.path})
        shown = self.status(server)
        if time.time() - begun < 5:
            self.assertIn(GOOD, shown)
        time.sleep(max(0, begun + 7 - time.time()))
        self.expect(server, NONE)

    def fail_to_start(self, server):
        done = subprocess.run([RINGPOSTD, "-c", server.config], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=ANSWER_S, check=False)
        self.assertNotEqual(done.returncode, 0)
        return (done.stdout + done.stderr).decode()

    def refuse(self, words):
        """At the start, with the line of the block."""
        server = self.make_tls_server({"ocsp": self.path}, start=False)
        text = self.fail_to_start(server)
        self.assertRegex(text, r"ringpost.conf:\d+: ocsp = ")
        self.assertIn(words, text)

    def test_bad_files(self):
        with open(self.path, "rb") as file:
            data = file.read()
        damaged = bytearray(data)
        damaged[signed_part(data)[1] + 40] ^= 1
        for text, words in ((b"", "no OCSP response"), (b"\n", "no OCSP response"), (data[:-1], "no OCSP response"),
                            (data + b"\0", "no OCSP response"), (bytes(damaged), "its signature is not"),
                            (b"\x30\x03\x0a\x01\x03", "refused to answer"), (bytes(20_000), "is larger than")):
            with open(self.path, "wb") as file:
                file.write(text)
            self.refuse(words)
        os.unlink(self.path)
        self.refuse("cannot be opened")

    def test_of_others(self):
        other = Authority(self.pki, "stranger")
        self.ask(self.path, self.authority.issue("third", ["localhost"])["certificate"])
        self.refuse("about another certificate")
        self.ask(self.path, signer=(other.path, other.key))
        self.refuse("its signature is not")
        # Of another authority, which has given the same number.
        other.serial = int(self.number(self.block["certificate"]), 16) - 1
        self.ask(self.path, other.issue("twin", ["localhost"])["certificate"], authority=other)
        self.refuse("its signature is not")
        # A certificate of the authority's without the purpose signs nothing.
        self.ask(self.path, signer=(self.block["certificate"], self.block["key"]))
        self.refuse("its signature is not")

    def test_of_a_certificate_that_is_not_good(self):
        self.ask(self.path, status="R")
        self.refuse("revoked")
        self.ask(self.path, status="unknown")
        self.refuse("does not know the certificate")

    def test_without_the_issuer(self):
        alone = os.path.join(self.pki, "alone.pem")
        with open(alone, "wb") as file:
            file.write(openssl("x509", "-in", self.block["certificate"]))
        server = self.make_tls_server({"ocsp": self.path, "certificate": alone}, start=False)
        self.assertIn("write that one behind the certificate", self.fail_to_start(server))


class WithClientCertificates(OcspTest):
    def test_the_issuer_of_the_response_lets_nobody_in(self):
        """Who signs our certificate and its status is not therefore an authority of the clients."""
        clients = Authority(self.pki, "clients")
        welcome, stranger = clients.issue("alice"), self.authority.issue("mallory")
        for mode in ("request", "require"):
            server = self.make_tls_server({"ocsp": self.path, "client_ca": clients.path, "verify_client": mode})
            for version, name in ((ssl.TLSVersion.TLSv1_2, "1_2"), (ssl.TLSVersion.TLSv1_3, "1_3")):
                identity = ("-cert", welcome["certificate"], "-key", welcome["key"])
                text = self.status(server, name, *identity)
                self.assertIn(GOOD, text)
                self.assertIn("+OK", text)
                context = self.authority.context(version, client=stranger)
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    Pop3Tls(server.tls_port, context).close()
            server.wait_for_log(" tls-failed ", 2)
