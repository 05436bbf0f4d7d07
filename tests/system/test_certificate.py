"""test_certificate: `ringpost certificate make` and `ringpost tls-ticket-keys`.

What is made is judged by others: openssl(1) reads and verifies it, Python's ssl serves with it and
trusts it. No server is started, and no configuration is there.
"""
import datetime
import os
import re
import resource
import ssl
import stat
import subprocess
import tempfile
import threading
import unittest

from ringpost_server import PATIENCE, RINGPOST

NO_MAKING = b"built without the making of certificates"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-certificate-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.cert, self.key = self.path("cert.pem"), self.path("key.pem")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_it(self, *words, **more):
        return subprocess.run([RINGPOST, *words], capture_output=True, stdin=subprocess.DEVNULL,
                              cwd=self.folder, timeout=60 * PATIENCE, **more)

    def fails(self, status, pattern, *words, **more):
        """The exit status, and one sentence that says what the pattern wants."""
        done = self.run_it(*words, **more)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        self.assertRegex(done.stderr.decode(), pattern)
        self.assertRegex(done.stderr, rb"\Aringpost: [^\n]*\n\Z")
        self.assertEqual(done.stdout, b"")

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout

    def files(self):
        return sorted(os.listdir(self.folder))

    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)


class Making(Case):
    def setUp(self):
        super().setUp()
        done = self.run_it("certificate", "make", self.path("probe"), self.path("probe.key"))
        if NO_MAKING in done.stderr:
            self.assertEqual(done.returncode, 1)
            self.assertEqual(self.files(), [])
            self.skipTest("cannot: the linked wolfSSL makes no certificates")
        os.unlink(self.path("probe"))
        os.unlink(self.path("probe.key"))

    def make(self, *options):
        done = self.run_it("certificate", "make", *options, self.cert, self.key)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stderr)
        return done.stdout.decode()

    def names(self):
        text = self.openssl("x509", "-in", self.cert, "-noout", "-ext", "subjectAltName")
        return [name.strip() for name in text.splitlines()[1].split(",")]

    def verifies(self, *options):
        return subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile",
                               self.cert, *options, self.cert], capture_output=True, check=False).returncode == 0

    def test_defaults(self):
        printed = self.make()
        self.assertEqual(self.files(), ["cert.pem", "key.pem"])
        self.assertEqual(self.mode(self.key), 0o600)
        self.assertEqual(self.names(), ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"])
        fingerprint = self.openssl("x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256")
        self.assertEqual(printed, "SHA-256 fingerprint " + fingerprint.split("=")[1])
        text = self.openssl("x509", "-in", self.cert, "-noout", "-text").replace("CN = ", "CN=")
        for pattern in ("ecdsa-with-SHA256", "prime256v1", "CN=localhost", "CA:FALSE", "Digital Signature",
                        "TLS Web Server Authentication", "Version: 3", "Subject Key Identifier"):
            self.assertIn(pattern, text)
        self.assertTrue(self.verifies("-verify_hostname", "localhost"))
        self.assertTrue(self.verifies("-verify_ip", "::1"))
        self.assertFalse(self.verifies("-verify_hostname", "example.org"))

    def test_key_belongs_to_it(self):
        for options in ((), ("--rsa",)):
            with self.subTest(options):
                self.make(*options)
                self.assertIn("Key is valid", self.openssl("pkey", "-in", self.key, "-noout", "-check"))
                self.assertEqual(self.openssl("pkey", "-in", self.key, "-pubout"),
                                 self.openssl("x509", "-in", self.cert, "-noout", "-pubkey"))
                os.unlink(self.cert)
                os.unlink(self.key)

    def test_rsa(self):
        self.make("--rsa", "--host", "pop.example.org")
        text = self.openssl("x509", "-in", self.cert, "-noout", "-text")
        self.assertIn("Public-Key: (2048 bit)", text)
        self.assertIn("sha256WithRSAEncryption", text)
        self.assertTrue(self.verifies("-verify_hostname", "pop.example.org"))

    def test_hosts(self):
        self.make("--host", "pop.example.org", "--host=*.example.net", "--host", "192.0.2.7", "--host", "2001:db8::7")
        self.assertEqual(self.names(), ["DNS:pop.example.org", "DNS:*.example.net", "IP Address:192.0.2.7",
                                        "IP Address:2001:DB8:0:0:0:0:0:7"])
        for options, fits in ((("-verify_hostname", "mail.example.net"), True), (("-verify_ip", "192.0.2.7"), True),
                              (("-verify_hostname", "localhost"), False), (("-verify_ip", "192.0.2.8"), False)):
            self.assertEqual(self.verifies(*options), fits, options)

    def test_as_many_and_as_long_hosts_as_are_possible(self):
        label = "a" * 63
        hosts = [f"{number:02d}{'b' * 59}.{label}.{label}.{label}" for number in range(16)]
        self.assertEqual(len(hosts[0]), 253)
        self.make(*(f"--host={host}" for host in hosts))
        self.assertEqual(self.names(), ["DNS:" + host for host in hosts])
        self.assertRegex(self.openssl("x509", "-in", self.cert, "-noout", "-subject"), "CN ?= ?Ringpost")
        self.fails(2, "--host can be given 16 times", "certificate", "make", *["--host=a.example"] * 17, "c", "k")

    def test_days(self):
        for options, days in (((), 365), (("--days", "1"), 1), (("--days", "3650"), 3650)):
            with self.subTest(days):
                self.make(*options)
                dates = self.openssl("x509", "-in", self.cert, "-noout", "-dates", "-dateopt", "iso_8601")
                begin, end = (datetime.datetime.fromisoformat(text.rstrip("Z"))
                              for text in re.findall(r"=(.*)", dates))
                now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
                self.assertEqual((end - begin).days, days + 1)
                self.assertLess(abs((now + datetime.timedelta(days) - end).total_seconds()), 60 * PATIENCE)
                self.assertTrue(self.verifies())
                os.unlink(self.cert)
                os.unlink(self.key)

    def test_times_are_written_as_the_standard_wants(self):
        self.make()
        text = self.openssl("asn1parse", "-in", self.cert)
        self.assertEqual(len(re.findall("UTCTIME", text)), 2, text)

    def test_two_are_never_alike(self):
        self.make()
        serial = self.openssl("x509", "-in", self.cert, "-noout", "-serial", "-pubkey")
        os.unlink(self.cert)
        os.unlink(self.key)
        self.make()
        again = self.openssl("x509", "-in", self.cert, "-noout", "-serial", "-pubkey")
        self.assertFalse(set(serial.splitlines()[:1] + serial.splitlines()[3:4]) & set(again.splitlines()))

    def test_python_serves_with_it_and_trusts_it(self):
        for options in ((), ("--rsa",)):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(options=options, version=version):
                    self.make(*options)
                    self.handshake(version)
                    os.unlink(self.cert)
                    os.unlink(self.key)

    def handshake(self, version):
        """One in memory, with every check that a client can make."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.cert, self.key)
        client = ssl.create_default_context(cafile=self.cert)
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        client.minimum_version = client.maximum_version = version
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [client.wrap_bio(to_client, to_server, server_hostname="localhost"),
                server.wrap_bio(to_server, to_client, server_side=True)]
        for _ in range(8):
            for end in list(ends):
                try:
                    end.do_handshake()
                    ends.remove(end)
                except ssl.SSLWantReadError:
                    pass
        self.assertEqual(ends, [])

    def test_nothing_is_overwritten(self):
        for there, other in ((self.cert, self.key), (self.key, self.cert)):
            with open(there, "wb") as file:
                file.write(b"precious")
            self.fails(1, re.escape(there) + " is there already", "certificate", "make", self.cert, self.key)
            with open(there, "rb") as file:
                self.assertEqual(file.read(), b"precious")
            self.assertFalse(os.path.exists(other))
            os.unlink(there)
        os.symlink("nowhere", self.cert)
        self.fails(1, "is there already", "certificate", "make", self.cert, self.key)
        self.assertEqual(self.files(), ["cert.pem"])

    def test_one_file_for_both(self):
        self.fails(1, "is there already", "certificate", "make", "both.pem", "both.pem")
        self.assertEqual(self.files(), [])

    def test_where_nothing_can_be_made(self):
        self.fails(1, "missing/key cannot be made: No such file", "certificate", "make", "cert", "missing/key")
        self.fails(1, "missing/cert cannot be made: No such file", "certificate", "make", "missing/cert", "key")
        self.assertEqual(self.files(), [])

    def test_a_full_disk(self):
        # The key has fewer octets than this, a certificate for so many hosts more.
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
        hosts = [f"--host=host-{number}.example.org" for number in range(16)]
        self.fails(1, "cert cannot be written: File too large", "certificate", "make", *hosts, "cert", "key",
                   preexec_fn=limit)
        self.assertEqual(self.files(), [])

    def test_hosts_that_are_none(self):
        for host in ("", ".", "a..b", "example.org.", "-a.example", "a-.example", "a b", "a.*.example", "*", "*.",
                     "192.0.2.300", "1.2.3", "[::1]", "::1%lo", "m\u00fcller.example", "a/b", "host\n", "a" * 64,
                     ".".join(["a" * 50] * 5)):
            with self.subTest(host):
                self.fails(1, "is neither the name of a host nor an address", "certificate", "make", "--host", host,
                           "cert", "key")
        self.assertEqual(self.files(), [])


class Usage(Case):
    def test_days_out_of_range(self):
        for days in ("0", "3651", "-1", "1.5", "", "year", "18446744073709551617"):
            self.fails(2, "--days must be a number from 1 to 3650", "certificate", "make", f"--days={days}", "c", "k")
        self.assertEqual(self.files(), [])

    def test_words(self):
        self.fails(2, "a word is missing: ringpost certificate make CERTIFICATE KEY", "certificate", "make", "c")
        self.fails(2, "a word is missing: ringpost tls-ticket-keys FILE", "tls-ticket-keys")
        self.fails(2, "did you mean `certificate`", "certificat", "make")
        self.fails(2, "did you mean `--host`", "certificate", "make", "--hosts", "a", "c", "k")
        self.fails(2, "--rsa takes no value", "certificate", "make", "--rsa=4096", "c", "k")

    def test_help(self):
        done = self.run_it("certificate", "make", "--help")
        self.assertIn(b"certificate make CERTIFICATE KEY [--host NAME]... [--days N] [--rsa]", done.stdout)
        overview = self.run_it("--help").stdout
        self.assertIn(b"tls-ticket-keys FILE", overview)
        self.assertIn(b"certificate make", overview)


class TicketKeys(Case):
    def keys(self):
        with open(self.path("keys"), encoding="ascii") as file:
            return file.read().splitlines()

    def test_made_and_rotated(self):
        seen = []
        for _ in range(6):
            done = self.run_it("tls-ticket-keys", "keys", umask=0)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
            keys = self.keys()
            self.assertEqual(keys[1:], seen[:3])
            for line in keys:
                self.assertRegex(line, r"\A[0-9a-f]{32} [0-9a-f]{64}\Z")
            self.assertEqual(self.mode(self.path("keys")), 0o600)
            self.assertEqual(self.files(), ["keys"])
            seen = keys
        self.assertEqual(len(set(seen)), 4)

    def test_many_at_once_lose_no_key(self):
        threads = [threading.Thread(target=self.run_it, args=("tls-ticket-keys", "keys")) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(self.keys())), 4)
        self.assertEqual(self.files(), ["keys"])

    def test_what_is_no_file_of_keys_stays(self):
        with open(self.path("keys"), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("something else\n")
        self.fails(1, "keys:1: ", "tls-ticket-keys", "keys")
        self.assertEqual(self.keys(), ["something else"])
        os.chmod(self.path("keys"), 0o644)
        self.fails(1, "others than its owner may use it: chmod 600", "tls-ticket-keys", "keys")

    def test_a_disk_that_takes_nothing(self):
        self.run_it("tls-ticket-keys", "keys")
        before = self.keys()
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        self.fails(1, "keys.new cannot be written", "tls-ticket-keys", "keys", preexec_fn=limit)
        self.assertEqual(self.keys(), before)
        self.assertEqual(self.files(), ["keys"])

    @unittest.skipUnless(os.geteuid() == 0, "cannot: only root may give files away")
    def test_keeps_its_owner(self):
        self.run_it("tls-ticket-keys", "keys")
        os.chown(self.path("keys"), 12345, 12346)
        self.run_it("tls-ticket-keys", "keys")
        facts = os.stat(self.path("keys"))
        self.assertEqual((facts.st_uid, facts.st_gid, len(self.keys())), (12345, 12346, 2))


if __name__ == "__main__":
    unittest.main()
