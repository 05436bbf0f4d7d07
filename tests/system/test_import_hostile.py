"""test_import_hostile: old servers that contradict themselves, and memories of imports with holes.

What a server says of its maildrop decides what comes and what goes, so whatever does not fit is one
sentence and changes nothing here. tests/system/test_import.py has what servers may do.
"""
import fcntl
import os
import signal
import subprocess
import time
from unittest import mock

from ringpost_server import PATIENCE
from test_import import FakePop3, ImportCase

# Kills the process before or after its n-th call of fdatasync.
KILLER = b"""
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file)
{
    static int calls;
    int number = 0;
    char moment[8];
    sscanf(getenv("RINGPOST_TEST_KILL"), "%7s %d", moment, &number);
    calls++;
    if (calls == number && *moment == 'b')
        kill(getpid(), SIGKILL);
    const int result = (int)syscall(SYS_fdatasync, file);
    if (calls == number)
        kill(getpid(), SIGKILL);
    return result;
}
"""

MAILS = [(b"%c" % letter, b"Subject: %c\r\n\r\ntext\r\n" % letter) for letter in b"abc"]
RAW = [raw for _, raw in MAILS]


class Answering(FakePop3):
    """Answers as FakePop3 does, but for the commands in `answers`; a text of None ends the connection."""

    def __init__(self, messages, answers, **how):
        self.answers = answers
        super().__init__(messages, **how)

    def talk(self, client):
        super().talk(Ear(client, self.answers))


class Ear:
    """A socket that hears which command an answer belongs to."""

    def __init__(self, client, answers):
        self.client, self.answers, self.command = client, answers, b""

    def makefile(self, mode):
        for line in self.client.makefile(mode):
            self.command = line.strip()
            yield line

    def sendall(self, data):
        answer = self.answers.get(self.command, data)
        if answer is None:
            raise OSError("the end")
        self.client.sendall(answer)


class HostileCase(ImportCase):
    def answering(self, answers, messages=tuple(MAILS), **how):
        server = Answering(messages, answers, **how)
        self.addCleanup(server.close)
        return self.pop3(server)

    def letters(self):
        return "".join(self.uidls("alice"))


class Memories(HostileCase):
    """The file `imported` after a crash, or after a disk that was full when it was to be written."""

    def test_what_is_missing_is_noted_again(self):
        right = self.answering({})
        self.ok("import", "pop3", "alice", *right)
        memory = self.drop_file("alice", "imported")
        os.truncate(memory, len(b"a\n"))
        for _ in range(2):
            self.assertIn(b"3 already there", self.ok("import", "pop3", "alice", *right))
            with open(memory, "rb") as file:
                self.assertEqual(file.read(), b"a\nb\nc\n")
        self.assertIn(b"2 removed", self.ok("import", "pop3", "alice", *self.answering({}, MAILS[:1]), "--remove-gone"))
        self.assertIn(b"3 already there", self.ok("import", "pop3", "alice", *right))
        self.assertEqual(self.letters(), "a")

    def test_many_are_missing(self):
        """More than the memory of one batch has room for, and new ones behind them."""
        names = [f"{n:05}." + "x" * 60 for n in range(6000)]
        source = self.make_maildir("m", {f"new/{name}": b"x\n" for name in names[:4500]})
        self.ok("import", "maildir", "alice", source)
        memory = self.drop_file("alice", "imported")
        os.truncate(memory, 0)
        for name in names[4500:]:
            self.write(f"m/new/{name}", b"x\n")
        self.assertIn(b"imported 1,500 messages, ", self.ok("import", "maildir", "alice", source))
        with open(memory, encoding="ascii") as file:
            self.assertTrue(file.read().split() == names)

    def test_a_lost_line_makes_no_guess_of_the_one_before(self):
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n", "new/12.c": b"three\n"})
        self.write("m/dovecot-uidlist", b"3 V1000 N8 G0123456789abcdef0123456789abcdef\n7 :10.a\n")
        self.ok("import", "maildir", "alice", source)
        memory, known = self.drop_file("alice", "imported"), b"00000007000003e8\n00000008000003e8\n 12.c\n"
        with open(memory, "r+b") as file:
            written = file.read()
            self.assertIn(known, written)
            file.seek(0)
            file.write(written.replace(known, known.replace(b"00000008000003e8", b"\0" * 16)))
        self.assertIn(b"2 already there", self.ok("import", "maildir", "alice", source))
        self.assertEqual(self.raw("alice"), [b"one\r\n", b"three\r\n"])


class Guesses(HostileCase):
    """A crash while messages come whose UIDs are foretold, and a Dovecot that numbers them otherwise."""

    COMES = (b"\t00000008000003e8 12.c\n",  # the intent; then the batch; then all of the lines
             b"00000007000003e8\n00000008000003e8\n 12.c\n\t\n")

    def setUp(self):
        super().setUp()
        self.source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n", "new/12.c": b"three\n"})
        self.number(b"")

    def add_user(self, name):
        with open(self.path("passwd"), "a", encoding="ascii") as file:
            file.write(f"{name}:{{PLAIN}}any::::::\n")

    def number(self, more):
        self.write("m/dovecot-uidlist", b"3 V1000 N8 G0123456789abcdef0123456789abcdef\n7 :10.a\n" + more)

    def all_come_once(self, user):
        """After Dovecot has seen a message more, and has given it the UID that was foretold for another."""
        self.write("m/new/11.b", b"two\n")
        self.number(b"8 :11.b\n9 :12.c\n")
        for _ in range(2):
            self.ok("import", "maildir", user, self.source)
            self.assertEqual(sorted(self.raw(user)), [b"one\r\n", b"three\r\n", b"two\r\n"])
        os.unlink(self.path("m", "new", "11.b"))
        self.number(b"")

    def memory(self, user):
        with open(self.drop_file(user, "imported"), "rb") as file:
            return file.read()

    def test_each_piece_of_the_lines(self):
        intents, lines = self.COMES
        for count in range(len(lines) + 1):
            with self.subTest(count=count):
                self.add_user(f"u{count}")
                self.ok("import", "maildir", f"u{count}", self.source)
                self.assertEqual(self.memory(f"u{count}"), intents + lines)
                os.truncate(self.drop_file(f"u{count}", "imported"), len(intents) + count)
                self.all_come_once(f"u{count}")

    def test_intents_without_a_batch(self):
        """They are settled, and say nothing of the message that has the UIDL later."""
        self.ok("import", "mbox", "alice", "-", data=b"")
        with open(self.drop_file("alice", "imported"), "wb") as file:
            file.write(b"\t00000008000003e8 11.b\n" + self.COMES[0])
        self.ok("import", "maildir", "alice", self.source)
        self.assertEqual(self.memory("alice"), b"\t00000008000003e8 11.b\n" + self.COMES[0] + b"\t\n" + b"".join(self.COMES))
        self.all_come_once("alice")

    def test_intents_that_are_none(self):
        self.ok("import", "mbox", "alice", "-", data=b"")
        with open(self.drop_file("alice", "imported"), "wb") as file:
            file.write(b"\t" + b"x" * 300_000 + b" y\n\tz\n\t \n\t\0 a\n\ta \0\n\tb c")
        self.assertIn(b"imported 2 messages", self.ok("import", "maildir", "alice", self.source))
        self.all_come_once("alice")

    def test_killed_at_each_sync(self):
        library = self.path("killer.so")
        self.write("killer.c", KILLER)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, self.path("killer.c")], check=True)
        for moment in ("before", "after"):
            for number in range(1, 100):
                user = f"{moment}{number}"
                self.add_user(user)
                with mock.patch.dict(os.environ, LD_PRELOAD=library, RINGPOST_TEST_KILL=f"{moment} {number}"):
                    done = self.run_it("import", "maildir", user, self.source)
                self.all_come_once(user)
                if done.returncode == 0:
                    break
                self.assertEqual(done.returncode, -signal.SIGKILL)
            self.assertGreater(number, 5)



class Lists(HostileCase):
    """What does not fit brings nothing twice, and removes nothing, the first time and later."""

    def refused(self, pattern, answers):
        for user, uidls in (("alice", ["a", "b", "c"]), ("bob", [])):
            self.fails(1, pattern, "import", "pop3", user, *self.answering(answers), "--remove-gone")
            self.assertEqual(self.uidls(user), uidls)

    def test_list_and_uidl_that_do_not_fit(self):
        self.ok("import", "pop3", "alice", *self.answering({}))
        for name, command, lines in (
                ("a number twice", b"LIST", b"1 20\r\n1 20\r\n2 20\r\n3 20\r\n"),
                ("another order", b"LIST", b"2 20\r\n1 20\r\n3 20\r\n"),
                ("messages without a line", b"UIDL", b"1 a\r\n"),
                ("no line at all", b"UIDL", b""),
                ("a line without a message", b"LIST", b"1 20\r\n2 20\r\n"),
                ("another order of UIDLs", b"UIDL", b"2 b\r\n1 a\r\n3 c\r\n"),
                ("a UIDL twice", b"UIDL", b"1 a\r\n2 b\r\n2 c\r\n3 c\r\n"),
                ("no number", b"UIDL", b"1 a\r\n2 b\r\nthree c\r\n")):
            with self.subTest(name):
                self.refused("answers LIST in a way that cannot be read|names other messages in UIDL than in LIST",
                             {command: b"+OK\r\n" + lines + b".\r\n"})

    def test_uidl_refused_by_a_server_that_has_it(self):
        self.ok("import", "pop3", "alice", *self.answering({}))
        for capability in (b"UIDL", b"uidl"):
            self.refused("refuses UIDL, which it has", {b"UIDL": b"-ERR [SYS/TEMP] later\r\n",
                                                        b"CAPA": b"+OK\r\nUSER\r\n%s\r\n.\r\n" % capability})


class Bodies(HostileCase):
    def test_nothing_of_a_message_is_no_message(self):
        """Also what Dovecot makes of a mail whose first line is a dot alone: it does not double that dot."""
        for answer in (b"+OK\r\n.\r\n", b"+OK\r\n.\r\nSubject: b\r\n\r\ntext\r\n.\r\n"):
            with self.subTest(answer):
                self.fails(1, "message 2 of alice: the old server refuses to give it, gives nothing of it",
                           "import", "pop3", "alice", *self.answering({b"RETR 2": answer}))
                self.assertEqual(self.letters(), "ac")
        self.assertIn(b"imported 1 message, ", self.ok("import", "pop3", "alice", *self.answering({})))
        self.assertEqual(self.letters(), "acb")
        done = self.run_it("compare", "alice", "--with", *self.answering({b"RETR 2": answer}), "--bytes")
        self.assertRegex(done.stdout, rb"message 3, UIDL b: the other server does not give it")

    def test_a_message_that_always_ends_the_connection(self):
        gone = self.answering({b"RETR 2": None})
        self.fails(1, "message 2 of alice: .*has ended the connection", "import", "pop3", "alice", *gone, "--remove-gone",
                   sentences=2)
        self.assertEqual(self.letters(), "ac")
        many = [(b"%d" % n, b"text\r\n") for n in range(1, 100)]
        none = self.answering({b"RETR %d" % n: None for n in range(3, 100)}, many)
        self.fails(1, "message 3 of bob(.|\n)*message 5 of bob(.|\n)*URL has ended the connection: try again"
                   .replace("URL", none[0]), "import", "pop3", "bob", *none, sentences=4)
        self.assertEqual(self.uidls("bob"), ["1", "2"])

    def test_what_nobody_has_asked_for_is_no_answer(self):
        for more in (b"+OK\r\n", b"-ERR [SYS/TEMP] going down\r\n", b"+OK"):
            with self.subTest(more):
                user = "user" + str(len(more))
                self.ok("user", "add", user, "--scheme", "plain", data=b"x\n")
                self.ok("import", "pop3", user, *self.answering({b"RETR 1": b"+OK\r\n" + RAW[0] + b".\r\n" + more}))
                self.assertEqual(self.raw(user), RAW)


class SharedUidls(HostileCase):
    """Of two messages with one UIDL nobody can tell which of them has gone."""

    def test_none_goes_while_one_is_there(self):
        shared = [(b"s", b"one\r\n"), (b"x", b"two\r\n"), (b"s", b"three\r\n"), (b"s", b"four\r\n")]
        self.run_it("import", "pop3", "alice", *self.answering({}, shared))
        self.assertEqual(self.raw("alice"), [raw for _, raw in shared])
        for _ in range(2):
            done = self.ok("import", "pop3", "alice", *self.answering({}, shared[3:]), "--remove-gone")
            self.assertIn(b"1 already there", done)
            self.assertEqual(self.raw("alice"), [b"one\r\n", b"three\r\n", b"four\r\n"])
        self.assertIn(b"3 already there", self.ok("import", "pop3", "alice", *self.answering({}, [shared[i] for i in (0, 2, 3)]),
                                                  "--remove-gone"))
        self.assertIn(b"3 removed", self.ok("import", "pop3", "alice", *self.answering({}, []), "--remove-gone"))
        self.assertEqual(self.raw("alice"), [])

    def test_of_an_mbox(self):
        mail = b"From a Mon Jan  1 10:00:00 2024\nX-UIDL: s\n\n%s\n\n"
        self.run_it("import", "mbox", "alice", "-", data=mail % b"one" + mail % b"two")
        self.ok("import", "mbox", "alice", "-", "--remove-gone", data=mail % b"two")
        self.assertEqual(len(self.listed("alice")), 2)


class MboxesThatChange(HostileCase):
    """Whoever delivers to an mbox, or removes from it, has it locked."""

    first = b"From a Mon Jan  1 10:00:01 2024\nX-IMAPbase: 1 5\nX-UID: 5\n\none\n\n"
    half, rest = b"From a Mon Jan  1 10:00:02 2024\n\nnot seen", b" yet\n\n"

    def test_delivery_at_the_same_moment(self):
        source = self.write("m", self.first + self.half)
        with open(source, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            child = subprocess.Popen(self.command("import", "mbox", "alice", source, "--uidl-format", "dovecot"),
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            time.sleep(0.5)
            file.seek(0, os.SEEK_END)
            file.write(self.rest)
        self.assertIn(b"imported 2 messages", child.communicate(timeout=30 * PATIENCE)[0])
        self.assertEqual(self.raw("alice")[1], b"\r\nnot seen yet\r\n")

    def test_interrupt_while_it_is_locked(self):
        source = self.write("m", self.first)
        with open(source, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            child = subprocess.Popen(self.command("import", "mbox", "alice", source), stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
            time.sleep(0.5)
            child.terminate()
            self.assertRegex(child.communicate(timeout=30 * PATIENCE)[0], rb"\Aringpost: .*interrupted.*\n\Z")
        self.assertEqual(child.returncode, 1)
