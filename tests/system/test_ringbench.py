"""test_ringbench: the load generator against the real server, its own floor, and wrong servers.

What a figure is worth is no matter of tests; these are about what is counted, found and written.
"""
import base64
import collections
import html.parser
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest
import zlib

from ringpost_server import BUILD, PATIENCE, TOP, Pop3, ServerTest, free_port
from wrong_server import Delivery, FirstBytes, WrongServer

RINGBENCH = os.path.join(BUILD, "ringbench")
USERS = ["--users", "user%d:1-4"]
PASSWORD = ["--password", "secret of %u"]
TLS = {"certificate": os.path.join(TOP, "tests/data/tls/ecdsa.pem"), "key": os.path.join(TOP, "tests/data/tls/ecdsa.key")}


class RingbenchTest(ServerTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ringbench-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def ringbench(self, *words, status=0):
        """Runs it; returns stdout and stderr as one text."""
        result = subprocess.run([RINGBENCH, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=120 * PATIENCE)
        text = result.stdout.decode(errors="replace")
        self.assertEqual(result.returncode, status, text)
        return text

    def measure(self, target, *words, status=0):
        """A run; returns its text and what its JSON says of the first measurement."""
        path = self.path("run.json")
        text = self.ringbench("run", target, *USERS, *PASSWORD, "--threads", 2, "--json", path, *words, status=status)
        with open(path, encoding="ascii") as file:
            run = json.load(file)["runs"][0]
        self.assertEqual(run["bad"], status != 0)
        return text, run

    def filled_server(self, users=4, **settings):
        """A server with the mail of `ringbench fill native`."""
        server = self.make_server([f"user{n}" for n in range(1, users + 1)], start=False, **settings)
        self.ringbench("fill", "native", server.store, "--users", f"user%d:1-{users}", "--messages", 3, "--message-bytes", "5k")
        return server.start()


class Run(RingbenchTest):
    def test_every_kind_against_the_real_server(self):
        server = self.filled_server(users=20)
        kinds = ["poll", "uidl", "list", "top", "fetch", "all", "retr", "noop", "greet", "thunderbird"]
        for more in ([], ["--pipelining"], ["--auth", "plain"], ["--auth", "login"]):
            text, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", ",".join(kinds), "--commands", 10, "--connections", 10,
                                     "--time", "1s", "--users", "user%d:1-20", "--check-content", "--pid", server.process.pid, *more)
            self.assertIn("errors     none", text)
            self.assertEqual(set(run["kinds"]), set(kinds))
            self.assertGreater(run["sessions"], 50)
            self.assertEqual(run["sessions"], run["started"])
            self.assertEqual(run["latency"]["count"], run["sessions"])
            self.assertEqual(run["steps"]["retr"]["count"], run["messages"])
            self.assertGreater(run["server_memory_max_bytes"], 1 << 20)
            self.assertEqual(sum(count for _, count in run["histogram"]), run["sessions"])
            self.assertEqual(sum(second["done"] for second in run["seconds"]), run["sessions"])

    def test_warming_up_does_not_count(self):
        # A maildrop takes one session at a time: at a rate there must be users enough.
        server = self.filled_server(users=50)
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--rate", 50, "--arrivals", "fixed", "--time", "2s", "--warmup", "1s",
                              "--users", "user%d:1-50")
        self.assertEqual(run["sessions"], 50)
        self.assertEqual(sum(second["done"] for second in run["seconds"]), 100)

    def test_fetch_takes_each_message_once(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "fetch", "--connections", 2, "--time", "1s")
        self.assertEqual(run["messages"], 12)
        self.assertGreater(run["sessions"], 12)

    def test_drain_empties_the_maildrops(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "drain,outlook", "--connections", 3, "--time", "1s")
        self.assertEqual(run["messages"], 12)
        for n in range(1, 5):
            client = server.client(f"user{n}")
            self.assertEqual(client.count(), 0)
            client.quit()

    def test_hold_stays_to_the_end(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "hold", "--connections", 4, "--time", "1s")
        self.assertEqual(run["sessions"], 4)
        self.assertEqual(run["steps"]["quit"]["count"], 4)

    def test_endless_sessions_end_with_the_run(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "noop", "--commands", "1000M", "--connections", 4, "--time", "500ms")
        self.assertEqual(run["sessions"], 4)
        self.assertGreater(run["steps"]["noop"]["count"], 4)

    def test_profiles(self):
        server = self.filled_server(users=50)
        target = f"pop3://127.0.0.1:{server.port}"
        day = ["--users", "user%d:1-50", "--profile", "isp-day", "--rate", 100, "--time", "4s"]
        _, run = self.measure(target, *day, "--check-content")
        self.assertGreater(run["sessions"], 250)
        self.assertGreaterEqual(set(run["kinds"]), {"poll", "thunderbird", "outlook"})
        night, morning = ([second["started"] for second in run["seconds"]][at] for at in (0, 1))
        self.assertGreater(morning, 1.3 * night)
        with open(self.path("run.json"), encoding="ascii") as file:
            settings = json.load(file)["settings"]
        self.assertEqual((settings["profile"], settings["rate"]), ("isp-day", "100"))
        # What is written counts more than what the profile says.
        _, run = self.measure(target, *day, "--mix", "noop", "--commands", 3)
        self.assertEqual(set(run["kinds"]), {"noop"})
        _, run = self.measure(target, "--users", "user%d:1-50", "--profile", "specmail2001", "--rate", 10, "--time", "3s")
        self.assertEqual(set(run["kinds"]), {"poll", "drain"})
        with open(self.path("run.json"), encoding="ascii") as file:
            self.assertEqual(json.load(file)["settings"]["slow_percent"], 90)

    def test_fewer_users_than_threads_are_no_fault_of_the_server(self):
        server = self.filled_server(users=1)
        words = ("--users", "user%d:1-1", "--rate", 100, "--time", "1s", "--threads", 2)
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", *words)
        self.assertEqual((run["threads"], run["failed"]), (1, 0))
        # Without a login one user may have any number of sessions.
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", *words, "--mix", "greet")
        self.assertEqual((run["threads"], run["failed"]), (2, 0))

    def test_a_profile_gives_the_rate_of_its_users(self):
        server = self.make_server([f"user{n}" for n in range(1, 5)])
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--users", "user%d:1-100000", "--profile", "specmail2001", "--time", "2s",
                              "--mix", "greet")
        self.assertAlmostEqual(run["rate"], 100000 * 4 * 0.15 / 3600, places=2)
        self.assertGreater(run["sessions"], 10)

    def test_think_and_slow_readers(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "all", "--connections", 4, "--time", "1s",
                              "--think", "10ms", "--slow", 50, "--read-rate", "20k")
        self.assertGreater(run["sessions"], 3)

    def test_tls_full_and_resumed(self):
        server = self.filled_server(tls=[TLS])
        target = f"pop3s://127.0.0.1:{server.tls_port}"
        _, run = self.measure(target, "--mix", "poll,all", "--connections", 4, "--time", "1s", "--check-content")
        self.assertEqual((run["resumed"], run["handshakes"]), (0, run["sessions"]))
        for more in ([], ["--tls12"]):
            _, run = self.measure(target, "--mix", "poll", "--connections", 2, "--time", "1s", "--resume", *more)
            self.assertGreaterEqual(run["resumed"], run["handshakes"] - 4)

    def test_stls(self):
        server = self.make_server(["user1"], tls=[TLS], start=False)
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        server.write_config(text.replace(f':{server.port}" }}', f':{server.port}" tls = starttls }}'))
        server.start()
        target = f"pop3://127.0.0.1:{server.port}"
        _, run = self.measure(target, "--users", "user1", "--connections", 1, "--time", "500ms", "--stls")
        self.assertEqual(run["steps"]["stls"]["count"], run["handshakes"])
        self.assertEqual(run["sessions"], run["handshakes"])

    def test_apop(self):
        server = self.filled_server(apop="true")
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "all", "--connections", 4, "--time", "500ms", "--auth", "apop")
        self.assertEqual(run["steps"]["apop"]["count"], run["sessions"])
        self.assertNotIn("pass", run["steps"])
        text, _ = self.measure(f"pop3://127.0.0.1:{server.port}", "--connections", 1, "--time", "500ms", "--auth", "apop",
                               "--password", "wrong", status=1)
        self.assertIn('APOP was answered "-ERR', text)

    def test_unix_socket(self):
        server = self.filled_server()
        path = os.path.join(server.folder, "pop3")
        with open(server.config, "a", encoding="utf-8") as file:
            file.write(f'listener local {{ address = "unix:{path}" }}\n')
        server.stop()
        server.start()
        _, run = self.measure(f"pop3:unix:{path}", "--mix", "all", "--connections", 4, "--time", "500ms", "--check-content")
        self.assertEqual(run["messages"], 3 * run["sessions"])

    def test_ipv6_and_its_sources(self):
        server = self.filled_server()
        with open(server.config, "a", encoding="utf-8") as file:
            file.write(f'listener six {{ address = "[::1]:{server.port}" }}\n')
        server.stop()
        server.start()
        _, run = self.measure(f"pop3://[::1]:{server.port}", "--connections", 4, "--time", "500ms", "--sources", "::1")
        self.assertGreater(run["sessions"], 0)
        self.assertIn(" peer=[::1]:", server.log())
        text = self.ringbench("run", f"pop3://[::1]:{server.port}", *USERS, *PASSWORD, "--rate", 5, "--sources", "127.0.0.1", status=2)
        self.assertIn("these are IPv4, and the target has an IPv6 address", text)

    def test_a_name_with_two_addresses(self):
        """localhost is ::1 first in most places, where nobody listens here."""
        server = self.filled_server()
        text, run = self.measure(f"pop3://localhost:{server.port}", "--connections", 4, "--time", "500ms")
        self.assertGreater(run["sessions"], 0)
        first = socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM)[0][4][0]
        if first == "::1":
            self.assertIn("ringbench: nobody listens at ::1; the next address of localhost is taken", text)

    def test_an_untrusted_certificate_fails_when_it_is_checked(self):
        server = self.filled_server(tls=[TLS])
        other = os.path.join(TOP, "tests/data/tls/rsa.pem")
        text, run = self.measure(f"pop3s://127.0.0.1:{server.tls_port}", "--connections", 1, "--time", "1s", "--ca", other, status=1)
        self.assertEqual((run["sessions"], run["errors"][0]["kind"]), (0, "tls"))

    def test_open_loop_counts_from_when_a_session_was_due(self):
        server = self.filled_server()
        # One connection, and each session takes ten times 20 ms: far too few for 50 a second.
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "noop", "--commands", 10, "--think", "20ms",
                              "--rate", 50, "--arrivals", "fixed", "--connections", 1, "--threads", 1, "--time", "2s",
                              status=1)
        self.assertEqual(run["errors"][0]["kind"], "not-started")
        self.assertGreater(run["latency"]["max"], 500e3)

    def test_wrong_password_and_no_server(self):
        server = self.filled_server()
        path = self.path("password")
        with open(path, "w", encoding="ascii") as file:
            file.write("guess\n")
        text = self.ringbench("run", f"pop3://127.0.0.1:{server.port}", *USERS, "--password-file", path,
                              "--connections", 1, "--time", "3s", status=1)
        self.assertRegex(text, r"refused: .*PASS was answered \"-ERR \[AUTH\]")
        text = self.ringbench("run", f"pop3://127.0.0.1:{free_port()}", *USERS, *PASSWORD, "--connections", 1,
                              "--time", "3s", status=1)
        self.assertIn("Connection refused", text)

    def test_interrupted_it_still_has_a_result(self):
        server = self.filled_server()
        process = subprocess.Popen([RINGBENCH, "run", f"pop3://127.0.0.1:{server.port}", *USERS, *PASSWORD,
                                    "--connections", "2", "--time", "1h"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.assertIn(b"sessions/s", process.stderr.readline())  # a second has passed
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60 * PATIENCE)
        self.assertIn(b"interrupted", text)
        # So what stands behind "&&" in a shell does not go on.
        self.assertEqual(process.returncode, 130, text)

    def test_what_is_due_at_the_end_begins_yet(self):
        server = self.filled_server(users=1)
        # Ten a second of 50 ms each, and the last one is due while the one before it is under way.
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--users", "user%d:1-1", "--mix", "noop", "--commands", 1,
                              "--think", "10ms", "--rate", 30, "--arrivals", "poisson", "--time", "1s", "--seed", 3)
        self.assertEqual(run["failed"], 0)
        self.assertEqual(run["sessions"], run["started"])

    def test_interrupted_before_anything_counts(self):
        server = self.filled_server()
        path = self.path("run.json")
        process = subprocess.Popen([RINGBENCH, "run", f"pop3://127.0.0.1:{server.port}", *USERS, *PASSWORD, "--json", path,
                                    "--connections", "2", "--time", "1h", "--warmup", "59m"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.assertIn(b"sessions/s", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60 * PATIENCE)
        self.assertIn(b"NOTHING WAS MEASURED", text)
        self.assertEqual(process.returncode, 1, text)
        with open(path, encoding="ascii") as file:
            run = json.load(file)["runs"][0]
        self.assertEqual((run["duration_s"], run["sessions_per_s"], run["bad"]), (0, 0, True))
        self.ringbench("compare", path, path, status=1)

    def test_find(self):
        server = self.filled_server()
        text = self.ringbench("run", f"pop3://127.0.0.1:{server.port}", *USERS, *PASSWORD, "--rate", 4, "--time", "1s",
                              "--find", "p50=1ns", "--quiet", status=1)
        self.assertIn("too high\n", text)
        self.assertIn("no rate was found with p50 <= 0.00 us", text)
        path = self.path("find.json")
        text = self.ringbench("run", f"pop3://127.0.0.1:{server.port}", *USERS, *PASSWORD, "--rate", 4, "--time", "300ms",
                              "--find", "p50=20s", "--quiet", "--json", path, "--connections", 1, "--threads", 1, "--think", "100ms", status=0)
        self.assertRegex(text, r"highest rate with p50 <= 20\.0 s: [\d.]+ sessions/s\n")
        self.assertIn("steps of a search", self.ringbench("compare", path, path, status=2))

    def test_a_search_says_when_nothing_works(self):
        server = self.filled_server()
        text = self.ringbench("run", f"pop3://127.0.0.1:{server.port}", *USERS, "--password", "wrong", "--rate", 20, "--time", "300ms",
                              "--find", "p99=1s", "--quiet", status=1)
        self.assertRegex(text, r"rate +20\.0/s +p99 +-  too high; (\d+) of \1 failed\n")
        self.assertIn("PASS was answered", text)
        self.assertEqual(text.count("too high"), 1)
        self.assertIn("no rate was found", text)

    def test_the_last_second_has_its_length(self):
        server = self.filled_server()
        _, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--connections", 2, "--time", "1500ms")
        self.assertEqual([second["length_s"] for second in run["seconds"][:2]], [1, 0.5])

    def test_no_answer_is_no_missing_connection(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            _, run = self.measure(f"pop3://127.0.0.1:{silent.getsockname()[1]}", "--connections", 1, "--time", "200ms", "--timeout", "300ms", status=1)
        self.assertEqual([error["kind"] for error in run["errors"]], ["timeout"])
        self.assertIn("no answer to greeting within 0.3 s", run["errors"][0]["example"])


class WrongServers(RingbenchTest):
    def found(self, way, *words, status=1):
        server = WrongServer(way)
        self.addCleanup(server.close)
        text, run = self.measure(f"pop3://127.0.0.1:{server.port}", "--connections", 2, "--time", "300ms", *words,
                                 status=status)
        return text, {error["kind"]: error for error in run["errors"]}, run

    def test_a_right_one_is_right(self):
        text, errors, run = self.found("right", "--mix", "fetch,all,uidl", status=0)
        self.assertEqual(errors, {})
        self.assertGreater(run["sessions"], 1)

    def test_each_way_is_found_and_named(self):
        for way, kind, example in (
                ("octets", "octets", r"RETR \d (brought \d+ octets, LIST says \d+|has brought more than the \d+ octets of LIST)"),
                ("stuffing", "stuffing", r"RETR 1 was answered"),
                ("twice", "uidl-repeats", r"message 2 has the UIDL of another"),
                ("cut", "cut", r"closed in the middle of the answer to RETR 1"),
                ("framing", "framing", r"RETR 1 was answered"),
                ("stat", "listing", r"LIST has \d+ octets in all, STAT says \d+"),
                ("greeting", "framing", r"greeting was answered \"hello\""),
                ("goodbye", "unasked", r"bytes came that answer nothing")):
            with self.subTest(way):
                text, errors, _ = self.found(way, "--mix", "all")
                self.assertEqual(list(errors), [kind], text)
                self.assertTrue(errors[kind]["wrong_server"])
                self.assertRegex(errors[kind]["example"], r"^user\d: .*" + example)
                self.assertIn("THE SERVER IS WRONG", text)

    def test_a_rate_is_of_the_time_not_of_what_ends_behind_it(self):
        # Sessions of a second each by two connections: two a second, however short one looks.
        for more in ([], ["--time", "2500ms", "--warmup", "1900ms"]):
            text, _, run = self.found("late", *more, status=0)
            self.assertAlmostEqual(run["sessions_per_s"] * run["latency"]["mean"] / 1e6, 2, delta=0.3, msg=text)
            self.assertRegex(text, r"done, 0 failed, [12]\.\d/s")

    def test_a_uidl_that_changes(self):
        text, errors, _ = self.found("uidl", "--mix", "uidl")
        self.assertEqual(list(errors), ["uidl-changed"], text)

    def test_a_server_that_says_nothing(self):
        text, errors, _ = self.found("silent", "--mix", "noop", "--timeout", "200ms")
        self.assertEqual(list(errors), ["timeout"], text)
        self.assertRegex(errors["timeout"]["example"], "no answer to NOOP within")

    def test_errors_that_are_allowed_do_not_make_a_wrong_server_right(self):
        self.found("octets", "--mix", "all", "--errors-allowed", 100)
        self.found("silent", "--mix", "poll=1000,noop=1", "--timeout", "200ms", "--errors-allowed", 50, status=0)


class Origin(RingbenchTest):
    def first_bytes(self, *words):
        server = WrongServer("right", FirstBytes)
        self.addCleanup(server.close)
        self.measure(f"pop3://127.0.0.1:{server.port}", "--rate", 100, "--users", "user%d:1-500", "--time", "500ms", *words, status=1)
        self.assertGreater(len(server.delivered), 1)
        return server.port, server.delivered

    def test_source_addresses(self):
        _, seen = self.first_bytes("--proxy", "v1", "--sources", "127.1.0.3-127.1.0.5")
        self.assertLessEqual({address for address, _ in seen}, {"127.1.0.3", "127.1.0.4", "127.1.0.5"})

    def test_proxy_headers(self):
        _, seen = self.first_bytes("--proxy", "v1")
        for _, first in seen:
            self.assertRegex(first, rb"^PROXY TCP4 198\.1[89]\.\d+\.\d+ ")
        port, seen = self.first_bytes("--proxy", "v2")
        for _, first in seen:
            signature, version, family, length, source, target, _, target_port = struct.unpack(">12sBBH4s4sHH", first)
            self.assertEqual((signature, version, family, length), (b"\r\n\r\n\0\r\nQUIT\n", 0x21, 0x11, 12))
            self.assertEqual((source[0], source[1] & 0xfe, target, target_port), (198, 18, b"\x7f\0\0\x01", port))


class Floor(RingbenchTest):
    def start_floor(self, *words):
        port = free_port()
        process = subprocess.Popen([RINGBENCH, "floor", str(port), *map(str, words)], stdout=subprocess.PIPE)

        def stop():
            process.kill()
            process.wait()
            process.stdout.close()

        self.addCleanup(stop)
        self.assertIn(b"listening on 127.0.0.1", process.stdout.readline())
        return port

    def test_a_port_is_not_shared_with_anybody(self):
        port = self.start_floor("--threads", 2)
        self.assertIn("Address already in use", self.ringbench("floor", port, status=1))

    def test_slow_is_as_slow_as_was_said(self):
        port = self.start_floor("--messages", 1, "--message-bytes", "400k")
        for rate, least, most in (("200k", 0, 0.25e6), ("8M", 1e6, 9e6)):
            _, run = self.measure(f"pop3://127.0.0.1:{port}", "--mix", "retr", "--commands", 1000, "--connections", 1, "--slow", 100,
                                  "--read-rate", rate, "--time", "1s")
            self.assertTrue(least < run["seconds"][0]["received"] < most, run["seconds"])

    def test_it_is_a_right_server(self):
        port = self.start_floor("--messages", 5, "--message-bytes", "20k", "--threads", 2)
        for more in ([], ["--pipelining"]):
            _, run = self.measure(f"pop3://127.0.0.1:{port}", "--mix", "poll,all,thunderbird", "--connections", 4,
                                  "--time", "1s", "--check-content", *more)
            self.assertGreater(run["messages"], 5)

    def test_an_empty_mailbox_and_odd_commands(self):
        port = self.start_floor("--messages", 0)
        client = Pop3(port)
        self.addCleanup(client.close)
        self.assertEqual(client.count(), 0)
        self.assertEqual(client.lines("LIST"), [])
        client.refused("RETR 1")
        client.ok("NOOP")
        client.quit()


class Fill(RingbenchTest):
    def test_mailboxes_of_specmail2001(self):
        said = self.ringbench("fill", "maildir", self.path("spec"), "--users", "user%d:1-300", "--profile", "specmail2001")
        users, messages, megabytes = re.match(r"(\d+) users, (\d+) messages, ([\d.]+) MB", said).groups()
        self.assertEqual(users, "300")
        self.assertTrue(750 < int(messages) < 1350, said)  # 3.43 each
        self.assertTrue(8 < float(megabytes) < 60, said)  # of 24.5 KB

    def test_the_same_seed_makes_the_same_mail(self):
        words = [*USERS, "--scale", "0.01", "--seed", 7]
        self.ringbench("fill", "maildir", self.path("a"), *words)
        self.ringbench("fill", "maildir", self.path("b"), *words)
        self.assertEqual(subprocess.run(["diff", "-r", self.path("a"), self.path("b")]).returncode, 0)
        self.assertEqual(sorted(os.listdir(self.path("a"))), [f"user{n}" for n in range(1, 5)])
        text = self.ringbench("fill", "maildir", self.path("a"), *words, status=1)
        self.assertIn("fill changes none", text)

    def test_every_place_gets_the_same_messages(self):
        words = ["--users", "user1", "--messages", 5, "--message-bytes", "3k"]
        self.ringbench("fill", "maildir", self.path("maildir"), *words)
        self.ringbench("fill", "mbox", self.path("mbox/%u.box"), *words)
        server = self.make_server(["user1"], start=False)
        self.ringbench("fill", "native", server.store, *words)
        server.start()
        new = self.path("maildir/user1/new")
        messages = set()
        for name in os.listdir(new):
            with open(os.path.join(new, name), "rb") as file:
                messages.add(file.read())
        self.assertEqual(len(messages), 5)
        client = server.client("user1")
        self.addCleanup(client.close)
        self.assertEqual({client.retrieve(n).replace(b"\r\n", b"\n") for n in range(1, 6)}, messages)
        with open(self.path("mbox/user1.box"), "rb") as file:
            boxed = re.split(rb"^From .*\n", file.read(), flags=re.M)[1:]
        self.assertEqual({re.sub(rb"(?m)^>(>*From )", rb"\1", message)[:-1] for message in boxed}, messages)

    def test_what_there_is_is_not_touched(self):
        server = self.make_server(["user1"], start=False)
        self.ringbench("fill", "native", server.store, "--users", "user1", "--messages", 2)
        text = self.ringbench("fill", "native", server.store, "--users", "user1", "--messages", 2, status=1)
        self.assertIn("the maildrop of user1 is not empty", text)


class Lmtp(RingbenchTest):
    def make_lmtp(self, way="right"):
        server = WrongServer(way, Delivery)
        self.addCleanup(server.close)
        return server, f"lmtp://127.0.0.1:{server.port}"

    def check_delivered(self, server, count):
        self.assertEqual(len(server.delivered), count)
        for user, message in server.delivered[:20]:
            self.assertRegex(user, r"^user[1-4]$")
            body = re.sub(rb"(?m)^\.", b"", message.split(b"\r\n\r\n", 1)[1][:-3])
            self.assertNotRegex(message[:-3], rb"\n\.[^.]")
            self.assertEqual(b"%08x" % crc32c(body), re.search(rb"X-Ringbench: \S+ (\w+)", message).group(1))

    def test_deliver(self):
        server, target = self.make_lmtp()
        for more in ([], ["--pipelining"]):
            server.delivered.clear()
            _, run = self.measure(target, "--connections", 3, "--time", "500ms", "--messages", 3, "--message-bytes", "4k", *more)
            self.assertEqual(run["messages"], run["steps"]["message"]["count"])
            # Those that were under way at the end may have left some out.
            self.assertIn(3 * run["sessions"] - run["messages"], range(7))
            self.check_delivered(server, run["messages"])

    def test_what_is_delivered_to_the_real_server_comes_back(self):
        server = self.make_server([f"user{n}" for n in range(1, 5)], lmtp=True)
        _, sent = self.measure(f"lmtp://127.0.0.1:{server.lmtp_port}", "--connections", 4, "--time", "500ms",
                               "--messages", 3, "--message-bytes", "4k")
        self.ringbench("fill", "lmtp", f"lmtp://127.0.0.1:{server.lmtp_port}", *USERS, "--messages", 1)
        _, got = self.measure(f"pop3://127.0.0.1:{server.port}", "--mix", "drain", "--connections", 4, "--time", "2s",
                              "--check-content")
        self.assertEqual(got["messages"], sent["messages"] + 4)

    def test_starttls_and_a_unix_socket(self):
        server = self.make_server([f"user{n}" for n in range(1, 5)], lmtp=True, tls=[TLS], start=False)
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        server.write_config(text.replace("protocol = lmtp\n", "protocol = lmtp\n tls = starttls\n"))
        server.start()
        words = ("--connections", 4, "--time", "500ms", "--message-bytes", "4k")
        for target in (f"lmtp://127.0.0.1:{server.lmtp_port}", f"lmtp:unix:{server.lmtp_path}"):
            _, run = self.measure(target, *words, "--stls")
            self.assertEqual(run["steps"]["stls"]["count"], run["handshakes"])
            self.assertEqual(run["messages"], run["sessions"])
        _, run = self.measure(target, "--connections", 2, "--time", "100ms", "--message-bytes", "9M", "--stls")
        self.assertGreater(run["messages"], 0)
        _, run = self.measure(f"lmtp:unix:{server.lmtp_path}", *words, "--pipelining")
        self.assertEqual(run["messages"], run["sessions"])
        self.ringbench("fill", "lmtp", f"lmtp:unix:{server.lmtp_path}", *USERS, "--messages", 1)

    def test_a_large_message_waits_for_room(self):
        server, target = self.make_lmtp()
        _, run = self.measure(target, "--connections", 1, "--time", "100ms", "--message-bytes", "9M")
        self.assertEqual({len(message) > 9 << 20 for _, message in server.delivered}, {True})
        self.assertEqual(len(server.delivered), run["messages"])

    def test_refused(self):
        server, target = self.make_lmtp("silent")
        text, run = self.measure(target, "--connections", 1, "--time", "1s", status=1)
        self.assertEqual(run["errors"][0]["kind"], "refused")
        self.assertIn('RCPT was answered "451 later"', text)

    def test_fill(self):
        server, target = self.make_lmtp()
        self.ringbench("fill", "lmtp", target, *USERS, "--messages", 2, "--message-bytes", "2k")
        self.check_delivered(server, 8)


def crc32c(data):
    """Castagnoli's, bit by bit."""
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff


class Page(html.parser.HTMLParser):
    """Gathers what the page would load, and the text of headings."""

    def __init__(self):
        super().__init__()
        self.links, self.headings, self.body, self.tag = [], [], {}, ""

    def handle_starttag(self, tag, attributes):
        self.tag = tag
        for name, value in attributes:
            if name in ("src", "href", "xlink:href"):
                self.links.append(value)
            if tag == "body":
                self.body[name] = value

    def handle_data(self, data):
        if self.tag in ("h1", "h2"):
            self.headings.append(data)


def find_browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


class Results(RingbenchTest):
    def run_floor(self, *words, status=0):
        server = WrongServer("right")
        self.addCleanup(server.close)
        return self.ringbench("run", f"pop3://127.0.0.1:{server.port}", "--users", "user%d:1-500", *PASSWORD, "--rate",
                              100, "--time", "1s", *words, status=status)

    def test_what_cannot_be_written_is_said_before_the_run(self):
        begun = ["run", "pop3://127.0.0.1:1", *USERS, *PASSWORD, "--rate", 5, "--time", "1h"]
        for words, sentence in ((["--json", self.path("no/such")], "No such file or directory"), (["--report", self.folder], "Is a directory"),
                                (["--hdr", "-", "--json", "-"], 'only one of --json, --hdr and --report can be "-"')):
            self.assertIn(sentence, self.ringbench(*begun, *words, status=2))
        # A file that is there is not touched, and none is left behind.
        path = self.path("keep.json")
        with open(path, "w", encoding="ascii") as file:
            file.write("old")
        self.ringbench(*begun[:-2], "--json", path, "--report", self.path("new.html"), "--hdr", self.path("no/such"), status=2)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(os.listdir(self.folder), ["keep.json"])

    def test_a_full_disk(self):
        text = self.run_floor("--json", "/dev/full", status=1)
        self.assertIn("cannot write /dev/full: No space left on device", text)
        with open("/dev/full", "wb") as full:
            for words in (["--help"], ["run", "--help"], ["-V"]):
                result = subprocess.run([RINGBENCH, *words], stdout=full, stderr=subprocess.PIPE, timeout=60 * PATIENCE)
                self.assertEqual((result.returncode, result.stderr), (1, b"ringbench: cannot write standard output: No space left on device\n"))

    def test_a_file_on_standard_output_is_not_mixed_with_text(self):
        server = WrongServer("right")
        self.addCleanup(server.close)
        words = [RINGBENCH, "run", f"pop3://127.0.0.1:{server.port}", "--users", "user%d:1-500", *PASSWORD, "--rate", "20", "--time", "300ms"]
        for more, begin in ((["--json", "-", "--find", "p99=1ns"], "{"), (["--json", "-"], "{"), (["--report", "-"], "<!doctype html>"),
                            (["--hdr", "-"], "#[")):
            result = subprocess.run([*words, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120 * PATIENCE)
            self.assertEqual(result.stdout[:len(begin)].decode(), begin, more)
            self.assertRegex(result.stderr, b"sessions|no rate was found")
            if begin == "{":
                json.loads(result.stdout)

    def test_a_page_is_not_given_up_for_nothing(self):
        path = self.path("report.html")
        with open(path, "w", encoding="ascii") as file:
            file.write("yesterday's")
        for text in ("{", '{"ringbench":1,"runs":[]}', '{"ringbench":1,"runs":[{}],"label":"<"}'):
            with open(self.path("bad.json"), "w", encoding="ascii") as file:
                file.write(text)
            self.ringbench("report", self.path("bad.json"), "--output", path, status=1)
            with open(path, encoding="ascii") as file:
                self.assertEqual(file.read(), "yesterday's")

    def test_hdr_log(self):
        path = self.path("latency.hlog")
        self.run_floor("--hdr", path, "--json", self.path("run.json"))
        with open(self.path("run.json"), encoding="ascii") as file:
            run = json.load(file)["runs"][0]
        counts = collections.Counter()
        with open(path, encoding="ascii") as file:
            for line in file:
                if line[0].isdigit():
                    counts.update(self.read_hdr(base64.b64decode(line.split(",")[3])))
        self.assertEqual(sum(counts.values()), run["sessions"])
        # The median as HdrHistogram understands the places: 256 of the first size, then 128 a power.
        passed = 0
        for place in sorted(counts):
            passed += counts[place]
            if passed * 2 >= run["sessions"]:
                break
        bucket = max(0, (place >> 7) - 1)
        median_ns = (place - (bucket << 7)) << bucket
        self.assertAlmostEqual(median_ns / 1000 / run["latency"]["p50"], 1, delta=0.03)

    def read_hdr(self, packed):
        """The counts by their places, of one histogram in the V2 encoding."""
        cookie, length = struct.unpack(">II", packed[:8])
        self.assertEqual((cookie, length), (0x1c849314, len(packed) - 8))
        data = zlib.decompress(packed[8:])
        cookie, payload, _, digits, lowest, _, ratio = struct.unpack(">IIIIqqd", data[:40])
        self.assertEqual((cookie, payload, digits, lowest, ratio), (0x1c849313, len(data) - 40, 2, 1, 1.0))
        counts, at, place = {}, 40, 0
        while at < len(data):
            number, shift = 0, 0
            while True:
                byte = data[at]
                at += 1
                number |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80:
                    break
            number = (number >> 1) ^ -(number & 1)
            if number < 0:
                place -= number
            else:
                counts[place] = number
                place += 1
        return counts

    def test_compare(self):
        self.run_floor("--repeat", 3, "--json", self.path("a.json"))
        with open(self.path("a.json"), encoding="ascii") as file:
            data = json.load(file)
        self.assertEqual(len(data["runs"]), 3)
        text = self.ringbench("compare", self.path("a.json"), self.path("a.json"), "--tolerance", 200)
        self.assertRegex(text, r"sessions/s .*\+0\.0%.*same")
        for run in data["runs"]:
            run["sessions_per_s"] /= 2
        with open(self.path("b.json"), "w", encoding="ascii") as file:
            json.dump(data, file)
        text = self.ringbench("compare", self.path("a.json"), self.path("b.json"), "--tolerance", 20, status=1)
        self.assertRegex(text, r"sessions/s .*-50\.0%.*WORSE")
        self.ringbench("--compare", self.path("b.json"), self.path("a.json"), "--tolerance", 20)
        # So few that differ so much: nobody can tell, and nobody says "same".
        for run, rate in zip(data["runs"], (60, 10, 1)):
            run["sessions_per_s"] = rate
        data["settings"]["mix"] = "all"
        with open(self.path("b.json"), "w", encoding="ascii") as file:
            json.dump(data, file)
        text = self.ringbench("compare", self.path("a.json"), self.path("b.json"), "--tolerance", 20, status=1)
        self.assertRegex(text, r"sessions/s .*-\d\d\.\d%.*perhaps WORSE: repeat more often")
        self.assertRegex(text, r"^The loads differ, and so may the figures: mix\n")
        self.assertNotRegex(text, r"-\d{3,}\.\d%")
        with open(self.path("c.json"), "w", encoding="ascii") as file:
            file.write("{}")
        self.ringbench("compare", self.path("a.json"), self.path("c.json"), status=2)

    def draw(self, name):
        """The page as a browser draws it."""
        browser = find_browser()
        if browser is None:
            raise unittest.SkipTest("cannot: no chromium here that runs (Ubuntu's package only points at a snap)")
        result = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                                 f"--user-data-dir={self.path('browser')}", "--virtual-time-budget=5000",
                                 "file://" + self.path(name)], capture_output=True, timeout=120 * PATIENCE)
        page = Page()
        page.feed(result.stdout.decode())
        return page

    def test_a_day_is_drawn(self):
        self.run_floor("--json", self.path("a.json"))
        with open(self.path("a.json"), encoding="ascii") as file:
            data = json.load(file)
        data["settings"]["time_s"] = 86400
        data["runs"][0]["seconds"] = [dict(data["runs"][0]["seconds"][0], heat=[[row, 3] for row in range(20, 30)])] * 86400
        with open(self.path("day.json"), "w", encoding="ascii") as file:
            json.dump(data, file)
        self.ringbench("report", self.path("day.json"), "--output", self.path("day.html"))
        page = self.draw("day.html")
        self.assertEqual(page.body.get("data-drawn"), "6", page.headings)

    def test_report_is_drawn_in_a_browser(self):
        path = self.path("both.html")
        self.run_floor("--json", self.path("a.json"), "--label", "first</script>", "--pid", os.getpid())
        self.run_floor("--json", self.path("b.json"), "--label", "zweite Me\u00dfung \U0001f4ec", "--report", self.path("one.html"))
        self.ringbench("report", self.path("a.json"), self.path("b.json"), "--output", path)
        for name, plots in (("one.html", 6), ("both.html", 9)):
            page = self.draw(name)
            self.assertEqual(page.links, [])
            self.assertEqual(page.body.get("data-drawn"), str(plots), page.headings)
            self.assertIn("Latency by percentile", page.headings)
        self.assertIn("first</script> · zweite Me\u00dfung \U0001f4ec", page.headings)
        self.assertIn("Latency heat map: zweite Me\u00dfung \U0001f4ec", page.headings)
        with open(path, encoding="utf-8") as file:
            self.assertIsNone(re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)\w+\.\w", re.sub(r'"[a-z0-9]+://127[^"]*"', "", file.read())))


class Words(RingbenchTest):
    def test_wrong_words_get_a_sentence(self):
        target = "pop3://127.0.0.1:1"
        for words, sentence in (
                (["rnu"], 'there is no command "rnu"; did you mean run?'),
                ([target], "a target comes behind a command: ringbench run"),
                (["run"], "run needs a target"),
                (["run", "lmtp:unix:x"], '"x" is no path of a socket'),
                (["run", "imap://a"], '"imap://a" is no target; write pop3://HOST:PORT'),
                (["run", target, "--rate", "5"], "--users is missing"),
                (["run", target, *USERS, "--rate", "5"], "--password or --password-file is missing"),
                (["run", target, *USERS, *PASSWORD], "say how much: --rate 200"),
                (["run", target, *USERS, *PASSWORD, "--connections", "50M"], "this process may open"),
                (["run", target, *USERS, *PASSWORD, "--connections", "5"], "--connections 5 need as many --users"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--mix", "pol=3"], "did you mean poll? The kinds are"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--auth", "x"], '"x" is none of user, plain, login, apop'),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--warmup", "10s"], "--warmup must be shorter"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--repeat", "1001"], "--repeat: from 1 to 1000"),
                (["run", "lmtp://127.0.0.1:1", *USERS, "--rate", "5", "--message-bytes", "2G"], "--message-bytes: from 1 to 1G"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--time", "25h"], "--time: from 100ms to 24h"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--read-rate", "11M"], "--read-rate: from 100 to 10M"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--read-rate", "5k"], "--read-rate is for slow readers"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--ca", "x"], "--ca is for TLS"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--tls12"], "--tls12 is for TLS"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--resume"], "--resume is for TLS"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--messages", "7"], "--messages is for lmtp://"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--message-bytes", "7k"], "--message-bytes is for lmtp://"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--hold", "7s"], "--hold is for the kind hold"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--commands", "7"], "--commands is for the kinds noop and retr"),
                (["run", target, *USERS, *PASSWORD, "--connections", "1", "--arrivals", "fixed"], "--arrivals is for --rate"),
                (["run", "lmtp://127.0.0.1:1", *USERS, "--rate", "5", "--auth", "plain"], "--auth is for POP3"),
                (["fill", "mbox", "x", *USERS, "--message-bytes", "2k"], "--message-bytes needs --messages"),
                (["fill", "mbox", "x", *USERS, "--messages", "2", "--scale", "0.1"], "leave one of them out"),
                (["fill", "mbox", "x", *USERS, "--message-bytes", "2G"], "--message-bytes: from 1 to 1G"),
                (["floor", "1", "--threads", "65"], "--threads: from 1 to 64"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--find", "p99"], "write p99=50ms"),
                (["run", target, *USERS, *PASSWORD, "--rate", "5", "--sources", "x"], "write 127.1.0.1-127.1.0.200"),
                (["run", target, *USERS, *PASSWORD, "--profile", "isp-dy"], "did you mean isp-day? There are isp-day and specmail2001"),
                (["run", target, *USERS, *PASSWORD, "--profile", "isp-day"], "write --rate N, or take more --users"),
                (["run", target, *USERS, *PASSWORD, "--profile", "isp-day", "--find", "p99=1s"], "--find needs a --rate"),
                (["run", "lmtp://127.0.0.1:1", *USERS, "--profile", "isp-day"], "--profile is for pop3:// and pop3s://"),
                (["fill", "maildir", "x", *USERS, "--profile", "spec"], 'there is no "spec"'),
                (["fill", "maildir", "x", *USERS, "--profile", "specmail2001", "--scale", "2"], "specmail2001 counts messages"),
                (["run", target, "--usres", "x"], "run has no option --usres; did you mean --users?"),
                (["fill", "maildir"], "fill needs a kind and a place"),
                (["fill", "imap", "x"], '"imap" is none of maildir, mbox, native, lmtp'),
                (["floor", "x"], "floor needs a port"),
                (["report"], "report needs a file"),
                (["compare", "a"], "compare needs two files")):
            with self.subTest(words):
                self.assertIn(sentence, self.ringbench(*words, status=2))

    def test_help(self):
        self.assertIn("ringbench run TARGET", self.ringbench("--help"))
        for command in ("run", "fill", "floor", "report", "compare"):
            self.assertIn(f"ringbench {command}", self.ringbench(command, "--help"))
        self.assertRegex(self.ringbench("-V"), r"^ringbench \d")
