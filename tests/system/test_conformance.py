"""test_conformance: clauses that docs/CONFORMANCE.md names and no other test proves.

Minutes without a command are made to pass by a clock that runs ahead: a small library, compiled
here and loaded before the server's own, adds to its steady clock as many seconds as the test has
written into a file.
"""
import mmap
import os
import re
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from base64 import b64encode
from unittest import mock

from ringpost_server import ANSWER_S, TOP, Pop3, ServerTest, password_of

CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile long *ahead_s;

__attribute__((constructor)) static void begin(void)
{
    int file = open(getenv("RINGPOST_TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *memory = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || memory == MAP_FAILED)
        abort();
    ahead_s = memory;
}

int clock_gettime(clockid_t clock, struct timespec *out_time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, out_time);
    if (ahead_s != NULL && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
        out_time->tv_sec += *ahead_s;
    return result;
}
"""

# RFC 2449 section 8.1, RFC 3206 sections 4 and 5.
RESPONSE_CODES = {b"IN-USE", b"SYS/TEMP", b"SYS/PERM", b"AUTH"}

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 * 262_144 + b"\r\n"
MEGABYTE = 1 << 20


class IdleTimeout(ServerTest):
    """RFC 1939 section 3: ten minutes at least, and then no UPDATE."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-test-")
        self.addCleanup(folder.cleanup)
        source, library, clock = (os.path.join(folder.name, name) for name in ("clock.c", "clock.so", "clock"))
        with open(source, "w", encoding="ascii") as file:
            file.write(CLOCK)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        with open(clock, "w+b") as file:
            file.truncate(mmap.PAGESIZE)
            self.clock = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.addCleanup(self.clock.close)
        self.ahead_s = 0
        self.server = self.make_server(start=False)
        with mock.patch.dict(os.environ, LD_PRELOAD=library, RINGPOST_TEST_CLOCK=clock):
            self.server.start()

    def pass_time(self, seconds):
        """Lets so many seconds pass, and the server look at its timers, which it does each second."""
        self.ahead_s += seconds
        self.clock[:8] = struct.pack("@l", self.ahead_s)
        time.sleep(2.2)

    def test_ten_minutes_and_then_no_update(self):
        self.server.import_mail("alice", [b"Subject: 1\n\n", b"Subject: 2\n\n"])
        client = self.server.client("alice")
        client.ok("DELE 1")
        for _ in range(3):  # each command begins the time anew
            self.pass_time(596)
            client.ok("NOOP")
        self.pass_time(602)
        self.assertEqual(client.rest(), b"")  # without a word
        client.close()
        self.server.wait_for_log("logout user=alice .*reason=idle-timeout .*deleted=0")
        client = self.server.client("alice")
        self.assertEqual(client.count(), 2)
        client.quit()

    def large_download(self):
        self.server.import_mail("alice", [LARGE])
        client = Pop3(self.server.port)
        self.addCleanup(client.close)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.log_in("alice")
        client.send(b"RETR 1\r\n")
        self.fetch(client, MEGABYTE)
        return client

    @staticmethod
    def fetch(client, count):
        while len(client.buffer) < count:
            assert client.fill(), "closed in the middle of a download"

    def test_a_slow_download_is_activity(self):
        client = self.large_download()
        for megabytes in (5, 9, 13):
            self.pass_time(400)
            self.fetch(client, megabytes * MEGABYTE)
        self.assertEqual(client.line(), b"+OK %d octets" % len(LARGE))
        self.assertEqual(client.body(), LARGE)
        client.quit()

    def test_a_download_that_does_not_move_is_none(self):
        client = self.large_download()
        time.sleep(1)  # until the buffers between here and there are full
        self.pass_time(602)
        self.assertLess(len(client.rest()), len(LARGE))
        self.server.wait_for_log("logout user=alice .*reason=idle-timeout")


class ResponseCodes(unittest.TestCase):
    def test_a_text_in_brackets_is_a_code_and_only_after_err(self):
        """RFC 2449 section 6.4: nothing else may begin with a bracket. Transcripts are exact."""
        folder = os.path.join(TOP, "tests", "transcripts")
        seen = set()
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".txt")):
            with open(os.path.join(folder, name), "rb") as file:
                for line in file.read().splitlines():
                    match = re.match(rb"S: (\+OK|-ERR) *\[(.*?)\]? ", line)
                    if match:
                        self.assertEqual(match.group(1), b"-ERR", (name, line))
                        self.assertRegex(line, rb"^S: -ERR \[[A-Z/-]+\] \S", name)
                        seen.add(match.group(2))
        self.assertEqual(seen, RESPONSE_CODES)


class Strangers(ServerTest):
    def test_an_unknown_user_takes_as_long_as_a_wrong_password(self):
        server = self.make_server((), shards=1, password_threads=1, login_cache_time=0)
        server.ringpost("user", "add", "carol", "--scheme", "yescrypt", data=b"right one\n")
        server.stop()
        with open(server.passwd, "a", encoding="ascii") as file:
            file.write("locked:!\n")
        server.start()
        wrong, unknown, locked = (self.shortest_s(server, user) for user in ("carol", "nobody", "locked"))
        self.assertGreater(wrong, 0.001)  # else there is nothing that could be told apart
        for other in (unknown, locked):
            self.assertTrue(wrong / 2 < other < wrong * 2, (wrong, unknown, locked))

    @staticmethod
    def shortest_s(server, user):
        times = []
        for _ in range(8):
            client = server.client()
            client.ok(f"USER {user}")
            begin = time.monotonic()
            client.refused("PASS wrong one", b"[AUTH]")
            times.append(time.monotonic() - begin)
            client.quit()
        return min(times)


class OnBehalf(ServerTest):
    def test_nobody_opens_the_maildrop_of_another(self):
        """RFC 4616 section 2: the authorization identity of PLAIN, with a password that is right."""
        server = self.make_server(["alice", "bob"])
        server.import_mail("bob", [b"Subject: for bob\n\n"])
        for identity, allowed in (("bob", False), ("nobody", False), ("alice ", False), ("alice", True)):
            client = server.client()
            message = f"{identity}\0alice\0{password_of('alice')}".encode()
            command = b"AUTH PLAIN " + b64encode(message) + b"\r\n"
            if allowed:
                client.ok(command)
                self.assertEqual(client.count(), 0)
            else:
                client.refused(command, b"[AUTH]")
                client.refused("STAT")
            client.quit()


class Document(unittest.TestCase):
    """docs/CONFORMANCE.md names tests that are there, and its checker would notice if not."""

    def check(self, *arguments):
        return subprocess.run([os.path.join(TOP, "tools", "check_conformance"), *arguments],
                              capture_output=True, text=True, timeout=ANSWER_S)

    def test_every_test_it_names_is_there(self):
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_a_missing_test_is_noticed(self):
        head = "| clause | what we do | test |\n|---|---|---|\n"
        for cell in ("`tests/transcripts/no_such.txt`", "`tests/unit/test_line.c: line, no_such`",
                     "`tests/unit/no_such.c: line, empty`", "`tests/system/test_protocol.py: Protocol.test_no_such`",
                     "`tests/system/test_protocol.py: NoSuch.test_top`", "`tests/transcripts/top.txt: surplus`",
                     "`tests/unit/test_line.c`", "no test at all", ""):
            with tempfile.NamedTemporaryFile("w", suffix=".md") as file:
                file.write(f"{head}| 1 | good | `tests/transcripts/top.txt` |\n| 2 | bad | {cell} |\n")
                file.flush()
                result = self.check(file.name)
                self.assertEqual(result.returncode, 1, (cell, result.stdout))
                self.assertIn(f"{file.name}:4:", result.stdout)
                self.assertNotIn(f"{file.name}:3:", result.stdout)


if __name__ == "__main__":
    unittest.main()
