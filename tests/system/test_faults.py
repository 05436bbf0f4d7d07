"""test_faults: what breaks is answered, and nothing is lost.

Damage in the files of a maildrop, a store that is not there, a server that is killed, descriptors
that run out, users and configurations with mistakes, and the way a server stops.
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from ringpost_server import (PATIENCE, RINGPOSTD, SANITIZED, Pop3, ServerTest, free_port, on_the_wire,
                             password_of)

RECORD_BYTES = 128
MESSAGES = [b"Subject: message %d\n\n%s\n" % (number, b"text %d " % number * 40) for number in range(1, 6)]
PASS = f"PASS {password_of('alice')}"


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        octet = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([octet ^ 0x20]))


class DamagedFiles(ServerTest):
    def setUp(self):
        self.server = self.make_server(["alice", "bob"])
        self.server.import_mail("alice", MESSAGES)

    def served(self, numbers=range(1, 6)):
        """These messages are served as they were; the client that has seen it."""
        client = self.server.client("alice")
        for number in numbers:
            self.assertEqual(client.retrieve(number), on_the_wire(MESSAGES[number - 1]))
        return client

    def test_a_torn_tail_of_the_index(self):
        index = self.server.index("alice")
        with open(index, "rb") as file:
            good = file.read()
        for torn in (good[-RECORD_BYTES:-1], b"\0", b"\0" * 500, b"x" * (RECORD_BYTES - 1)):
            with open(index, "wb") as file:
                file.write(good + torn)
            client = self.served()
            self.assertEqual(client.count(), len(MESSAGES))
            client.quit()
        # A delivery after that, and a removal, work on what counts.
        self.server.ringpost("deliver", "alice", data=b"Subject: after\n\n")
        client = self.served()
        self.assertEqual(client.retrieve(6), b"Subject: after\r\n\r\n")
        client.ok("DELE 6")
        client.quit()
        self.served().quit()

    def test_a_damaged_record_at_the_end_is_not_built_upon(self):
        """A whole record that cannot be read may have been a mail: it is not overwritten."""
        index = self.server.index("alice")
        flip(index, os.path.getsize(index) - 20)
        with open(index, "rb") as file:
            before = file.read()
        client = self.served([1, 2, 3, 4])
        client.quit()
        self.server.ringpost("deliver", "alice", data=b"Subject: later\n\n", status=75)
        with open(index, "rb") as file:
            self.assertEqual(file.read(), before)
        flip(index, os.path.getsize(index) - 20)
        self.served().quit()

    def test_a_flipped_octet_in_the_wire(self):
        wire = self.server.wire("alice")
        with open(wire, "rb") as file:
            at = file.read().index(b"text 3 ")
        flip(wire, at)
        client = self.served([1, 2, 4, 5])
        client.refused("RETR 3", b"[SYS/PERM]")
        client.refused("TOP 3 1", b"[SYS/PERM]")
        self.assertEqual(client.count(), len(MESSAGES))
        client.quit()
        flip(wire, at)
        self.served().quit()

    def test_a_flipped_octet_in_the_index(self):
        index = self.server.index("alice")
        flip(index, 3 * RECORD_BYTES + 20)  # the record of message 3
        client = self.served([1, 2, 4, 5])
        client.refused("RETR 3", b"[SYS/PERM]")
        self.assertEqual(client.count(), len(MESSAGES))
        self.assertEqual(len(client.lines("UIDL")), len(MESSAGES))
        client.quit()
        flip(index, 3 * RECORD_BYTES + 20)
        self.served().quit()

    def test_a_flipped_octet_in_the_head_of_the_index(self):
        flip(self.server.index("alice"), 60)
        client = self.server.client()
        client.ok("USER alice")
        answer = client.say(PASS)
        if answer.startswith(b"+OK"):  # then nothing of it may be hidden
            self.assertEqual(client.count(), len(MESSAGES))
            client.refused("RETR 1", b"[SYS/PERM]")
        else:
            self.assertTrue(answer.startswith(b"-ERR [SYS/PERM]"), answer)
        client.close()
        self.server.client("bob").quit()

    def test_an_empty_index_hides_nothing(self):
        """An index of no octets beside mail is a fault, not an empty maildrop."""
        os.truncate(self.server.index("alice"), 0)
        client = self.server.client()
        client.ok("USER alice")
        client.refused(PASS, b"[SYS/")
        client.close()

    def test_no_index_beside_mail(self):
        """A maildrop whose index is gone is not an empty one."""
        os.remove(self.server.index("alice"))
        client = self.server.client()
        client.ok("USER alice")
        client.refused(PASS, b"[SYS/")
        client.close()

    def test_an_index_without_wire(self):
        os.remove(self.server.wire("alice"))
        client = self.server.client("alice")
        self.assertEqual(client.count(), len(MESSAGES))
        for number in range(1, 6):
            client.refused(f"RETR {number}", b"[SYS/")
        client.refused("TOP 1 0", b"[SYS/")
        client.quit()

    def test_a_wire_shorter_than_the_index(self):
        wire = self.server.wire("alice")
        with open(wire, "rb") as file:
            good = file.read()
        for size in (len(good) - 1, good.index(b"text 4 "), 0):
            os.truncate(wire, size)
            client = self.served([n for n in (1, 2, 3) if good.index(b"text %d " % n) < size])
            client.refused("RETR 5", b"[SYS/PERM]")
            client.quit()

    def test_the_wire_is_truncated_while_it_is_sent(self):
        large = b"Subject: large\n\n" + b"0123456789abcdef" * 64 * 20_000 + b"\n"
        self.server.import_mail("bob", [large])
        for _ in range(3):
            client = Pop3(self.server.port)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.log_in("bob")
            client.ok("RETR 1")
            wire = self.server.wire("bob")
            shutil.copy(wire, wire + ".keep")
            os.truncate(wire, 100_000)
            rest = client.rest()
            self.assertLess(len(rest), len(on_the_wire(large)))
            self.assertFalse(rest.endswith(b"\r\n.\r\n"))  # nobody takes it for whole
            client.close()
            with open(wire + ".keep", "rb") as good, open(wire, "r+b") as file:
                shutil.copyfileobj(good, file)
            os.remove(wire + ".keep")
        self.server.wait_for_log("user=bob .*reason=storage-fault", count=3)
        self.served().quit()
        client = self.server.client("bob")
        self.assertEqual(client.retrieve(1), on_the_wire(large))
        client.quit()

    def test_the_store_is_not_there(self):
        """Without the sentinel nobody is told that he has no mail."""
        os.remove(os.path.join(self.server.store, "ringpost-store"))
        client = self.server.client()
        client.ok("USER bob")  # he has no maildrop yet
        client.refused(f"PASS {password_of('bob')}", b"[SYS/TEMP]")
        client.close()
        with open(os.path.join(self.server.store, "ringpost-store"), "w", encoding="ascii"):
            pass
        client = self.server.client("bob")
        self.assertEqual(client.count(), 0)
        client.quit()

    def test_an_update_that_fails_removes_nothing(self):
        """QUIT says -ERR where the index cannot be written, and all is as before."""
        client = self.server.client("alice")
        client.ok("DELE 1")
        index = self.server.index("alice")
        # The record that the session began with is no longer what it was: it must not be built upon.
        with open(index, "rb") as file:
            good = file.read()
        os.truncate(index, len(good) - RECORD_BYTES)
        client.refused("QUIT", b"[SYS/")
        self.assertEqual(client.rest(), b"")
        client.close()
        with open(index, "wb") as file:
            file.write(good)
        self.served().quit()


class Killed(ServerTest):
    def test_kill_frees_the_maildrop_and_deletes_nothing(self):
        server = self.make_server()
        server.import_mail("alice", MESSAGES)
        client = server.client("alice")
        client.ok("DELE 1")
        server.kill()
        client.close()
        server.start()
        client = server.client("alice")
        self.assertEqual(client.count(), len(MESSAGES))
        client.quit()

    def test_kill_in_the_middle_of_an_update(self):
        """All of an UPDATE or nothing; all of it where +OK was said."""
        server = self.make_server()
        chance = random.Random(1)
        for _ in range(6 if SANITIZED else 20):
            server.import_mail("alice", MESSAGES * 20)
            client = server.client("alice")
            before = client.lines("UIDL")
            for number in range(1, len(before), 2):
                client.send(b"DELE %d\r\n" % number)
            for number in range(1, len(before), 2):
                client.line()
            client.send(b"QUIT\r\n")
            time.sleep(chance.random() * 0.004)
            server.kill()
            answered = client.rest().startswith(b"+OK")
            client.close()
            server.ringpost("verify", "alice")
            server.start()
            client = server.client("alice")
            left = client.count()
            half = len(before) - len(range(1, len(before), 2))
            self.assertIn(left, (half,) if answered else (half, len(before)))
            for number in range(1, left + 1):
                client.retrieve(number)
                client.ok(f"DELE {number}")
            client.quit()


class Running(ServerTest):
    def test_descriptors_run_out(self):
        """The server goes on, does not spin, and serves again when there is room."""
        server = self.make_server(start=False, connections=1000)
        server.import_mail("alice", MESSAGES)
        server.open_files_max = 80
        server.start()
        clients = []
        for _ in range(120):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            clients.append(connection)
        time.sleep(0.5)
        before = self.cpu_s(server)
        time.sleep(1.5)
        self.assertLess(self.cpu_s(server) - before, 0.5)
        for connection in clients:
            connection.close()
        end = time.monotonic() + 20 * PATIENCE
        while True:
            try:
                client = server.client("alice")
                break
            except (OSError, AssertionError):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
        self.assertEqual(client.retrieve(1), on_the_wire(MESSAGES[0]))
        client.quit()

    @staticmethod
    def cpu_s(server):
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_users_are_re_read(self):
        server = self.make_server(["alice"], shards=2)
        server.client("alice").quit()  # remembered, where passwords are remembered
        client = server.client()
        client.ok("USER bob")
        client.refused(f"PASS {password_of('bob')}", b"[AUTH]")
        client.close()
        session = server.client("alice")
        server.write_users({"alice": "changed", "bob": password_of("bob")})
        server.signal(signal.SIGHUP)
        self.eventually_logs_in(server, "bob", password_of("bob"))
        session.ok("NOOP")  # sessions go on
        session.quit()
        for _ in range(4):
            client = server.client()
            client.ok("USER alice")
            client.refused(PASS, b"[AUTH]")
            client.ok("USER alice")
            client.ok("PASS changed")
            client.quit()

    def eventually_logs_in(self, server, user, password):
        end = time.monotonic() + 10 * PATIENCE
        for good in range(8):  # on every shard, in the end
            while True:
                client = server.client()
                client.ok(f"USER {user}")
                answer = client.say(f"PASS {password}")
                client.ok("QUIT")
                client.close()
                if answer.startswith(b"+OK"):
                    break
                self.assertLess(time.monotonic(), end, answer)
                time.sleep(0.05)

    def test_a_broken_passwd_file_changes_nothing(self):
        server = self.make_server(["alice"])
        with open(server.passwd, "a", encoding="utf-8") as file:
            file.write("broken line without fields\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log(re.escape(server.passwd) + r".*:2")
        server.client("alice").quit()
        os.remove(server.passwd)
        server.signal(signal.SIGHUP)
        time.sleep(0.2)
        server.client("alice").quit()

    def test_stop_lets_sessions_end(self):
        server = self.make_server(["alice", "bob"], shutdown_timeout=20)
        server.import_mail("alice", MESSAGES)
        stranger = server.client()
        session = server.client("alice")
        session.ok("DELE 1")
        server.signal(signal.SIGTERM)
        self.assertEqual(stranger.rest(), b"")
        end = time.monotonic() + 5 * PATIENCE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
                time.sleep(0.02)
            except OSError:
                break
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        self.assertEqual(session.retrieve(2), on_the_wire(MESSAGES[1]))
        session.quit()
        self.assertEqual(server.process.wait(10 * PATIENCE), 0)
        server.stop()
        server.start()
        client = server.client("alice")
        self.assertEqual(client.count(), len(MESSAGES) - 1)
        client.quit()

    def test_stop_ends_sessions_at_the_deadline(self):
        server = self.make_server(shutdown_timeout=1)
        server.import_mail("alice", MESSAGES)
        session = server.client("alice")
        session.ok("DELE 1")
        begin = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - begin, 6 * PATIENCE)
        self.assertEqual(session.rest(), b"")
        session.close()
        server.wait_for_log("logout user=alice .*reason=shutdown")
        server.start()
        client = server.client("alice")
        self.assertEqual(client.count(), len(MESSAGES))
        client.quit()

    def test_log_lines(self):
        server = self.make_server(["alice"])
        server.import_mail("alice", MESSAGES)
        octets = sum(len(on_the_wire(message)) for message in MESSAGES)
        client = server.client("alice")
        for number in (1, 2):
            client.retrieve(number)
        client.ok("DELE 1")
        client.quit()
        line, = server.wait_for_log(r" login user=alice ")
        self.assertRegex(line, rf" login user=alice peer=127\.0\.0\.1:\d+ (listener=pop3 )?"
                               rf"messages={len(MESSAGES)} octets={octets}\b")
        line, = server.wait_for_log(r" logout user=alice ")
        self.assertRegex(line, r" logout user=alice peer=127\.0\.0\.1:\d+ .*reason=quit .*retrieved=2\b")
        self.assertRegex(line, r" retrieved_octets=\d+ deleted=1 duration_ms=\d+")
        client = server.client()
        client.ok("USER ev\xefl\"user")
        client.refused("PASS very-secret", b"[AUTH]")
        client.close()
        server.wait_for_log(r"ev\\xEFl\\x22user")
        client = server.client("alice")
        client.reset()
        server.wait_for_log(r" logout user=alice .*reason=disconnected")
        self.assertNotIn("secret", server.log())


class Starting(ServerTest):
    def run_server(self, server, *arguments):
        result = subprocess.run([RINGPOSTD, "-c", server.config, *arguments], capture_output=True, text=True,
                                timeout=20 * PATIENCE)
        return result.returncode, result.stderr.strip()

    def refused(self, server, pattern, *arguments):
        status, message = self.run_server(server, *arguments)
        self.assertEqual(status, 2, message)
        self.assertEqual(len(message.splitlines()), 1, message)
        self.assertRegex(message, pattern)

    def test_wrong_configurations(self):
        server = self.make_server(start=False)
        good = open(server.config, encoding="utf-8").read()
        lines = good.count("\n")
        path = re.escape(server.config)
        for extra, pattern in (
                ('stroe = "/x"\n', "stroe"),
                ("shards = many\n", "shards"),
                ("shards = -1\n", "shards"),
                ("idle-timeout = 599\n", "idle-timeout"),
                ("login-timeout = 9\n", "login-timeout"),
                ("refusals-before-login = 2\n", "refusals-before-login"),
                ("plaintext-login = maybe\n", "plaintext-login"),
                ("listener other { address = \"127.0.0.1\" }\n", "address"),
                ("listener other { address = \"somewhere:110\" }\n", "address"),
                ("listener other { port = 110 }\n", "port"),
                ("listener other {\n", "."),
                ("apop = \n", "."),
        ):
            server.write_config(good + extra)
            for arguments in ((), ("-t",)):
                self.refused(server, rf"{path}:{lines + 1}\b.*{pattern}|{path}:{lines + 2}\b.*{pattern}", *arguments)
        server.write_config('store = "/x"\n')
        self.refused(server, rf"{path}.*listener")
        os.remove(server.config)
        self.refused(server, path)

    def test_a_good_configuration_is_checked_without_a_start(self):
        server = self.make_server(start=False)
        status, _ = self.run_server(server, "-t")
        self.assertEqual(status, 0)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", server.port))
            probe.listen()
            self.assertEqual(self.run_server(server, "-t")[0], 0)  # it opens no port

    def test_version(self):
        result = subprocess.run([RINGPOSTD, "-V"], capture_output=True, text=True, timeout=20 * PATIENCE)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"(?i)ringpost\S* \d")

    def test_a_port_in_use(self):
        server = self.make_server(start=False)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", server.port))
            taken.listen()
            self.refused(server, rf"{re.escape(server.config)}:\d+\b.*{server.port}")

    def test_a_second_server_on_the_same_port(self):
        """SO_REUSEPORT is for the shards of one server, not for two servers."""
        server = self.make_server()
        self.refused(server, str(server.port))
        server.client("alice").quit()

    def test_no_passwd_file(self):
        server = self.make_server(start=False)
        os.remove(server.passwd)
        self.refused(server, re.escape(server.passwd))

    def test_a_store_that_is_not_mounted(self):
        """An empty folder may be a mount point without its mount: the server does not begin there."""
        server = self.make_server(start=False)
        shutil.rmtree(server.store)
        os.mkdir(server.store)
        self.refused(server, "store")
        self.assertEqual(os.listdir(server.store), [])

    def test_a_store_that_is_a_file(self):
        server = self.make_server(start=False)
        shutil.rmtree(server.store)
        with open(server.store, "w", encoding="ascii"):
            pass
        self.refused(server, re.escape(server.store))

    def test_one_of_several_ports_in_use_starts_nothing(self):
        server = self.make_server(start=False)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", free_port()))
            taken.listen()
            text = open(server.config, encoding="utf-8").read()
            server.write_config(text + f'listener second {{ address = "127.0.0.1:{taken.getsockname()[1]}" }}\n')
            self.refused(server, str(taken.getsockname()[1]))

    def test_several_listeners(self):
        server = self.make_server(start=False)
        second, path = free_port(), os.path.join(server.folder, "socket")
        text = open(server.config, encoding="utf-8").read()
        server.write_config(text + f'listener second {{ address = "127.0.0.1:{second}" }}\n'
                                   f'listener local {{ address = "unix:{path}" }}\n')
        server.start()
        client = Pop3(second)
        client.log_in("alice")
        client.quit()
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(20)
            local.connect(path)
            self.assertTrue(local.recv(512).startswith(b"+OK"))
            local.sendall(b"QUIT\r\n")
            self.assertTrue(local.recv(512).startswith(b"+OK"))
        server.stop()
        server.start()  # also where the socket of the last time is left
