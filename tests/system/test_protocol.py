"""test_protocol: the rules of the protocol on the real socket.

What a pure session answers is tested by transcripts; here it is about what only a socket has: cuts
between packets, order and bounds of pipelining, times, the ends of connections, and that the rooms
work together.
"""
import calendar
import re
import time

from mails import MEAN
from ringpost_server import PATIENCE, SANITIZED, ServerTest, on_the_wire, password_of

MESSAGES = [message for _, message in MEAN]
PASS = f"PASS {password_of('alice')}"


class Protocol(ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.holder = cls("test_greeting")
        cls.server = cls.holder.make_server(["alice", "bob", "o'brien@example.org"])
        cls.server.import_mail("alice", MESSAGES)

    @classmethod
    def tearDownClass(cls):
        cls.holder.doCleanups()

    def session(self, user="alice"):
        client = self.server.client(user)
        self.addCleanup(client.close)
        return client

    def test_greeting(self):
        client = self.session(None)
        self.assertRegex(client.greeting, rb"^\+OK [^<>]*$")
        self.assertLessEqual(len(client.greeting), 510)

    def test_a_whole_session(self):
        client = self.session()
        sizes = [len(on_the_wire(message)) for message in MESSAGES]
        self.assertEqual(client.ok("STAT").split()[1:3], [b"%d" % len(sizes), b"%d" % sum(sizes)])
        self.assertEqual(client.lines("LIST"), [b"%d %d" % item for item in enumerate(sizes, 1)])
        uidls = [line.split(b" ") for line in client.lines("UIDL")]
        self.assertEqual([int(number) for number, _ in uidls], list(range(1, len(sizes) + 1)))
        self.assertEqual(len({uidl for _, uidl in uidls}), len(sizes))
        for number, (name, message) in enumerate(MEAN, 1):
            self.assertEqual(client.ok(f"LIST {number}").split()[1:], [b"%d" % number, b"%d" % sizes[number - 1]])
            self.assertEqual(client.ok(f"UIDL {number}").split()[1:], uidls[number - 1])
            self.assertEqual(client.retrieve(number), on_the_wire(message), name)
        client.quit()
        again = self.session()
        self.assertEqual([line.split(b" ") for line in again.lines("UIDL")], uidls)
        again.quit()

    def test_top(self):
        client = self.session()
        for number, (name, message) in enumerate(MEAN, 1):
            wire = on_the_wire(message)
            head, separator, body = (b"\r\n" + wire).partition(b"\r\n\r\n")
            head = (head + separator)[2:]
            for count in (0, 1, 3, 1_000_000):
                client.ok(f"TOP {number} {count}")
                lines = re.findall(rb"[^\n]*\n", body)
                self.assertEqual(client.body(), head + b"".join(lines[:count]), (name, count))
        client.quit()

    def test_message_numbers(self):
        client = self.session()
        for word in ("0", "-1", "+1", "1 2", "1abc", "4294967297", "18446744073709551617", "1\0", "0x1",
                     "999", "1.0", " 1", ""):
            client.refused(f"RETR {word}")
        client.ok("LIST 0001")
        client.quit()

    def test_capabilities_are_the_same_in_both_states(self):
        client = self.session(None)
        before = client.lines("CAPA")
        client.log_in("alice")
        self.assertEqual(client.lines("CAPA"), before)
        for capability in (b"TOP", b"UIDL", b"USER", b"SASL PLAIN LOGIN", b"RESP-CODES", b"AUTH-RESP-CODE",
                           b"PIPELINING", b"EXPIRE NEVER"):
            self.assertIn(capability, before)
        self.assertTrue(any(line.startswith(b"IMPLEMENTATION Ringpost") for line in before))
        client.quit()

    CONVERSATION = (b"CAPA\r\nUSER alice\r\n" + PASS.encode() + b"\r\nSTAT\r\nLIST\r\nUIDL 1\r\n"
                    b"RETR 1\r\nTOP 3 1\nNOOP\r\nwhat\r\nLIST 99\r\nDELE 1\r\nRSET\r\nQUIT\r\n")

    def converse(self, pieces):
        client = self.session(None)
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.001)
            client.send(piece)
        answer = client.rest()
        client.close()
        return answer

    def test_a_conversation_cut_anywhere(self):
        """The same octets come back, wherever the packets end."""
        whole = self.converse([self.CONVERSATION])
        self.assertTrue(whole.endswith(b"\r\n"))
        self.assertIn(on_the_wire(MESSAGES[0]), whole)
        self.assertEqual(self.converse([bytes([octet]) for octet in self.CONVERSATION]), whole)
        step = 5 if SANITIZED else 1
        for at in range(1, len(self.CONVERSATION), step):
            self.assertEqual(self.converse([self.CONVERSATION[:at], self.CONVERSATION[at:]]), whole, at)

    def test_a_line_ends_in_lf_and_not_in_cr(self):
        client = self.session()
        client.ok(b"NOOP\n")
        client.refused(b"NOOP\rNOOP\r\n")
        client.quit()

    def test_long_lines(self):
        client = self.session()
        for count in (300, 5_000, 200_000):
            client.refused("NOOP " + "x" * count)
            client.ok("NOOP")
        client.refused("NOOP " + "x" * 247)  # 254 octets with CRLF: too many arguments, not too long
        client.quit()

    def test_nothing_of_a_command_is_echoed(self):
        client = self.session(None)
        for command in (b"EvilWord\r\n", b"USER Ev\0ilWord\r\n", b"RETR EvilWord\r\n", b"AUTH EvilWord\r\n"):
            self.assertNotIn(b"evil", client.refused(command).lower())

    def test_pipelining_keeps_the_order(self):
        client = self.session()
        rounds = 200
        client.send(b"".join(b"LIST %d\r\nNOOP\r\n" % (number % len(MESSAGES) + 1) for number in range(rounds)))
        for number in range(rounds):
            self.assertEqual(client.line().split()[1], b"%d" % (number % len(MESSAGES) + 1))
            self.assertTrue(client.line().startswith(b"+OK"))
        numbers = list(range(len(MESSAGES), 0, -1)) + list(range(1, len(MESSAGES) + 1))
        client.send(b"".join(b"RETR %d\r\n" % number for number in numbers) + b"QUIT\r\n")
        for number in numbers:
            wire = on_the_wire(MESSAGES[number - 1])
            self.assertEqual(client.line(), b"+OK %d octets" % len(wire))
            self.assertEqual(client.body(), wire)
        self.assertTrue(client.line().startswith(b"+OK"))
        self.assertEqual(client.rest(), b"")

    def test_pipelined_login(self):
        """What follows a PASS that failed is not taken for anything else."""
        client = self.session(None)
        client.send(b"USER alice\r\nPASS wrong\r\n" + PASS.encode() + b"\r\nSTAT\r\nUSER alice\r\n"
                    + PASS.encode() + b"\r\nSTAT\r\nQUIT\r\nNOOP\r\nSTAT\r\n")
        answers = client.rest().split(b"\r\n")[:-1]
        self.assertEqual([answer[:4].strip() for answer in answers],
                         [b"+OK", b"-ERR", b"-ERR", b"-ERR", b"+OK", b"+OK", b"+OK", b"+OK"], answers)
        self.assertTrue(answers[1].startswith(b"-ERR [AUTH]"))

    def test_a_slow_reader_gets_everything(self):
        """A client that reads little by little, far behind its pipelined commands."""
        client = self.session()
        number = 1 + next(i for i, (name, _) in enumerate(MEAN) if name == "large")
        rounds = 6
        client.send(b"RETR %d\r\n" % number * rounds)
        time.sleep(0.5)
        other = self.session("bob")
        other.ok("NOOP")
        wire = on_the_wire(MESSAGES[number - 1])
        for _ in range(rounds):
            time.sleep(0.05)
            client.line()
            self.assertEqual(client.body(), wire)
        client.quit()
        other.quit()

    def test_names_and_passwords(self):
        for user in ("bob", "o'brien@example.org"):
            client = self.session(None)
            client.ok(f"USER {user}")
            client.refused(f"PASS  {password_of(user)}", b"[AUTH]")  # a space is part of a password
            client.refused(f"PASS {password_of(user)}")              # and a failed PASS needs a new USER
            client.ok(f"USER {user}")
            client.refused(f"PASS {password_of(user)} ", b"[AUTH]")
            client.log_in(user)
            client.quit()
        for user in ("alice  ", "Alice", "nobody", "../alice", "%2e%2e"):
            client = self.session(None)
            if client.say(f"USER {user}").startswith(b"+OK"):
                client.refused(PASS, b"[AUTH]")
            client.close()

    def test_every_user_name_is_answered_alike(self):
        client = self.session(None)
        self.assertEqual(client.ok("USER alice"), client.ok("USER nobody-of-that-name"))

    def test_sasl(self):
        from base64 import b64encode
        secret = password_of("alice").encode()
        client = self.session(None)
        self.assertEqual(client.lines("AUTH"), [b"PLAIN", b"LOGIN"])
        self.assertEqual(client.say("AUTH PLAIN"), b"+ ")
        client.refused("*")
        self.assertEqual(client.say("AUTH PLAIN"), b"+ ")
        client.refused("not base64!")
        client.ok(b"AUTH PLAIN " + b64encode(b"\0alice\0" + secret) + b"\r\n")
        client.quit()
        client = self.session(None)
        self.assertEqual(client.say("AUTH LOGIN"), b"+ VXNlcm5hbWU6")
        self.assertEqual(client.say(b64encode(b"alice") + b"\r\n"), b"+ UGFzc3dvcmQ6")
        client.ok(b64encode(secret) + b"\r\n")
        client.quit()
        client = self.session(None)
        self.assertEqual(client.say("AUTH PLAIN"), b"+ ")
        client.refused(b"A" * 13_000 + b"\r\n")
        client.log_in("alice")
        client.quit()

    def test_an_abandoned_session_deletes_nothing(self):
        for way in ("close", "reset", "half"):
            client = self.session()
            count = client.count()
            client.ok("DELE 1")
            client.ok("DELE 2")
            if way == "half":
                client.send(b"QUI")
            getattr(client, "reset" if way == "reset" else "close")()
            self.server.wait_for_log(r"logout .*reason=disconnected", count=1)
            client = self.again()
            self.assertEqual(client.count(), count)
            client.quit()

    def again(self):
        """A session for alice, once the one before has been noticed to be gone."""
        end = time.monotonic() + 10 * PATIENCE
        while True:
            client = self.session(None)
            client.ok("USER alice")
            if client.say(PASS).startswith(b"+OK"):
                return client
            client.close()
            self.assertLess(time.monotonic(), end)

    def test_refusals_end_the_connection(self):
        client = self.session(None)
        client.send(b"what\r\n" * 20)
        answers = client.rest().split(b"\r\n")[:-1]
        self.assertTrue(3 <= len(answers) <= 10, answers)
        client = self.session()
        client.send(b"what\r\n" * 100)
        answers = client.rest().split(b"\r\n")[:-1]
        self.assertTrue(20 <= len(answers) <= 21, answers)
        self.server.wait_for_log("reason=refusals")


class Deleting(ServerTest):
    def test_dele_rset_and_quit(self):
        server = self.make_server()
        messages = [b"Subject: %d\n\n%s\n" % (number, b"x" * 100 * number) for number in range(1, 8)]
        server.import_mail("alice", messages)
        client = server.client("alice")
        uidls = [line.split(b" ")[1] for line in client.lines("UIDL")]
        client.ok("DELE 2")
        client.refused("DELE 2")
        client.refused("RETR 2")
        client.refused("LIST 2")
        client.refused("TOP 2 0")
        self.assertEqual(client.count(), 6)
        self.assertEqual([line.split(b" ")[0] for line in client.lines("LIST")], list(b"1 3 4 5 6 7".split()))
        client.ok("RSET")
        self.assertEqual(client.count(), 7)
        for number in (1, 3, 7):
            client.ok(f"DELE {number}")
        client.quit()
        client = server.client("alice")
        self.assertEqual([line.split(b" ")[1] for line in client.lines("UIDL")],
                         [uidl for number, uidl in enumerate(uidls, 1) if number not in (1, 3, 7)])
        self.assertEqual(client.retrieve(1), on_the_wire(messages[1]))
        self.assertEqual(client.retrieve(4), on_the_wire(messages[5]))
        for number in range(1, 5):
            client.ok(f"DELE {number}")
        client.quit()
        client = server.client("alice")
        self.assertEqual(client.ok("STAT").split()[1:3], [b"0", b"0"])
        self.assertEqual(client.lines("LIST"), [])
        client.quit()
        server.ringpost("deliver", "alice", data=b"Subject: new\n\nnew\n")
        client = server.client("alice")
        self.assertEqual(client.retrieve(1), b"Subject: new\r\n\r\nnew\r\n")
        self.assertNotIn(client.lines("UIDL")[0].split(b" ")[1], uidls)
        client.quit()
        server.ringpost("verify", "--all")

    def test_many_messages(self):
        """Listings longer than any buffer, and removal in many pieces."""
        server = self.make_server()
        count = 3_000
        server.import_mail("alice", [b"Subject: %d\n\ntext\n" % number for number in range(count)])
        client = server.client("alice")
        self.assertEqual(len(client.lines("LIST")), count)
        uidls = client.lines("UIDL")
        self.assertEqual(len(set(uidls)), count)
        client.send(b"".join(b"DELE %d\r\n" % number for number in range(1, count + 1, 2)))
        for _ in range(1, count + 1, 2):
            self.assertTrue(client.line().startswith(b"+OK"))
        client.quit()
        client = server.client("alice")
        self.assertEqual(client.count(), count // 2)
        left = [line.split(b" ")[1] for line in client.lines("UIDL")]
        self.assertEqual(left, [line.split(b" ")[1] for line in uidls[1::2]])
        for number in (1, 2, count // 2):
            self.assertEqual(client.retrieve(number), b"Subject: %d\r\n\r\ntext\r\n" % (2 * number - 1))
        client.quit()
        server.ringpost("verify", "--all")


class Times(ServerTest):
    def test_who_does_not_log_in_goes_and_who_did_stays(self):
        """After login-timeout a stranger is cut off without a word; a session is not."""
        server = self.make_server(login_timeout=10)
        session = server.client("alice")
        silent = server.client()
        busy = server.client()
        begin = time.monotonic()
        while True:  # whoever talks without logging in gets no more time by it
            try:
                busy.ok("CAPA")
                busy.body()
                time.sleep(0.5)
            except (ConnectionError, BrokenPipeError):
                break
            self.assertLess(time.monotonic() - begin, 15 * PATIENCE)
        self.assertGreaterEqual(time.monotonic() - begin, 9)
        self.assertEqual(silent.rest(), b"")
        self.assertLess(time.monotonic() - begin, 15 * PATIENCE)
        session.ok("NOOP")
        session.quit()

    def test_time_passes_while_nobody_is_there(self):
        """Whoever comes after a quiet time has his whole login-timeout, and the log tells the time."""
        server = self.make_server(login_timeout=10)
        time.sleep(12)
        client = server.client()
        time.sleep(3)
        before = time.time()
        client.log_in("alice")
        line, = server.wait_for_log(" login user=alice ")
        logged = calendar.timegm(time.strptime(line[:20], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertLess(abs(logged - before), 1.5 + PATIENCE)
        client.quit()


class Options(ServerTest):
    def test_apop(self):
        from hashlib import md5
        server = self.make_server(apop="true")
        client = server.client()
        stamp = client.greeting[client.greeting.index(b"<"):client.greeting.index(b">") + 1]
        other = server.client()
        self.assertNotIn(stamp, other.greeting)
        other.close()
        client.refused("APOP alice " + "0" * 32, b"[AUTH]")
        digest = md5(stamp + password_of("alice").encode()).hexdigest()
        client.ok(f"APOP alice {digest}")
        client.quit()

    def test_last(self):
        server = self.make_server(last="true")
        server.import_mail("alice", [b"Subject: 1\n\n", b"Subject: 2\n\n"])
        client = server.client("alice")
        self.assertEqual(client.ok("LAST").split()[1], b"0")
        client.retrieve(2)
        self.assertEqual(client.ok("LAST").split()[1], b"2")
        client.quit()

    def test_plaintext_login_can_be_forbidden(self):
        server = self.make_server(plaintext_login="never")
        client = server.client()
        self.assertFalse([line for line in client.lines("CAPA") if line.startswith((b"USER", b"SASL"))])
        client.refused("USER alice")
        client.refused("AUTH PLAIN")
        client.close()

    def test_hashed_passwords(self):
        server = self.make_server(())
        schemes = ("yescrypt", "bcrypt", "sha512-crypt", "argon2id", "plain")
        for scheme in schemes:
            server.ringpost("user", "add", f"user-{scheme}", "--scheme", scheme, data=b"pass word\n")
        server.stop()
        server.start()
        for scheme in schemes * 2:  # the second time from memory
            client = server.client()
            client.ok(f"USER user-{scheme}")
            client.refused("PASS password", b"[AUTH]")
            client.ok(f"USER user-{scheme}")
            client.ok("PASS pass word")
            client.quit()
