"""test_tls_resume: session tickets, over shards, restarts and a farm's shared keys.

A session is resumed where a ticket's key is still known, whatever shard or server takes it, and is
a full handshake where it is not. Early data is never accepted.
"""
import os
import re
import signal
import ssl
import subprocess
import tempfile

from ringpost_server import ANSWER_S, RINGPOST
from tls_client import Pop3Tls, TlsTest, openssl, s_client

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Resume(TlsTest):
    def visit(self, server, context, session=None, stls=False):
        """Logs in; returns the session to come back with, and whether this one was resumed."""
        client = Pop3Tls(server.port if stls else server.tls_port, context, session=session, stls=stls)
        client.log_in("alice")
        client.ok("STAT")
        taken, resumed = client.socket.session, client.socket.session_reused
        client.quit()
        return taken, resumed

    def keys(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-keys-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "keys")
        self.rotate(path)
        return path

    def rotate(self, path):
        subprocess.run([RINGPOST, "tls-ticket-keys", path], check=True, timeout=ANSWER_S, capture_output=True)

    def test_full_and_resumed(self):
        server = self.make_tls_server(shards=2)
        for version in (TLS12, TLS13):
            for stls in (False, True):
                context = self.authority.context(version)
                session, resumed = self.visit(server, context, stls=stls)
                self.assertFalse(resumed)
                self.assertTrue(session.has_ticket)
                # Twenty connections fall on both shards.
                for _ in range(20):
                    session, resumed = self.visit(server, context, session, not stls)
                    self.assertTrue(resumed, version)
        server.signal(signal.SIGUSR1)
        lines = server.wait_for_log(" counters ", 2)
        shares = [int(line.split("handshakes_resumed=")[1].split()[0]) for line in lines]
        self.assertEqual(sum(shares), 80)
        self.assertTrue(all(shares), shares)

    def test_without_a_file_a_restart_forgets(self):
        server = self.make_tls_server()
        context = self.authority.context()
        session, _ = self.visit(server, context)
        server.stop()
        server.start()
        self.assertFalse(self.visit(server, context, session)[1])

    def test_a_new_certificate_keeps_tickets(self):
        server = self.make_tls_server()
        context = self.authority.context()
        session, _ = self.visit(server, context)
        server.signal(signal.SIGHUP)
        server.wait_for_log(" certificates-reloaded ")
        self.assertTrue(self.visit(server, context, session)[1])

    def test_a_farm(self):
        """Two servers with one file, over a restart of both."""
        path = self.keys()
        servers = [self.make_tls_server({"ticket_keys": path}) for _ in range(2)]
        for version in (TLS12, TLS13):
            context = self.authority.context(version)
            session, resumed = self.visit(servers[0], context)
            self.assertFalse(resumed)
            self.assertTrue(self.visit(servers[1], context, session)[1])
            for server in servers:
                server.stop()
                server.start()
            self.assertTrue(self.visit(servers[1], context, session)[1])

    def test_rotation(self):
        """The last four keys open tickets; the oldest goes with the next."""
        path = self.keys()
        server = self.make_tls_server({"ticket_keys": path})
        context = self.authority.context()
        session, _ = self.visit(server, context)
        for number in range(1, 5):
            self.rotate(path)
            server.signal(signal.SIGHUP)
            server.wait_for_log(" certificates-reloaded ", number)
            self.assertEqual(self.visit(server, context, session)[1], number < 4, number)

    def test_a_resumed_session_gets_a_ticket_of_the_newest_key(self):
        """In TLS 1.3; in 1.2 not all versions of the library send one, and then a handshake is full now and then."""
        path = self.keys()
        server = self.make_tls_server({"ticket_keys": path})
        context = self.authority.context(TLS13)
        session, _ = self.visit(server, context)
        for number in range(1, 7):  # more often than keys are kept
            self.rotate(path)
            server.signal(signal.SIGHUP)
            server.wait_for_log(" certificates-reloaded ", number)
            session, resumed = self.visit(server, context, session)
            self.assertTrue(resumed, number)

    def test_a_ticket_lives_as_long_as_three_rotations(self):
        """Mail programs look for mail every few minutes or hours; they are told that it is worth it to keep the ticket."""
        server = self.make_tls_server()
        for version in (TLS12, TLS13):
            session, _ = self.visit(server, self.authority.context(version))
            self.assertEqual(session.ticket_lifetime_hint, 18 * 3600, version)

    def test_a_rotated_file_is_noticed(self):
        path = self.keys()
        server = self.make_tls_server({"ticket_keys": path})
        self.rotate(path)
        server.wait_for_log(" certificates-reloaded ", within_s=15)

    def test_a_bad_key_file_changes_nothing(self):
        path = self.keys()
        server = self.make_tls_server({"ticket_keys": path})
        context = self.authority.context()
        session, _ = self.visit(server, context)
        with open(path, "rb") as file:
            secret = file.read().split()[1].decode()
        for number, (mode, text) in enumerate(((0o600, "no keys\n"), (0o644, None)), 1):
            if text is None:
                os.unlink(path)
                self.rotate(path)
            else:
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
            os.chmod(path, mode)
            server.signal(signal.SIGHUP)
            self.assertIn(path, server.wait_for_log(" certificates-not-reloaded ", number)[-1])
            self.assertTrue(self.visit(server, context, session)[1])
        self.assertNotIn(secret, server.log())

    def test_no_early_data(self):
        server = self.make_tls_server()
        session = os.path.join(server.folder, "session")
        text = s_client(server.tls_port, "-tls1_3", "-sess_out", session, data=b"NOOP\r\nQUIT\r\n")
        self.assertIn("Max Early Data: 0", text)
        self.assertNotRegex(text, "Max Early Data: [1-9]")
        early = os.path.join(server.folder, "early")
        with open(early, "wb") as file:
            file.write(b"USER alice\r\n")
        text = s_client(server.tls_port, "-tls1_3", "-sess_in", session, "-early_data", early, data=b"QUIT\r\n")
        self.assertNotIn("Early data was accepted", text)
        self.assertNotIn("+OK Send", text)

    def test_client_certificates(self):
        """A resumed session is as good as the first: its user is still known, or it is not resumed."""
        alice = self.authority.issue("alice")
        server = self.make_tls_server({"verify_client": "require", "client_ca": self.authority.path})
        for version in (TLS12, TLS13):
            context = self.authority.context(version, alice)
            session, _ = self.visit(server, context)
            client = Pop3Tls(server.tls_port, context, session=session)
            client.ok("AUTH EXTERNAL =")
            client.quit()

    def test_a_ticket_does_not_stand_for_a_certificate(self):
        """Whoever has a ticket from before verify-client = require needs a certificate all the same."""
        path = self.keys()
        server = self.make_tls_server({"ticket_keys": path})
        for version in (TLS12, TLS13):
            server.tls[0].pop("verify_client", None)
            server.tls[0].pop("client_ca", None)
            server.stop()
            server.write_config()
            server.start()
            context = self.authority.context(version)
            session, _ = self.visit(server, context)
            server.stop()
            server.tls[0].update(verify_client="require", client_ca=self.authority.path)
            server.write_config()
            server.start()
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.visit(server, context, session)

    def test_damaged_tickets(self):
        """A ticket of which one octet is another is worth nothing."""
        server = self.make_tls_server()
        path = os.path.join(server.folder, "session")
        s_client(server.tls_port, "-tls1_2", "-sess_out", path, data=b"QUIT\r\n")
        self.assertIn("Reused, ", s_client(server.tls_port, "-tls1_2", "-sess_in", path, data=b"QUIT\r\n"))
        session = openssl("sess_id", "-in", path, "-outform", "DER")
        text = openssl("sess_id", "-in", path, "-noout", "-text").decode()
        first = re.search(r"0000 - ([0-9a-f -]{47})", text).group(1).replace("-", " ")
        begin = session.find(bytes.fromhex(first))
        self.assertGreater(begin, 0)
        # The library leaves octets 28 to 31 and the last 16 without a use.
        for at in [*range(0, 28, 5), *range(32, 120, 7)]:
            damaged = bytearray(session)
            damaged[begin + at] ^= 1
            with open(path, "wb") as file:
                file.write(openssl("sess_id", "-inform", "DER", "-in", "/dev/stdin", data=bytes(damaged)))
            text = s_client(server.tls_port, "-tls1_2", "-sess_in", path, data=b"QUIT\r\n")
            self.assertNotIn("Reused, ", text, at)
        self.connect(server).quit()
