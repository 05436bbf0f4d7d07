"""test_maildir: Maildirs that Ringpost serves beside a real Dovecot, deliveries and flag changes.

The same UIDLs, the same sizes and the same bytes, whoever looked first; and whatever others do to a
Maildir meanwhile, nobody gets a wrong message.
"""
import mailbox
import os
import re
import threading
import time

from dovecot_server import MaildirTest, dovecot_dialect
from lmtp_client import LmtpTest
from mails import MEAN, ORDINARY
from ringpost_server import on_the_wire
from tls_client import TlsTest

# What Dovecot itself sends otherwise than RFC 1939 wants: a first dot that it does not stuff, NUL,
# and messages without a last line end.
PLAIN = [(name, message) for name, message in MEAN
         if message.endswith(b"\n") and b"\0" not in message and not message.startswith(b".")]


def name_of(number):
    return f"{1600000000 + number}.M{number}P7.host"


def uidls(client):
    return [line.split(b" ", 1)[1] for line in client.lines("UIDL")]


def sizes(client):
    return [int(line.split()[1]) for line in client.lines("LIST")]


def everything(client):
    """(UIDL, octets, message) of all messages, which must agree with each other."""
    found = []
    for number, (uidl, octets) in enumerate(zip(uidls(client), sizes(client)), 1):
        first = client.ok(f"RETR {number}")
        message = client.body()
        assert first == b"+OK %d octets" % octets, (first, octets)
        assert len(message) == octets, (len(message), octets)
        found.append((uidl, octets, message))
    return found


class Beside(MaildirTest):
    """With Dovecot on the same Maildir."""

    def fill(self, server, messages, folder="new"):
        for number, (_, message) in enumerate(messages):
            info = ":2," if folder == "cur" else ""
            server.put("alice", f"{folder}/{name_of(number)}{info}", message)

    def test_mean_messages_as_they_are(self):
        server = self.make_server()
        self.fill(server, MEAN)
        for _ in range(2):
            client = server.client("alice")
            found = everything(client)
            self.assertEqual([message for _, _, message in found], [on_the_wire(mail) for _, mail in MEAN])
            self.assertEqual(client.ok("STAT").split()[2], b"%d" % sum(octets for _, octets, _ in found))
            client.quit()

    def test_tops(self):
        server = self.make_server()
        self.fill(server, MEAN)
        client = server.client("alice")
        for number, (name, message) in enumerate(MEAN, 1):
            wire = on_the_wire(message)
            head = re.match(rb"(?s)(?:.*?\r\n)??\r\n", wire)
            head = head.group() if head else wire
            for lines in (0, 1, 3, 10**9):
                client.ok(f"TOP {number} {lines}")
                rest = wire[len(head):].split(b"\r\n")
                body = b"".join(line + b"\r\n" for line in rest[:-1][:lines])
                self.assertEqual(client.body(), head + body, (name, lines))
        client.quit()

    def test_the_same_as_dovecot_in_every_format(self):
        formats = ["%08Xu%08Xv", "%v.%u", "%f", "%g", "UID%010u%5v-%-4.4f.%Xu", "%3.6f%UXv%u%XUv%LUf"]
        words = {"%08Xu%08Xv": "dovecot", "%v.%u": "cyrus"}
        dialect = dovecot_dialect.installed()
        for uidl_format in formats:
            if dialect.uidl_format(uidl_format) is None:
                continue  # Dovecot 2.4 has no words for it
            with self.subTest(uidl_format):
                server = self.make_server(uidl_format=f'"{words.get(uidl_format, uidl_format)}"')
                self.fill(server, PLAIN if uidl_format == formats[0] else ORDINARY[:5])
                dovecot = self.make_dovecot(server, uidl_format=uidl_format)
                theirs = dovecot.client("alice")
                expected = everything(theirs)
                theirs.quit()
                ours = server.client("alice")
                self.assertEqual(everything(ours), expected)
                ours.quit()
                dovecot.stop()
                server.stop()

    def test_uids_that_we_give_are_dovecots(self):
        server = self.make_server()
        dovecot = self.make_dovecot(server)
        known = []
        for turn, first in enumerate(((server, dovecot), (dovecot, server)) * 2):
            for number in range(3):
                server.put("alice", f"new/{name_of(10 * turn + number)}", b"turn %d, %d\n" % (turn, number))
            seen = []
            for each in first:
                client = each.client("alice")
                seen.append(uidls(client))
                client.quit()
            self.assertEqual(seen[0], seen[1], turn)
            self.assertEqual(seen[0][:len(known)], known, "what was there keeps its UIDL")
            known = seen[0]
        self.assertEqual(len(set(known)), 12)
        self.assertNotRegex(dovecot.log(), "(?i)error|corrupt|panic")
        # All of it can be learnt again.
        os.remove(server.maildir("alice", "ringpost-index"))
        client = server.client("alice")
        self.assertEqual(uidls(client), known)
        client.quit()

    def test_a_lock_of_dovecots_hides_new_mail_until_it_is_gone(self):
        server = self.make_server()
        server.put("alice", f"new/{name_of(1)}", b"one\n")
        client = server.client("alice")
        known = uidls(client)
        client.quit()
        lock = server.maildir("alice", "dovecot-uidlist.lock")
        with open(lock, "w", encoding="utf-8"):
            pass
        server.put("alice", f"new/{name_of(2)}", b"two\n")
        client = server.client("alice")
        self.assertEqual(uidls(client), known)
        client.quit()
        os.utime(lock, (1600000000, 1600000000))
        client = server.client("alice")
        self.assertEqual(uidls(client)[:1], known)
        self.assertEqual(client.count(), 2)
        client.quit()
        self.assertFalse(os.path.exists(lock))

    def test_removals_are_seen_by_both(self):
        server = self.make_server()
        dovecot = self.make_dovecot(server)
        self.fill(server, ORDINARY[:6])
        theirs = dovecot.client("alice")
        expected = everything(theirs)
        theirs.ok("DELE 2")
        theirs.quit()
        ours = server.client("alice")
        self.assertEqual(everything(ours), expected[:1] + expected[2:])
        ours.ok("DELE 1")
        ours.ok("DELE 5")
        ours.quit()
        theirs = dovecot.client("alice")
        self.assertEqual(everything(theirs), expected[2:5])
        theirs.quit()
        self.assertEqual(len(os.listdir(server.maildir("alice", "cur"))), 3)
        ours = server.client("alice")
        ours.ok("DELE 1")
        ours.close()
        ours = server.client("alice")
        self.assertEqual(ours.count(), 3, "without QUIT nothing is removed")
        ours.quit()

    def test_courier(self):
        server = self.make_server(uidl_format="courier")
        for number in range(3):
            server.put("alice", f"cur/{name_of(number)}:2,S", b"Subject: %d\n\nText\n" % number)
        with open(server.maildir("alice", "courierpop3dsizelist"), "w", encoding="utf-8") as file:
            file.write(f"/2 8 1100000000\n{name_of(0)}:2, 20 5:1100000000\n{name_of(1)} 20 7:1000000000\n")
        client = server.client("alice")
        self.assertEqual(uidls(client), [b"UID5-1100000000", b"UID7-1000000000", name_of(2).encode()])
        self.assertEqual([octets for _, octets, _ in everything(client)], [20] * 3)
        client.quit()


class Alone(MaildirTest):
    """What others leave behind."""

    def test_a_wrong_size_is_found_out_and_corrected(self):
        server = self.make_server()
        server.put("alice", "cur/1.h,W=99:2,", b"abc\n")
        client = server.client("alice")
        self.assertEqual(sizes(client), [99])
        client.refused("RETR 1", b"[SYS/TEMP]")
        client.quit()
        client = server.client("alice")
        self.assertEqual([octets for _, octets, _ in everything(client)], [5])
        client.quit()

    def test_damaged_uidlists(self):
        lists = [b"", b"3 V1 N1", b"garbage\n", b"3 V1 N9\n5 :x\n5 :y\nzzz\n4 :" + name_of(1).encode() + b"\n",
                 b"\0" * 5000, b"3 V1 N1 " + b"X" * 400000, b"1 7 1\n"]
        for number, damaged in enumerate(lists):
            with self.subTest(damaged[:40]):
                server = self.make_server()
                for each in range(3):
                    server.put("alice", f"new/{name_of(each)}", b"%d\n" % each)
                with open(server.maildir("alice", "dovecot-uidlist"), "wb") as file:
                    file.write(damaged)
                server.give_away(server.maildirs)
                known = None
                for _ in range(2):
                    client = server.client("alice")
                    found = everything(client)
                    self.assertEqual([message for _, _, message in found], [b"0\r\n", b"1\r\n", b"2\r\n"])
                    self.assertEqual(len({uidl for uidl, _, _ in found}), 3)
                    self.assertIn(known, (None, found))
                    known = found
                    client.quit()
                server.stop()

    def test_what_cannot_be_read_fails_alone(self):
        server = self.make_server(uidl_format="own")
        secret = os.path.join(server.folder, "secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("nobody may see this\n")
        os.symlink(secret, server.maildir("alice", "cur", "1.link"))
        os.mkfifo(server.maildir("alice", "cur", "2.pipe"))
        os.mkdir(server.maildir("alice", "cur", "3.folder"))
        os.chmod(server.put("alice", "cur/4.unreadable:2,", b"x\n"), 0)
        os.chown(server.maildir("alice", "cur", "4.unreadable:2,"), 0, 0)
        server.put("alice", "cur/5.good:2,", b"good\n")
        client = server.client("alice")
        self.assertEqual(uidls(client), [b"4.unreadable", b"5.good"])
        client.refused("RETR 1", b"[SYS/PERM]")
        self.assertEqual(client.retrieve(2), b"good\r\n")
        client.quit()

    def test_a_file_of_holes_delays_nobody(self):
        """It is larger than the disk, and than what can be read while anybody waits."""
        server = self.make_server(uidl_format="own")
        os.truncate(server.put("alice", "cur/1.holes:2,", b"Subject: x\n"), 4 << 40)
        server.put("alice", "cur/2.good:2,", b"good\n")
        client = server.client("alice")
        self.assertEqual(sizes(client), [0, 6])
        client.refused("RETR 1", b"[SYS/PERM]")
        client.refused("TOP 1 1", b"[SYS/PERM]")
        self.assertEqual(client.retrieve(2), b"good\r\n")
        client.quit()

    def test_a_link_out_of_the_maildir_is_not_followed(self):
        server = self.make_server(users=("alice", "eve"))
        server.put("alice", "cur/1.h:2,", b"for alice\n")
        os.rename(server.maildir("eve"), server.maildir("eve") + ".old")
        os.symlink(server.maildir("alice"), server.maildir("eve"))
        client = server.client()
        client.ok("USER eve")
        client.refused("PASS secret of eve", b"[SYS/PERM]")
        os.remove(server.maildir("eve"))
        os.rename(server.maildir("eve") + ".old", server.maildir("eve"))
        os.rmdir(server.maildir("eve", "cur"))
        os.symlink(server.maildir("alice", "cur"), server.maildir("eve", "cur"))
        client.ok("USER eve")
        client.refused("PASS secret of eve", b"[SYS/PERM]")
        client.close()

    def test_a_missing_mount_is_never_an_empty_maildrop(self):
        server = self.make_server()
        server.put("alice", "cur/1.h:2,", b"x\n")
        os.rename(server.maildirs, server.maildirs + ".away")
        client = server.client()
        for make in (lambda: None, lambda: os.makedirs(server.maildirs),
                     lambda: os.makedirs(server.maildir("alice"))):
            make()
            client.ok("USER alice")
            client.refused("PASS secret of alice", b"[SYS/TEMP]")
        client.close()

    def test_a_user_without_a_maildir_where_the_mount_is_there(self):
        server = self.make_server(users=("alice", "bob"), start=False)
        server.settings["maildir_mounted"] = f'"{server.maildirs}"'
        server.write_config()
        os.rename(server.maildir("bob"), server.maildir("bob") + ".away")
        server.start()
        client = server.client()
        client.ok("USER bob")
        client.refused("PASS secret of bob", b"[SYS/TEMP]")
        with open(os.path.join(server.maildirs, "ringpost-maildirs"), "w", encoding="utf-8"):
            pass
        client.log_in("bob")
        self.assertEqual(client.count(), 0)
        client.quit()

    def test_one_session_at_a_time(self):
        server = self.make_server()
        client = server.client("alice")
        other = server.client()
        other.ok("USER alice")
        other.refused("PASS secret of alice", b"[IN-USE]")
        client.quit()
        other.log_in("alice")
        other.quit()

    def test_users_say_where(self):
        server = self.make_server(users=("alice", "bob", "carl", "../alice"), start=False)
        server.settings["driver"] = "native"
        server.settings["maildir"] = '"~/Maildir"'
        server.write_config()
        home = os.path.join(server.maildirs, "alice")
        with open(server.passwd, "w", encoding="utf-8") as file:
            file.write(f"alice:{{PLAIN}}secret of alice:::: {home}::\n".replace(": /", ":/"))
            file.write(f"bob:{{PLAIN}}secret of bob::::{home}::userdb_mail=maildir:~/Maildir:INDEX=x foo=bar\n")
            file.write(f"carl:{{PLAIN}}secret of carl::::{home}::ringpost_driver=maildir\n")
            file.write("dora:{PLAIN}secret of dora::::::ringpost_driver=maildir\n")
        server.put("alice", "cur/1.h:2,", b"x\n")
        server.start()
        for user, count in (("alice", 0), ("bob", 1), ("carl", 1)):
            client = server.client(user)
            self.assertEqual(client.count(), count, user)
            client.quit()
        client = server.client()
        client.ok("USER dora")
        client.refused("PASS secret of dora", b"[SYS/PERM]")
        client.close()

    def test_a_maildir_that_may_only_be_read(self):
        server = self.make_server(start=False, uidl_format="own")
        control = os.path.join(server.folder, "control")
        os.mkdir(control)
        server.give_away(control)
        server.settings["maildir_control"] = f'"{control}"'
        server.write_config()
        server.put("alice", "cur/1.h:2,", b"one\n")
        for name in ("new", "cur", "."):
            os.chmod(server.maildir("alice", name), 0o555)
        server.start()
        for _ in range(2):
            client = server.client("alice")
            self.assertEqual(everything(client), [(b"1.h", 5, b"one\r\n")])
            client.ok("DELE 1")
            client.refused("QUIT", b"[SYS/PERM] Nothing was removed.")
            client.close()
        self.assertEqual(sorted(os.listdir(server.maildir("alice"))), ["cur", "new", "tmp"])
        server.stop()
        server.settings["uidl_format"] = "dovecot"
        server.write_config()
        server.start()
        client = server.client("alice")
        self.assertEqual(client.count(), 0, "Dovecot has not seen it")
        client.quit()

    def test_large_and_slow(self):
        """A message that is larger than every buffer, to a client that reads slowly."""
        server = self.make_server()
        message = b"Subject: large\n\n" + b"".join(b".%07d of a large message\n" % i for i in range(400_000))
        server.put("alice", "new/1.h", message)
        server.put("alice", "new/2.h", b"small\n")
        client = server.client("alice")
        client.send(b"RETR 1\r\nRETR 2\r\nRETR 1\r\n")
        time.sleep(0.3)
        for expected in (message, b"small\n", message):
            self.assertRegex(client.line(), rb"^\+OK \d+ octets$")
            self.assertEqual(client.body(), on_the_wire(expected))
        client.quit()

    def test_pipelined(self):
        """Far more than a plan holds, of the smallest messages and of others."""
        server = self.make_server()
        for number in range(40):
            server.put("alice", f"new/{name_of(number)}", b"" if number % 2 else b"%d\n" % number * number * 99)
        client = server.client("alice")
        order = [1 + number * 7 % 40 for number in range(400)] + [2] * 900
        client.send(b"".join(b"RETR %d\r\nTOP %d 0\r\n" % (number, number) for number in order))
        for number in order:
            message = b"" if (number - 1) % 2 else on_the_wire(b"%d\n" % (number - 1) * (number - 1) * 99)
            self.assertEqual(client.line(), b"+OK %d octets" % len(message))
            self.assertEqual(client.body(), message)
            self.assertEqual(client.line(), b"+OK")
            self.assertEqual(client.body(), message)
        self.assertLess(len(os.listdir(f"/proc/{server.process.pid}/fd")), 60)
        client.quit()

    def test_a_changed_file_ends_the_connection_and_not_the_message(self):
        server = self.make_server()
        message = b"Subject: large\n\n" + b"x" * 70 + b"\n" * 40_000_000
        path = server.put("alice", "new/1.h", message)
        client = server.client("alice")
        client.ok("RETR 1")
        os.truncate(path, 1000)
        self.assertFalse(client.rest().endswith(b"\r\n.\r\n"))
        client.close()


class Incoming(LmtpTest):
    """Mail for a user with a Maildir is delivered by others; it must not disappear in the store."""

    def test_lmtp_does_not_deliver_into_the_store(self):
        server = self.make_lmtp_server(start=False)
        with open(server.passwd, "w", encoding="utf-8") as file:
            file.write("alice:{PLAIN}secret of alice::::/nowhere::userdb_mail=maildir:~/Maildir\n")
            file.write("bob:{PLAIN}secret of bob::::::\n")
        server.start()
        client = self.client_of(server)
        client.send(b"MAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\n")
        answers = [client.answer()[:3] for _ in range(3)]
        self.assertEqual(answers, [b"250", b"451", b"250"])


class Encrypted(TlsTest):
    """The sender's other way, through records; needs neither Dovecot nor root."""

    def test_everything_by_tls(self):
        server = self.make_tls_server(start=False, driver="maildir")
        server.settings["maildir"] = f'"{server.folder}/mail/%u"'
        server.write_config()
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(server.folder, "mail", "alice", name))
        for number, (_, message) in enumerate(MEAN):
            with open(os.path.join(server.folder, "mail", "alice", "new", name_of(number)), "wb") as file:
                file.write(message)
        server.start()
        client = self.connect(server)
        client.log_in("alice")
        found = everything(client)
        self.assertEqual([message for _, _, message in found], [on_the_wire(mail) for _, mail in MEAN])
        client.send(b"".join(b"RETR %d\r\n" % number for number in range(1, len(MEAN) + 1)))
        for _, message in MEAN:
            client.line()
            self.assertEqual(client.body(), on_the_wire(message))
        client.quit()


class Together(MaildirTest):
    """Deliveries, flags and removals by Python's mailbox while sessions run."""

    def test_nobody_gets_a_wrong_message(self):
        server = self.make_server(shards=2)
        stop = threading.Event()
        failures = []
        self.addCleanup(os.umask, os.umask(0o022))

        def deliver():
            box = mailbox.Maildir(server.maildir("alice"), create=False)
            number = 0
            while not stop.is_set() and number < 300:
                key = box.add(b"Number: %d\n\n%d\n" % (number, number))
                for folder in ("new", "cur"):
                    path = server.maildir("alice", folder, key)
                    if os.path.exists(path):
                        os.chmod(path, 0o644)
                number += 1
                time.sleep(0.002)

        def flag():
            box = mailbox.Maildir(server.maildir("alice"), create=False)
            while not stop.is_set():
                for key in list(box.keys())[::3]:
                    try:
                        message = box[key]
                        message.set_subdir("cur")
                        message.set_flags("S" if "S" not in message.get_flags() else "F")
                        old = box._lookup(key)
                        os.rename(server.maildir("alice", old),
                                  server.maildir("alice", "cur", f"{key}:2,{message.get_flags()}"))
                    except (KeyError, FileNotFoundError):
                        pass
                time.sleep(0.001)

        def run(function):
            try:
                function()
            except BaseException as failure:  # pylint: disable=broad-except
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(function,)) for function in (deliver, flag)]
        for thread in threads:
            thread.start()
        known = {}
        removed = set()
        try:
            turn = 0
            while turn < 25 or (len(known) <= 20 and not failures):
                turn += 1
                client = server.client("alice")
                found = uidls(client)
                self.assertEqual(len(set(found)), len(found))
                self.assertFalse(removed & set(found))
                for number, uidl in enumerate(found[:20], 1):
                    message = client.retrieve(number)
                    self.assertEqual(known.setdefault(uidl, message), message)
                self.assertEqual(len(set(known.values())), len(known))
                if turn % 5 == 4 and len(found) > 10:
                    for number in (1, 3, 5):
                        client.ok(f"DELE {number}")
                        removed.add(found[number - 1])
                client.quit()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(known), 20)
