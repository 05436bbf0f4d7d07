"""test_concurrency: many at once, on two shards; also run with the thread sanitizer.

Sessions exclude each other, deliveries go on meanwhile, users are re-read under load, and what is
acknowledged to one is seen by the next.
"""
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lmtp_client import Lmtp
from ringpost_server import PATIENCE, SANITIZED, ServerTest, on_the_wire, password_of

ALONE = True  # whether one is answered while others are busy

ROUNDS = 10 if SANITIZED else 40


class Concurrency(ServerTest):
    def together(self, *jobs):
        """Runs the jobs at once; the first failure of any is the test's."""
        with ThreadPoolExecutor(len(jobs)) as pool:
            for future in [pool.submit(job) for job in jobs]:
                future.result(300)

    def test_one_session_at_a_time(self):
        """The right password meets [IN-USE] while another has the maildrop, on whichever shard."""
        server = self.make_server(shards=2)
        server.import_mail("alice", [b"Subject: x\n\nx\n"])
        inside, refused = [], []

        def poll():
            done = 0
            while done < ROUNDS:
                client = server.client()
                client.ok("USER alice")
                answer = client.say(f"PASS {password_of('alice')}")
                if answer.startswith(b"+OK"):
                    inside.append(client)
                    assert len(inside) == 1, "two sessions are inside"
                    assert client.count() == 1
                    time.sleep(0.002)
                    inside.remove(client)
                    client.quit()
                    done += 1
                else:
                    assert answer.startswith(b"-ERR [IN-USE]"), answer
                    refused.append(answer)
                    client.quit()

        self.together(poll, poll, poll)
        self.assertGreater(len(refused), 0)

    def test_in_use_is_not_said_to_a_wrong_password(self):
        server = self.make_server(shards=2)
        server.import_mail("alice", [b"Subject: x\n\nx\n"])
        holder = server.client("alice")
        for _ in range(8):
            client = server.client()
            client.ok("USER alice")
            client.refused("PASS wrong", b"[AUTH]")
            client.ok("USER alice")
            client.refused(f"PASS {password_of('alice')}", b"[IN-USE]")
            client.close()
        holder.quit()
        server.client("alice").quit()

    def test_the_lock_goes_with_the_connection(self):
        """A session that was reset, or has quit, holds nothing: the next one gets in."""
        server = self.make_server(shards=2)
        server.import_mail("alice", [b"Subject: x\n\nx\n"])
        for _ in range(ROUNDS):
            client = server.client("alice")
            client.reset()
            end = time.monotonic() + 5 * PATIENCE
            while True:
                client = server.client()
                client.ok("USER alice")
                answer = client.say(f"PASS {password_of('alice')}")
                if answer.startswith(b"+OK"):
                    client.quit()
                    break
                client.close()
                self.assertLess(time.monotonic(), end, "the lock outlives the connection")

    def test_a_session_sees_the_snapshot_of_its_start(self):
        server = self.make_server(shards=2)
        messages = [b"Subject: %d\n\ntext %d\n" % (i, i) for i in range(6)]
        server.import_mail("alice", messages[:3])
        client = server.client("alice")
        for message in messages[3:]:
            server.ringpost("deliver", "alice", data=message)
        self.assertEqual(client.count(), 3)
        client.refused("RETR 4")
        client.ok("DELE 2")
        client.quit()
        client = server.client("alice")
        self.assertEqual(client.count(), 5)
        kept = messages[:1] + messages[2:]
        self.assertEqual([client.retrieve(n) for n in range(1, 6)], [on_the_wire(m) for m in kept])
        client.quit()

    def test_deliveries_and_sessions_at_once(self):
        """Everything that was delivered is fetched once, in order, and then gone."""
        server = self.make_server(shards=2)
        count = ROUNDS
        fetched, delivered = [], threading.Event()

        def deliver():
            for number in range(count):
                server.ringpost("deliver", "alice", data=b"Subject: %d\n\n%s\n" % (number, b"x" * number))
            delivered.set()

        def fetch():
            while True:
                last = delivered.is_set()
                client = server.client("alice")
                for number in range(1, client.count() + 1):
                    fetched.append(client.retrieve(number))
                    client.ok(f"DELE {number}")
                client.quit()
                if last:
                    break

        self.together(deliver, fetch)
        expected = [on_the_wire(b"Subject: %d\n\n%s\n" % (n, b"x" * n)) for n in range(count)]
        self.assertEqual(fetched, expected)

    def test_lmtp_and_sessions_at_once(self):
        """What LMTP has acknowledged is fetched exactly once: small and large, to one and to two,
        while sessions in the same maildrops fetch and delete, or are reset before QUIT."""
        users = ("alice", "bob")
        server = self.make_server(users, lmtp=True, shards=2, username_format="local", return_path="no",
                                  delivered_to="no", received="no", delivery_threads=4)
        sent = {user: [] for user in users}
        fetched = {user: [] for user in users}
        ended = []  # senders

        def send(number):
            try:
                client = Lmtp(server.lmtp_path if number % 2 else server.lmtp_port).hello()
                for each in range(ROUNDS // 2):
                    lines = 50_000 if each % 5 == number else each * 10
                    message = b"Subject: %d %d\r\n\r\n" % (number, each) + b".x\r\n" * lines
                    to = users if (number + each) % 3 else users[:1]
                    client.deliver(message, *(f"{user}+{number}@x" for user in to * 2))
                    for user in to:
                        sent[user].append(message)
                client.expect("221", "QUIT")
                client.close()
            finally:
                ended.append(number)

        def enter(user):
            while True:
                client = server.client()
                client.ok(f"USER {user}")
                answer = client.say(f"PASS {password_of(user)}")
                if answer.startswith(b"+OK"):
                    return client
                assert answer.startswith(b"-ERR [IN-USE]"), answer
                client.close()

        def fetch(user):
            is_last = False
            while not is_last:
                is_last = len(ended) == 4
                client = enter(user)
                messages = [client.retrieve(number) for number in range(1, client.count() + 1)]
                for number in range(1, len(messages) + 1):
                    client.ok(f"DELE {number}")
                if not is_last and len(messages) % 3 == 2:
                    client.reset()
                else:
                    client.quit()
                    fetched[user] += messages

        self.together(*(partial(send, number) for number in range(4)), *(partial(fetch, user) for user in users))
        for user in users:
            self.assertCountEqual(fetched[user], sent[user])

    def test_many_users_while_users_are_re_read(self):
        users = [f"user{number}" for number in range(12)]
        server = self.make_server(users, shards=2)
        for user in users:
            server.ringpost("deliver", user, data=b"Subject: for " + user.encode() + b"\n\ntext\n")
        stop = threading.Event()

        def poll(some):
            for _ in range(ROUNDS // 2):
                for user in some:
                    client = server.client(user)
                    assert client.retrieve(1).startswith(b"Subject: for " + user.encode() + b"\r\n")
                    client.quit()

        def re_read():
            while not stop.wait(0.02):
                server.signal(signal.SIGHUP)

        thread = threading.Thread(target=re_read)
        thread.start()
        try:
            self.together(lambda: poll(users[:4]), lambda: poll(users[4:8]), lambda: poll(users[8:]))
        finally:
            stop.set()
            thread.join()

    def test_hashes_do_not_delay_others(self):
        """While costly hashes are computed, a session that needs none is answered at once."""
        server = self.make_server(["alice"], shards=1, password_threads=1, login_cache_time=0)
        server.ringpost("user", "add", "carol", "--scheme", "yescrypt", data=b"costly\n")
        server.signal(signal.SIGHUP)
        time.sleep(0.3 * PATIENCE)
        session = server.client("alice")
        waiting = []
        for _ in range(20):
            client = server.client()
            client.ok("USER carol")
            client.send(b"PASS wrong\r\n")
            waiting.append(client)
        begin = time.monotonic()
        for _ in range(20):
            session.ok("NOOP")
        self.assertLess(time.monotonic() - begin, 0.5 * PATIENCE)
        session.quit()
        for client in waiting:
            self.assertTrue(client.line().startswith(b"-ERR [AUTH]"))
            client.close()

    def test_stopping_under_load(self):
        server = self.make_server([f"user{n}" for n in range(8)], shards=2, shutdown_timeout=1)
        clients = [server.client(f"user{n}") for n in range(8)] + [server.client() for _ in range(8)]
        stop = threading.Event()

        def connect():
            while not stop.is_set():
                try:
                    server.client().close()
                except OSError:
                    time.sleep(0.01)

        thread = threading.Thread(target=connect)
        thread.start()
        try:
            time.sleep(0.1)
            server.stop()
        finally:
            stop.set()
            thread.join()
        for client in clients:
            self.assertEqual(client.rest(), b"")
            client.close()
