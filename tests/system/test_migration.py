"""test_migration: a Dovecot is replaced by Ringpost, and by a Dovecot again, and nobody notices.

Mail programs that remember by UIDL what they have (fetchmail, getmail, mpop) fetch from a real
Dovecot, then from Ringpost on the same port, then from a Dovecot again: nothing comes twice. And
the UIDLs of each of Dovecot's formats are what that Dovecot itself has answered.
"""
import contextlib
import glob
import os
import pwd
import random
import shutil
import subprocess
import time

from dovecot_server import MASTER, MASTER_PASSWORD, OldDovecot, password_at_dovecot
from mails import MEAN, ORDINARY, header
from ringpost_server import ANSWER_S, RINGPOST, Pop3, ServerTest, on_the_wire

MESSAGES = [message for _, message in ORDINARY]


class MailPrograms:
    """Three programs of one customer, each with its memory. fetch() counts what is new to each."""

    def __init__(self, folder, port, user, password):
        self.folder, self.port, self.user, self.password = folder, port, user, password
        self.nobody = pwd.getpwnam("nobody").pw_uid
        os.chmod(folder, 0o755)
        for name in ("got-fetchmail", "got-mpop", "got-getmail"):
            for part in ("new", "cur", "tmp"):
                os.makedirs(self.path(name, part))
                os.chown(self.path(name, part), self.nobody, -1)
            os.chown(self.path(name), self.nobody, -1)
        os.makedirs(self.path(".getmail"), 0o700)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o700)
        return self.path(name)

    def run(self, *command, statuses=(0,)):
        environment = {"HOME": self.folder, "PATH": os.environ["PATH"], "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, timeout=3 * ANSWER_S, cwd=self.folder,
                              env=environment, check=False)
        assert done.returncode in statuses, (command, done.stdout[-2000:], done.stderr[-2000:])

    def fetch(self):
        """{program: how many messages it has fetched now}"""
        before = self.counts()
        self.fetchmail()
        self.mpop()
        self.getmail()
        after = self.counts()
        return {name: after[name] - before[name] for name in after}

    def counts(self):
        return {name: len(glob.glob(self.path("got-" + name, "new", "*")))
                for name in ("fetchmail", "mpop", "getmail")}

    def fetchmail(self):
        mda = self.write("keep", '#!/bin/sh\ncat >"$(mktemp got-fetchmail/new/XXXXXX)"\n')
        rc = self.write("fetchmailrc", f"""
            set idfile "{self.path('fetchids')}"
            poll 127.0.0.1 protocol pop3 service {self.port} auth password uidl
            user {self.user} password "{self.password}" is root here keep
            no rewrite sslproto '' mda "{mda}"
        """)
        # 1: there was no new mail.
        self.run("fetchmail", "-f", rc, "--invisible", "--pidfile", self.path("pid"), "--nosyslog",
                 "--uidl", statuses=(0, 1))

    def mpop(self):
        rc = self.write("mpoprc", f"""
            defaults
            tls off
            uidls_file {self.path("mpop-uidls")}
            account it
            host 127.0.0.1
            port {self.port}
            user {self.user}
            auth plain
            password {self.password}
            delivery maildir {self.path("got-mpop")}
            keep on
        """)
        os.chmod(rc, 0o600)
        self.run("mpop", "-C", rc, "it")

    def getmail(self):
        rc = self.write("getmailrc", f"""
[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {self.port}
username = {self.user}
password = {self.password}
[destination]
type = Maildir
path = {self.path("got-getmail")}/
user = nobody
[options]
delete = false
read_all = false
""")
        self.run("getmail", "--getmaildir", self.path(".getmail"), "--rcfile", rc)


class MigrationTest(ServerTest):
    def make_dovecot(self, users=("alice",), **settings):
        dovecot = OldDovecot(users, **settings)
        self.addCleanup(dovecot.remove)
        return dovecot

    def make_ringpost(self, users=("alice",)):
        server = self.make_server(users, start=False)
        server.write_users({user: password_at_dovecot(user) for user in users})
        self.master_password = os.path.join(server.folder, "master")
        with open(self.master_password, "w", encoding="utf-8") as file:
            file.write(MASTER_PASSWORD + "\n")
        return server

    def as_master(self, dovecot):
        return ("--master", MASTER, "--password-file", self.master_password, "--cacert",
                dovecot.path("cert.pem"))

    def listed(self, server, user):
        """UIDL and octets of each message in the store."""
        lines = server.ringpost("list", user).splitlines()[:-1]
        return [(line.split(b" ")[2], int(line.split(b" ")[1])) for line in lines]


class TheSwitch(MigrationTest):
    """From Dovecot to Ringpost and back, on one port, with the customer's programs watching."""

    def setUp(self):
        self.dovecot = self.make_dovecot()
        self.dovecot.put("alice", MESSAGES)
        self.dovecot.start()
        self.server = self.make_ringpost()
        self.server.port = self.dovecot.port
        self.server.write_config()
        self.programs = MailPrograms(self.server.folder, self.dovecot.port, "alice",
                                     password_at_dovecot("alice"))
        self.everything = dict.fromkeys(("fetchmail", "mpop", "getmail"), len(MESSAGES))
        self.nothing = dict.fromkeys(self.everything, 0)
        self.one = dict.fromkeys(self.everything, 1)
        self.assertEqual(self.programs.fetch(), self.everything)
        self.assertEqual(self.programs.fetch(), self.nothing)

    def switch_and_return(self, more_than_dovecot_knew=0):
        """Ringpost on Dovecot's port, then a new Dovecot with what Ringpost gives back."""
        self.dovecot.stop()
        self.server.start()
        extra = {name: more_than_dovecot_knew for name in self.everything}
        self.assertEqual(self.programs.fetch(), extra)
        self.server.ringpost("deliver", "alice", data=header(99) + b"\nNew at Ringpost\n")
        self.assertEqual(self.programs.fetch(), self.one)
        self.assertEqual(self.programs.fetch(), self.nothing)
        listed = self.listed(self.server, "alice")
        self.server.stop()

        shutil.rmtree(self.dovecot.maildir("alice"))
        self.server.ringpost("export", "maildir", "alice", self.dovecot.maildir("alice"))
        self.dovecot.put("alice", [header(98) + b"\nNew at the new Dovecot\n"], begin=10**9)
        self.dovecot.uidl_format = "%v.%u"
        self.dovecot.start()
        there = self.dovecot.listed("alice")
        self.assertEqual(there[:-1], listed)
        self.assertEqual(self.programs.fetch(), self.one)
        self.assertEqual(self.programs.fetch(), self.nothing)

    def test_by_files(self):
        self.dovecot.put("alice", [header(97) + b"\nNobody has seen it yet\n"], begin=500)
        self.server.ringpost("import", "maildir", "alice", self.dovecot.maildir("alice"))
        self.assertEqual(self.server.ringpost("import", "maildir", "alice", self.dovecot.maildir("alice")),
                         b"imported 0 messages, 0 octets; %d already there, 0 skipped, 0 failed\n"
                         % (len(MESSAGES) + 1))
        before = self.listed(self.server, "alice")
        self.assertEqual(self.dovecot.listed("alice"), before)
        self.switch_and_return(more_than_dovecot_knew=1)

    def test_by_pop3(self):
        self.server.ringpost("import", "pop3", "alice", self.dovecot.url, *self.as_master(self.dovecot))
        self.assertEqual(self.dovecot.listed("alice"), self.listed(self.server, "alice"))
        said = self.server.ringpost("compare", "alice", "--with", self.dovecot.stls_url, "--bytes",
                                    *self.as_master(self.dovecot))
        self.assertEqual(said, b"alice: %d messages here, %d there, the same\n"
                         % (len(MESSAGES), len(MESSAGES)))
        # Mail goes on coming to the old server; the same again brings only that.
        self.dovecot.put("alice", [header(96) + b"\nLate\n"], begin=600)
        said = self.server.ringpost("import", "pop3", "alice", self.dovecot.url,
                                    *self.as_master(self.dovecot))
        self.assertRegex(said, rb"imported 1 message, .* %d already there" % len(MESSAGES))
        self.switch_and_return(more_than_dovecot_knew=1)


class Uidls(MigrationTest):
    def test_each_format_of_dovecot(self):
        dovecot = self.make_dovecot()
        dovecot.put("alice", MESSAGES[:3])
        for number, text in enumerate(("%08Xu%08Xv", "%f", "%g", "%v.%u", "%Xu.%Xv", "UID%u-%v",
                                       "%08Xv%08Xu")):
            with self.subTest(format=text):
                server = self.make_ringpost()
                dovecot.uidl_format = text
                dovecot.start()
                there = dovecot.listed("alice")
                dovecot.stop()
                format_option = () if number == 0 else ("--uidl-format", text)
                server.ringpost("import", "maildir", "alice", dovecot.maildir("alice"), *format_option)
                self.assertEqual(self.listed(server, "alice"), there)

    def test_dovecot_with_uidls_and_order_of_an_older_server(self):
        """Fields P and O of the uidlist, as a migration to that Dovecot has left them."""
        dovecot = self.make_dovecot()
        dovecot.put("alice", MESSAGES[:4])
        dovecot.start()
        dovecot.listed("alice")
        dovecot.stop()
        path = os.path.join(dovecot.maildir("alice"), "dovecot-uidlist")
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
        fields = ("PUID1-old O3", "Pold!two O2", "O1", "")
        lines[1:] = [line.replace(" :", f" {field} :", 1) if field else line
                     for line, field in zip(lines[1:], fields)]
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        for name in glob.glob(os.path.join(dovecot.maildir("alice"), "dovecot.index*")):
            os.remove(name)
        dovecot.start()
        there = dovecot.listed("alice")
        server = self.make_ringpost()
        server.ringpost("import", "maildir", "alice", dovecot.maildir("alice"))
        self.assertEqual(self.listed(server, "alice"), there)
        self.assertIn(b"UID1-old", [uidl for uidl, _ in there])

    def test_mbox_of_dovecot(self):
        dovecot = self.make_dovecot(location={"driver": "mbox", "path": "~/mboxes", "inbox": "~/inbox", "index": "MEMORY"})
        inbox = dovecot.path("mail", "alice", "inbox")
        with open(inbox, "wb") as file:
            for number, message in enumerate(MESSAGES[:1] + MESSAGES[2:5]):
                file.write(b"From a@b Mon Jan  1 10:00:%02d 2024\n" % number + message + b"\n")
        dovecot.give_away()
        dovecot.start()
        there = dovecot.listed("alice")
        dovecot.stop()
        with open(inbox, "rb") as file:
            self.assertIn(b"X-IMAPbase: ", file.read())
        server = self.make_ringpost()
        with self.assertRaisesRegex(AssertionError, "--uidl-format dovecot or uw"):
            server.ringpost("import", "mbox", "alice", inbox)
        server.ringpost("import", "mbox", "alice", inbox, "--uidl-format", "dovecot")
        self.assertEqual([uidl for uidl, _ in self.listed(server, "alice")], [uidl for uidl, _ in there])
        # Dovecot sends its own notes to nobody; they are part of the file, and so of our messages.
        self.assertEqual(server.ringpost("import", "mbox", "alice", inbox, "--uidl-format", "dovecot"),
                         b"imported 0 messages, 0 octets; 4 already there, 0 skipped, 0 failed\n")

    def test_mean_mail_comes_as_dovecot_sends_it(self):
        """Byte for byte what is in the files, but for what Dovecot itself adds when it sends."""
        dovecot = self.make_dovecot()
        dovecot.put("alice", [message for _, message in MEAN])
        dovecot.start()
        server = self.make_ringpost()
        server.ringpost("import", "pop3", "alice", dovecot.url, *self.as_master(dovecot))
        for number, (name, message) in enumerate(MEAN, 1):
            expected = on_the_wire(message) if message else b"\r\n"
            self.assertEqual(server.ringpost("show", "alice", str(number), "--raw"), expected, name)


class ManyUsers(MigrationTest):
    users = [f"user{number}" for number in range(6)]

    def test_list_in_parallel_and_again(self):
        dovecot = self.make_dovecot(self.users)
        for number, user in enumerate(self.users):
            dovecot.put(user, MESSAGES[:number])
        dovecot.start()
        server = self.make_ringpost(self.users)
        path = os.path.join(server.folder, "list")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# all of them\n\n" + "\n".join(self.users) + "\n")
        options = (*self.as_master(dovecot), "--list", path, "--jobs", "4")
        count = sum(range(6))
        said = server.ringpost("import", "pop3", dovecot.url, *options)
        self.assertRegex(said, rb"(?m)^imported 6 users: %d messages, .*; 0 users failed$" % count)
        self.assertRegex(said, rb"(?m)^user4: 4 messages, ")
        for user in self.users:
            self.assertEqual(self.listed(server, user), dovecot.listed(user))
        said = server.ringpost("import", "pop3", dovecot.url, *options)
        self.assertRegex(said, rb"(?m)^imported 6 users: 0 messages, 0 octets; %d already there" % count)
        said = server.ringpost("compare", "--with", dovecot.url, *options)
        self.assertRegex(said, rb"(?m)^compared 6 users: 0 different; 0 users failed$")
        server.ringpost("deliver", "user3", data=b"Subject: new\n\n")
        said = server.ringpost("compare", "--with", dovecot.url, *options, status=1)
        self.assertRegex(said, rb"(?m)^compared 6 users: 1 different; 0 users failed$")

    def test_who_fails_keeps_nobody_from_his_mail(self):
        dovecot = self.make_dovecot(self.users[:3])
        for user in self.users[:3]:
            dovecot.put(user, MESSAGES[:2])
        dovecot.start()
        server = self.make_ringpost(self.users[:3])
        path, passwords = os.path.join(server.folder, "list"), os.path.join(server.folder, "passwords")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"user0 {dovecot.url}\nuser1\t{dovecot.url}\nuser2 {dovecot.url}\nuser9 {dovecot.url}\n")
        with open(passwords, "w", encoding="utf-8") as file:
            file.write(f"user0:{password_at_dovecot('user0')}\nuser1:wrong\n"
                       f"user2:{password_at_dovecot('user2')}\n")
        said = server.ringpost("import", "pop3", "--list", path, "--passwords", passwords, "--cacert",
                               dovecot.path("cert.pem"), status=1)
        self.assertRegex(said, rb"(?m)^imported 4 users: 4 messages, .*; 2 users failed$")
        self.assertRegex(said, rb"(?m)^  user1: \S+ refuses the login of user1")
        self.assertRegex(said, rb"(?m)^  user9: there is no user user9")
        self.assertEqual(len(self.listed(server, "user2")), 2)


class KilledImports(MigrationTest):
    """kill -9 in the middle, then once more: nothing is missing, nothing is there twice."""

    messages = [header(number % 60) + b"\n%d\n" % number + b"text " * 200 + b"\n" for number in range(1500)]

    def kill_and_finish(self, server, dovecot, *words):
        chance = random.Random(1996)
        begin = time.monotonic()
        server.ringpost("import", words[0], "timer", *words[1:])
        whole_s = time.monotonic() - begin
        command = [RINGPOST, "-c", server.config, "import", words[0], "alice", *words[1:]]
        for _ in range(4):
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.1, 0.5) * whole_s)
            child.kill()
            child.wait()
        server.ringpost("import", words[0], "alice", *words[1:])
        server.ringpost("verify", "alice")
        self.assertEqual(self.listed(server, "alice"), dovecot.listed("alice"))

    def setUp(self):
        self.dovecot = self.make_dovecot(("alice", "timer"))
        self.dovecot.put("alice", self.messages)
        self.dovecot.start()
        self.dovecot.listed("alice")
        self.server = self.make_ringpost(("alice", "timer"))

    def test_by_files(self):
        self.kill_and_finish(self.server, self.dovecot, "maildir", self.dovecot.maildir("alice"))

    def test_by_pop3(self):
        self.kill_and_finish(self.server, self.dovecot, "pop3", self.dovecot.url, "--user", "alice",
                             *self.as_master(self.dovecot))

    def test_what_was_removed_does_not_come_back(self):
        """The customer empties his maildrop at Ringpost; the old server still has it all."""
        dovecot, server = self.dovecot, self.server
        words = ("import", "pop3", "alice", dovecot.url, *self.as_master(dovecot))
        server.ringpost(*words)
        server.start()
        client = server.client()
        client.ok("USER alice")
        client.ok(f"PASS {password_at_dovecot('alice')}")
        client.send(b"".join(b"DELE %d\r\n" % (number + 1) for number in range(1500)))
        for _ in range(1500):
            self.assertTrue(client.line().startswith(b"+OK"))
        client.quit()
        server.stop()
        server.ringpost("compact", "alice")
        dovecot.put("alice", [header(50) + b"\nThe only new one\n"], begin=5000)
        self.assertRegex(server.ringpost(*words), rb"imported 1 message, .* 1,500 already there")
        self.assertEqual(self.listed(server, "alice"), dovecot.listed("alice")[-1:])

    def test_what_was_removed_at_the_old_server_goes_here_too(self):
        dovecot, server = self.dovecot, self.server
        by_pop3 = ("import", "pop3", "alice", dovecot.url, *self.as_master(dovecot))
        server.ringpost(*by_pop3)
        server.ringpost("deliver", "alice", data=b"Subject: not by an import\n\n")
        client = Pop3(dovecot.port)
        client.ok("USER alice")
        client.ok(f"PASS {password_at_dovecot('alice')}")
        for number in (1, 2, 700, 1500):
            client.ok(f"DELE {number}")
        client.quit()
        before = self.listed(server, "alice")
        self.assertNotIn(b"removed", server.ringpost(*by_pop3))
        self.assertEqual(self.listed(server, "alice"), before)
        said = server.ringpost(*by_pop3, "--remove-gone")
        self.assertRegex(said, rb"imported 0 messages, .* 1,496 already there, .* 0 failed, 4 removed")
        self.assertEqual(self.listed(server, "alice"), dovecot.listed("alice") + before[-1:])
        by_files = ("import", "maildir", "alice", dovecot.maildir("alice"), "--remove-gone")
        self.assertNotIn(b"removed", server.ringpost(*by_files))

    def has_begun(self):
        with contextlib.suppress(AssertionError, FileNotFoundError):
            return bool(self.server.maildrop("alice"))
        return False

    def test_interrupt(self):
        command = [RINGPOST, "-c", self.server.config, "import", "pop3", "alice", self.dovecot.url,
                   *self.as_master(self.dovecot)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + ANSWER_S
        while not self.has_begun() and child.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        child.terminate()
        out, said = child.communicate(timeout=ANSWER_S)
        if child.returncode != 0:  # unless it was faster than we
            self.assertEqual(child.returncode, 1)
            self.assertRegex(said, rb"interrupted")
            self.assertTrue(out.startswith(b"imported ") or b"before anything" in said)
        self.server.ringpost(*command[3:])
        self.assertEqual(self.listed(self.server, "alice"), self.dovecot.listed("alice"))
