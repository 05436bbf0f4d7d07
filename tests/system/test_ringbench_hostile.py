"""test_ringbench_hostile: servers that stop at any octet, and such that never stop.

None of them may be taken for a slow one, be waited for without end, or end the generator.
"""
import socket
import ssl
import threading
import unittest

from ringpost_server import PATIENCE
from test_ringbench import TLS, RingbenchTest
from wrong_server import MESSAGES, WrongServer

MESSAGE = MESSAGES[0].replace(b"\r\n.", b"\r\n..")
# What a server says to a session of the kind all, greeting first.
ANSWERS = [b"+OK here\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK 1 %d\r\n" % len(MESSAGES[0]), b"+OK\r\n1 %d\r\n.\r\n" % len(MESSAGES[0]),
           b"+OK\r\n1 a\r\n.\r\n", b"+OK\r\n" + MESSAGE + b".\r\n", b"+OK\r\n"]
OCTETS = sum(map(len, ANSWERS))


class Stopping:
    """Its first session ends behind no octet, the next behind one, and so on; then all are whole.

    With `tls` it ends with a close_notify, and leaves the connection open.
    """

    def __init__(self, tls):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(TLS["certificate"], TLS["key"])
        self.ended = 0
        self.is_closed = False
        self.kept = []
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            raw, _ = self.listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.is_closed:
                raw.close()
                return
            try:
                connection = self.context.wrap_socket(raw, server_side=True) if self.context else raw
                self.play(connection, self.ended)
            except OSError:
                raw.close()
            self.ended += 1

    def play(self, connection, octets):
        reader = connection.makefile("rb")
        for number, answer in enumerate(ANSWERS, 1):
            connection.sendall(answer[:octets])
            octets -= len(answer)
            if octets < 0 or (number < len(ANSWERS) and not reader.readline()):
                break
        reader.close()
        if not self.context or octets >= 0:
            connection.close()
            return
        connection.settimeout(0)
        try:
            connection.unwrap()
        except (ssl.SSLError, OSError):
            pass  # the answer to close_notify has not come yet
        self.kept.append(connection)

    def close(self):
        self.is_closed = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()
        for connection in self.kept:
            connection.close()


class Hostile(RingbenchTest):
    def stop_at_every_octet(self, tls):
        server = Stopping(tls)
        self.addCleanup(server.close)
        _, run = self.measure(f"pop3{'s' if tls else ''}://127.0.0.1:{server.port}", "--users", "user1", "--threads", 1, "--mix", "all",
                              "--connections", 1, "--time", f"{3 * PATIENCE}s", "--timeout", "60s", status=1)
        self.assertGreater(server.ended, OCTETS, "there was time for all of them")
        errors = {error["kind"]: error["count"] for error in run["errors"]}
        self.assertEqual(set(errors) - {"connect", "closed", "cut"}, set(), run["errors"])
        self.assertEqual(sum(errors.values()), OCTETS)
        self.assertEqual(errors["closed"], len(ANSWERS), run["errors"])
        self.assertGreater(run["sessions"], 0)

    def test_it_stops_at_every_octet(self):
        self.stop_at_every_octet(False)

    def test_it_says_close_notify_at_every_octet(self):
        self.stop_at_every_octet(True)

    def test_what_never_ends(self):
        for way, kind, example in (("endless", "octets", r"RETR 1 has brought more than the \d+ octets of LIST"),
                                   ("capable", "listing", r"row 1001 of CAPA is \"X\"")):
            with self.subTest(way):
                server = WrongServer(way)
                self.addCleanup(server.close)
                _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "thunderbird", "--connections", 2, "--time", "300ms",
                                      "--errors-allowed", 100, status=1)
                self.assertEqual([error["kind"] for error in run["errors"]], [kind])
                self.assertRegex(run["errors"][0]["example"], example)

    def test_it_deletes_nothing(self):
        server = WrongServer("right")
        self.addCleanup(server.close)
        words = (f"pop3://127.0.0.1:{server.port}", "--mix", "drain", "--connections", 2, "--time", "300ms")
        _, run = self.measure(*words, "--check-deletes", status=1)
        self.assertEqual([error["kind"] for error in run["errors"]], ["not-deleted"])
        self.measure(*words)
        # And one that does is right.
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "drain", "--check-deletes", "--connections", 2, "--time", "500ms")
        self.assertEqual(run["messages"], 12)


if __name__ == "__main__":
    unittest.main()
