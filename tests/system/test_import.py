"""test_import: what `ringpost import` and `compare` make of other servers' files, and of bad ones.

Spools of Courier, Cyrus, qpopper and UW are made here byte by byte; so are POP3 servers that lose
connections, change in between, know no UIDL, or break TLS. Each fault is one sentence and the right
exit status. tests/system/test_migration.py has the real Dovecot.
"""
import contextlib
import fcntl
import os
import pty
import re
import resource
import socket
import struct
import subprocess
import threading
import time
import zlib

from mails import MEAN
from ringpost_server import PATIENCE, RINGPOST, on_the_wire
from test_ringpost_cli import Case


def cyrus_index(version, uid_validity, records, new_uidl=True, show_after=0):
    """The bytes of a cyrus.index; a record is (uid, time, flags)."""
    header_bytes, record_bytes = {6: (76, 60), 9: (96, 80), 10: (96, 88), 12: (128, 96),
                                  13: (128, 104), 17: (160, 112), 19: (160, 112), 20: (192, 144)}[version]
    wide = version >= 20
    header = bytearray(header_bytes)
    struct.pack_into(">IIIIII", header, 0, 1, 0, version, header_bytes, record_bytes, len(records))
    struct.pack_into(">I", header, 92 if wide else 44, uid_validity)
    struct.pack_into(">I", header, 64 if version >= 19 else 60, 1 if new_uidl else 0)
    if wide:
        struct.pack_into(">Q", header, 112, show_after * 10**9)
    elif version >= 13:
        struct.pack_into(">I", header, 112, show_after)
    parts = [sealed(header, version)]
    for uid, when, flags in records:
        record = bytearray(record_bytes)
        struct.pack_into(">I", record, 0, uid)
        if wide:
            struct.pack_into(">Q", record, 8, when * 10**9)
            struct.pack_into(">I", record, 36, flags)
        else:
            struct.pack_into(">I", record, 4, when)
            struct.pack_into(">I", record, 32, flags)
        parts.append(sealed(record, version))
    return b"".join(parts)


def sealed(part, version):
    if version >= 12:
        struct.pack_into(">I", part, len(part) - 4, zlib.crc32(bytes(part[:-4])))
    return bytes(part)


class FakePop3:
    """A POP3 server of a few lines that can be told to misbehave.

    `messages` is a list of (UIDL, wire octets); `lose_at` numbers at whose RETR the connection ends
    once; `on_connect(server, n)` may change things before the n-th connection is served.
    """

    def __init__(self, messages, uidl=True, lose_at=(), refuse=(), on_connect=None, silent=False):
        self.messages, self.uidl, self.lose_at = list(messages), uidl, set(lose_at)
        self.refuse, self.on_connect, self.silent = set(refuse), on_connect, silent
        self.connections, self.retrieved = 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"pop3://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.on_connect:
                self.on_connect(self, self.connections)
            with client, contextlib.suppress(OSError):
                if not self.silent:
                    self.talk(client)

    def talk(self, client):
        lines = client.makefile("rb")
        client.sendall(b"+OK here\r\n")
        for line in lines:
            words = line.decode("latin-1").split()
            verb = words[0].upper()
            if verb == "CAPA":
                client.sendall(b"+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n")
            elif verb == "AUTH":
                if len(words) < 3:
                    client.sendall(b"+ \r\n")
                    next(lines)
                client.sendall(b"+OK\r\n")
            elif verb in ("USER", "PASS"):
                client.sendall(b"+OK\r\n")
            elif verb == "LIST":
                client.sendall(b"+OK\r\n" + b"".join(
                    b"%d %d\r\n" % (n, len(raw)) for n, (_, raw) in enumerate(self.messages, 1)) + b".\r\n")
            elif verb == "UIDL" and self.uidl:
                client.sendall(b"+OK\r\n" + b"".join(
                    b"%d %s\r\n" % (n, uidl) for n, (uidl, _) in enumerate(self.messages, 1)) + b".\r\n")
            elif verb == "RETR" and int(words[1]) not in self.refuse:
                number = int(words[1])
                raw = self.messages[number - 1][1]
                stuffed = re.sub(rb"(?m)^\.", b"..", raw)
                if number in self.lose_at:
                    self.lose_at.remove(number)
                    client.sendall(b"+OK\r\n" + stuffed[:len(stuffed) // 2])
                    return
                self.retrieved.append(number)
                client.sendall(b"+OK\r\n" + stuffed + b".\r\n")
            elif verb == "QUIT":
                client.sendall(b"+OK\r\n")
                return
            else:
                client.sendall(b"-ERR\r\n")


class ImportCase(Case):
    def setUp(self):
        super().setUp()
        self.write("password", b"any\n")

    def fake(self, messages, **how):
        server = FakePop3(messages, **how)
        self.addCleanup(server.close)
        return server

    def pop3(self, server):
        """The words behind NAME."""
        return (server.url, "--plaintext", "--password-file", self.path("password"))

    def uidls(self, user):
        return [entry[2] for entry in self.listed(user)]


class Files(ImportCase):
    def test_maildir_without_a_list(self):
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n", "new/11.b": b"two\n",
                                         "new/12." + "x" * 80: b"three\n"})
        done = self.run_it("import", "maildir", "alice", source)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, rb"\A\S+ \S+12\.x+ has the UIDL 12\.x+, which is no valid one.*\n\Z")
        self.assertEqual(self.uidls("alice")[:2], ["10.a", "11.b"])
        self.assertRegex(self.uidls("alice")[2], "^[0-9a-f]{24}$")
        os.rename(self.path("m", "new", "11.b"), self.path("m", "cur", "11.b:2,RS"))
        done = self.run_it("import", "maildir", "alice", source)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"imported 0 messages, 0 octets; 3 already there", done.stdout)
        self.ok("import", "maildir", "bob", source, "--uidl-format", "made")
        self.assertEqual(len(set(self.uidls("bob")) - set(self.uidls("alice"))), 2)

    def test_maildir_of_dovecot_that_goes_on_meanwhile(self):
        """What the list does not know yet gets the next UIDs, and is known by its name later."""
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n", "new/12.c": b"three\n"})
        uidlist = self.path("m", "dovecot-uidlist")
        self.write("m/dovecot-uidlist", b"3 V1000 N8 G0123456789abcdef0123456789abcdef\n7 :10.a\n")
        self.ok("import", "maildir", "alice", source)
        self.assertEqual(self.uidls("alice"), ["00000007000003e8", "00000008000003e8"])
        self.write("m/new/11.b", b"two\n")
        with open(uidlist, "ab") as file:
            file.write(b"8 :11.b\n9 :12.c\n10 :13.d\n11 :14")  # the last line is being written
        self.write("m/new/13.d", b"four\n")
        done = self.run_it("import", "maildir", "alice", source)
        self.assertEqual(done.returncode, 0)
        # Dovecot has numbered them in another order than we foretold: said, and still nothing twice.
        self.assertIn(b"11.b has the UIDL 00000008000003e8 of another message", done.stderr)
        self.assertIn(b"imported 2 messages", done.stdout)
        self.assertEqual(self.raw("alice"), [b"one\r\n", b"three\r\n", b"two\r\n", b"four\r\n"])
        self.assertEqual(self.uidls("alice")[3], "0000000a000003e8")

    def test_remove_gone(self):
        source = self.make_maildir("m", {f"new/1{n}.x": b"%d\n" % n for n in range(6)})
        self.write("m/dovecot-uidlist", b"3 V1000 N3 G0123456789abcdef0123456789abcdef\n1 :10.x\n2 :11.x\n")
        self.ok("import", "maildir", "alice", source)
        self.ok("deliver", "alice", data=b"ours\n")
        # The list knows more now, in another order; a listed and an unlisted message are gone.
        with open(self.path("m", "dovecot-uidlist"), "ab") as file:
            file.write(b"3 :13.x\n4 :12.x\n")
        os.remove(self.path("m", "new", "11.x"))
        os.remove(self.path("m", "new", "14.x"))
        os.rename(self.path("m", "new", "15.x"), self.path("m", "cur", "15.x:2,S"))
        os.symlink("10.x", self.path("m", "new", "99.link"))
        self.fails(1, "99.link: cannot be read(.|\n)*nothing is removed from the maildrop of alice", "import",
                   "maildir", "alice", source, "--remove-gone", sentences=2)
        self.assertEqual(len(self.listed("alice")), 7)
        os.remove(self.path("m", "new", "99.link"))
        self.assertIn(b"4 already there, 0 skipped, 0 failed, 2 removed",
                      self.ok("import", "maildir", "alice", source, "--remove-gone"))
        self.assertEqual(self.raw("alice"), [b"0\r\n", b"2\r\n", b"3\r\n", b"5\r\n", b"ours\r\n"])
        self.ok("verify", "alice")
        with open(self.drop_file("alice", "index"), "r+b") as index:
            fcntl.fcntl(index, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 1 << 62, 1, 0))  # F_OFD_SETLK
            os.remove(self.path("m", "new", "12.x"))
            self.fails(1, "in use by a session", "import", "maildir", "alice", source, "--remove-gone")
        self.assertEqual(len(self.listed("alice")), 5)

    def test_remove_gone_while_flags_change(self):
        """A folder that is read while names change in it may not show a file that is there."""
        source = self.make_maildir("m", {f"cur/1{n:04}.x:2,": b"%d\n" % n for n in range(5000)})
        self.ok("import", "maildir", "alice", source)
        stop = threading.Event()

        def flag():
            while not stop.is_set():
                for n in range(0, 5000, 5):
                    for old, new in ((":2,", ":2,S"), (":2,S", ":2,")):
                        os.rename(self.path("m", "cur", f"1{n:04}.x{old}"), self.path("m", "cur", f"1{n:04}.x{new}"))
        thread = threading.Thread(target=flag)
        thread.start()
        try:
            for _ in range(8):
                self.run_it("import", "maildir", "alice", source, "--remove-gone")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(len(self.listed("alice")), 5000)

    def test_remove_gone_of_an_mbox_that_is_none(self):
        mail = b"From a@b Thu Jan  1 00:00:00 1970\nX-UIDL: %s\n\nx\n\n"
        source = self.write("m", mail % b"one" + mail % b"two")
        self.ok("import", "mbox", "alice", source)
        self.write("m", b"no mbox\n")
        self.fails(1, "is no mbox", "import", "mbox", "alice", source, "--remove-gone", sentences=2)
        self.assertEqual(self.uidls("alice"), ["one", "two"])
        self.write("m", b"From a@b Thu Jan  1 00:00:00 1970\nX-IMAPbase: 9 1\n\nx\n")
        self.fails(1, "has UIDs in its headers", "import", "mbox", "alice", source, "--remove-gone", sentences=2)
        self.assertEqual(self.uidls("alice"), ["one", "two"])

    def test_maildir_of_courier(self):
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n", "cur/11.b:2,": b"two\n"})
        self.write("m/courierpop3dsizelist", b"/3 7 1234\n11.b:2, 5 6:1234:0\n10.a:2,S 5 0:1234:0\n")
        self.write("m/new/12.c", b"not seen by Courier yet\n")
        self.ok("import", "maildir", "alice", source)
        self.assertEqual(self.uidls("alice"), ["10.a", "UID6-1234", "UID7-1234"])
        self.write("m/courierpop3dsizelist",
                   b"/3 8 1234\n11.b:2, 5 6:1234:0\n10.a:2,S 5 0:1234:0\n12.c:2, 20 7:1234:0\n")
        self.assertIn(b"3 already there", self.ok("import", "maildir", "alice", source))
        self.write("m/dovecot-uidlist", b"3 V1000 N8 G0123456789abcdef0123456789abcdef\n7 :10.a\n")
        done = self.run_it("import", "maildir", "bob", source)
        self.assertRegex(done.stderr, rb"the first is taken; --uidl-format courier takes the other")
        self.assertEqual(self.uidls("bob")[0], "00000007000003e8")
        self.ok("import", "maildir", "carol", source, "--uidl-format", "courier")
        self.assertEqual(self.uidls("carol"), ["10.a", "UID6-1234", "UID7-1234"])

    def test_damaged_lists_are_refused(self):
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n"})
        for name, data, line in (("dovecot-uidlist", b"", 1), ("dovecot-uidlist", b"rubbish\n", 1),
                                 ("dovecot-uidlist", b"3 V1 N2\n1 :10.a\nx\n", 3),
                                 ("dovecot-uidlist", b"3 V1 N2\n5 :10.a\n4 :11.a\n", 3),
                                 ("courierpop3dsizelist", b"/9 1 1\n", 1),
                                 ("courierpop3dsizelist", b"/3 1 1\n10.a\n", 2)):
            with self.subTest(data=data):
                self.write("m/" + name, data)
                self.fails(1, f"{name} is damaged in line {line}", "import", "maildir", "alice", source)
                os.remove(self.path("m", name))
        self.assertEqual(self.listed("alice"), [])
        self.write("m/dovecot-uidlist", b"rubbish\n")
        self.ok("import", "maildir", "alice", source, "--uidl-format", "made")

    def test_formats_that_are_none(self):
        source = self.make_maildir("m", {"cur/10.a:2,S": b"one\n"})
        for text in ("%m", "%", "%{hash}", "x%08", "%100u"):
            self.fails(2, "--uidl-format", "import", "maildir", "alice", source, "--uidl-format", text)
        self.fails(1, "has no dovecot-uidlist", "import", "maildir", "alice", source, "--uidl-format", "cyrus")
        self.fails(1, "has no courierpop3dsizelist", "import", "maildir", "alice", source, "--uidl-format",
                   "courier")
        self.fails(2, "--uidl-format", "import", "mbox", "alice", "-", "--uidl-format", "own")
        self.fails(2, "--uidl-format is not for pop3", "import", "pop3", "alice", "x", "--uidl-format", "uw")

    def test_mbox_of_qpopper(self):
        text = (b"From a Mon Jan  1 10:00:00 2024\nSubject: 1\nX-UIDL: \"=1!!\n\none\n\n"
                b"From a Mon Jan  1 10:00:01 2024\nSubject: 2\nx-uidl: \t two  \nStatus: RO\n\nX-UIDL: no\n\n"
                b"From a Mon Jan  1 10:00:02 2024\nSubject: 3\n\nnone\n\n"
                b"From a Mon Jan  1 10:00:03 2024\nSubject: 4\nX-UIDL: two\n\nthe same as another\n\n"
                b"From a Mon Jan  1 10:00:04 2024\nSubject: 5\nX-UIDL: " + b"x" * 71 + b"\n\nlong\n\n")
        done = self.run_it("import", "mbox", "alice", "-", data=text)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, rb"\A.*message 4 of standard input has the UIDL two of another.*\n"
                                      rb".*message 5 of standard input has the UIDL x+, which is no.*\n\Z")
        uidls = self.uidls("alice")
        self.assertEqual(uidls[:2], ['"=1!!', "two"])
        self.assertEqual(len(set(uidls)), 5)
        # Later the server has noted other things, and a message has gone; nothing comes twice.
        later = text.replace(b"Subject: 3\n", b"Subject: 3\nStatus: O\nX-Status: A\n").replace(
            b"From a Mon Jan  1 10:00:00 2024\nSubject: 1\nX-UIDL: \"=1!!\n\none\n\n", b"")
        done = self.run_it("import", "mbox", "alice", "-", data=later)
        self.assertIn(b"imported 0 messages, 0 octets; 4 already there", done.stdout)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_mbox_with_the_same_message_twice(self):
        one = b"From a Mon Jan  1 10:00:00 2024\nSubject: x\n\nsame\n\n"
        self.ok("import", "mbox", "alice", "-", data=one * 3)
        self.assertEqual(len(self.listed("alice")), 3)
        self.assertIn(b"imported 1 message, ", self.ok("import", "mbox", "alice", "-", data=one * 4))
        self.assertEqual(len(set(self.uidls("alice"))), 4)

    def test_mbox_of_uw(self):
        text = (b"From MAILER Mon Jan  1 10:00:00 2024\nSubject: DON'T DELETE THIS MESSAGE\n"
                b"X-IMAP: 1000000000 0000000009\nStatus: RO\n\nnotes\n\n"
                b"From a Mon Jan  1 10:00:01 2024\nSubject: 1\nX-UID: 5\n\none\n\n"
                b"From a Mon Jan  1 10:00:02 2024\nSubject: 2\n\nnot seen yet\n\n")
        self.fails(1, "--uidl-format dovecot or uw", "import", "mbox", "alice", "-", data=text)
        self.assertEqual(self.listed("alice"), [])
        done = self.ok("import", "mbox", "alice", "-", "--uidl-format", "uw", data=text)
        self.assertIn(b"imported 2 messages, 50 octets; 0 already there, 1 skipped", done)
        self.assertEqual(self.uidls("alice"), ["3b9aca0000000005", "3b9aca000000000a"])

    def test_cyrus(self):
        gone, unlinked = 1 << 31, 1 << 30
        for version in (6, 9, 10, 12, 13, 17, 19, 20):
            with self.subTest(version=version):
                user = f"cyrus-{version}"
                self.ok("user", "add", user, "--scheme", "plain", data=b"x\n")
                folder = f"spool-{version}"
                records = [(3, 1_000_000_003, 0), (5, 1_000_000_005, gone), (6, 1_000_000_006, unlinked),
                           (9, 1_000_000_009, 16), (10, 1_000_000_001, 0)]
                for uid, _, _ in records:
                    self.write(f"{folder}/{uid}.", b"Subject: %d\r\n\r\n.\r\n" % uid)
                self.write(f"{folder}/cyrus.index", cyrus_index(version, 1234, records))
                said = self.ok("import", "cyrus", user, self.path(folder))
                self.assertIn(b"imported 3 messages, ", said)
                self.assertIn(b"0 already there, 2 skipped, 0 failed", said)
                self.assertEqual([(entry[2], entry[3]) for entry in self.listed(user)],
                                 [("1234.3", "2001-09-09T01:46:43Z"), ("1234.9", "2001-09-09T01:46:49Z"),
                                  ("1234.10", "2001-09-09T01:46:41Z")])
                self.assertIn(b"0 messages, 0 octets; 3 already", self.ok("import", "cyrus", user, self.path(folder)))

    def test_cyrus_forms_of_uidls(self):
        self.write("spool/7.", b"Subject: x\r\n\r\n")
        index = cyrus_index(13, 1234, [(7, 5, 0)])
        for text, uidl in (("cyrus", "1234.7"), ("%u", "7"), ("dovecot", "00000007000004d2"), ("%v-%u", "1234-7")):
            self.write("spool/cyrus.index", index)
            user = "u" + re.sub(r"\W", "_", text)
            self.ok("user", "add", user, "--scheme", "plain", data=b"x\n")
            self.ok("import", "cyrus", user, self.path("spool"), "--uidl-format", text)
            self.assertEqual(self.uidls(user), [uidl])
        self.write("spool/cyrus.index", cyrus_index(13, 1234, [(7, 5, 0)], new_uidl=False))
        self.ok("import", "cyrus", "alice", self.path("spool"), "--uidl-format", "dovecot")
        self.assertEqual(self.uidls("alice"), ["7"])
        self.write("spool/cyrus.index", cyrus_index(13, 1234, [(7, 5, 0)], show_after=5))
        self.assertIn(b"1 skipped", self.ok("import", "cyrus", "bob", self.path("spool")))

    def test_cyrus_refused(self):
        os.mkdir(self.path("spool"))
        self.fails(1, "cannot be opened as a mailbox", "import", "cyrus", "alice", self.path("none"))
        self.fails(1, "without it no UIDL is known", "import", "cyrus", "alice", self.path("spool"))
        good = cyrus_index(13, 1234, [(7, 5, 0), (8, 6, 0), (9, 7, 0)])
        for name, data in (("cut", good[:50]), ("version", b"\0" * 8 + b"\0\0\0\x0b" + good[12:]),
                           ("sum", good[:47] + b"\xff" + good[48:]), ("empty", b"")):
            with self.subTest(name):
                self.write("spool/cyrus.index", data)
                self.fails(1, "is damaged, or of a version", "import", "cyrus", "alice", self.path("spool"))
        for uid in (7, 8, 9):
            self.write(f"spool/{uid}.", b"Subject: x\r\n\r\n")
        os.remove(self.path("spool", "7."))
        self.write("spool/cyrus.index", good[:128 + 104 + 4] + b"\xff" + good[128 + 104 + 5:])
        done = self.run_it("import", "cyrus", "alice", self.path("spool"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"\A.*/7\.: cannot be read.*No such file.*\n.*record is damaged.*\n\Z")
        self.assertEqual(self.uidls("alice"), ["1234.9"])

    def test_unreadable_file(self):
        if os.geteuid() == 0:
            source = self.make_maildir("m", {"new/10.a": b"one\n", "new/12.c": b"three\n"})
            os.symlink("/etc/hostname", self.path("m", "new", "11.b"))
        else:
            source = self.make_maildir("m", {"new/10.a": b"one\n", "new/11.b": b"two\n", "new/12.c": b"three\n"})
            os.chmod(self.path("m", "new", "11.b"), 0)
        self.fails(1, "11.b: cannot be read and is left out", "import", "maildir", "alice", source)
        self.assertEqual(self.uidls("alice"), ["10.a", "12.c"])

    def test_export_with_x_uidl(self):
        self.ok("import", "mbox", "alice", "-", data=b"From a Mon Jan  1 10:00:00 2024\nX: y\nX-UIDL: abc\n\n>From b\n\n"
                                                     b"From a Mon Jan  1 10:00:00 2024\n\nno header\n\n")
        self.fails(2, "for mbox only", "export", "maildir", "alice", self.path("m"), "--x-uidl")
        self.ok("export", "mbox", "alice", self.path("mbox"), "--x-uidl")
        self.ok("import", "mbox", "bob", self.path("mbox"))
        self.assertEqual(self.uidls("bob"), self.uidls("alice"))
        self.assertEqual(self.raw("bob")[1], b"X-UIDL: " + self.uidls("alice")[1].encode() + b"\r\n" + self.raw("alice")[1])

    def test_memory_of_imports_survives_damage(self):
        source = self.make_maildir("m", {"new/10.a": b"one\n", "new/11.b": b"two\n"})
        self.ok("import", "maildir", "alice", source)
        memory = self.drop_file("alice", "imported")
        with open(memory, "rb") as file:
            self.assertEqual(file.read(), b"10.a\n11.b\n")
        with open(memory, "ab") as file:
            file.write(b"\0" * 600_000 + b"\n" + b"half a li")
        self.write("m/new/12.c", b"three\n")
        self.assertIn(b"imported 1 message,", self.ok("import", "maildir", "alice", source))
        with open(memory, "rb") as file:
            self.assertTrue(file.read().endswith(b"\0\n12.c\n"))


class OtherServers(ImportCase):
    mails = [(b"uidl-%d" % number, on_the_wire(raw)) for number, (name, raw) in enumerate(MEAN)
             if name not in ("large",)]

    def test_everything_as_it_was_sent(self):
        server = self.fake(self.mails)
        self.ok("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.raw("alice"), [raw for _, raw in self.mails])
        self.assertEqual(self.uidls("alice"), [uidl.decode() for uidl, _ in self.mails])
        self.assertEqual(self.ok("compare", "alice", "--with", *self.pop3(server), "--bytes"),
                         b"alice: %d messages here, %d there, the same\n" % ((len(self.mails),) * 2))
        server.messages.append((b"new", b"new\r\n"))
        server.retrieved.clear()
        self.assertIn(b"imported 1 message,", self.ok("import", "pop3", "alice", *self.pop3(server)))
        self.assertEqual(server.retrieved, [len(self.mails) + 1])

    def test_lost_connections(self):
        server = self.fake(self.mails, lose_at=(2, 3, len(self.mails)))
        self.ok("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.raw("alice"), [raw for _, raw in self.mails])
        self.assertEqual(server.connections, 4)
        server.lose_at = {1, 5}
        self.ok("compare", "alice", "--with", *self.pop3(server), "--bytes")

    def test_lost_connection_and_another_maildrop(self):
        def change(server, connection):
            if connection == 2:
                del server.messages[0]
        server = self.fake(self.mails, lose_at=(3,), on_connect=change)
        self.fails(1, "was lost, and the maildrop has changed", "import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.raw("alice"), [raw for _, raw in self.mails[:2]])
        self.assertIn(b"1 already there", self.ok("import", "pop3", "alice", *self.pop3(server)))
        self.assertEqual(self.uidls("alice"), [uidl.decode() for uidl, _ in self.mails])

    def test_remove_gone_where_the_server_has_gone(self):
        def close(server, connection):
            if connection == 3:
                server.listener.close()
                server.silent = True
        server = self.fake(self.mails, on_connect=close)
        self.ok("import", "pop3", "alice", *self.pop3(server))
        server.messages.insert(1, (b"new", b"new\r\n"))
        server.lose_at = {2}
        self.fails(1, "nothing is removed(.|\n)*(does not let us in|cannot be reached)", "import", "pop3", "alice",
                   *self.pop3(server), "--remove-gone", sentences=2)
        self.assertEqual(self.uidls("alice"), [uidl.decode() for uidl, _ in self.mails])

    def test_answers_that_have_no_end(self):
        """Each ends by a limit, not by memory or patience."""
        class Endless(FakePop3):
            def talk(self, client):
                def forever(first, more):
                    client.sendall(first)
                    while True:
                        client.sendall(more)
                lines = client.makefile("rb")
                client.sendall(b"+OK here\r\n")
                for line in lines:
                    verb = line.split()[0].upper().decode()
                    if verb == self.endless:
                        forever(b"+OK\r\n", b"1 1\r\n" * 8192)
                    elif verb + " line" == self.endless:
                        forever(b"+OK", b" " * 65536)
                    client.sendall({"LIST": b"+OK\r\n1 9\r\n.\r\n", "UIDL": b"+OK\r\n1 a\r\n.\r\n",
                                    "CAPA": b"+OK\r\nUSER\r\n.\r\n"}.get(verb, b"+OK\r\n"))
        self.settings = "message-size = 1024"
        self.write_config(self.store)
        for endless, pattern in (("RETR", "message 1 of alice: .*far more than it has said"), ("LIST line", "does not list the maildrop"),
                                 ("UIDL line", "no POP3"), ("RETR line", "no POP3")):
            with self.subTest(endless):
                server = Endless([])
                self.addCleanup(server.close)
                server.endless = endless
                self.fails(1, pattern, "import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.listed("alice"), [])

    def test_list_with_a_hole(self):
        class Hole(FakePop3):
            def talk(self, client):
                super().talk(Spoilt(client))
        class Spoilt:
            def __init__(self, client):
                self.makefile, self.client = client.makefile, client

            def sendall(self, data):
                self.client.sendall(data.replace(b"\r\n2 ", b"\r\n\r\n2 "))
        server = Hole(self.mails[:3])
        self.addCleanup(server.close)
        self.fails(1, "LIST in a way that cannot be read", "import", "pop3", "alice", *self.pop3(server),
                   "--remove-gone")

    def test_refused_message(self):
        server = self.fake(self.mails[:4], refuse=(2,))
        self.fails(1, "message 2 of alice: the old server refuses", "import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.uidls("alice"), ["uidl-0", "uidl-2", "uidl-3"])
        done = self.run_it("compare", "alice", "--with", *self.pop3(server))
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        self.assertIn(b"alice: message 2 there, UIDL uidl-1, ", done.stdout)

    def test_no_uidls(self):
        server = self.fake(self.mails[:3] + self.mails[2:3], uidl=False)
        done = self.run_it("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, rb"\Aringpost: pop3://\S+ has no UIDLs.*\n\Z")
        self.assertEqual(len(set(self.uidls("alice"))), 4)
        done = self.run_it("import", "pop3", "alice", *self.pop3(server))
        self.assertIn(b"imported 0 messages, 0 octets; 4 already there", done.stdout)
        self.assertEqual(self.run_it("compare", "alice", "--with", *self.pop3(server)).returncode, 2)

    def test_some_without_uidl(self):
        server = self.fake([(b"a", b"one\r\n"), (b"", b"two\r\n"), (b"", b"three\r\n"), (b"", b"two\r\n")])
        self.ok("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(len(set(self.uidls("alice"))), 4)
        server.messages[1:3] = [(b"", b"four\r\n")]
        said = self.ok("import", "pop3", "alice", *self.pop3(server))
        self.assertIn(b"imported 1 message, 6 octets; 2 already there", said)

    def test_bad_uidls(self):
        raw = b"Subject: x\r\n\r\n"
        bad = [(b"/slash", raw), (b"/slash2", raw), (b"same", raw), (b"same", b"other\r\n"), (b"l" * 71, raw), (b"h\xe9", raw), (b"with space", raw),
               (b"good", raw)]
        server = self.fake(bad)
        done = self.run_it("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.splitlines()), 4, done.stderr)
        self.assertRegex(done.stderr, rb"message 4 of alice has the UIDL same of another message")
        uidls = self.uidls("alice")
        self.assertEqual((len(set(uidls)), uidls[2], uidls[7]), (8, "same", "good"))
        done = self.run_it("import", "pop3", "alice", *self.pop3(server))
        self.assertIn(b"8 already there", done.stdout)
        self.assertEqual(self.uidls("alice"), uidls)

    def test_faults_are_one_sentence_each(self):
        nobody = socket.create_server(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        nobody.close()
        server = self.fake(self.mails[:1])
        silent = self.fake([], silent=True)
        password = ("--password-file", self.path("password"))
        for pattern, words in (
                ("cannot be reached", (f"pop3s://127.0.0.1:{port}", *password)),
                ("cannot be found", ("pop3s://nobody.invalid", *password)),
                ("speaks no TLS", (f"pop3s://127.0.0.1:{server.port}", *password)),
                ("offers no STLS", (server.url, *password)),
                ("is no address", ("http://127.0.0.1", *password)),
                ("must be a host alone", ("pop3s://alice:secret@127.0.0.1", *password)),
                ("none.pem cannot be read", (server.url, "--cacert", self.path("none.pem"), *password)),
                ("none: cannot be opened", (server.url, "--password-file", self.path("none"))),
                ("no password that can be used", (server.url, "--password-file", self.write("e", b"\n"))),
                ("no variable NONE_SUCH", (server.url, "--password-env", "NONE_SUCH")),
                ("no line alice:PASSWORD", (server.url, "--plaintext", "--passwords", self.write("p", b"bob:x\n"))),
                ("does not let us in|has ended|is silent|failed", (silent.url, "--plaintext", *password))):
            with self.subTest(pattern):
                self.fails(1, pattern, "import", "pop3", "alice", *words)
                self.fails(2, pattern, "compare", "alice", "--with", *words)
        for pattern, words in (("where the password is", (server.url,)),
                               ("where the password is", (server.url, "--password-stdin", *password)),
                               ("--user %x", (server.url, "--user", "%x", *password)),
                               ("--jobs is for --list", (server.url, "--jobs", "2", *password))):
            self.fails(2, pattern, "import", "pop3", "alice", *words)
        self.fails(2, "for pop3 only", "import", "maildir", "alice", "x", "--insecure")

    def test_full_store_while_fetching(self):
        server = self.fake([(b"u%d" % n, b"Subject: x\r\n\r\n" + b"x" * 70_000 + b"\r\n") for n in range(60)])

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        done = self.run_it("import", "pop3", "alice", *self.pop3(server), preexec_fn=limit)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"\A.*see that its disk.*\n.*given up: .*goes on where this.*\n\Z")
        self.assertLess(len(self.listed("alice")), 60)
        self.ok("import", "pop3", "alice", *self.pop3(server))
        self.assertEqual(self.uidls("alice"), [f"u{n}" for n in range(60)])

    def test_password_and_user_as_they_are_told(self):
        heard = []

        class Listening(FakePop3):
            def talk(self, client):
                client.sendall(b"+OK\r\n")
                for line in client.makefile("rb"):
                    heard.append(line.rstrip())
                    answers = {b"CAPA": b"+OK\r\nUSER\r\n.\r\n", b"LIST": b"+OK\r\n.\r\n", b"UIDL": b"+OK\r\n.\r\n"}
                    client.sendall(answers.get(line[:4], b"+OK\r\n"))
        server = Listening([])
        self.addCleanup(server.close)
        self.write("passwd", b"alice@example.org:{PLAIN}one\n")
        words = ("import", "pop3", "alice@example.org", server.url, "--plaintext", "--user", "%n/%d*m")
        self.ok(*words, "--password-env", "SECRET", env={**os.environ, "SECRET": "from environment"})
        self.ok(*words, "--password-stdin", data=b"from stdin\r\nnot this")
        self.ok(*words, "--passwords", self.write("p", b"other:x\nalice@example.org:a:b\n"))
        self.assertEqual([line for line in heard if line.startswith(b"USER")], [b"USER alice/example.org*m"] * 3)
        self.assertEqual([line for line in heard if line.startswith(b"PASS")],
                         [b"PASS from environment", b"PASS from stdin", b"PASS a:b"])


class Compare(ImportCase):
    def test_each_difference(self):
        server = self.fake([(b"a", b"one\r\n"), (b"b", b"two\r\n"), (b"c", b"three\r\n"), (b"d", b"four\r\n")])
        self.ok("import", "pop3", "alice", *self.pop3(server))
        server.messages = [(b"a", b"one\r\n"), (b"c", b"three\r\n"), (b"b", b"tvo\r\n"), (b"d", b"fourfour\r\n"),
                           (b"\x1b[2Je", b"five\r\n")]
        done = self.run_it("compare", "alice", "--with", *self.pop3(server), "--bytes")
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        self.assertEqual(done.stdout, b"""\
alice: UIDL c: message 3 here, 2 there: the order differs
alice: UIDL b: message 2 here, 3 there: the order differs
alice: message 2, UIDL b: the bytes differ from octet 2 on
alice: message 4, UIDL d: 6 octets here, 10 there
alice: message 4, UIDL d: the bytes differ from octet 5 on
alice: message 5 there, UIDL ?[2Je, 6 octets: not here
alice: 4 messages here, 5 there, 6 differences
""")
        server.messages = [(b"b", b"two\r\n"), (b"d", b"four\r\n")]
        done = self.run_it("compare", "alice", "--with", *self.pop3(server))
        self.assertEqual(done.stdout.splitlines()[:-1], [
            b"alice: message 1 here, UIDL a, 5 octets: not there",
            b"alice: message 3 here, UIDL c, 7 octets: not there"])

    def test_usage(self):
        password = ("--password-file", self.path("password"))
        self.fails(2, "name one user, or give --list", "compare", "--with", "pop3s://x", *password)
        self.fails(2, "say with which server", "compare", "alice", *password)
        self.fails(2, "where the password is", "compare", "alice", "--with", "pop3s://x")
        self.fails(2, "no user dave", "compare", "dave", "--with", "pop3s://127.0.0.1:1", *password)


class Lists(ImportCase):
    def test_lines(self):
        self.write("passwd", b"alice:{PLAIN}1\nbob@x.org:{PLAIN}2\nwith space:{PLAIN}3\n")
        for name in ("alice", "bob.x.org", "space"):
            self.make_maildir(f"box/{name}", {"new/1.a": b"x\n"})
        box = self.path("box")
        text = f"# comment\r\n\r\nalice {box}/alice\r\nbob@x.org\nwith space\t{box}/space".encode()
        done = self.run_it("import", "maildir", "--list", "-", f"{box}/%n.%d", "--jobs=1", data=text)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout, b"""\
alice: 1 message, 2 octets; 0 already there, 0 skipped, 0 failed
bob@x.org: 1 message, 2 octets; 0 already there, 0 skipped, 0 failed
with space: 1 message, 2 octets; 0 already there, 0 skipped, 0 failed
imported 3 users: 3 messages, 6 octets; 0 already there, 0 skipped, 0 failed; 0 users failed
""")

    def test_refused(self):
        self.fails(1, "list:2: where does the mail of bob come from", "import", "maildir", "--list",
                   self.write("list", b"alice x\nbob\n"))
        self.fails(1, "list:1: the template", "import", "maildir", "--list", self.write("list", b"bob\n"), "%x")
        self.fails(1, "none: cannot be opened", "import", "maildir", "--list", self.path("none"))
        self.fails(1, "NUL", "import", "maildir", "--list", self.write("list", b"a\0b x\n"))
        for jobs in ("0", "65", "x", "-1"):
            self.fails(2, "--jobs", "import", "maildir", "--list", self.path("list"), f"--jobs={jobs}")
        self.fails(2, "with --list no user is named", "import", "maildir", "alice", "x", "--list", "list")
        self.fails(2, "a word is missing", "import", "maildir", "alice")

    def test_damaged_source_of_one(self):
        self.make_maildir("box/alice", {"new/1.a": b"x\n"})
        self.make_maildir("box/bob", {"new/1.a": b"x\n"})
        self.write("box/bob/dovecot-uidlist", b"rubbish\n")
        done = self.run_it("import", "maildir", "--list", "-", self.path("box", "%u"), data=b"alice\nbob\ncarol\n")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"(?m)^ringpost: bob: .* is damaged in line 1")
        self.assertRegex(done.stderr, rb"(?m)^ringpost: carol: .*carol cannot be opened as a Maildir")
        self.assertRegex(done.stdout, rb"(?m)^imported 3 users: 1 message, .*; 2 users failed\n"
                                      rb"  bob: .* is damaged in line 1.*\n  carol: .*\n\Z")

    def test_on_a_terminal_there_is_no_line_for_each_user(self):
        self.make_maildir("box/alice", {"new/1.a": b"x\n"})
        self.write("list", b"alice\n")
        child, terminal = pty.fork()
        if child == 0:
            os.execv(RINGPOST, self.command("import", "maildir", "--list", self.path("list"), self.path("box", "%u")))
        said = b""
        with contextlib.suppress(OSError):  # EIO is its end
            while data := os.read(terminal, 65536):
                said += data
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertIn(b"imported 1 user: 1 message, ", said)
        self.assertNotIn(b"alice: ", said)

    def test_interrupt(self):
        silent = self.fake([], silent=True)
        child = subprocess.Popen(self.command("import", "pop3", "--list", "-", *self.pop3(silent), "--jobs=1"),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(b"alice\nbob\n")
        child.stdin.close()
        end = time.monotonic() + 20 * PATIENCE
        while not silent.connections and time.monotonic() < end:
            time.sleep(0.01)
        child.terminate()
        out, said = child.stdout.read(), child.stderr.read()
        child.stdout.close()
        child.stderr.close()
        self.assertEqual(child.wait(), 1, (out, said))
