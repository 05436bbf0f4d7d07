"""test_clients: programs that people use fetch their mail, and it arrives byte for byte.

Each client first fetches and keeps, then fetches or deletes so that the maildrop is empty in the
next session. Clients that pass bytes on are given everything (MEAN); those that rewrite what they
fetch get well-formed mail. A client that is not installed is a failure.
"""
import glob
import os
import poplib
import pwd
import re
import subprocess

from mails import MEAN, ORDINARY
from ringpost_server import ANSWER_S, ServerTest, on_the_wire, password_of

SECRET = password_of("alice").replace(" ", "-")


def with_lf(raw):
    return on_the_wire(raw).replace(b"\r\n", b"\n")


class Clients(ServerTest):
    def setUp(self):
        self.server = self.make_server(start=False)
        self.server.write_users({"alice": SECRET})
        self.server.start()
        self.folder = self.server.folder
        self.address = f"127.0.0.1:{self.server.port}"

    def fill(self, mails):
        """The maildrop for a test; returns the messages."""
        messages = [message for _, message in mails]
        self.server.import_mail("alice", messages)
        self.assertEqual(self.left(), len(messages))
        return messages

    def left(self):
        client = self.server.client()
        client.ok("USER alice")
        client.ok(f"PASS {SECRET}")
        count = client.count()
        client.quit()
        return count

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o600)
        return path

    def run_client(self, *command, statuses=(0,), **options):
        environment = {"HOME": self.folder, "PATH": os.environ["PATH"], "LC_ALL": "C"}
        result = subprocess.run(command, capture_output=True, timeout=3 * ANSWER_S, cwd=self.folder,
                                env=environment, **options)
        self.assertIn(result.returncode, statuses, (command, result.stdout[-2000:], result.stderr[-2000:]))
        return result.stdout

    def read(self, *pattern):
        files = {}
        for path in glob.glob(os.path.join(self.folder, *pattern)):
            with open(path, "rb") as file:
                files[os.path.basename(path)] = file.read()
        return files

    def assert_same(self, mails, arrived):
        """`arrived` in the order of `mails`; says by name which one differs, and where."""
        self.assertEqual(len(arrived), len(mails))
        for (name, message), got in zip(mails, arrived):
            if got != message:
                at = len(os.path.commonprefix([got, message]))
                self.fail(f"{name}: differs at octet {at}: {got[at - 20:at + 40]!r} "
                          f"instead of {message[at - 20:at + 40]!r}")

    def assert_same_set(self, expected, arrived):
        """The same messages in any order, found by their Message-ID."""
        def key(message):
            match = re.search(rb"(?mi)^message-id: *(\S+)", message)
            return match.group(1) if match else b""

        expected = sorted(expected, key=key)
        self.assert_same([(key(message).decode(), message) for message in expected], sorted(arrived, key=key))

    def test_curl(self):
        messages = self.fill(MEAN)
        count = len(messages)
        user = f"alice:{SECRET}"
        listing = self.run_client("curl", "-sS", f"pop3://{self.address}/", "--user", user)
        octets = [int(line.split()[1]) for line in listing.splitlines()]
        self.assertEqual(octets, [len(on_the_wire(message)) for message in messages])
        self.run_client("curl", "-sS", f"pop3://{self.address}/[1-{count}]", "--user", user,
                        "-o", "curl-#1")
        files = self.read("curl-*")
        arrived = [files.get(f"curl-{number}") for number in range(1, count + 1)]
        # For a message without any octet curl writes the CRLF that stands before the dot.
        self.assert_same([(name, on_the_wire(message) or b"\r\n") for name, message in MEAN], arrived)
        for mechanism in ("PLAIN", "LOGIN"):
            one = self.run_client("curl", "-sS", f"pop3://{self.address}/1", "--user", user,
                                  "--login-options", f"AUTH={mechanism}")
            self.assertEqual(one, on_the_wire(messages[0]))
        uidls = self.run_client("curl", "-sS", f"pop3://{self.address}/", "--user", user, "-X", "UIDL")
        self.assertEqual(len({line.split()[1] for line in uidls.splitlines()}), count)

        self.run_client("curl", "-sS", f"pop3://{self.address}/2", "--user", user, "-X", "DELE", "--head")
        self.assertEqual(self.left(), count - 1)
        third = self.run_client("curl", "-sS", f"pop3://{self.address}/2", "--user", user)
        self.assertEqual(third, on_the_wire(messages[2]))

    def test_poplib(self):
        messages = self.fill(MEAN)
        before, poplib._MAXLINE = poplib._MAXLINE, 1_000_000  # its own limit is on lines of 2 KB
        self.addCleanup(setattr, poplib, "_MAXLINE", before)
        client = poplib.POP3("127.0.0.1", self.server.port, timeout=ANSWER_S)
        self.assertIn("UIDL", client.capa())
        client.user("alice")
        client.pass_(SECRET)
        sizes = [len(on_the_wire(message)) for message in messages]
        self.assertEqual(client.stat(), (len(messages), sum(sizes)))
        arrived = []
        for number, size in enumerate(sizes, 1):
            answer, lines, _ = client.retr(number)
            self.assertEqual(answer, b"+OK %d octets" % size)
            arrived.append(b"".join(line + b"\r\n" for line in lines))
        self.assert_same([(name, on_the_wire(message)) for name, message in MEAN], arrived)
        top = client.top(3, 2)[1]
        self.assertEqual(top, on_the_wire(messages[2]).split(b"\r\n")[:8])
        for number in range(1, len(messages) + 1):
            client.dele(number)
        client.rset()
        for number in range(1, len(messages) + 1):
            client.dele(number)
        client.quit()
        self.assertEqual(self.left(), 0)

    def test_perl_net_pop3(self):
        messages = self.fill(MEAN)
        script = self.path("fetch.pl", """
            use strict; use Net::POP3;
            my ($address, $secret, $delete) = @ARGV;
            my $pop = Net::POP3->new($address, Timeout => 60) or die "no connection: $@";
            my $count = $pop->login('alice', $secret);
            defined $count or die 'no login';
            for my $number (1 .. $count) {
                my $lines = $pop->get($number) or die "no message $number";
                open my $out, '>:raw', "perl-$number" or die;
                print $out @$lines;
                close $out or die;
                $delete and ($pop->delete($number) or die "not deleted $number");
            }
            $pop->quit or die 'no quit';
        """)
        for delete in ("0", "1"):
            self.run_client("perl", script, self.address, SECRET, delete)
            files = self.read("perl-*")
            arrived = [files[f"perl-{number}"] for number in range(1, len(messages) + 1)]
            self.assert_same([(name, with_lf(message)) for name, message in MEAN], arrived)
        self.assertEqual(self.left(), 0)

    def test_fetchmail(self):
        messages = self.fill(ORDINARY)
        # An MDA that keeps what comes on its standard input, a file for each message.
        mda = self.path("keep", '#!/bin/sh\ncat >"$(mktemp fetched-XXXXXX)"\n')
        os.chmod(mda, 0o700)
        configuration = self.path("fetchmailrc", f"""
            poll 127.0.0.1 protocol pop3 service {self.server.port} auth password
            user alice password "{SECRET}" is root here
            no rewrite sslproto '' mda "{mda}"
        """)
        base = ("fetchmail", "-f", configuration, "--invisible", "--pidfile", self.path("pid"), "--nosyslog",
                "--norewrite")
        for keep in ("--keep", "--nokeep"):
            for name in self.read("fetched-*"):
                os.remove(self.path(name))
            self.run_client(*base, keep, "--fetchall")
            arrived = [self.without_added_headers(message) for message in self.read("fetched-*").values()]
            self.assert_same_set([self.without_added_headers(with_lf(m)) for m in messages], arrived)
        self.assertEqual(self.left(), 0)

    def test_mpop(self):
        messages = self.fill(MEAN)
        for name in ("new", "cur", "tmp"):
            os.makedirs(self.path("in/" + name))
        configuration = self.path("mpoprc", f"""
            defaults
            tls off
            received_header off
            uidls_file {self.path("uidls")}
            account ringpost
            host 127.0.0.1
            port {self.server.port}
            user alice
            auth plain
            password {SECRET}
            delivery maildir {self.path("in")}
        """)
        self.run_client("mpop", "-C", configuration, "--keep=on", "ringpost")
        self.assertEqual(self.left(), len(messages))
        arrived = list(self.read("in", "new", "*").values())
        # mpop names files after the moment, so they are compared as a set.
        self.assertEqual(sorted(arrived), sorted(with_lf(message) for message in messages))
        # With the same UIDLs nothing is fetched again, and what was fetched is deleted.
        self.run_client("mpop", "-C", configuration, "--keep=off", "ringpost")
        self.assertEqual(len(self.read("in", "new", "*")), len(messages))
        self.assertEqual(self.left(), 0)

    def test_getmail(self):
        messages = self.fill(ORDINARY)
        for name in ("new", "cur", "tmp"):
            os.makedirs(self.path("in/" + name))
        os.makedirs(self.path(".getmail"), 0o700)
        user = ""
        if os.getuid() == 0:  # it delivers nothing as root, but lets go of it when it is told to whom
            user = "user = nobody"
            os.chmod(self.folder, 0o755)
            for name in ("in", "in/new", "in/cur", "in/tmp"):
                os.chown(self.path(name), pwd.getpwnam("nobody").pw_uid, -1)
        for delete in ("false", "true"):
            configuration = self.path("getmailrc", f"""
[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {self.server.port}
username = alice
password = {SECRET}
[destination]
type = Maildir
path = {self.path("in")}/
{user}
[options]
delete = {delete}
delivered_to = false
received = false
read_all = false
""")
            self.run_client("getmail", "--getmaildir", self.path(".getmail"), "--rcfile", configuration)
            # It writes the header anew, with other line breaks; the body is what came.
            def body(message):
                head, separator, rest = self.without_added_headers(message).partition(b"\n\n")
                head = re.sub(rb"\s*\n[ \t]+", b" ", head)
                return re.sub(rb"(?m)[ \t]+$", b"", head) + separator + rest

            arrived = [body(message) for message in self.read("in", "new", "*").values()]
            self.assert_same_set([body(with_lf(message)) for message in messages], arrived)
        self.assertEqual(self.left(), 0)

    def test_s_nail(self):
        messages = self.fill(ORDINARY)
        box = f"pop3://alice:{SECRET}@{self.address}"
        options = ("-n", "-S", "v15-compat", "-S", "noheader", "-S", "hold", "-S", "pop3-use-apop=no",
                   "-S", "mbox-rfc4155")
        self.run_client("s-nail", *options, "-f", box, input=b"copy * " + self.path("copied").encode()
                        + b"\nexit\n")
        self.assertEqual(self.left(), len(messages))
        with open(self.path("copied"), "rb") as file:
            parts = re.split(rb"(?m)(?:\A|(?<=\n\n))From \S+.*\n", file.read())[1:]
        # It quotes some lines in the manner of mbox, which cannot be taken back without doubt.
        def unquoted(message):
            return self.without_added_headers(re.sub(rb"(?m)^>+From ", b"From ", message))

        self.assert_same_set([unquoted(with_lf(message)) for message in messages],
                             [unquoted(part) for part in parts])
        self.run_client("s-nail", *options, "-f", box, input=b"delete *\nquit\n")
        self.assertEqual(self.left(), 0)

    @staticmethod
    def without_added_headers(message):
        """Without the header fields that a client writes by itself, and without the last newlines."""
        head, separator, body = message.partition(b"\n\n")
        fields = re.split(rb"\n(?![ \t])", head)
        kept = [field for field in fields
                if not re.match(rb"(?i)(return-path|delivered-to|received|status|x-status|x-getmail\S*):", field)]
        return b"\n".join(kept) + separator + body.rstrip(b"\n") + b"\n"
