"""test_memory: what a session costs in memory, by jemalloc's own counters and the kernel's."""
import re
import signal

from lmtp_client import Lmtp
from ringpost_server import SANITIZED, Pop3, ServerTest, password_of

SESSION_BYTES_MAX = 4096
HELD = 1000


class Memory(ServerTest):
    def counters(self, server, count, shards=2):
        """The counters of each shard by their names, after the `count`-th SIGUSR1."""
        server.signal(signal.SIGUSR1)
        server.wait_for_log(r"counters shard=", count=shards * count)
        lines = [line for line in server.log().split("\n") if " counters " in line][-shards:]
        shards = [dict(re.findall(r"(\w+)=(\d+)", line)) for line in lines]
        return sorted(shards, key=lambda shard: int(shard["shard"]))  # they write when they can

    def test_nothing_is_allocated_between_login_and_quit(self):
        server = self.make_server(("alice", "bob"), shards=2)
        mail = b"Subject: x\n\n" + b"line\n" * 2000
        for user in ("alice", "bob"):
            server.import_mail(user, [mail] * 50)
        for client in (server.client("alice"), server.client("bob")):
            client.quit()  # what is made at a shard's first session is there now
        clients = [server.client("alice"), server.client("bob")]
        before = self.counters(server, 1)
        for client in clients:
            for _ in range(15):  # fewer refusals than end a session
                client.ok("STAT")
                client.lines("LIST")
                client.lines("UIDL")
                client.ok("LIST 3")
                for number in (1, 2, 50):
                    client.retrieve(number)
                client.lines("TOP 4 10")
                client.refused("RETR 51")
                client.ok("DELE 5")
                client.ok("RSET")
                client.ok("NOOP")
            client.ok("DELE 1")
        after = self.counters(server, 2)
        for client in clients:
            client.quit()
        if not SANITIZED:
            self.assertGreater(int(before[0]["allocated_bytes"]), 0)
        self.assertEqual([shard["allocated_bytes"] for shard in before],
                         [shard["allocated_bytes"] for shard in after])
        self.assertEqual(sum(int(shard["retrieved"]) for shard in after), 0)  # counted at the end
        self.assertEqual(sum(int(shard["open"]) for shard in after), 2)

    def test_nothing_is_allocated_for_mail_that_comes_in(self):
        server = self.make_server(("alice", "bob"), lmtp=True, username_format="local")
        message = b"Subject: x\r\n\r\n" + b"line\r\n" * 20_000  # more than a letter's block
        client = Lmtp(server.lmtp_path).hello()
        client.deliver(message, "alice@x", "bob@x")  # what is made at the first message is there now
        before = self.counters(server, 1, shards=1)
        for _ in range(20):
            client.deliver(message, "alice@x", "bob@x")
            client.envelope("bob@x")
            client.expect("250", "RSET")
        after = self.counters(server, 2, shards=1)
        client.close()
        self.assertEqual(before[0]["allocated_bytes"], after[0]["allocated_bytes"])
        self.assertEqual(int(after[0]["deliveries"]), 42)
        self.assertGreaterEqual(int(after[0]["spills"]), 21)

    def test_a_held_session_is_small(self):
        if SANITIZED:
            self.skipTest("cannot: a sanitizer has memory of its own beside each byte")
        users = [f"user{number}" for number in range(HELD)]
        server = self.make_server(users, shards=1)
        for user in users[:3]:
            server.import_mail(user, [b"Subject: x\n\nx\n"])
        before = self.anonymous(server)
        clients = []
        for user in users:
            client = Pop3(server.port)
            client.ok(f"USER {user}")
            client.ok(f"PASS {password_of(user)}")
            client.ok("STAT")
            clients.append(client)
        held = self.anonymous(server) - before
        for client in clients:
            client.close()
        self.assertLessEqual(held / HELD, SESSION_BYTES_MAX)

    @staticmethod
    def anonymous(server):
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1)) * 1024
