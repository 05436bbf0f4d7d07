"""test_tls_steps: a bounded number of handshake steps a turn, whatever costs them.

Counted is each step that may cost operations with public keys: hellos, second ones too, the key
exchange of TLS 1.2, a client's certificate. The server is stopped while the clients speak, so that
all of it lies there when it goes on.
"""
import re
import select
import signal
import socket
import ssl
import subprocess
import time

from ringpost_server import ANSWER_S, PATIENCE
from tls_client import RawTls, TlsTest, connect_raw, descriptors, s_client

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def first_hello(*options):
    """What openssl s_client says first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", *options],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with listener.accept()[0] as peer:
            hello = peer.recv(65536)
        client.wait(ANSWER_S)
    return hello


class StepsTest(TlsTest):
    def counts(self, server, number=1):
        server.signal(signal.SIGUSR1)
        line = server.wait_for_log(" counters ", number)[-1]
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}

    def begin(self, server, count, version, client=None):
        """Clients that have something to say."""
        clients = [RawTls(server.tls_port, self.authority.context(version, client=client)) for _ in range(count)]
        for raw in clients:
            raw.take(raw.tls.do_handshake)
        return clients

    def say_together(self, server, clients, *others):
        """All of the clients, then the others, while the server stands still."""
        server.signal(signal.SIGSTOP)
        for client in clients:
            client.send()
        for act in others:
            act()
        server.signal(signal.SIGCONT)

    def finish(self, clients):
        for client in clients:
            client.shake()
            self.assertTrue(client.read().startswith(b"+OK"))
            client.close()


class Steps(StepsTest):
    def test_one_step_a_turn(self):
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=60)
        settled = self.connect(server, version=TLS13)
        settled.log_in("alice")
        clients = self.begin(server, 30, TLS12) + self.begin(server, 30, TLS13)
        self.say_together(server, clients, lambda: settled.send(b"NOOP\r\n"))
        # Who is logged in is answered no later than the last of them: he spoke last.
        sockets, rounds = {client.socket for client in clients} | {settled.socket}, 0
        answered = {}
        while sockets:
            ready, _, _ = select.select(list(sockets), [], [], ANSWER_S)
            self.assertTrue(ready)
            rounds += 1
            for one in ready:
                answered[one] = rounds
                sockets.discard(one)
        self.assertLessEqual(answered[settled.socket], max(answered[client.socket] for client in clients))
        self.assertTrue(settled.line().startswith(b"+OK"))
        # The first step of all is done; now the second ones, together again.
        for client in clients:
            client.feed()
            client.take(client.tls.do_handshake)
        before = self.counts(server)
        self.assertEqual(before["handshake_steps"], 61)
        self.assertGreater(before["handshakes_put_off"], 0)
        self.say_together(server, clients)
        self.finish(clients)
        settled.quit()
        after = self.counts(server, 2)
        # In TLS 1.2 the key exchange costs, in TLS 1.3 nothing more.
        self.assertEqual(after["handshake_steps"], 91)
        self.assertGreater(after["handshakes_put_off"], before["handshakes_put_off"])
        self.assertEqual((after["handshakes"], after["handshakes_failed"]), (61, 0))

    def test_a_second_hello(self):
        server = self.make_tls_server(handshakes_a_turn=1)
        others = [subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-groups",
                                    "P-521:P-256", "-ign_eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL) for _ in range(8)]
        for other in others:
            text = other.communicate(b"QUIT\n", timeout=2 * ANSWER_S)[0]
            self.assertIn(b"+OK", text)
        counts = self.counts(server)
        self.assertEqual((counts["handshakes"], counts["handshake_steps"], counts["handshakes_failed"]), (8, 16, 0))

    def test_certificates_of_clients(self):
        alice = self.authority.issue("alice")
        server = self.make_tls_server({"verify_client": "require", "client_ca": self.authority.path},
                                      handshakes_a_turn=1)
        clients = self.begin(server, 12, TLS12, alice) + self.begin(server, 12, TLS13, alice)
        self.say_together(server, clients)
        for client in clients:
            client.feed()
            client.take(client.tls.do_handshake)
        before = self.counts(server)
        self.assertEqual(before["handshake_steps"], 24)
        self.say_together(server, clients)
        for client in clients:
            client.shake()
            self.assertTrue(client.read().startswith(b"+OK"))
            self.assertTrue(client.say(b"AUTH EXTERNAL =\r\n").startswith((b"+OK", b"-ERR [IN-USE]")))
            client.close()
        after = self.counts(server, 2)
        # Certificate, key exchange and signature each; in TLS 1.3 in one record or more.
        self.assertGreaterEqual(after["handshake_steps"], before["handshake_steps"] + 12 * 3 + 12)
        self.assertGreater(after["handshakes_put_off"], before["handshakes_put_off"])
        self.assertEqual(after["handshakes_failed"], 0)

    def test_resumed(self):
        server = self.make_tls_server(handshakes_a_turn=1)
        context = self.authority.context(TLS12)
        first = RawTls(server.tls_port, context).shake()
        first.read()
        raw = RawTls(server.tls_port, context)
        raw.tls = context.wrap_bio(raw.incoming, raw.outgoing, server_hostname="localhost", session=first.tls.session)
        raw.shake()
        self.assertTrue(raw.read().startswith(b"+OK"))
        self.assertTrue(raw.tls.session_reused)
        self.assertEqual(self.counts(server)["handshake_steps"], 3)
        raw.close()
        first.close()


class Waiting(StepsTest):
    def test_what_comes_meanwhile_is_bounded(self):
        """Whoever says more than a handshake can while he waits is not waited for; others are."""
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=60)
        before = descriptors(server)
        clients = self.begin(server, 20, TLS12)
        self.say_together(server, clients)
        for client in clients:
            client.feed()
            client.take(client.tls.do_handshake)
        floods = self.begin(server, 3, TLS12)
        for flood in floods:
            flood.send()
            flood.feed()
            flood.take(flood.tls.do_handshake)

        def flow():
            for flood in floods:
                flood.send()
                flood.socket.sendall((b"\x17\x03\x03\x40\0" + bytes(0x4000)) * 4)

        self.say_together(server, clients, flow)
        self.finish(clients)
        for flood in floods:
            try:
                while flood.socket.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            flood.close()
        self.connect(server).quit()
        self.assert_given_back(server, before)

    def test_who_says_no_more(self):
        """In the middle of a handshake as at its begin, handshake-timeout ends it."""
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=5)
        before = descriptors(server)
        stalled = [client.socket for version in (TLS12, TLS13) for client in self.begin(server, 2, version)
                   if client.send() and client.feed()]
        self.assertEqual(len(stalled), 4)
        again = connect_raw(server.tls_port)  # a second hello that does not come
        again.sendall(first_hello("-groups", "P-521:P-256"))
        self.assertEqual(again.recv(1), b"\x16")
        stalled.append(again)
        half = RawTls(server.tls_port, self.authority.context(TLS12))
        half.take(half.tls.do_handshake)
        half.send()
        half.feed()
        half.take(half.tls.do_handshake)
        half.socket.sendall(half.outgoing.read()[:30])  # a part of the key exchange
        stalled.append(half.socket)
        begun = time.monotonic()
        for one in stalled:
            try:
                while one.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            one.close()
        self.assertLess(time.monotonic() - begun, 9 * PATIENCE)
        self.assert_given_back(server, before)
        self.assertIn("+OK", s_client(server.tls_port, data=b"QUIT\n"))

    def test_in_many_small_pieces(self):
        """Pieces of a record are no steps, and cost nobody his turn."""
        server = self.make_tls_server(handshakes_a_turn=1)
        for version, steps in ((TLS12, 2), (TLS13, 1)):
            client = RawTls(server.tls_port, self.authority.context(version))
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.shake(cut=1)
            self.assertTrue(client.read().startswith(b"+OK"))
            client.close()
            number = 1 if version == TLS12 else 2
            self.assertEqual(self.counts(server, number)["handshake_steps"], steps if number == 1 else 2 + steps)
