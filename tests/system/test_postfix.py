"""test_postfix: the distribution's Postfix delivers through the server's LMTP.

It runs with a configuration, queue and data directory of its own in the test's folder, takes mail
by SMTP on a port of its own, and is stopped by its process number. Needs root, as Postfix does.
"""
import os
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time

from lmtp_client import LmtpTest
from ringpost_server import ANSWER_S, PATIENCE, free_port

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {command_directory}
daemon_directory = {daemon_directory}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
enable_long_queue_ids = yes
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.net
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = example.net
virtual_transport = lmtp:{transport}
lmtp_destination_recipient_limit = 50
# What cannot be delivered is tried again at once, by the patience of a test.
queue_run_delay = 2s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
default_destination_concurrency_failed_cohort_limit = 1000
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - 20 lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, where, more):
        self.folder = tempfile.mkdtemp(prefix="ringpost-postfix-")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.sent = 0
        self.config = os.path.join(self.folder, "config")
        for name in ("config", "queue", "data"):
            os.mkdir(os.path.join(self.folder, name))
        shutil.chown(os.path.join(self.folder, "data"), "postfix")
        paths = {name: subprocess.run(["postconf", "-dh", name], capture_output=True, text=True, check=True
                                      ).stdout.strip() for name in ("command_directory", "daemon_directory")}
        self.write("main.cf", MAIN.format(folder=self.folder, transport=where, **paths) + more)
        self.write("master.cf", MASTER.format(port=self.port))

    def write(self, name, text):
        with open(os.path.join(self.config, name), "w", encoding="utf-8") as file:
            file.write(text.lstrip())

    def postfix(self, *command):
        return subprocess.run(["postfix", "-c", self.config, *command], capture_output=True, text=True,
                              timeout=60 * PATIENCE, check=False)

    def start(self):
        done = self.postfix("start")
        assert done.returncode == 0, (done.stdout, done.stderr, self.log())
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                return smtplib.SMTP("127.0.0.1", self.port, timeout=ANSWER_S).quit()
            except OSError:
                assert time.monotonic() < end, self.log()
                time.sleep(0.05)

    def stop(self):
        """By the number that its master wrote down; what it has started ends with it."""
        try:
            with open(os.path.join(self.folder, "queue", "pid", "master.pid"), encoding="ascii") as file:
                process = int(file.read())
            os.kill(process, signal.SIGTERM)
            end = time.monotonic() + ANSWER_S
            while os.path.exists(f"/proc/{process}") and time.monotonic() < end:
                time.sleep(0.02)
        except (FileNotFoundError, ProcessLookupError):
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        try:
            with open(os.path.join(self.folder, "maillog"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for(self, pattern, count=1, within_s=60):
        end = time.monotonic() + within_s * PATIENCE
        while len(found := re.findall(pattern, self.log())) < count:
            assert time.monotonic() < end, (pattern, self.log()[-3000:])
            time.sleep(0.05)
        return found

    def queued(self):
        """Mails that are still its to deliver, by its log: a file may move while one looks for it."""
        self.wait_for(r" postfix/cleanup\[\d+\]: \w+: message-id=", count=self.sent)
        log = self.log()
        made = re.findall(r" postfix/cleanup\[\d+\]: (\w+): message-id=", log)
        return set(made) - set(re.findall(r" postfix/qmgr\[\d+\]: (\w+): removed", log))

    def wait_until_empty(self, within_s=120):
        end = time.monotonic() + within_s * PATIENCE
        while self.queued():
            assert time.monotonic() < end, (len(self.queued()), self.log()[-3000:])
            time.sleep(0.05)

    def send(self, mails):
        """Pairs of recipients and text, from bounce@example.net."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=ANSWER_S) as client:
            for recipients, text in mails:
                client.sendmail("bounce@example.net", recipients, f"Subject: {text}\n\n{text}\n")
                self.sent += 1


class WithPostfix(LmtpTest):
    def begin(self, users, by_tcp=False, more="", **settings):
        if os.geteuid() != 0:
            self.skipTest("cannot: Postfix is started by root")
        if not shutil.which("postfix"):
            self.skipTest("cannot: there is another mail server, which Postfix would have replaced")
        self.server = self.make_lmtp_server([*users, "bounce"], **settings)
        os.chmod(self.server.folder, 0o755)
        where = f"inet:127.0.0.1:{self.server.lmtp_port}" if by_tcp else f"unix:{self.server.lmtp_path}"
        self.postfix = Postfix(where, more)
        self.addCleanup(self.postfix.stop)
        self.postfix.start()

    def subjects(self, user):
        """Of all mails of a user, in their order."""
        return [re.search(rb"(?m)^Subject: (.*)\r$", message)[1].decode()
                for message in self.messages_of(self.server, user)]

    def test_new_mail_and_an_unknown_user(self):
        self.begin(["alice", "bob"], shards=2, return_path="yes", delivered_to="yes", received="yes")
        self.postfix.send([(["alice@example.net", "bob@example.net", "Alice+x@example.net"], "to many"),
                           (["nobody@example.net"], "to nobody"), (["bob@example.net"], "second")])
        self.postfix.wait_for(r"to=<nobody@example.net>, .*dsn=5.1.1, status=bounced")
        self.postfix.wait_until_empty()
        self.assertEqual(self.subjects("alice"), ["to many"])  # once, though named twice
        self.assertEqual(sorted(self.subjects("bob")), ["second", "to many"])
        (bounce,) = self.messages_of(self.server, "bounce")
        self.assertTrue(bounce.startswith(b"Return-Path: <>\r\nDelivered-To: bounce@example.net\r\nReceived: from "))
        self.assertIn(b"550 5.1.1", bounce)

    def test_strangers_are_refused_at_the_door(self):
        """Postfix asks by RCPT whether there is such a user, and remembers it."""
        self.begin(["alice"], by_tcp=True, more="unverified_recipient_reject_code = 550\n"
                   "smtpd_recipient_restrictions = reject_unverified_recipient, permit_mynetworks, reject\n")
        self.postfix.send([(["alice@example.net"], "known")])
        for _ in range(2):
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                self.postfix.send([(["nobody@example.net"], "unknown")])
        self.postfix.wait_until_empty()
        self.assertEqual(self.subjects("alice"), ["known"])
        self.assertEqual(self.subjects("bounce"), [])

    def test_a_full_user_is_deferred(self):
        self.begin(["alice", "bob"], quota_messages=1, quota_full="defer")
        self.postfix.send([(["alice@example.net"], "first")])
        self.postfix.wait_until_empty()
        self.postfix.send([(["alice@example.net", "bob@example.net"], "second")])
        self.postfix.wait_for(r"to=<alice@example.net>, .*dsn=4.2.2, status=deferred", count=2)
        self.assertEqual(len(self.postfix.queued()), 1)  # the other recipient's copy is the same mail
        self.assertEqual(self.subjects("bob"), ["second"])
        reader = self.server.client("alice")
        reader.ok("DELE 1")
        reader.quit()
        self.postfix.wait_until_empty()
        self.assertEqual(self.subjects("alice"), ["second"])
        self.assertEqual(self.subjects("bounce"), [])

    def test_a_full_user_is_refused(self):
        self.begin(["alice"], quota_messages=1)
        self.postfix.send([(["alice@example.net"], "first")])
        self.postfix.wait_until_empty()
        self.postfix.send([(["alice@example.net"], "second")])
        self.postfix.wait_for(r"to=<alice@example.net>, .*dsn=5.2.2, status=bounced")
        self.postfix.wait_until_empty()
        self.assertEqual(self.subjects("alice"), ["first"])
        self.assertEqual(len(self.subjects("bounce")), 1)

    def test_no_mail_is_lost_when_the_server_is_killed(self):
        """1,000 mails wait while it is down, and it is killed three times while they come."""
        users = [f"user{number}" for number in range(20)]
        self.begin(users, shards=2)
        self.server.stop()
        self.postfix.send([([f"{users[number % 20]}@example.net"], f"mail {number}") for number in range(1000)])
        self.assertEqual(len(self.postfix.queued()), 1000)
        arrived = r"status=sent \(250 2.0.0"
        for count in (100, 300, 600):
            self.server.start()
            self.postfix.wait_for(arrived, count=count)
            self.server.kill()
        self.server.start()
        self.postfix.wait_until_empty()
        got = {user: self.subjects(user) for user in users}
        for number in range(1000):
            self.assertIn(f"mail {number}", got[users[number % 20]])
        self.assertEqual(self.subjects("bounce"), [])
        # Twice come only those whose answer the kill has swallowed: at most 20 at a time.
        self.assertLessEqual(sum(map(len, got.values())), 1000 + 3 * 20)
