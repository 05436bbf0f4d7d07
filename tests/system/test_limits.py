"""test_limits: each limit at its edge, on both sides of it."""
import os
import time
from base64 import b64encode

from ringpost_server import PATIENCE, SANITIZED, Pop3, ServerTest, on_the_wire, password_of


class Limits(ServerTest):
    def test_connections(self):
        """The one too many is told so in one line; a place that is given up is free again."""
        server = self.make_server(connections=10, shards=1)
        clients = []
        end = time.monotonic() + 10 * PATIENCE
        while len(clients) < 10:  # the one that asked whether it runs may still be there
            client = Pop3(server.port)
            if client.greeting.startswith(b"+OK"):
                clients.append(client)
            else:
                client.close()
                self.assertLess(time.monotonic(), end)
        for _ in range(3):
            client = Pop3(server.port)
            self.assertTrue(client.greeting.startswith(b"-ERR"), client.greeting)
            self.assertEqual(client.rest(), b"")
            client.close()
        clients.pop().quit()
        while True:
            client = Pop3(server.port)
            if client.greeting.startswith(b"+OK"):
                break
            client.close()
            self.assertLess(time.monotonic(), end)
        client.log_in("alice")
        client.quit()
        for client in clients:
            client.quit()

    def test_loopback_is_not_counted_per_address(self):
        server = self.make_server(connections_per_address=2)
        clients = [server.client() for _ in range(20)]
        for client in clients:
            client.quit()

    def test_command_length(self):
        """255 octets with CRLF (RFC 2449): the longest name is taken, one octet more is not."""
        name = "n" * 248
        server = self.make_server(start=False)
        server.write_users({name: "short"})
        server.start()
        client = server.client()
        client.refused(f"USER {name}n")
        client.ok(f"USER {name}")
        client.ok("PASS short")
        client.quit()

    def test_command_length_of_a_password(self):
        server = self.make_server(())
        longest = "p" * 248
        server.write_users({"alice": longest})
        server.stop()
        server.start()
        client = server.client()
        client.ok("USER alice")
        client.ok(f"PASS {longest}")
        client.quit()
        client = server.client()
        client.ok("USER alice")
        client.refused(f"PASS {longest}p")
        client.close()

    def test_refusals(self):
        server = self.make_server(refusals_before_login=3, refusals_after_login=4)
        for user, limit in ((None, 3), ("alice", 4)):
            client = server.client(user)
            for _ in range(limit - 1):
                client.refused("what")
            client.ok("NOOP" if user else "CAPA")
            if not user:
                client.body()
            client.refused("what")
            self.assertEqual(client.rest(), b"")
            client.close()
        server.wait_for_log("logout user=alice .*reason=refusals")

    def test_message_size(self):
        server = self.make_server(message_size=4096)
        fits = b"Subject: x\r\n\r\n" + b"x" * (4096 - 16) + b"\r\n"
        self.assertEqual(len(fits), 4096)
        server.ringpost("deliver", "alice", data=fits)
        server.ringpost("deliver", "alice", data=b"x" + fits, status=65)
        server.ringpost("deliver", "alice", data=fits.replace(b"\r\n", b"\n"))  # counted as it is sent
        client = server.client("alice")
        self.assertEqual(client.lines("LIST"), [b"1 4096", b"2 4096"])
        self.assertEqual(client.retrieve(1), fits)
        client.quit()

    def test_messages_of_a_maildrop(self):
        server = self.make_server(messages=3)
        for _ in range(3):
            server.ringpost("deliver", "alice", data=b"Subject: x\n\n")
        self.assertNotEqual(self.deliver_status(server), 0)
        client = server.client("alice")
        self.assertEqual(client.count(), 3)
        client.ok("DELE 2")
        client.quit()
        self.assertEqual(self.deliver_status(server), 0)
        self.assertNotEqual(self.deliver_status(server), 0)

    @staticmethod
    def deliver_status(server):
        try:
            server.ringpost("deliver", "alice", data=b"Subject: x\n\n")
        except AssertionError:
            return 1
        return 0

    def test_user_names_stay_in_the_store(self):
        """Whatever a name holds, its maildrop is below the store and belongs to it alone."""
        names = ["..", ".hidden", "a/b", "../../x", "%2e%2e", "a%b", "n\u00e4me", "A", "a", "x" * 200, "a b"]
        server = self.make_server(names)
        outside = set(os.listdir(server.folder))
        for name in names:
            server.ringpost("deliver", name, data=b"Subject: for " + name.encode() + b"\n\n")
        for name in names:
            client = server.client()
            plain = b64encode(f"\0{name}\0{password_of(name)}".encode()).decode()
            self.assertEqual(client.say("AUTH PLAIN"), b"+ ")  # USER takes no name with a space
            client.ok(plain)
            self.assertEqual(client.count(), 1, name)
            self.assertEqual(client.retrieve(1), b"Subject: for " + name.encode() + b"\r\n\r\n")
            client.quit()
        self.assertEqual(set(os.listdir(server.folder)), outside)
        for first, folders, _ in os.walk(server.store):
            depth = os.path.relpath(first, server.store).count("/")
            self.assertTrue(depth <= 2 or not folders, first)

    def test_pipelined_input_is_bounded(self):
        """A flood of commands whose answers nobody reads ends in the kernel, not in our memory."""
        server = self.make_server(pipelined_bytes=16384)
        server.import_mail("alice", [b"Subject: x\n\n" + b"x" * 200_000 + b"\n"])
        before = self.resident_bytes(server)
        client = server.client("alice")
        client.socket.settimeout(2)
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                client.send(b"RETR 1\r\n" * 8192)
                sent += 8 * 8192
        except OSError:
            pass
        self.assertLess(sent, 64 * 1024 * 1024)
        if not SANITIZED:
            self.assertLess(self.resident_bytes(server) - before, 8 * 1024 * 1024)
        client.close()
        other = server.client()
        other.ok("CAPA")
        other.body()
        other.close()

    def test_as_much_as_is_allowed_may_be_pipelined(self):
        server = self.make_server(pipelined_bytes=16384)
        client = server.client("alice")
        count = 16384 // 6
        client.send(b"NOOP\r\n" * count)
        for _ in range(count):
            self.assertTrue(client.line().startswith(b"+OK"))
        client.quit()

    @staticmethod
    def resident_bytes(server):
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_long_mail(self):
        """A message of the largest size arrives whole."""
        size = 20_000_000
        server = self.make_server()
        line = b"." + b"0123456789" * 7 + b"\r\n"
        message = b"Subject: large\r\n\r\n" + line * (size // len(line))
        server.ringpost("deliver", "alice", data=message)
        client = server.client("alice")
        self.assertEqual(client.lines("LIST"), [b"1 %d" % len(message)])
        self.assertEqual(client.retrieve(1), on_the_wire(message))
        client.quit()
