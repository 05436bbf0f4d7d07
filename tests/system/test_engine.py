"""test_engine: what a hostile reading of the engine room found once, and what it looks for.

Each test of Mended fails on a server that has the fault again: a password read from memory that was
given back, a stop or a start that hangs, a socket taken from another server, answers that are lost
or that tell users apart. Hostile has clients, signals and disks at their worst.
"""
import base64
import contextlib
import errno
import glob
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time

from mails import header
from ringpost_server import ANSWER_S, PATIENCE, RINGPOSTD, ServerTest, on_the_wire, password_of

SECRET = "hashed secret"
QUICK_HASH = ("{SHA512-CRYPT}$6$rounds=1000$ringpost$YJrtjzQlvBBijcRQZkvXuQPDL4ES50dI42udVFrZEciMTRYCGFLztffDm6QQfqT"
              "Rvcbq1BRa3wmzJ8hjf/bgL1")
SLOW_HASH = ("{SHA512-CRYPT}$6$rounds=300000$ringpost$HPzi7m/5HgQcLxQacHJzST.bxIDAf4LJCKpuXQmITClQ6HRkezbwLLIfEhyR6."
             "BHrRknHb4pCucEYqXOgRgKQ1")
SLOWEST_HASH = SLOW_HASH.replace("=300000$", "=3000000$")  # of no password that anybody knows
MESSAGES = [header(number) + b"\n.text %d\n" % number * 20 for number in range(1, 6)]
NOOPS = 200_000


def plain(user, password):
    """The message of AUTH PLAIN, as it travels."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def eventually(ask, within_s=20):
    """Asks until the answer is true; returns it."""
    end = time.monotonic() + within_s * PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)
    return answer


def logs_in(server, user, password=None):
    """A session of this user, or None where he is refused."""
    client = server.client()
    client.ok(f"USER {user}")
    if client.say(f"PASS {password or password_of(user)}").startswith(b"+OK"):
        return client
    client.close()
    return None


class Mended(ServerTest):
    def test_a_password_at_the_end_of_a_turn(self):
        """The PASS that is the last of a turn's share is checked with its own octets."""
        server = self.make_server(start=False, password_threads=1, login_cache_time=0)
        server.write_users({"alice": QUICK_HASH})
        server.start()
        for position in (*range(55, 76), *range(505, 521)):
            for behind in (0, 1):
                client = server.client()
                # The wrong one is being checked while the others arrive; they are read in one go.
                client.send(b"USER alice\r\nPASS wrong\r\n" + b"USER a\r\n" * position
                            + f"USER alice\r\nPASS {SECRET}\r\n".encode() + b"NOOP\r\n" * behind)
                answers = [client.line()[:3] for _ in range(position + 4 + behind)]
                self.assertEqual(answers, [b"+OK", b"-ER"] + [b"+OK"] * (position + 2 + behind))
                client.quit()

    def test_a_stop_while_accept_is_paused(self):
        server = self.make_server(start=False, disk_threads=2, shutdown_timeout=1)
        server.open_files_max = 48
        server.start()
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_S) for _ in range(80)]
        server.wait_for_log("accept-paused")
        server.stop()
        for client in clients:
            client.close()

    def test_the_unix_socket_of_another_server(self):
        """Whoever cannot start takes nothing away; what a killed server left is taken over."""
        server = self.make_server(start=False)
        path, other = os.path.join(server.folder, "socket"), os.path.join(server.folder, "other")
        with open(server.config, encoding="utf-8") as file:
            head, tcp = re.fullmatch(r"(.*)(listener .*)", file.read(), re.S).groups()
        unix = f'listener local {{ address = "unix:{path}" }}\n'
        server.write_config(head + tcp + unix)
        server.start()
        for listeners in (tcp + unix, unix + tcp, unix, unix.replace(path, other) + tcp):
            server.write_config(head + listeners)
            second = subprocess.run([RINGPOSTD, "-c", server.config], capture_output=True, timeout=ANSWER_S)
            self.assertEqual((second.returncode, second.stderr.count(b"\n")), (2, 1), second.stderr)
            self.greets(path)
        self.assertFalse(os.path.exists(other))
        server.write_config(head + tcp + unix)
        server.kill()
        self.assertTrue(os.path.exists(path))
        server.start()
        self.greets(path)
        server.stop()
        self.assertFalse(os.path.exists(path))

    def greets(self, path):
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(ANSWER_S)
            local.connect(path)
            self.assertTrue(local.recv(512).startswith(b"+OK"))

    def test_a_full_pipe_at_stderr(self):
        """Nobody reads the log: the server starts, serves, re-reads its users and ends all the same."""
        self.serve_with_a_full_pipe(is_blocking=True)

    def test_a_full_pipe_at_stderr_that_does_not_block(self):
        self.serve_with_a_full_pipe(is_blocking=False)

    def serve_with_a_full_pipe(self, is_blocking):
        server = self.make_server(["alice"], start=False)
        open(server.log_path, "wb").close()  # where the server would write otherwise
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writer, b"x" * size)
        os.set_blocking(writer, is_blocking)
        server.process = subprocess.Popen([RINGPOSTD, "-c", server.config], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        eventually(lambda: self.answers(server))
        server.client("alice").quit()
        for _ in range(120):  # more than the log's memory for lines holds: 512 KB, at 1 KB a line
            client = server.client()
            client.send((b"USER " + b"\xef" * 240 + b"\r\nPASS wrong\r\n") * 5)
            self.assertEqual(client.rest().count(b"-ERR [AUTH]"), 5)
            client.close()
        server.write_users({"alice": "changed", "bob": password_of("bob")})
        server.signal(signal.SIGHUP)
        eventually(lambda: logs_in(server, "bob")).quit()
        server.client("bob").quit()
        server.stop(within_s=8)

    def answers(self, server):
        self.assertIsNone(server.process.poll())
        with contextlib.suppress(ConnectionError):
            server.client().close()
            return True
        return False

    def test_a_burst_behind_a_large_message(self):
        """Commands behind a RETR that is read late are no flood: each is answered, in order."""
        large = header(1) + b"\n" + (b"y" * 70 + b"\n") * 400_000
        server = self.make_server()
        server.import_mail("alice", [large] + MESSAGES * 4)
        client = server.client("alice")
        noop = client.ok("NOOP") + b"\r\n"
        sizes = [len(on_the_wire(message)) for message in MESSAGES * 4]
        numbers = [index % len(sizes) + 2 for index in range(NOOPS // 1000)]
        commands = b"".join(b"NOOP\r\n" * 1000 + b"LIST %d\r\n" % number for number in numbers)
        client.send(b"RETR 1\r\n")
        sender = threading.Thread(target=client.send, args=(commands + b"QUIT\r\n",), daemon=True)
        sender.start()
        sender.join(1)  # as much as goes without a reader
        received = bytearray()
        while data := client.socket.recv(1 << 20):
            received += data
        sender.join()
        client.close()
        retrieved = b"+OK %d octets\r\n" % len(on_the_wire(large)) + on_the_wire(large) + b".\r\n"
        self.assertTrue(received.startswith(retrieved))
        answers = b"".join(noop * 1000 + b"+OK %d %d\r\n" % (number, sizes[number - 2]) for number in numbers)
        rest = bytes(received[len(retrieved):])
        self.assertTrue(rest.startswith(answers), f"{len(rest)} octets instead of {len(answers)}: {rest[-80:]}")
        self.assertRegex(rest[len(answers):], rb"\A\+OK [^\r]*\r\n\Z")

    def test_a_full_queue_tells_no_users_apart(self):
        server = self.make_server(start=False, password_queue=1, password_threads=1)
        server.write_users({"alice": SLOWEST_HASH, "bob": SLOWEST_HASH})
        server.start()
        waiting = []

        def answer_to(user):
            client = server.client()
            client.ok(f"USER {user}")
            answer = client.say("PASS wrong")
            client.close()
            return answer

        def is_full():
            """One is computed and one waits: the next is put off at once."""
            client = server.client()
            client.ok("USER alice")
            client.send(b"PASS wrong\r\n")
            if select.select([client.socket], [], [], 0.2)[0]:
                self.assertTrue(client.line().startswith(b"-ERR [SYS/TEMP]"))
                client.close()
                return True
            waiting.append(client)
            return False

        for _ in range(5):
            eventually(is_full)
            answers = [answer_to(user) for user in ("bob", "nobody", "bob")]
            if answers[0] == answers[2] and b"[SYS/TEMP]" in answers[0]:
                break  # full before and after: full for him in the middle
        self.assertTrue(answers[0].startswith(b"-ERR [SYS/TEMP]"), answers)
        self.assertEqual(answers, [answers[0]] * 3)
        for client in waiting:
            client.close()

    def test_too_few_descriptors_for_a_start(self):
        """Status 2 and one sentence, at whichever descriptor it fails; and then there are enough."""
        server = self.make_server(start=False)
        server.settings["disk_threads"] = 32
        server.write_config()
        for descriptors in range(12, 33, 4):
            self.assertFalse(self.starts(server, descriptors))
        server.settings["disk_threads"] = 2
        server.write_config()
        next(descriptors for descriptors in range(10, 64) if self.starts(server, descriptors))

    def starts(self, server, descriptors):
        process = subprocess.Popen(
            [RINGPOSTD, "-c", server.config], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},  # that would need descriptors of its own
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)))
        self.addCleanup(process.kill)
        while " accept-paused " in (first := process.stderr.readline()):
            pass  # it has started, and has none left for a connection
        if " ready " in first:
            process.terminate()
        rest = process.communicate(timeout=ANSWER_S)[1]
        if " ready " in first:
            self.assertEqual(process.returncode, 0, rest)
            return True
        self.assertEqual((process.returncode, rest), (2, ""), f"{descriptors} descriptors: {first}{rest}")
        self.assertRegex(first, r"^ringpostd: .+")
        return False


class Hostile(ServerTest):
    def test_users_are_re_read_under_two_hundred_connections(self):
        """Log-ins and outs on two shards while SIGHUP comes all the time; SIGTERM in the middle."""
        users = [f"user{number}" for number in range(200)]
        server = self.make_server(users, shards=2, shutdown_timeout=20)
        server.import_mail("user0", MESSAGES)
        stop = threading.Event()

        def re_read():
            while not stop.wait(0.05):
                server.signal(signal.SIGHUP)

        thread = threading.Thread(target=re_read)
        thread.start()
        try:
            begin = time.monotonic()
            while time.monotonic() - begin < 2 or server.log().count("users-reloaded") < 10:
                for client in self.log_all_in(server, users, b"QUIT\r\n"):
                    self.assertRegex(client.rest(), rb"\A(\+OK [^\r]*\r\n){3}\Z")
                    client.close()
            clients = self.log_all_in(server, users)
            for client in clients[:100]:
                self.assertTrue(client.line().startswith(b"+OK"))
                self.assertTrue(client.line().startswith(b"+OK"))
            server.signal(signal.SIGTERM)
            for number, client in enumerate(clients):
                try:
                    client.send(b"QUIT\r\n")
                except ConnectionError:
                    self.assertGreaterEqual(number, 100)
                self.assertRegex(client.rest(), rb"\A\+OK [^\r]*\r\n\Z" if number < 100
                                 else rb"\A(\+OK [^\r]*\r\n)*\Z")
                client.close()
            self.assertEqual(server.process.wait(15 * PATIENCE), 0)
        finally:
            stop.set()
            thread.join()
        server.stop()

    @staticmethod
    def log_all_in(server, users, behind=b""):
        """A connection for each, past the greeting, that has sent its log-in and has read nothing."""
        clients = [server.client() for _ in users]
        for user, client in zip(users, clients):
            client.send(f"USER {user}\r\nPASS {password_of(user)}\r\n".encode() + behind)
        return clients

    def test_one_octet_at_a_time(self):
        """However finely a session is cut, it hears what it hears in one piece."""
        server = self.make_server()
        server.import_mail("alice", MESSAGES)
        secret = plain("alice", password_of("alice"))
        for login in (f"AUTH PLAIN {secret}\r\n", f"AUTH PLAIN\r\n{secret}\r\n",
                      f"AUTH PLAIN\r\n*\r\nAUTH PLAIN {secret}\r\n",
                      f"USER alice\r\nPASS {password_of('alice')}\r\n"):
            session = ("CAPA\r\n" + login + "STAT\r\nLIST\r\nUIDL 2\nRETR 3\r\nTOP 1 2\r\nNONSENSE\r\n"
                       "DELE 2\r\nRSET\r\nQUIT\r\n").encode()
            whole = server.client()
            whole.send(session)
            expected = whole.rest()
            whole.close()
            self.assertIn(on_the_wire(MESSAGES[2]).replace(b"\r\n.", b"\r\n.."), expected)
            self.assertRegex(expected, rb"\+OK [^\r]*\r\n\Z")
            cut = server.client()
            for octet in session:
                cut.send(bytes([octet]))
                time.sleep(0.0005)
            self.assertEqual(cut.rest(), expected)
            cut.close()

    def test_a_reset_at_every_stage(self):
        """The server goes on, nothing is removed, and no lock stays behind."""
        server = self.make_server(start=False)
        server.write_users({"alice": password_of("alice"), "bob": SLOW_HASH})
        large = header(9) + b"\n" + b"0123456789abcdef" * 64 * 4000 + b"\n"
        for user in ("alice", "bob"):
            server.import_mail(user, MESSAGES + [large])
        server.start()
        log_in = ["USER alice", f"PASS {password_of('alice')}"]
        retrieves = b"".join(b"RETR %d\r\n" % number for number in range(1, 7))
        # What is said and answered, and what is sent last, not read.
        for said, last in (
                ([], b""), ([], b"US"), ([], b"USER alice\r\n"), ([], b"x" * 5000),
                ([], b"AUTH PLAIN\r\n"), ([], b"AUTH PLAIN\r\n" + b"A" * 3000),
                ([], f"AUTH PLAIN {plain('alice', password_of('alice'))}\r\n".encode()),
                (log_in[:1], b""), (log_in[:1], b"PASS sec"), (log_in[:1], log_in[1].encode() + b"\r\n"),
                (["USER bob"], f"PASS {SECRET}\r\n".encode()), (["USER bob"], b"PASS wrong\r\nUSER bob\r\n"),
                (log_in, b""), (log_in, b"STAT\r\nLI"), (log_in, b"LIST\r\nUIDL\r\n"), (log_in, b"RETR 6\r\n"),
                (log_in, retrieves * 5), (log_in, b"TOP 6 0\r\n"), (log_in, b"NOOP\r\n" * 10_000),
                ([*log_in, "DELE 1"], b""), ([*log_in, "DELE 1", "RETR 6"], b"QUI"), (log_in, b"QUIT\r\n")):
            with self.subTest(said=said, last=last[:40]):
                client = server.client()
                for command in said:
                    client.ok(command)
                client.send(last)
                client.reset()
                for user, password in (("alice", None), ("bob", SECRET)):
                    client = eventually(lambda user=user, password=password: logs_in(server, user, password))
                    self.assertEqual(client.count(), len(MESSAGES) + 1)
                    client.quit()
        client = server.client("alice")
        client.ok("DELE 1")
        client.send(b"QUIT\r\n")
        client.reset()
        client = eventually(lambda: logs_in(server, "alice"))
        self.assertIn(client.count(), (len(MESSAGES), len(MESSAGES) + 1))  # all of it or nothing
        client.quit()

    def test_a_cold_store(self):
        """Files that have to be read from the disk first: all arrives, and is counted."""
        server = self.make_server()
        large = header(9) + b"\n" + b"".join(b".%07d of a large one\n" % i for i in range(100_000))
        messages = MESSAGES + [large] + MESSAGES
        server.import_mail("alice", messages)
        if not self.make_cold(server):
            self.skipTest("cannot: this file system keeps its files in memory")
        for round_number in (1, 2):
            self.make_cold(server)
            client = server.client("alice")
            self.make_cold(server)
            self.assertEqual(len(client.lines("LIST")), len(messages))
            for number, message in enumerate(messages, 1):
                self.make_cold(server)
                self.assertEqual(client.retrieve(number), on_the_wire(message))
            time.sleep(0.15)  # what was in memory is believed to be there for a tenth of a second
            self.make_cold(server)
            client.send(b"".join(b"RETR %d\r\n" % number for number in range(1, len(messages) + 1)))
            for message in messages:
                self.assertTrue(client.line().startswith(b"+OK"))
                self.assertEqual(client.body(), on_the_wire(message))
            self.make_cold(server)
            top = on_the_wire(large).split(b"\r\n")[:header(9).count(b"\n") + 2]
            self.assertEqual(client.lines(f"TOP {messages.index(large) + 1} 1"), top)
            client.ok("DELE 1")
            self.make_cold(server)
            client.quit()
            messages = messages[1:]
            server.signal(signal.SIGUSR1)
            line = server.wait_for_log(" counters ", count=round_number)[-1]
            counters = dict(re.findall(r"(\w+)=(\d+)", line))
            self.assertGreater(int(counters["waiting_requests"]), 0)
            self.assertGreater(int(counters["cold_ranges"]), 0)

    @staticmethod
    def make_cold(server):
        """Drops the maildrop's files from the page cache; whether they are out of it now."""
        is_cold = True
        for path in glob.glob(os.path.join(server.maildrop("alice"), "*")):
            with open(path, "rb") as file:
                os.fsync(file)  # only what has been written can be dropped
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                try:
                    os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
                    is_cold = False
                except OSError as error:
                    is_cold = is_cold and error.errno == errno.EAGAIN
        return is_cold
