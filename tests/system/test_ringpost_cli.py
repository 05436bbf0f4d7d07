"""test_ringpost_cli: the administrator's command, by its command lines, with real files.

Every command, every exit status, and what must not go wrong: mail as it is found in the world
through import and export and back, a full disk, kill -9 in the middle of an import, hostile names.
Each test has a folder and a store of its own.
"""
import os
import pty
import random
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from mails import MEAN
from ringpost_server import PATIENCE, RINGPOST, on_the_wire

USAGE = 2
SYSEXITS = {"usage": 64, "too big": 65, "no user": 67, "full": 73, "again": 75}


def mboxrd(messages, end=b"\n"):
    """An mbox file of raw messages, each with a time of its own."""
    parts = []
    for number, raw in enumerate(messages):
        text = raw if not raw or raw.endswith(b"\n") else raw + b"\n"
        text = re.sub(rb"(?m)^(>*From )", rb">\1", text)
        when = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(1_000_000_000 + number)).encode()
        parts.append(b"From sender@example.org " + when + end + text + end)
    return b"".join(parts)


class Case(unittest.TestCase):
    """A folder, a configuration, and users `alice`, `bob` and `carol` with quick passwords."""

    settings = ""
    store_is_made = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.store = self.path("store")
        self.write_config(self.store)
        self.write("passwd", b"alice:{PLAIN}one\nbob:{PLAIN}two\ncarol:{PLAIN}three\n")
        if self.store_is_made:
            self.ok("store", "create")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def write_config(self, store):
        self.write("ringpost.conf", f'''
            store = "{store}"
            passwd-file = "{self.path('passwd')}"
            listener pop3 {{ address = "127.0.0.1:1110" }}
            {self.settings}'''.encode())

    def command(self, *words):
        return [RINGPOST, "-c", self.path("ringpost.conf"), *words]

    def run_it(self, *words, data=b"", **more):
        return subprocess.run(self.command(*words), input=data, capture_output=True,
                              timeout=60 * PATIENCE, check=False, **more)

    def ok(self, *words, data=b"", **more):
        done = self.run_it(*words, data=data, **more)
        self.assertEqual(done.returncode, 0, (words, done.stderr))
        return done.stdout

    def fails(self, status, pattern, *words, data=b"", sentences=1, **more):
        """The exit status, and one sentence (or more) that says what the pattern wants."""
        done = self.run_it(*words, data=data, **more)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        self.assertRegex(done.stderr.decode(errors="replace"), pattern)
        self.assertRegex(done.stderr, rb"\A(ringpost: .*\n){%d}\Z" % sentences)
        return done

    def listed(self, user):
        """Number, octets, UIDL and time of each message."""
        lines = self.ok("list", user).decode().splitlines()
        return [line.split(" ") for line in lines[:-1]]

    def raw(self, user):
        return [self.ok("show", user, entry[0], "--raw") for entry in self.listed(user)]

    def drop(self, user):
        for folder, _, _ in os.walk(self.store):
            if os.path.basename(folder) == user:
                return folder
        return None

    def drop_file(self, user, prefix):
        folder = self.drop(user)
        name, = [name for name in os.listdir(folder) if name.startswith(prefix)]
        return os.path.join(folder, name)

    def wire(self, user):
        with open(self.drop_file(user, "wire."), "rb") as file:
            return file.read()

    def make_maildir(self, name, files):
        """`files` maps a path such as cur/1.a to bytes."""
        for part in ("new", "cur", "tmp"):
            os.makedirs(self.path(name, part), exist_ok=True)
        for file, data in files.items():
            self.write(os.path.join(name, file), data)
        return self.path(name)


class CommandLine(Case):
    def test_help_and_version(self):
        everything = self.ok("--help").decode()
        for word in ("user add", "import", "export", "deliver", "list", "show", "verify", "compact"):
            self.assertIn(word, everything)
        self.assertIn("--scheme", self.ok("user", "add", "--help").decode())
        self.assertIn("user passwd", self.ok("user", "--help").decode())
        self.assertIn("--dialect", self.ok("import", "mbox", "--help").decode())
        self.assertRegex(subprocess.check_output([RINGPOST, "-V"]), rb"\Aringpost \S+\n\Z")

    def test_wrong_words(self):
        for pattern, words in [
                ("command is missing", []),
                ("did you mean `import`", ["imprt"]),
                ("did you mean `user add`", ["user", "ad"]),
                ("needs one more word", ["user"]),
                ("--help", ["frobnicate-it-all"]),
                ("did you mean `--scheme`", ["user", "add", "x", "--sheme", "plain"]),
                ("needs a value", ["user", "add", "x", "--scheme"]),
                ("did you mean `bcrypt`", ["user", "add", "x", "--scheme", "bcript"]),
                ("must be one of yescrypt", ["user", "add", "x", "--scheme", "rot-thirteen"]),
                ("did you mean `maildir`", ["import", "Maildir", "alice", "x"]),
                ("did you mean `mboxo`", ["import", "mbox", "alice", "x", "--dialect", "mbxo"]),
                ("for mbox only", ["import", "maildir", "alice", "x", "--dialect", "mboxo"]),
                ("word is missing", ["import", "mbox", "alice"]),
                ("surplus word", ["list", "alice", "bob"]),
                ("no message number", ["show", "alice", "+1"]),
                ("no message number", ["show", "alice", "0"]),
                ("takes no value", ["show", "alice", "1", "--raw=yes"]),
                ("name one user, or say --all", ["verify"]),
                ("name one user, or say --all", ["compact", "alice", "--all"])]:
            with self.subTest(words=words):
                self.fails(USAGE, pattern, *words, data=b"password\n")

    def test_wrong_configuration(self):
        missing = subprocess.run([RINGPOST, "-c", self.path("none.conf"), "list", "alice"],
                                 capture_output=True, check=False)
        self.assertEqual(missing.returncode, USAGE)
        self.assertIn(b"none.conf", missing.stderr)
        with open(self.path("ringpost.conf"), "ab") as file:
            file.write(b"\nstoer = 1\n")
        self.fails(USAGE, r"ringpost.conf:\d+.*stoer", "list", "alice")
        self.fails(SYSEXITS["again"], "stoer", "deliver", "alice")

    def test_option_first_word_with_dash(self):
        self.ok("user", "add", "--scheme=plain", "--", "-dash", data=b"x\n")
        self.ok("deliver", "--", "-dash", data=b"Subject: x\n\n")
        self.assertEqual(len(self.ok("list", "--", "-dash").splitlines()), 2)


class Users(Case):
    def passwd(self):
        with open(self.path("passwd"), encoding="utf-8") as file:
            return file.read()

    def test_add_list_passwd_del(self):
        for scheme in ("yescrypt", "bcrypt", "sha512-crypt", "argon2id", "plain"):
            self.ok("user", "add", "u-" + scheme, "--scheme", scheme, data=b"pass word \n")
        self.ok("user", "add", "default", data=b"x\r\nnot this line")
        names = self.ok("user", "list").decode().split()
        self.assertEqual(names[:3], ["alice", "bob", "carol"])
        self.assertEqual(names[-1], "default")
        self.assertRegex(self.passwd(), r"(?m)^default:\{\S+\}\$y\$")
        self.assertRegex(self.passwd(), r"(?m)^u-bcrypt:\{\S+\}\$2")
        self.assertIn("u-plain:{PLAIN}pass word :", self.passwd())
        self.ok("user", "passwd", "bob", "--scheme", "plain", data=b"other")
        self.assertRegex(self.passwd(), r"(?m)^bob:\{PLAIN\}other(:|$)")
        done = self.run_it("user", "del", "bob")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"mail that he has stays in", done.stderr)
        self.assertNotIn("bob", self.ok("user", "list").decode())

    def test_first_user_makes_file_and_store(self):
        os.unlink(self.path("passwd"))
        self.write_config(self.path("new-store"))
        done = self.run_it("user", "add", "first", data=b"x\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"made a new store", done.stderr)
        self.assertEqual(os.stat(self.path("passwd")).st_mode & 0o777, 0o600)
        self.assertTrue(os.path.isfile(self.path("new-store", "ringpost-store")))

    def test_refused(self):
        self.fails(1, "there already", "user", "add", "alice", data=b"x\n")
        self.fails(1, "no user nobody", "user", "passwd", "nobody", data=b"x\n")
        self.fails(1, "no user nobody", "user", "del", "nobody")
        self.fails(1, "empty", "user", "add", "dave", data=b"")
        self.fails(1, "empty", "user", "add", "dave", data=b"\nsecond\n")
        self.fails(1, "NUL", "user", "add", "dave", data=b"a\0b\n")
        self.fails(1, "longer than", "user", "add", "dave", data=b"x" * 1025 + b"\n")
        self.fails(1, ".", "user", "add", "dave", "--scheme", "plain", data=b"a:b\n")
        self.assertEqual(self.ok("user", "list").decode().split(), ["alice", "bob", "carol"])

    def test_hostile_names(self):
        names = ["a/b", "..", "../../escape", "100%", ".hidden", "%2e%2e", "with space", "b\xfccher",
                 "n" * 248]
        for name in names:
            with self.subTest(name=name):
                self.ok("user", "add", name, "--scheme", "plain", data=b"x\n")
                self.ok("deliver", name, data=b"Subject: for " + name.encode() + b"\n\n")
                self.assertIn(b"for " + name.encode(), self.ok("show", name, "1"))
                self.ok("verify", name)
        self.ok("verify", "--all")
        self.assertEqual(sorted(os.listdir(self.folder)),
                         sorted(["passwd", "ringpost.conf", "store"]
                                + [n for n in os.listdir(self.folder) if n.startswith("passwd.")]))
        for name in ["", "n" * 300, "a:b", "a\nb", "%" * 248]:
            with self.subTest(name=name):
                done = self.run_it("user", "add", name, "--scheme", "plain", data=b"x\n")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stderr.count(b"\n"), 1)
        self.fails(1, "no user n{300}", "list", "n" * 300)
        self.fails(1, r"no user \?\[31m", "list", "\x1b[31m")

    def test_asked_on_a_terminal(self):
        for second, status, said in ((b"geheim\n", 0, b"Once more"), (b"other\n", 1, b"differ")):
            child, terminal = pty.fork()
            if child == 0:
                os.execv(RINGPOST, self.command("user", "passwd", "carol", "--scheme", "plain"))
            seen = self.until(terminal, b"New password: ")
            os.write(terminal, b"geheim\n")
            seen += self.until(terminal, b"Once more: ")
            os.write(terminal, second)
            seen += self.until(terminal, None)
            os.close(terminal)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), status, seen)
            self.assertIn(said, seen)
            self.assertNotIn(b"geheim", seen)
        self.assertIn("carol:{PLAIN}geheim", self.passwd())

    @staticmethod
    def until(terminal, text):
        seen = b""
        while text is None or text not in seen:
            try:
                data = os.read(terminal, 1024)
            except OSError:
                break
            if not data:
                break
            seen += data
        return seen


class Store(Case):
    store_is_made = False

    def test_only_some_commands_make_it(self):
        for words in (["list", "alice"], ["show", "alice", "1"], ["verify", "--all"],
                      ["compact", "--all"], ["export", "mbox", "alice", self.path("out")]):
            self.fails(1, "store create", *words)
        self.fails(SYSEXITS["again"], "store create", "deliver", "alice", data=b"x")
        self.assertFalse(os.path.exists(self.store))
        os.mkdir(self.store)
        self.fails(1, "mounted.*store create", "list", "alice")
        self.fails(SYSEXITS["again"], "mounted", "deliver", "alice", data=b"x")
        self.assertEqual(os.listdir(self.store), [])

    def test_create(self):
        os.mkdir(self.store)
        os.mkdir(os.path.join(self.store, "lost+found"))
        done = self.run_it("store", "create")
        self.assertEqual((done.returncode, done.stderr.count(b"made a new store")), (0, 1))
        again = self.run_it("store", "create")
        self.assertEqual((again.returncode, again.stderr), (0, b""))

    def test_never_among_other_files(self):
        self.write("store/photo.jpg", b"x")
        self.fails(1, "is no store", "store", "create")
        self.fails(1, "is no store", "user", "add", "dave", data=b"x\n")
        self.assertEqual(os.listdir(self.store), ["photo.jpg"])
        self.write("file", b"")
        self.write_config(self.path("file"))
        self.fails(1, "cannot be opened", "list", "alice")
        self.write_config(self.path("none", "none"))
        self.fails(1, "cannot be opened", "store", "create")

    def test_import_makes_it(self):
        done = self.run_it("import", "mbox", "alice", "-", data=mboxrd([b"Subject: x\n\n"]))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"made a new store", done.stderr)
        os.unlink(os.path.join(self.store, "ringpost-store"))
        self.fails(1, "is no store", "list", "alice")

    def test_root_works_as_the_owner(self):
        if os.geteuid() != 0:
            self.skipTest("cannot: not root")
        os.mkdir(self.store)
        os.chown(self.store, 12345, 12345)
        os.chmod(self.folder, 0o755)
        self.run_it("import", "mbox", "alice", "-", data=mboxrd([b"Subject: x\n\n"]))
        self.ok("deliver", "bob", data=b"x")
        self.ok("compact", "alice")
        for folder, folders, files in os.walk(self.store):
            for name in folders + files:
                self.assertEqual(os.stat(os.path.join(folder, name)).st_uid, 12345, name)


class Mail(Case):
    settings = "message-size = 5000000\nmessages = 100"

    def test_deliver_list_show(self):
        for _, raw in MEAN:
            self.ok("deliver", "alice", data=raw)
        entries = self.listed("alice")
        self.assertEqual([int(entry[0]) for entry in entries], list(range(1, len(MEAN) + 1)))
        self.assertEqual(len({entry[2] for entry in entries}), len(MEAN))
        for (name, raw), entry in zip(MEAN, entries):
            with self.subTest(mail=name):
                wire = on_the_wire(raw)
                self.assertEqual(int(entry[1]), len(wire))
                self.assertEqual(self.ok("show", "alice", entry[0], "--raw"), wire)
                self.assertEqual(self.ok("show", "alice", entry[0]), wire.replace(b"\r\n", b"\n"))
                self.assertRegex(entry[3], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        octets = sum(int(entry[1]) for entry in entries)
        self.assertEqual(self.ok("list", "alice").decode().splitlines()[-1],
                         f"{len(MEAN)} messages, {octets:,} octets")
        self.assertEqual(self.ok("list", "bob"), b"0 messages, 0 octets\n")
        self.fails(1, "no message 99", "show", "alice", "99")
        self.ok("verify", "alice")

    def test_deliver_exit_statuses(self):
        self.fails(SYSEXITS["usage"], "word is missing", "deliver")
        self.fails(SYSEXITS["usage"], "unknown option", "deliver", "alice", "--fast")
        self.fails(SYSEXITS["no user"], "no user dave", "deliver", "dave", data=b"x")
        self.fails(SYSEXITS["too big"], "message-size", "deliver", "alice", data=b"x" * 5_000_000)
        self.fails(SYSEXITS["too big"], "message-size", "deliver", "alice", data=b"\n" * 2_500_001)
        self.ok("deliver", "alice", data=b"x" * 4_999_998)
        self.ok("import", "mbox", "alice", "-", data=mboxrd([b"x\n"] * 99))
        self.fails(SYSEXITS["full"], "full", "deliver", "alice", data=b"x")
        self.assertEqual(len(self.listed("alice")), 100)

    def test_a_full_maildrop_defers_where_the_operator_says_so(self):
        self.write("passwd", b"small:{PLAIN}x::::::userdb_quota_rule=*:messages=1\n")
        self.ok("deliver", "small", data=b"x")
        self.fails(SYSEXITS["full"], "full", "deliver", "small", data=b"x")
        self.settings += "\nquota-full = defer\n"
        self.write_config(self.store)
        self.fails(SYSEXITS["again"], "full", "deliver", "small", data=b"x")
        self.assertEqual(len(self.listed("small")), 1)

    def test_a_quota_is_not_for_import(self):
        self.write("passwd", b"small:{PLAIN}x::::::userdb_quota_rule=*:messages=2:bytes=1K\n")
        self.ok("deliver", "small", data=b"x")
        self.fails(SYSEXITS["full"], "full", "deliver", "small", data=b"x" * 1100)
        self.ok("import", "mbox", "small", "-", data=mboxrd([b"x\n"] * 3))
        self.fails(SYSEXITS["full"], "quota", "deliver", "small", data=b"x")
        self.assertEqual(len(self.listed("small")), 4)

    def test_import_into_a_full_maildrop(self):
        done = self.run_it("import", "mbox", "alice", "-", data=mboxrd([b"x\n"] * 150))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"is full", done.stderr)
        self.assertIn(b"100 messages of it are in", done.stderr)
        self.assertEqual(len(self.listed("alice")), 100)
        self.ok("verify", "alice")

    def test_deliver_in_pieces(self):
        child = subprocess.Popen(self.command("deliver", "alice"), stdin=subprocess.PIPE)
        for piece in (b"Subject: slow\n", b"\n.", b"dot\r", b"\n", b"end"):
            child.stdin.write(piece)
            child.stdin.flush()
            time.sleep(0.02)
        child.stdin.close()
        self.assertEqual(child.wait(), 0)
        self.assertEqual(self.raw("alice"), [b"Subject: slow\r\n\r\n.dot\r\nend\r\n"])

    def test_slow_deliver_holds_up_nobody(self):
        """A sender in the middle of a large message has no lock, and leaves nothing when he goes."""
        slow, gone = (subprocess.Popen(self.command("deliver", "alice"), stdin=subprocess.PIPE) for _ in range(2))
        for child in (slow, gone):
            child.stdin.write(b"slow\n" * 200_000)
            child.stdin.flush()
        self.ok("deliver", "alice", data=b"quick\n")
        gone.kill()
        gone.wait()
        gone.stdin.close()
        slow.stdin.write(b"end\n")
        slow.stdin.close()
        self.assertEqual(slow.wait(), 0)
        self.assertEqual(self.raw("alice"), [b"quick\r\n", b"slow\r\n" * 200_000 + b"end\r\n"])
        self.assertEqual(sorted(os.listdir(self.path("store")))[-1], "ringpost-store")
        self.ok("verify", "alice")

    def test_reader_goes_away(self):
        self.ok("import", "mbox", "alice", "-", data=mboxrd([b"x" * 1000 + b"\n"] * 90))
        self.ok("deliver", "alice", data=b"y\n" * 1_000_000)
        for words in (["list", "alice"], ["show", "alice", "91"], ["export", "mbox", "alice", "-"]):
            child = subprocess.Popen(self.command(*words), stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
            child.stdout.close()
            said = child.stderr.read()
            child.stderr.close()
            self.assertEqual(child.wait(), 1, (words, said))
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.command("list", "alice"), stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_damaged_message(self):
        self.ok("import", "mbox", "alice", "-", data=mboxrd([b"first\n", b"second\n", b"third\n"]))
        with open(self.drop_file("alice", "wire."), "r+b") as wire:
            at = wire.read().index(b"second")
            wire.seek(at)
            wire.write(b"SECOND")
        self.assertEqual(self.ok("show", "alice", "1"), b"first\n")
        self.fails(1, "message 2 is damaged", "show", "alice", "2")
        self.assertEqual(self.ok("show", "alice", "3"), b"third\n")
        self.assertEqual(len(self.listed("alice")), 3)
        done = self.run_it("export", "mbox", "alice", self.path("out"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"message 2", done.stderr)
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read().count(b"From ringpost@"), 2)
        self.assertEqual(self.run_it("verify", "alice").returncode, 1)
        self.assertEqual(self.run_it("verify", "alice", "--repair").returncode, 1)
        self.assertEqual(len(self.listed("alice")), 3)
        done = self.run_it("verify", "--all")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"alice", done.stdout + done.stderr)

    def test_damaged_record(self):
        self.ok("import", "mbox", "alice", "-", data=mboxrd([b"first\n", b"second\n", b"third\n"]))
        uidls = [entry[2] for entry in self.listed("alice")]
        with open(self.drop_file("alice", "index"), "r+b") as index:
            index.seek(2 * 128 + 60)
            index.write(b"\xff\xff")
        done = self.run_it("list", "alice")
        self.assertEqual(done.returncode, 1)
        lines = done.stdout.decode().splitlines()
        self.assertEqual([lines[0].split()[2], lines[2].split()[2]], [uidls[0], uidls[2]])
        self.assertEqual(lines[1], "2 - - damaged")
        self.assertEqual(self.ok("show", "alice", "3"), b"third\n")
        self.assertEqual(self.run_it("verify", "alice").returncode, 1)
        self.assertEqual(self.run_it("verify", "alice", "--repair").returncode, 0)
        self.assertEqual(self.run_it("verify", "alice").returncode, 0)
        self.assertEqual(self.raw("alice"), [b"first\r\n", b"second\r\n", b"third\r\n"])

    def test_compact(self):
        self.ok("import", "mbox", "alice", "-", data=mboxrd([b"a\n", b"b\n"]))
        before = self.listed("alice")
        self.assertRegex(self.ok("compact", "alice"), rb"given back")
        self.ok("compact", "--all")
        self.assertEqual(self.listed("alice"), before)
        self.fails(1, "no user", "compact", "dave")
        self.fails(1, "no user", "verify", "dave")


class Move(Case):
    settings = "message-size = 1000000"

    def test_round_trips(self):
        """Raw mail to Maildir, to mbox, to Maildir and back: the wire form stays byte for byte."""
        files = {f"{'new' if number % 2 else 'cur'}/{1_700_000_000 + number}.a{number}.host": raw
                 for number, (name, raw) in enumerate(MEAN) if name != "large"}
        raws = [raw for name, raw in MEAN if name != "large"]
        source = self.make_maildir("source", files)
        self.ok("import", "maildir", "alice", source)
        self.assertEqual(self.raw("alice"), [on_the_wire(raw) for raw in raws])
        self.ok("export", "mbox", "alice", self.path("mbox"))
        self.ok("import", "mbox", "bob", self.path("mbox"))
        self.assertEqual(self.wire("bob"), self.wire("alice"))
        self.ok("export", "maildir", "bob", self.path("maildir"))
        self.ok("import", "maildir", "carol", self.path("maildir"))
        self.assertEqual(self.wire("carol"), self.wire("alice"))
        facts = [[(e[1], e[3]) for e in self.listed(user)] for user in ("alice", "bob", "carol")]
        self.assertEqual(facts[0], facts[1])
        self.assertEqual(facts[0], facts[2])
        for number in range(len(raws)):
            self.assertEqual(facts[0][number][1],
                             time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                           time.gmtime(1_700_000_000 + number)))

    def test_mbox_line_ends(self):
        raws = [raw for name, raw in MEAN if name != "large" and b"\r" not in raw]
        text = mboxrd(raws)
        self.ok("import", "mbox", "alice", "-", data=text)
        self.ok("import", "mbox", "bob", "-", data=text.replace(b"\n", b"\r\n"))
        self.assertEqual(self.wire("alice"), self.wire("bob"))
        self.assertEqual(self.raw("alice"), [on_the_wire(raw) for raw in raws])

    def test_mbox_dialects(self):
        text = (b"From a@b Mon Jan  1 10:00:00 2024\nSubject: x\n\n>From here\n>>From there\n"
                b"no blank line before\nFrom this on\n\n")
        self.ok("import", "mbox", "alice", "-", data=text)
        self.assertIn(b"\nFrom here\n>From there\n", self.ok("show", "alice", "1"))
        self.ok("import", "mbox", "bob", "-", "--dialect", "mboxo", data=text)
        self.assertIn(b"\nFrom here\n>>From there\n", self.ok("show", "bob", "1"))
        self.assertEqual(self.listed("alice")[0][3], "2024-01-01T10:00:00Z")
        body = b"text\n\nFrom x@y Mon Jan  1 10:00:00 2024\n>From\n"
        claim = b"From a@b Mon Jan  1 10:00:00 2024\nContent-Length: %d\n\n" % len(body) + body + b"\n"
        self.write("claim", claim + claim)
        self.ok("import", "mbox", "carol", self.path("claim"), "--dialect", "mboxcl2")
        self.assertEqual(len(self.listed("carol")), 2)
        self.assertTrue(self.ok("show", "carol", "2").endswith(body))
        self.fails(1, "needs a file", "import", "mbox", "carol", "-", "--dialect", "mboxcl2",
                   data=claim)

    def test_mbox_refused(self):
        self.fails(1, "no mbox", "import", "mbox", "alice", self.write("text", b"Hello\nworld\n"))
        self.fails(1, "cannot be opened", "import", "mbox", "alice", self.path("none"))
        self.fails(1, "Maildir", "import", "mbox", "alice", self.make_maildir("m", {}))
        self.fails(1, "no user dave", "import", "mbox", "dave", "-", data=mboxrd([b"x"]))
        self.assertEqual(self.ok("import", "mbox", "alice", self.write("nothing", b"")),
                         b"imported 0 messages, 0 octets; 0 already there, 0 skipped, 0 failed\n")
        self.assertEqual(self.listed("alice"), [])

    def test_too_large_is_left_out(self):
        raws = [b"first\n", b"x" * 999_998 + b"\n", b"x" * 999_999 + b"\n", b"last\n"]
        done = self.run_it("import", "mbox", "alice", self.write("mbox", mboxrd(raws)))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"\Aringpost: message 3 of \S+mbox: .*message-size.*\n\Z")
        self.assertIn(b"imported 3 messages", done.stdout)
        self.assertIn(b"1 failed", done.stdout)
        self.assertEqual([len(raw) for raw in self.raw("alice")], [7, 1_000_000, 6])

    def test_maildir_order_flags_and_links(self):
        secret = self.write("secret", b"not to be read\n")
        source = self.make_maildir("source", {
            "cur/1000000002.M5P1.host:2,S": b"third\n", "new/1000000002.M1P1.host": b"second\n",
            "cur/999999999.x:2,RS": b"first\n", "cur/1000000003.x:2,ST": b"trashed\n",
            "new/1000000004.y,S=7": b"fourth\n", "cur/.hidden": b"hidden\n", "tmp/1.x": b"tmp\n",
            "cur/5000.dir/x": b"in a folder\n"})
        os.symlink(secret, os.path.join(source, "cur", "1000000005.link"))
        os.mkfifo(os.path.join(source, "cur", "1000000006.pipe"))
        done = self.run_it("import", "maildir", "alice", source)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"1000000005.link: cannot be read", done.stderr)
        self.assertIn(b"1000000006.pipe: cannot be read", done.stderr)
        self.assertEqual(done.stdout, b"imported 4 messages, 26 octets; 0 already there, 1 skipped, 2 failed\n")
        self.assertEqual(self.raw("alice"),
                         [b"first\r\n", b"second\r\n", b"third\r\n", b"fourth\r\n"])
        self.assertEqual(self.listed("alice")[0][3], "2001-09-09T01:46:39Z")

    def test_maildir_refused(self):
        os.mkdir(self.path("folder"))
        self.fails(1, "neither a folder new nor cur", "import", "maildir", "alice",
                   self.path("folder"))
        self.fails(1, "cannot be opened", "import", "maildir", "alice", self.path("none"))
        self.make_maildir("elsewhere", {"cur/1.x": b"x\n"})
        os.symlink(self.path("elsewhere", "cur"), self.path("folder", "cur"))
        self.fails(1, "cannot be opened", "import", "maildir", "alice", self.path("folder"))

    def test_export_overwrites_nothing(self):
        self.ok("deliver", "alice", data=b"Subject: x\n\n")
        self.fails(1, "there already", "export", "mbox", "alice", self.write("mbox", b"mine"))
        with open(self.path("mbox"), "rb") as file:
            self.assertEqual(file.read(), b"mine")
        self.fails(1, "not empty", "export", "maildir", "alice", self.folder)
        self.fails(1, "cannot be made", "export", "maildir", "alice", self.path("none", "none"))
        os.mkdir(self.path("empty"))
        self.ok("export", "maildir", "alice", self.path("empty"))
        name, = os.listdir(self.path("empty", "cur"))
        self.assertRegex(name, r"^\d+\.M1P1\.ringpost,S=12:2,S$")
        self.assertRegex(self.ok("export", "mbox", "alice", "-"),
                         rb"\AFrom ringpost@localhost \S+ \S+ .\d \d\d:\d\d:\d\d \d{4}\n"
                         rb"Subject: x\n\n\n\Z")

    def test_export_keeps_order_against_times(self):
        text = (b"From a Mon Jan  1 10:00:09 2024\nlate\n\nFrom a Mon Jan  1 10:00:01 2024\nearly\n\n")
        self.ok("import", "mbox", "alice", "-", data=text)
        self.ok("export", "maildir", "alice", self.path("m"))
        self.ok("import", "maildir", "bob", self.path("m"))
        self.assertEqual(self.raw("bob"), [b"late\r\n", b"early\r\n"])
        self.ok("export", "mbox", "alice", self.path("mbox"))
        self.ok("import", "mbox", "carol", self.path("mbox"))
        self.assertEqual([entry[3] for entry in self.listed("carol")],
                         ["2024-01-01T10:00:09Z", "2024-01-01T10:00:01Z"])


class Faults(Case):
    messages = [b"Subject: %d\n\n" % number + b"line of text\n" * 200 for number in range(3000)]

    def assert_prefix(self, user):
        """The first messages of the source are there, whole, and nothing else is."""
        entries = self.listed(user)
        for at in {0, len(entries) // 2, len(entries) - 1} if entries else ():
            self.assertEqual(self.ok("show", user, str(at + 1)), self.messages[at])
        self.assertTrue(all(int(entry[1]) == len(on_the_wire(raw))
                            for entry, raw in zip(entries, self.messages)))
        return len(entries)

    def test_kill_in_the_middle_of_an_import(self):
        source = self.write("mbox", mboxrd(self.messages))
        began = time.monotonic()
        self.ok("import", "mbox", "bob", source)
        whole_s = time.monotonic() - began
        chance = random.Random(1939)
        for number in range(8):
            user = f"kill-{number}"
            self.ok("user", "add", user, "--scheme", "plain", data=b"x\n")
            child = subprocess.Popen(self.command("import", "mbox", user, source),
                                     stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, whole_s))
            child.kill()
            child.wait()
            self.ok("verify", user)
            count = self.assert_prefix(user)
            self.assertIn(count, {*range(0, 3000, 512), 3000})
            self.ok("deliver", user, data=b"afterwards\n")
            self.assertEqual(self.ok("show", user, str(count + 1)), b"afterwards\n")
        self.ok("verify", "--all")

    def test_interrupt(self):
        child = subprocess.Popen(self.command("import", "mbox", "alice", "-"),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        child.stdin.write(mboxrd(self.messages[:700]))
        child.stdin.flush()
        time.sleep(0.5 * PATIENCE)
        child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=20 * PATIENCE)
        self.assertEqual(child.returncode, 1)
        count = self.assert_prefix("alice")
        self.assertGreaterEqual(count, 512)
        self.assertIn(b"imported %d messages" % count, out)
        self.assertIn(b"interrupted: %d messages of it are in" % count, said)
        self.ok("verify", "alice")

    def test_sessions_and_deliveries_meanwhile(self):
        """A delivery waits for an import's end, and then both are there."""
        child = subprocess.Popen(self.command("import", "mbox", "alice", "-"),
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        child.stdin.write(mboxrd(self.messages[:600]))
        child.stdin.flush()
        time.sleep(0.5 * PATIENCE)
        other = subprocess.Popen(self.command("deliver", "alice"), stdin=subprocess.PIPE)
        other.stdin.write(b"the other\n")
        other.stdin.close()
        self.ok("list", "alice")
        child.stdin.close()
        self.assertEqual((child.wait(), other.wait()), (0, 0))
        self.assertEqual(len(self.listed("alice")), 601)
        self.assertEqual(self.ok("show", "alice", "601"), b"the other\n")

    def fill_up(self, **more):
        """Imports more than fits: what was said to be in is in, and the rest is not."""
        source = self.write("mbox", mboxrd(self.messages))
        done = self.run_it("import", "mbox", "alice", source, **more)
        self.assertEqual(done.returncode, 1, done.stderr)
        said, = re.findall(rb"given up: ([\d,]+) message", done.stderr)
        count = self.assert_prefix("alice")
        self.assertEqual(int(said.replace(b",", b"")), count)
        self.assertLess(count, 3000)
        self.ok("verify", "alice")
        done = self.run_it("deliver", "alice", data=b"x" * 3_000_000, **more)
        self.assertEqual(done.returncode, SYSEXITS["again"], done.stderr)
        self.assertEqual(self.assert_prefix("alice"), count)

    def test_file_size_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        self.fill_up(preexec_fn=limit)

    def test_full_disk(self):
        mounted = self.path("disk")
        os.mkdir(mounted)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mounted],
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("cannot: no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", mounted], check=True)
        self.store = os.path.join(mounted, "store")
        self.write_config(self.store)
        self.ok("store", "create")
        self.fill_up()
        full = self.path("disk", "out")
        self.fails(1, "incomplete", "export", "mbox", "alice", full)
        self.assertFalse(os.path.exists(full))


if __name__ == "__main__":
    unittest.main()
