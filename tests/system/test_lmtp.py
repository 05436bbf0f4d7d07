"""test_lmtp: mail comes in by LMTP, and is fetched by POP3.

Friendly and hostile senders on unix sockets, TCP and TLS: what is answered 250 is there, what is
not is not, and no sender stops another.
"""
import os
import random
import re
import signal
import smtplib
import stat
import subprocess
import time

from lmtp_client import Lmtp, LmtpTest, stuffed
from mails import MEAN
from ringpost_server import ANSWER_S, PATIENCE, SANITIZED, Pop3, ServerTest, on_the_wire, password_of
from tls_client import TlsTest

SHORT = b"Subject: short\r\n\r\nHello.\r\n"
HEAD = b"From: a@example.org\r\nSubject: x\r\n\r\n"


class Delivery(LmtpTest):
    def test_smtplib_by_both_sockets(self):
        server = self.make_lmtp_server()
        reader = server.client("alice")
        for where in ({"host": server.lmtp_path}, {"host": "127.0.0.1", "port": server.lmtp_port}):
            with smtplib.LMTP(**where) as client:
                # For several recipients, smtplib does not read their answers (Python 3.11).
                for user in ("alice", "bob"):
                    client.sendmail("sender@example.org", [f"{user}@example.net"], SHORT.decode())
                with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
                    client.sendmail("sender@example.org", ["root@example.net"], SHORT.decode())
                self.assertEqual(refused.exception.recipients["root@example.net"][0], 550)
        self.assertEqual(reader.count(), 0)  # a session keeps the view of its beginning
        reader.quit()
        for user in ("alice", "bob"):
            self.assertEqual(self.messages_of(server, user), [SHORT, SHORT])

    def test_mail_of_every_kind_stays_as_it_is(self):
        """Behind CRLF line ends, which LMTP wants: the client here makes them, as mail programs do."""
        server = self.make_lmtp_server()
        messages = [on_the_wire(message) for _, message in MEAN]
        client = self.client_of(server, server.lmtp_port)
        for message in messages:
            client.deliver(message, "alice@x")
        for message in messages:
            client.envelope("bob@x")
            half = len(message) // 2
            client.expect("250 2.0.0", b"BDAT %d\r\n" % half + message[:half])
            client.expect("250 2.0.0", b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:])
        for user in ("alice", "bob"):
            for got, sent in zip(self.messages_of(server, user), messages, strict=True):
                self.assertEqual(got, sent)

    def test_the_lines_in_front(self):
        server = self.make_lmtp_server(return_path="yes", delivered_to="yes", received="yes")
        client = self.client_of(server)
        client.deliver(SHORT, "Alice+lists@Example.net", sender="s@example.org")
        with self.assertRaises(AssertionError):
            client.deliver(SHORT, "carol@example.net")
        client.expect("250", "RSET")
        client.expect("250", "MAIL FROM:<>")
        client.expect("250", "RCPT TO:<bob@x>")
        client.data(SHORT)
        (message,) = self.messages_of(server, "alice")
        lines = message[:-len(SHORT)].decode()
        self.assertTrue(message.endswith(SHORT))
        self.assertRegex(lines, r"\AReturn-Path: <s@example.org>\r\n"
                                r"Delivered-To: Alice\+lists@Example.net\r\n"
                                r"Received: from client.example.org\s+by \S+ with LMTP id \S+\s+"
                                r"for <Alice\+lists@Example.net>;\s+"
                                r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n\Z")
        (message,) = self.messages_of(server, "bob")
        self.assertTrue(message.startswith(b"Return-Path: <>\r\nDelivered-To: bob@x\r\n"), message)
        self.assertIn(b"Subject: short", Pop3.lines(server.client("bob"), "TOP 1 0"))

    def test_an_address_stays_what_it_was(self):
        """Wherever in a long pipeline a session's turn ends, and its input goes back."""
        server = self.make_lmtp_server(pipelined_bytes=16384)
        strangers = b"".join(b"RCPT TO:<stranger%d@x>\r\n" % number for number in range(1000))
        for lines in range(64):
            client = self.client_of(server)
            client.send(b"MAIL FROM:<a@b>\r\n" + b"NOOP\r\n" * lines + strangers)
            for _ in range(1 + lines + 1000):
                client.answer()
            client.close()
        server.stop()
        with open(server.log_path, "rb") as log:
            addresses = re.findall(rb" recipient-refused to=(.*?) from=", log.read())
        self.assertGreater(len(addresses), 1000)
        self.assertEqual([at for at in addresses if not re.match(rb"stranger\d+@x\Z", at)], [])

    def test_who_is_meant(self):
        server = self.make_lmtp_server(["alice", "alice+x", "joe@example.org"], username_format="address",
                                       recipient_delimiter='"-"')
        client = self.client_of(server)
        for recipient in ("ALICE", "Alice-Lists", '"alice"', "alice+x", "Joe-a-b@EXAMPLE.org",
                          "@relay.example:joe@example.org"):
            client.deliver(SHORT, recipient)
        client.expect("250", "MAIL FROM:<s@example.org>")
        for unknown in ("alice@example.org", "joe", "joe+a@example.org", "-alice", "root", "a" * 300):
            client.expect("550 5.1.1", f"RCPT TO:<{unknown}>")
        self.assertEqual([len(self.messages_of(server, user))
                          for user in ("alice", "alice+x", "joe@example.org")], [3, 1, 2])
        server.wait_for_log(r"recipient-refused to=root from=s@example.org peer=unix reason=unknown$")

    def test_new_users_are_known_after_sighup(self):
        server = self.make_lmtp_server()
        client = self.client_of(server)
        client.envelope("alice@x")
        client.expect("550 5.1.1", "RCPT TO:<carol@x>")
        server.write_users({"carol": password_of("carol")})
        server.signal(signal.SIGHUP)
        server.wait_for_log("users-reloaded")
        client.expect("250 2.1.5", "RCPT TO:<carol@x>")
        client.expect("550 5.1.1", "RCPT TO:<bob@x>")
        # Who was accepted before gets his mail, for the sender has been told so.
        self.assertEqual([answer[:3] for answer in client.data(SHORT, 2)], [b"250", b"250"])
        self.assertEqual(self.messages_of(server, "carol"), [SHORT])

    def test_a_thousand_recipients(self):
        users = [f"user{number}" for number in range(1000)]
        server = self.make_lmtp_server(users, shards=2)
        client = self.client_of(server)
        client.expect("250", "MAIL FROM:<s@example.org>")
        client.send(b"".join(b"RCPT TO:<%s@x>\r\n" % user.encode() for user in users))
        for _ in users:
            self.assertEqual(client.answer()[:9], b"250 2.1.5")
        client.expect("452 4.5.3", "RCPT TO:<user0@x>")
        answers = client.data(SHORT, 1000)
        self.assertEqual({answer[:9] for answer in answers}, {b"250 2.0.0"})
        client.expect("250", "NOOP")
        for user in users[::50] + users[-1:]:
            self.assertEqual(self.messages_of(server, user), [SHORT])

    def test_a_maildrop_gets_a_message_once(self):
        """By whichever of its addresses; each recipient has his answer, and the next message comes too."""
        server = self.make_lmtp_server(delivered_to="yes")
        client = self.client_of(server)
        client.deliver(SHORT, "alice+x@x", "alice@x", "bob@x", "ALICE@y", *["alice+x@x"] * 120, "bob@x")
        client.deliver(SHORT, "alice@x", "alice@x")
        self.assertEqual(self.messages_of(server, "alice"),
                         [b"Delivered-To: alice+x@x\r\n" + SHORT, b"Delivered-To: alice@x\r\n" + SHORT])
        self.assertEqual(self.messages_of(server, "bob"), [b"Delivered-To: bob@x\r\n" + SHORT])
        lines = server.wait_for_log(r" delivered user=alice ", count=125)
        uidls = [re.search(r"uidl=(\S+)", line).group(1) for line in lines]
        self.assertEqual((len(set(uidls[:123])), len(set(uidls))), (1, 2))

    def test_the_same_maildrop_has_one_result(self):
        server = self.make_lmtp_server(quota_bytes=1000)
        client = self.client_of(server)
        client.envelope("alice@x", "bob@x", "alice+x@x")
        client.expect("250", "RSET")
        client.envelope("alice@x", "bob@x", "alice+x@x")
        answers = client.data(HEAD + b"x" * 2000, 3)
        self.assertEqual({answer[:9] for answer in answers}, {b"552 5.2.2"})
        client.envelope("alice@x", "bob@x", "alice+x@x")
        self.assertEqual([answer[:9] for answer in client.data(HEAD + b"x" * 500, 3)], [b"250 2.0.0"] * 3)
        self.assertEqual([len(self.messages_of(server, user)) for user in ("alice", "bob")], [1, 1])

    def test_all_at_once(self):
        """A whole session in one write, and the answers in order."""
        server = self.make_lmtp_server()
        client = Lmtp(server.lmtp_port)
        self.addCleanup(client.close)
        client.send(b"LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<bob@x>\r\n"
                    b"DATA\r\n" + stuffed(SHORT) + b"MAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nBDAT 4\r\nA: bBDAT 6 LAST\r\n"
                    b"\r\n\r\nHiNOOP\r\nQUIT\r\nNOOP\r\n")
        codes = [client.answer()[:3] for _ in range(14)]
        self.assertEqual(b" ".join(codes), b"250 250 250 550 250 354 250 250 250 250 250 250 250 221")
        self.assertTrue(client.closed())


class Bytes(LmtpTest):
    """What a message may hold, and where it ends."""

    def test_only_a_dot_between_two_crlf_ends_it(self):
        server = self.make_lmtp_server()
        smuggled = b"MAIL FROM:<evil@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\nX: y\r\n\r\n"
        ends = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n\n.\r\n", b"\r\n\0.\r\n",
                b"\r\n.\0\r\n"]
        client = self.client_of(server)
        for end in ends:
            client.envelope("alice@x")
            client.expect("354", "DATA")
            client.send(HEAD + b"text" + end + smuggled + b"\r\n.\r\n")
            self.assertTrue(client.answer().startswith(b"250 2.0.0"))
            client.expect("250", "NOOP")
        messages = self.messages_of(server, "alice")
        self.assertEqual(len(messages), len(ends))
        for message in messages:
            self.assertIn(b"evil@x", message)
        self.assertEqual(self.messages_of(server, "bob"), [])

    def test_line_ends_are_made_whole(self):
        server = self.make_lmtp_server()
        client = self.client_of(server)
        client.envelope("alice@x")
        client.expect("354", "DATA")
        client.send(b"A: b\n\nbare\nlone\rCR\n.dot\r\n..two\r\n.\r\n")
        client.answer()
        self.assertEqual(self.messages_of(server, "alice"), [b"A: b\r\n\r\nbare\r\nlone\rCR\r\n.dot\r\n.two\r\n"])

    def test_a_line_of_ten_megabytes_and_a_message_of_thirty(self):
        server = self.make_lmtp_server()
        long_line = HEAD + b"x" * 10_000_000 + b"\r\n"
        block = bytes(random.Random(1).choices(range(32, 256), k=65536)).replace(b"\x7f", b"\0")
        large = HEAD + b"\r\n".join([b"." + block] * 460) + b"\r\n"
        self.assertGreater(len(large), 30_000_000)
        client = self.client_of(server, server.lmtp_port)
        client.deliver(long_line, "alice@x", "bob@x")
        client.envelope("bob@x")
        for at in range(0, len(large), 7_000_000):
            piece = large[at:at + 7_000_000]
            last = b" LAST" if at + 7_000_000 >= len(large) else b""
            client.expect("250 2.0.0", b"BDAT %d%s\r\n" % (len(piece), last) + piece)
        client.deliver(large, "alice@x")
        for user in ("alice", "bob"):
            self.assertTrue(self.messages_of(server, user) == [long_line, large])
        self.assertEqual(os.listdir(server.store).count("letters"), 0)

    def test_small_pieces(self):
        """Octet by octet over the borders of commands, data and chunks."""
        server = self.make_lmtp_server()
        client = Lmtp(server.lmtp_port)
        self.addCleanup(client.close)
        message = b".A: b\r\n\r\n..\r\n.\r.x\n.\n\r\n"
        for octet in (b"LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@x>\r\nDATA\r\n" + stuffed(message)
                      + b"MAIL FROM:<a@b>\r\nRCPT TO:<alice@x>\r\nBDAT 3\r\nab\nBDAT 0 LAST\r\nQUIT\r\n"):
            client.send(bytes([octet]))
        answers = [client.answer()[:3] for _ in range(10)]
        self.assertEqual(b" ".join(answers), b"250 250 250 354 250 250 250 250 250 221")
        self.assertEqual(self.messages_of(server, "alice"),
                         [b".A: b\r\n\r\n..\r\n.\r.x\r\n.\r\n\r\n", b"ab\r\n"])


class Limits(LmtpTest):
    def test_too_big(self):
        server = self.make_lmtp_server(message_size=100_000)
        client = self.client_of(server)
        client.expect("552 5.3.4", "MAIL FROM:<a@b> SIZE=100001")
        client.expect("250", "MAIL FROM:<a@b> SIZE=100000")
        client.expect("250", "RCPT TO:<alice@x>")
        client.expect("250", "RCPT TO:<bob@x>")
        answers = client.data(HEAD + b"x" * 200_000, 2)
        self.assertEqual([answer[:9] for answer in answers], [b"552 5.3.4"] * 2)
        largest = HEAD + b"x" * (100_000 - len(HEAD) - 2) + b"\r\n"
        client.deliver(largest, "alice@x")
        client.envelope("alice@x")
        self.assertEqual(client.data(largest[:-2] + b"y")[0][:9], b"552 5.3.4")
        client.envelope("alice@x")
        client.expect("552 5.3.4", b"BDAT 100001\r\n" + b"x" * 100_001)
        client.expect("250", "RSET")
        client.deliver(SHORT, "bob@x")
        self.assertEqual(self.messages_of(server, "alice"), [largest])
        self.assertEqual(self.messages_of(server, "bob"), [SHORT])

    def test_quotas(self):
        server = self.make_lmtp_server(start=False, quota_messages=3, quota_bytes=10_000)
        with open(server.passwd, "a", encoding="utf-8") as file:
            for name, rule in (("one", "*:messages=1"), ("large", "*:bytes=1M:messages=0"), ("free", "*:ignore")):
                file.write(f"{name}:{{PLAIN}}{password_of(name)}::::::userdb_quota_rule={rule}\n")
        server.start()
        client = self.client_of(server)
        large = HEAD + b"x" * 9000 + b"\r\n"

        def fill(user, message, room):
            """So many are taken; then the next is refused at its end, or by RCPT."""
            for _ in range(room):
                client.deliver(message, f"{user}@x")
            client.expect("250", "MAIL FROM:<a@b>")
            answer = client.say(f"RCPT TO:<{user}@x>")
            if answer.startswith(b"250"):
                answer = client.data(message)[0]
            client.expect("250", "RSET")
            self.assertEqual(answer[:9], b"552 5.2.2")
            self.assertEqual(len(self.messages_of(server, user)), room)

        fill("alice", SHORT, 3)
        fill("bob", large, 1)
        fill("one", SHORT, 1)
        fill("large", HEAD + b"x" * 500_000, 2)
        for _ in range(20):
            client.deliver(large, "free@x")
        # One who is full does not harm the others, and room that is made is used.
        client.expect("250", "MAIL FROM:<a@b>")
        client.expect("552 5.2.2", "RCPT TO:<alice@x>")
        client.expect("250", "RCPT TO:<bob@x>")
        client.expect("250", "RCPT TO:<free@x>")
        self.assertEqual([answer[:9] for answer in client.data(large, 2)], [b"552 5.2.2", b"250 2.0.0"])
        reader = server.client("alice")
        reader.ok("DELE 1")
        reader.quit()
        client.deliver(SHORT, "alice@x")
        server.wait_for_log(r"not-delivered user=bob to=bob@x from=a@b peer=unix id=\S+ reason=quota queue_ms=\d+$")

    def test_a_full_maildrop_may_be_tried_again(self):
        server = self.make_lmtp_server(quota_messages=1, quota_bytes=20_000, quota_full="defer")
        client = self.client_of(server)
        client.deliver(SHORT, "alice@x")
        client.expect("250", "MAIL FROM:<a@b>")
        client.expect("452 4.2.2", "RCPT TO:<alice@x>")
        client.expect("250", "RCPT TO:<bob@x>")
        self.assertEqual(client.data(HEAD + b"x" * 30_000)[0][:9], b"452 4.2.2")

    def test_a_queue_of_one(self):
        """Recipients of one message follow each other; those of others are put off at worst."""
        users = ["alice", "bob"] + [f"user{number}" for number in range(20)]
        server = self.make_lmtp_server(users, delivery_queue=1, delivery_threads=1)
        client = self.client_of(server)
        client.deliver(SHORT, *[f"{user}@x" for user in users + users])
        answers = []

        def send():
            other = self.client_of(server)
            other.envelope("alice@x", "bob@x")
            answers.extend(other.data(SHORT, 2))

        self.in_threads([send] * 10)
        self.assertLessEqual({answer[:9] for answer in answers}, {b"250 2.0.0", b"451 4.3.0"})
        good = sum(answer.startswith(b"250") for answer in answers)
        self.assertEqual(sum(len(self.messages_of(server, user)) for user in ("alice", "bob")), 2 + good)

    def test_mistakes_end_the_connection(self):
        server = self.make_lmtp_server(refusals_after_login=4)
        client = self.client_of(server)
        for _ in range(3):
            client.expect("500", "HELLO")
        client.expect("421", "x" * 2000)
        self.assertTrue(client.closed())

    def test_silence_ends_it_too(self):
        server = self.make_lmtp_server(lmtp_timeout=10)
        clients = [Lmtp(server.lmtp_port), self.client_of(server), self.client_of(server)]
        clients[2].envelope("alice@x")
        clients[2].expect("354", "DATA")
        clients[2].send(b"x")
        begun = time.monotonic()
        for client in clients:
            self.assertTrue(client.closed())
            client.close()
        self.assertGreater(time.monotonic() - begun, 9)
        self.assertEqual(self.messages_of(server, "alice"), [])

    def test_too_many_connections(self):
        server = self.make_lmtp_server(connections=2)
        clients = [self.client_of(server), self.client_of(server)]
        third = Lmtp(server.lmtp_path, greeting=False)
        self.assertTrue(third.answer().startswith(b"421 4.3.2 "))
        self.assertTrue(third.closed())
        third.close()
        for client in clients:
            client.deliver(SHORT, "alice@x")

    def test_the_socket_is_for_whom_the_mode_says(self):
        server = self.make_lmtp_server(start=False)
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        for mode, expected in (("", 0o666), ("mode = 0600", 0o600)):
            server.write_config(text.replace("protocol = lmtp", f"protocol = lmtp {mode}"))
            server.start()
            self.assertEqual(stat.S_IMODE(os.stat(server.lmtp_path).st_mode), expected)
            server.stop()


class Senders(LmtpTest):
    """They come and go as they like."""

    def test_who_leaves_in_the_middle_delivers_nothing(self):
        server = self.make_lmtp_server()
        for size in (10, 3_000_000):
            for end in (b"", b"\r\n.", b"\r\n.\r"):
                client = self.client_of(server, server.lmtp_port)
                client.envelope("alice@x")
                client.expect("354", "DATA")
                client.send(HEAD + b"x" * size + end)
                client.close()
                client = self.client_of(server, server.lmtp_port)
                client.envelope("alice@x")
                client.send(b"BDAT %d LAST\r\n" % size + b"x" * (size - 1))
                client.close()
        client = self.client_of(server)
        client.deliver(SHORT, "alice@x")
        self.assertEqual(self.messages_of(server, "alice"), [SHORT])
        self.assertEqual(self.open_files(server), [])

    def open_files(self, server):
        """Files without a name that the server still holds, once it has had the time to close them."""
        folder = f"/proc/{server.process.pid}/fd"
        end = time.monotonic() + ANSWER_S
        while True:
            found = []
            for name in os.listdir(folder):
                try:
                    target = os.readlink(os.path.join(folder, name))
                except FileNotFoundError:
                    continue
                if target.startswith(server.store) and target.endswith("(deleted)"):
                    found.append(target)
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def test_who_leaves_after_the_end_has_delivered(self):
        users = [f"user{number}" for number in range(50)]
        server = self.make_lmtp_server(users)
        messages = [SHORT, HEAD + b"x" * 3_000_000 + b"\r\n"]
        for message in messages:
            client = self.client_of(server, server.lmtp_port)
            client.envelope(*[f"{user}@x" for user in users])
            client.expect("354", "DATA")
            client.send(stuffed(message))
            client.close()
        server.wait_for_log(r" delivered user=", count=100)
        for user in users[::7]:
            self.assertCountEqual(self.messages_of(server, user), messages)
        self.assertEqual(self.open_files(server), [])

    def test_a_slow_sender_delays_nobody(self):
        server = self.make_lmtp_server()
        slow = [self.client_of(server) for _ in range(20)]
        for client in slow:
            client.envelope("alice@x", "bob@x")
            client.expect("354", "DATA")
            client.send(HEAD + b"x" * 200_000)
        quick = self.client_of(server)
        for _ in range(20):
            quick.deliver(SHORT, "alice@x", "bob@x")
        self.assertEqual(self.messages_of(server, "alice"), [SHORT] * 20)
        for client in slow:
            client.send(b"\r\n.\r\n")
            self.assertEqual([client.answer()[:3] for _ in range(2)], [b"250"] * 2)
        self.assertEqual(len(self.messages_of(server, "bob")), 40)

    def test_who_does_not_read_stops_only_himself(self):
        server = self.make_lmtp_server(["alice"], pipelined_bytes=16384)
        client = self.client_of(server, server.lmtp_path)
        client.socket.settimeout(2 * PATIENCE)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 100_000_000:
                client.send(b"NOOP\r\n" * 10_000)
                sent += 60_000
        other = self.client_of(server)
        other.deliver(SHORT, "alice@x")

    def test_many_senders_to_many_and_to_one(self):
        users = [f"user{number}" for number in range(10)]
        server = self.make_lmtp_server(users, shards=2)
        count = 30

        def send(number):
            client = Lmtp(server.lmtp_path if number % 2 else server.lmtp_port).hello()
            for each in range(count):
                body = b"%d %d\r\n" % (number, each)
                client.deliver(HEAD + body * random.Random(number * each).randrange(1, 9000),
                               "user0@x", f"user{1 + (number + each) % 9}@x")
            client.close()

        self.in_threads([lambda number=number: send(number) for number in range(16)])
        seen = {}
        for user in users:
            for message in self.messages_of(server, user):
                number, each = map(int, message.split(b"\r\n")[3].split())
                self.assertEqual(set(message.split(b"\r\n")[3:-1]), {b"%d %d" % (number, each)})
                seen.setdefault((number, each), []).append(user)
        self.assertEqual(len(seen), 16 * count)
        for (number, each), got in seen.items():
            self.assertEqual(got, ["user0", f"user{1 + (number + each) % 9}"])


class Faults(LmtpTest):
    def test_every_answered_mail_survives_kill_9(self):
        """Some more than were answered may be there, and none twice that was answered once."""
        users = [f"user{number}" for number in range(5)]
        server = self.make_lmtp_server(users, shards=2)
        answered, senders = set(), 12

        def send(number):
            try:
                client = Lmtp(server.lmtp_port).hello()
                for each in range(100_000):
                    body = HEAD + b"%d-%d\r\n" % (number, each) + b"x" * (each * 997 % 90_000) + b"\r\n"
                    client.deliver(body, f"user{each % 5}@x")
                    answered.add((f"user{each % 5}", b"%d-%d" % (number, each)))
            except (ConnectionError, AssertionError, TimeoutError):
                client.close()

        def kill():
            end = time.monotonic() + ANSWER_S
            while len(answered) < 200 and time.monotonic() < end:
                time.sleep(0.01)
            server.kill()

        self.in_threads([lambda number=number: send(number) for number in range(senders)] + [kill])
        self.assertGreaterEqual(len(answered), 200)
        for user in users:
            server.ringpost("verify", user)
        server.start()
        there = []
        for user in users:
            there += [(user, message.split(b"\r\n")[3]) for message in self.messages_of(server, user)]
        self.assertEqual(answered - set(there), set())
        self.assertEqual(len(there), len(set(there)))
        self.assertLessEqual(len(there), len(answered) + senders)

    def test_a_full_disk(self):
        """What could not be stored is told, and stays with the sender; the rest goes on."""
        server = self.make_lmtp_server(start=False)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "ringpost-test", server.store],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("cannot: only root may mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", server.store], check=False)
        server.ringpost("store", "create")
        client, large = self.check_a_full_disk(server, b"452 4.3.1")
        reader = server.client("alice")
        for number in range(1, reader.count() + 1):
            reader.ok(f"DELE {number}")
        reader.quit()
        client.deliver(large, "alice@x", "bob@x")
        for user in ("alice", "bob"):
            self.assertEqual(self.messages_of(server, user), [large])

    def test_files_that_may_not_grow(self):
        server = self.make_lmtp_server(start=False)
        server.file_bytes_max = 2_000_000
        self.check_a_full_disk(server, b"45")

    def check_a_full_disk(self, server, code):
        server.start()
        client = self.client_of(server)
        large = HEAD + b"x" * 500_000 + b"\r\n"
        answers = []
        for _ in range(10):
            client.envelope("alice@x")
            answers += client.data(large)
        good = sum(answer.startswith(b"250") for answer in answers)
        self.assertGreater(good, 1)
        self.assertEqual([answer.startswith(code) for answer in answers], [False] * good + [True] * (10 - good))
        client.envelope("bob@x")  # the letter's own file, before there is a maildrop
        self.assertTrue(client.data(HEAD + b"x" * 5_000_000)[0].startswith(code))
        self.assertEqual(self.messages_of(server, "alice"), [large] * good)
        return client, large

    def test_a_store_that_is_gone(self):
        server = self.make_lmtp_server()
        client = self.client_of(server)
        client.deliver(SHORT, "alice@x")
        os.rename(server.store, server.store + ".away")
        os.mkdir(server.store)
        client.envelope("alice@x")
        self.assertIn(client.data(SHORT)[0][:3], (b"250", b"451"))  # the store's folder is held open
        os.rmdir(server.store)
        os.rename(server.store + ".away", server.store)
        client.deliver(SHORT, "alice@x")
        self.assertIn(SHORT, self.messages_of(server, "alice"))

    def test_a_damaged_maildrop_harms_no_other(self):
        server = self.make_lmtp_server()
        client = self.client_of(server)
        client.deliver(SHORT, "alice@x")
        with open(server.index("alice"), "r+b") as file:
            file.seek(-30, os.SEEK_END)
            file.write(b"damage")
        client.envelope("alice@x", "bob@x")
        answers = client.data(SHORT, 2)
        self.assertIn(answers[0][:3], (b"451", b"554"))
        self.assertEqual(answers[1][:3], b"250")
        self.assertEqual(self.messages_of(server, "bob"), [SHORT])

    def test_the_server_stops(self):
        """Between two messages at once; a message that has begun may end."""
        server = self.make_lmtp_server()
        idle, begun, named = (self.client_of(server) for _ in range(3))
        named.envelope("alice@x")
        begun.envelope("alice@x")
        begun.expect("354", "DATA")
        begun.send(SHORT[:10])
        server.signal(signal.SIGTERM)
        for client in (idle, named):
            self.assertEqual(client.answer()[:9], b"421 4.3.2")
            self.assertTrue(client.closed())
        begun.send(SHORT[10:] + b".\r\nMAIL FROM:<a@b>\r\n")
        self.assertEqual(begun.answer()[:9], b"250 2.0.0")
        self.assertEqual(begun.answer()[:9], b"421 4.3.2")
        self.assertTrue(begun.closed())
        server.stop()
        server.start()
        self.assertEqual(self.messages_of(server, "alice"), [SHORT])

    def test_the_server_stops_when_it_has_said_what_it_has_done(self):
        """A sender that reads late hears of each delivery before the end, and repeats none."""
        message = (b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<alice@x>\r\n" * 1000 + b"BDAT %d LAST\r\n" % len(SHORT) + SHORT)
        for lines in (0, 300, 600, 900):
            server = self.make_lmtp_server(["alice"])
            client = self.client_of(server)
            client.socket.settimeout(0.3 * PATIENCE)
            with self.assertRaises(TimeoutError):
                client.send(b"NOOP\r\n" * lines)
                while True:
                    client.send(message)
            server.signal(signal.SIGTERM)
            server.wait_for_log("stopping")
            client.socket.settimeout(ANSWER_S)
            answers = []
            while not answers or not answers[-1].startswith(b"421"):
                answers.append(client.answer())
            self.assertTrue(client.closed())
            server.stop()
            server.start()
            delivered = len(self.messages_of(server, "alice"))
            self.assertGreater(delivered, 0)
            self.assertEqual(sum(answer.startswith(b"250 2.0.0 D") for answer in answers), 1000 * delivered)
            server.stop()

    def test_the_server_stops_after_a_while(self):
        server = self.make_lmtp_server(shutdown_timeout=1)
        begun = self.client_of(server)
        begun.envelope("alice@x")
        begun.expect("354", "DATA")
        begun.send(SHORT)
        server.stop()
        self.assertTrue(begun.closed())
        server.start()
        self.assertEqual(self.messages_of(server, "alice"), [])


class Encrypted(TlsTest, LmtpTest):
    def setUp(self):
        self.server = self.make_tls_server(start=False, lmtp=True, username_format="local",
                                           return_path="no", delivered_to="no", received="yes")
        with open(self.server.config, encoding="utf-8") as file:
            text = file.read()
        self.lmtps = self.server.folder + "/lmtps"
        self.server.write_config(text + f'listener lmtps {{ address = "unix:{self.lmtps}" protocol = lmtp '
                                        'tls = implicit }\n')
        self.server.start()

    def test_no_protocol_name_is_asked_for(self):
        """LMTP has no name that is registered for ALPN: whatever a client offers is welcome."""
        context = self.authority.context()
        context.set_alpn_protocols(["smtp"])
        client = self.client_of(self.server, self.server.lmtp_port)
        client.expect("220", "STARTTLS")
        client.start_tls(context)
        client.hello()
        client.expect("221", "QUIT")

    def test_starttls(self):
        client = self.client_of(self.server, self.server.lmtp_port)
        # What comes with STARTTLS is nobody's (CVE-2011-0411).
        client.expect("220", "STARTTLS\r\nMAIL FROM:<evil@x>")
        client.start_tls(self.authority.context())
        client.expect("503", "DATA")
        client.hello()
        client.expect("502", "STARTTLS")
        large = HEAD + b"x" * 3_000_000 + b"\r\n"
        for message in (SHORT, large):
            client.deliver(message, "alice@x")
        client.expect("221", "QUIT")
        reader = self.server.client("alice")
        got = [reader.retrieve(number) for number in (1, 2)]
        self.assertTrue(got[0].endswith(SHORT) and got[1].endswith(large))
        self.assertIn(b" with LMTPS id ", got[0])

    def test_from_the_first_byte(self):
        client = Lmtp(self.lmtps, greeting=False)
        client.start_tls(self.authority.context())
        self.assertTrue(client.answer().startswith(b"220 "))
        client.hello()
        client.deliver(SHORT, "alice@x")
        client.close()
        self.assertEqual(self.server.client("alice").count(), 1)

    def test_no_tls(self):
        client = Lmtp(self.lmtps, greeting=False)
        client.send(b"LHLO x\r\n" * 10)
        self.assertRaises((ConnectionError, AssertionError), client.answer)
        client.close()
        self.server.wait_for_log("tls-failed")
