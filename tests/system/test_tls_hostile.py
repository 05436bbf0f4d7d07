"""test_tls_hostile: TLS from clients that are slow, broken, gone or evil.

Whatever comes, the server ends that connection with a line in the log that helps, keeps the mail,
frees the lock and gives back what the connection held; the others notice nothing.
"""
import os
import re
import signal
import socket
import ssl
import struct
import threading
import time

from ringpost_server import PATIENCE, Pop3, on_the_wire, password_of
from tls_client import Pop3Tls, RawTls, TlsTest, connect_raw, descriptors

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = (TLS12, TLS13)
FAILED = r" tls-failed peer=127\.0\.0\.1:\d+ reason=[A-Za-z0-9-]{4,127}$"


def record(kind, body, version=b"\x03\x01"):
    return bytes([kind]) + version + struct.pack(">H", len(body)) + body


class Slow(TlsTest):
    def test_one_byte_at_a_time(self):
        server = self.make_tls_server()
        server.import_mail("alice", [b"Subject: a\n\n.Text\n"])
        for version in VERSIONS:
            for stls in (False, True):
                client = RawTls(server.port if stls else server.tls_port, self.authority.context(version), stls=stls)
                client.shake(cut=1)
                if not stls:
                    self.assertTrue(client.read().startswith(b"+OK"))
                for command in (b"USER alice\r\n", b"PASS " + password_of("alice").encode() + b"\r\n", b"STAT\r\n"):
                    self.assertTrue(client.say(command, cut=1).startswith(b"+OK"), command)
                client.tls.write(b"RETR 1\r\n")
                client.send(cut=1)
                self.assertTrue(client.read(b"\r\n.\r\n").endswith(b"\r\n..Text\r\n.\r\n"))
                self.assertTrue(client.say(b"QUIT\r\n", cut=1).startswith(b"+OK"))
                client.close()

    def test_a_hello_in_many_records(self):
        server = self.make_tls_server()
        for size in (4, 5, 60, 200):  # the library wants a message's header in one record
            client = RawTls(server.tls_port, self.authority.context())
            client.take(client.tls.do_handshake)
            hello = client.outgoing.read()[5:]
            pieces = [record(22, hello[at:at + size]) for at in range(0, len(hello), size)]
            client.socket.sendall(b"".join(pieces))
            client.feed()
            client.shake()
            self.assertTrue(client.read().startswith(b"+OK"), size)
            client.close()

    def test_a_large_message_and_a_slow_reader(self):
        server = self.make_tls_server()
        large = b"Subject: large\n\n" + os.urandom(1_200_000).hex().encode() * 2 + b"\n." + b"x\n.\n" * 50_000
        server.import_mail("alice", [large, b"Subject: b\n\nSmall\n"])
        for version in VERSIONS:
            context = self.authority.context(version)
            client = Pop3(server.tls_port, greeting=False)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost",
                                                suppress_ragged_eofs=False)
            client.line()
            client.log_in("alice")
            client.send(b"RETR 1\r\nRETR 2\r\nSTAT\r\nRETR 1\r\n")
            time.sleep(0.3)
            client.fill = lambda: self.sip(client)
            for number, message in ((1, large), (2, b"Subject: b\n\nSmall\n"), (None, None), (1, large)):
                self.assertTrue(client.line().startswith(b"+OK"), number)
                if message:
                    self.assertTrue(client.body() == on_the_wire(message), "the message has changed")
            del client.fill
            client.quit()

    def sip(self, client):
        data = client.socket.recv(65536)
        client.buffer += data
        if len(data) % 7 == 0:
            time.sleep(0.002)
        return bool(data)

    def test_everything_at_once(self):
        server = self.make_tls_server()
        messages = [b"Subject: %d\n\n" % number + b"Text\n" * number for number in range(1, 101)]
        server.import_mail("alice", messages)
        for version in VERSIONS:
            for cut in (None, 1, 100):
                client = self.connect(server, version=version)
                commands = b"".join([b"CAPA\r\n", b"USER alice\r\n", f"PASS {password_of('alice')}\r\n".encode(),
                                     *(b"RETR %d\r\n" % number for number in range(1, 101)), b"QUIT\r\n"])
                for at in range(0, len(commands), cut or len(commands)):
                    client.send(commands[at:at + (cut or len(commands))])
                client.line()
                client.body()
                self.assertTrue(client.line().startswith(b"+OK") and client.line().startswith(b"+OK"))
                for message in messages:
                    self.assertTrue(client.line().startswith(b"+OK"))
                    self.assertEqual(client.body(), on_the_wire(message))
                self.assertTrue(client.line().startswith(b"+OK"))
                self.assertEqual(client.rest(), b"")
                client.close()

    def test_a_client_that_never_says_anything(self):
        """Neither silence nor a byte a second makes a handshake last longer than handshake-timeout."""
        server = self.make_tls_server(handshake_timeout=5)
        before = descriptors(server)
        silent, dripping = connect_raw(server.tls_port), connect_raw(server.tls_port)
        after_stls = server.client()
        after_stls.ok("STLS")
        begun = time.monotonic()

        def drip():
            try:
                for byte in record(22, b"\1\0\1\0" + bytes(256))[:60]:
                    dripping.sendall(bytes([byte]))
                    time.sleep(0.5)
            except OSError:
                pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        for waiting in (silent, after_stls.socket, dripping):
            try:
                self.assertEqual(waiting.recv(100), b"")
            except ConnectionResetError:
                pass
            self.assertTrue(4 < time.monotonic() - begun < 9 * PATIENCE, time.monotonic() - begun)
            waiting.close()
        thread.join()
        self.assert_given_back(server, before)


class Gone(TlsTest):
    """Clients that leave: what they held comes back at once, not at a deadline."""

    def leave(self, client, how):
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()

    def test_in_the_handshake(self):
        server = self.make_tls_server(handshake_timeout=60)
        before = descriptors(server)
        for version in VERSIONS:
            for stls in (False, True):
                # How much a whole handshake says, then a part of it.
                whole = RawTls(server.port if stls else server.tls_port, self.authority.context(version), stls=stls)
                whole.take(whole.tls.do_handshake)
                hello = whole.outgoing.pending
                whole.close()
                for at in (0, 1, 4, 5, 6, hello - 1, hello, hello + 1, hello + 5, hello + 40, hello + 300):
                    for how in ("end", "reset"):
                        self.leave(self.part_of_handshake(server, version, stls, at), how)
        self.assert_given_back(server, before)
        self.connect(server).quit()

    def part_of_handshake(self, server, version, stls, count):
        client = RawTls(server.port if stls else server.tls_port, self.authority.context(version), stls=stls)
        while count > 0:
            try:
                client.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            data = client.outgoing.read()
            client.socket.sendall(data[:count])
            if count < len(data) or not data:
                break
            count -= len(data)
            if count > 0:
                client.feed()
        return client.socket

    def test_in_the_middle_of_a_message(self):
        server = self.make_tls_server()
        large = b"Subject: large\n\n" + b"0123456789abcde\n" * 300_000
        server.import_mail("alice", [large])
        for version in VERSIONS:
            for how in ("end", "reset"):
                client = self.connect(server, version=version)
                client.log_in("alice")
                client.ok("DELE 1")
                client.ok("RSET")
                client.ok("RETR 1")
                client.fill()
                self.leave(client.socket, how)
                self.assert_free(server, 1)

    def test_without_close_notify(self):
        """A cut connection is no QUIT: what was marked stays."""
        server = self.make_tls_server()
        server.import_mail("alice", [b"Subject: a\n\nText\n"])
        for version in VERSIONS:
            client = self.connect(server, version=version)
            client.log_in("alice")
            client.ok("DELE 1")
            self.leave(client.socket, "end")
            self.assert_free(server, 1)

    def assert_free(self, server, count):
        """The lock is free soon, and the mail is there."""
        end = time.monotonic() + 5 * PATIENCE
        while True:
            client = server.client()
            client.ok("USER alice")
            if client.say(f"PASS {password_of('alice')}").startswith(b"+OK"):
                self.assertEqual(client.count(), count)
                client.quit()
                return
            client.close()
            self.assertLess(time.monotonic(), end, "the maildrop stays locked")
            time.sleep(0.05)


class Evil(TlsTest):
    GARBAGE = {
        "HTTP": b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "POP3": b"USER alice\r\nPASS secret of alice\r\n",
        "SSLv2": b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10" + bytes(37),
        "zeros": bytes(600),
        "all octets": bytes(range(256)) * 3,
        "an alert": record(21, b"\2\x28"),
        "application data": record(23, b"x" * 100),
        "an empty record": record(22, b"") * 40,
        "16 KB hello": record(22, b"\1\0\x3f\xfc" + bytes(0x3ffc)),
        "20 KB hello": record(22, b"\1\0\x4f\xfc" + bytes(0x3ffc)) + record(22, bytes(0x1000)),
        "a length of 65535": b"\x16\x03\x01\xff\xff" + bytes(70_000),
        "no hello": record(22, b"\x10\0\0\2ab"),
    }

    def test_garbage(self):
        server = self.make_tls_server(handshake_timeout=5)
        for stls in (False, True):
            for name, bytes_ in self.GARBAGE.items():
                with self.subTest(name, stls=stls):
                    if stls:
                        client = server.client()
                        client.ok("STLS")
                        client = client.socket
                    else:
                        client = connect_raw(server.tls_port)
                    begun = time.monotonic()
                    answer = b""
                    try:
                        client.sendall(bytes_)
                        while data := client.recv(4096):
                            answer += data
                    except (ConnectionResetError, BrokenPipeError):
                        pass
                    client.close()
                    self.assertNotIn(b"+OK", answer)
                    self.assertNotIn(b"-ERR", answer)
                    self.assertTrue(answer == b"" or answer[0] == 21, answer)
                    self.assertLess(time.monotonic() - begun, 8 * PATIENCE)
        lines = server.wait_for_log(FAILED, 2 * (len(self.GARBAGE) - 1))
        self.assertNotIn("secret", "".join(lines))
        self.connect(server).quit()
        self.connect(server, stls=True).quit()

    def test_damaged_records(self):
        server = self.make_tls_server()
        server.import_mail("alice", [b"Subject: a\n\nText\n"])
        for version in VERSIONS:
            for at in (0, 3, 5, 8, 20, -1):
                client = RawTls(server.tls_port, self.authority.context(version)).shake()
                client.read()
                client.say(b"USER alice\r\n")
                self.assertTrue(client.say(f"PASS {password_of('alice')}\r\n".encode()).startswith(b"+OK"))
                self.assertTrue(client.say(b"DELE 1\r\n").startswith(b"+OK"))
                client.tls.write(b"QUIT\r\n")
                data = bytearray(client.outgoing.read())
                data[at] ^= 0x41
                client.socket.sendall(data + b"\0" * 70_000 if at == 3 else data)
                try:
                    while client.feed():
                        pass
                except ConnectionResetError:
                    client.incoming.write_eof()
                if at in (0, 3):
                    client.close()
                    continue
                with self.assertRaisesRegex(ssl.SSLError, "(?i)alert bad record mac"):
                    client.tls.read(100)
                client.close()
        server.wait_for_log(FAILED, 12)
        client = server.client("alice")
        self.assertEqual(client.count(), 1)
        client.quit()

    def test_bytes_behind_stls(self):
        """What lies behind STLS belongs to nobody, wherever it is cut (CVE-2011-0411)."""
        server = self.make_tls_server(users=("alice", "bob"))
        context = self.authority.context()
        for injected in (b"USER alice\r\n", b"USER al", b"CAPA\r\nNOOP\r\n", b"AUTH PLAIN\r\n", b"STLS\r\n", b"\r\n",
                         b"x" * 300, b"USER alice\r\nPASS " + password_of("alice").encode() + b"\r\n"):
            text = b"STLS\r\n" + injected
            for at in range(6):
                client = server.client()
                client.send(text[:at])
                if at:
                    time.sleep(0.01)
                client.send(text[at:])
                self.assertTrue(client.line().startswith(b"+OK"))
                self.assertEqual(client.buffer, b"")
                client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
                client.refused(f"PASS {password_of('alice')}")
                client.log_in("bob")
                client.quit()

    def test_bytes_behind_the_answer_to_stls(self):
        """Sent later, they are a broken handshake, and never commands."""
        server = self.make_tls_server()
        text = b"STLS\r\nUSER alice\r\nPASS " + password_of("alice").encode() + b"\r\n"
        for at in range(6, len(text) - 5):  # fewer are a record's beginning, and are waited for
            client = server.client()
            client.send(text[:at])
            self.assertTrue(client.line().startswith(b"+OK"))
            client.send(text[at:])
            self.assertNotIn(b"+OK", client.rest())
            client.close()
        server.wait_for_log(FAILED, len(text) - 11)
        self.assertNotIn(" login ", server.log())

    def test_state_before_stls(self):
        server = self.make_tls_server(users=("alice", "bob"))
        for before in (b"AUTH PLAIN\r\n*\r\n", b"USER alice\r\n", b"AUTH LOGIN\r\nYWxpY2U=\r\n*\r\n"):
            client = server.client()
            client.send(before)
            for _ in range(before.count(b"\r\n")):
                client.line()
            client.ok("STLS")
            client.socket = self.authority.context().wrap_socket(client.socket, server_hostname="localhost")
            client.refused(f"PASS {password_of('alice')}")
            client.log_in("bob")
            client.quit()

    def test_lines_in_the_log(self):
        """In words, with the peer, and nothing that a client has said."""
        server = self.make_tls_server()
        for number, version in enumerate(VERSIONS, 1):
            context = ssl.create_default_context()  # trusts the world, but not our authority
            context.minimum_version = context.maximum_version = version
            with self.assertRaises(ssl.SSLError):
                Pop3Tls(server.tls_port, context)
            self.assertRegex(server.wait_for_log(FAILED, number)[-1], "(?i)unknown-(ca|authority)")
        old = self.authority.context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Pop3Tls(server.tls_port, old)
        self.assertRegex(server.wait_for_log(FAILED, 3)[2], "(?i)version")
        weak = self.authority.context(TLS12)
        weak.set_ciphers("AES128-SHA")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Pop3Tls(server.tls_port, weak)
        self.assertRegex(server.wait_for_log(FAILED, 4)[3], "(?i)cipher")


class Storm(TlsTest):
    def test_many_handshakes_at_once(self):
        """One handshake a turn: all are served, and an established session hardly notices."""
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=60)
        server.import_mail("alice", [b"Subject: a\n\nText\n"])
        settled = self.connect(server)
        settled.log_in("alice")
        clients = [RawTls(server.tls_port, self.authority.context(TLS13 if number % 2 else TLS12))
                   for number in range(200)]
        for client in clients:
            client.take(client.tls.do_handshake)
        waits = []
        for client in clients:
            client.send()
        for _ in range(40):
            begun = time.monotonic()
            settled.ok("NOOP")
            settled.retrieve(1)
            waits.append(time.monotonic() - begun)
        for client in clients:
            client.feed()
            client.shake()
            self.assertTrue(client.read().startswith(b"+OK"))
            client.close()
        self.assertLess(sorted(waits)[len(waits) // 2], 0.05 * PATIENCE, waits)
        self.assertLess(max(waits), 1.0 * PATIENCE, waits)
        settled.quit()
        server.signal(signal.SIGUSR1)
        line = server.wait_for_log(" counters ")[0]
        counts = dict(re.findall(r"(\w+)=(\d+)", line))
        self.assertGreater(int(counts["handshakes_put_off"]), 0)
        self.assertEqual(int(counts["handshakes"]), 201)
        self.assertEqual(int(counts["handshakes_failed"]), 0)

    def test_a_storm_that_goes_away(self):
        """Handshakes that were put off and whose clients have left cost nothing that stays."""
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=60)
        before = descriptors(server)
        for _ in range(3):
            clients = [RawTls(server.tls_port, self.authority.context()) for _ in range(60)]
            for client in clients:
                client.take(client.tls.do_handshake)
                client.send()
            for client in clients:
                client.close()
        self.assert_given_back(server, before)
        self.connect(server).quit()

    def test_stop_in_a_storm(self):
        server = self.make_tls_server(handshakes_a_turn=1, handshake_timeout=60)
        clients = [RawTls(server.tls_port, self.authority.context()) for _ in range(60)]
        for client in clients:
            client.take(client.tls.do_handshake)
            client.send()
        begun = time.monotonic()
        server.stop(within_s=8)
        self.assertLess(time.monotonic() - begun, 8 * PATIENCE)
        for client in clients:
            client.close()


