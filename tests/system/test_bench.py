"""test_bench: what `make bench` computes and writes, with canned figures, and one quick run of it.

How fast anything is, is no matter of tests; the run only shows that measuring works.
"""
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

from ringpost_server import PATIENCE, TOP

sys.path.insert(0, os.path.join(TOP, "tools"))

import bench_accounts
import bench_disk
import bench_flame
import bench_growth
import bench_machine
import bench_meter
import bench_page
import bench_peers
import bench_plot
import bench_report
import bench_scenarios
import bench_servers
import bench_sessions
import bench_slow_disk

CANNOT_MOUNT = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0

BUDGETS = """
# a comment
poll cpu ringpost/floor <= 1.5 why not
poll cpu ringpost/dovecot <= 1/15 a fraction
poll rate ringpost/dovecot >= 10 the other way
held memory ringpost <= 4096 no ratio
gone cpu ringpost/floor <= 1 was not measured
"""


def results():
    """Three rounds, of which the floor missed one."""
    poll = {"ringpost": {"cpu": [30.0, 40.0, 90.0], "rate": [100.0, 100.0, 100.0], "p50": [1, 1, 1], "p99": [2, 3, 4], "p999": [5, 6, 7],
                         "busy": [0.5, 0.6, 0.7]},
            "floor": {"cpu": [20.0, None, 45.0], "rate": [200.0, None, 200.0], "p50": [1, None, 1], "p99": [2, None, 4], "p999": [5, None, 7],
                      "busy": [0.1, None, 0.3]},
            "dovecot": {"cpu": [450.0, 600.0, 1500.0], "rate": [10.0, 11.0, 9.0], "p50": [1, 1, 1], "p99": [2, 3, 4], "p999": [5, 6, 7],
                        "busy": [0.9, 0.9, 0.9]}}
    return {"date": "today", "note": "A note.", "meter": "a meter", "rounds": 3, "seconds": 1.0, "load": ["0.1", "0.2"],
            "machine": {"processor": "P", "cores": 2, "kernel": "K", "server_cpu": 0, "load_cpu": 1, "memory_gb": 1,
                        "file_system": "ext4"},
            "versions": {"ringpost": "R", "dovecot": "D"}, "failures": ["poll, floor: it fell over"],
            "scenarios": {"poll": {"title": "a poll", "chapter": "Plain", "unit": "session", "command": "ringbench run it",
                                   "contestants": poll},
                          "held": {"title": "held ones", "chapter": bench_page.MEMORY, "unit": "session",
                                   "contestants": {"ringpost": {"memory": [4097.0], "between": [1000, 5000]}}}},
            "growth": {"grow": {"title": "Growth", "sentence": "Bound by nothing.", "columns": ["n", "us"],
                                "rows": [["1", 2.0], ["1,000", 1234.5]],
                                "plot": {"title": "A plot", "x": "n <of it>", "y": "us", "xs": [1, 1000],
                                         "series": {"poll": [2.0, 1234.5]}}}}}


def judged():
    return bench_page.judge(bench_page.read_budgets(BUDGETS), results())


class Budgets(unittest.TestCase):
    def test_median_of_the_pairs(self):
        judged = bench_page.judge(bench_page.read_budgets(BUDGETS), results())
        self.assertEqual([budget.value for budget in judged[:4]], [1.75, 40 / 600, 10.0, 4097.0])
        self.assertEqual([budget.verdict for budget in judged], ["MISSED", "kept", "kept", "MISSED", "not measured"])
        self.assertEqual(judged[0].spread, (1.5, 2.0))

    def test_exactly_the_bound_is_kept(self):
        for line, verdict in (("held memory ringpost <= 4097 x", "kept"), ("held memory ringpost <= 4096.9 x", "MISSED"),
                              ("held memory ringpost >= 4097 x", "kept"), ("held memory ringpost >= 4098 x", "MISSED")):
            budget, = bench_page.judge(bench_page.read_budgets(line), results())
            self.assertEqual(budget.verdict, verdict, line)

    def test_a_line_that_cannot_be_read(self):
        for line in ("poll cpu ringpost/floor < 1.5 x", "poll cpu ringpost/floor <= 1/0 x", "poll speed ringpost <= 1 x",
                     "poll cpu ringpost/floor <= 1.5", "poll"):
            with self.assertRaisesRegex(ValueError, "^budgets:2: write SCENARIO"):
                bench_page.read_budgets("# one\n" + line, "budgets")

    def test_the_budgets_of_the_house(self):
        """Each is of something that is measured."""
        import bench_scenarios
        with open(os.path.join(TOP, "bench", "budgets"), encoding="utf-8") as file:
            budgets = bench_page.read_budgets(file.read())
        there = {(scenario.name, contestant.name) for scenario in bench_scenarios.SCENARIOS for contestant in scenario.contestants}
        there |= {("held", contestant.name) for contestant, _, _ in bench_scenarios.held_contestants()}
        for budget in budgets:
            for name in filter(None, (budget.over, budget.under)):
                self.assertIn((budget.scenario, name), there)


class Page(unittest.TestCase):
    def test_what_is_written(self):
        page = bench_page.page(results(), judged(), {"grow": "benchmarks/grow.svg"})
        for line in ("| poll | cpu | ringpost / floor | <= 1.5 | 1.75 | 1.5 .. 2 | **MISSED** |",
                     "| poll | cpu | ringpost / dovecot | <= 1/15 = 0.0667 | 0.0667 | 0.06 .. 0.0667 | kept |",
                     "| held | memory | ringpost | <= 4096 | 4,097 | 4,097 .. 4,097 | **MISSED** |",
                     "| gone | cpu | ringpost / floor | <= 1 |  |  | **not measured** |",
                     "| ringpost | 40 | 100 | 60 | 1 | 3 | 6 |", "| floor | 32.5 | 200 | 20 | 1 | 3 | 6 |",
                     "![A plot](benchmarks/grow.svg)",
                     "| ringpost | 4 | 1,000 .. 5,000 |", "| 1,000 | 1,234 |", "Bound by nothing.", "ringbench run it",
                     "- poll, floor: it fell over"):
            self.assertIn(line, page.split("\n"))

    def test_numbers(self):
        self.assertEqual([bench_page.number(value) for value in (0, 0.06666, 1.005, 99.94, 100.4, 1234567.8)],
                         ["0", "0.0667", "1", "99.9", "100", "1,234,568"])


class Pictures(unittest.TestCase):
    def test_each_growth_and_the_costs_are_drawn(self):
        drawn = bench_report.pictures(results())
        self.assertEqual(set(drawn), {"grow", bench_page.CPU})
        for svg in drawn.values():
            xml.etree.ElementTree.fromstring(svg)
        self.assertIn("n &lt;of it&gt;", drawn["grow"])
        for number in ("32.5 us", "40 us", "600 us"):
            self.assertIn(number, drawn[bench_page.CPU])

    def test_report_holds_all_and_loads_nothing(self):
        text = bench_report.report(results(), judged(), bench_report.pictures(results()))
        for words in ("Bound by nothing.", "<td>1,234", "<td class=missed>MISSED", "<td class=kept>kept", "n &lt;of it&gt;", "2 of 4 budgets kept"):
            self.assertIn(words, text)
        for reference in re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text):
            self.fail(f"the page refers to {reference}")

    def test_scales(self):
        for values, ticks in (((1, 1000000), [1, 10, 100, 1000, 10000, 100000, 1000000]), ((100, 900), [100, 200, 500]), ((30, 31), [20, 50])):
            scale = bench_plot.Scale(*values, 0, 100, is_log=True)
            self.assertEqual(scale.ticks(), ticks)
            self.assertTrue(all(0 <= scale.at(value) <= 100 for value in values))
        scale = bench_plot.Scale(0, 9, 100, 0, is_log=False)
        self.assertEqual(scale.ticks(), [0, 2, 4, 6, 8])
        self.assertEqual(scale.at(0), 100)
        self.assertEqual([bench_plot.short(value) for value in (1, 20, 1500, 3000000)], ["1", "20", "1.5k", "3M"])


class Growths(unittest.TestCase):
    """Each is measured with a few of what there may be millions of."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-bench-")
        self.addCleanup(folder.cleanup)
        cpus = sorted(os.sched_getaffinity(0))
        self.place = bench_servers.Place(folder.name, cpus)
        self.load = bench_scenarios.Load(cpus[-1], folder.name)
        names = [f"{name}{number}" for name in ("grown", "active", "quick", "slow", "user") for number in range(1, 501)]
        self.place.write_users(names + bench_slow_disk.user_names())

    def check(self, growth, rows):
        self.assertEqual(len(growth["rows"]), rows)
        for row in growth["rows"]:
            self.assertEqual(len(row), len(growth["columns"]))
            for value in row[1:]:
                # With few sessions the memory of one may be below nothing: a start needs more than it keeps.
                self.assertTrue(isinstance(value, str) or math.isfinite(value), row)
        bench_plot.lines(growth["plot"])

    def test_accounts(self):
        self.check(bench_accounts.users(self.place, self.load, 0.2, (50, 100)), 2)
        self.check(bench_accounts.maildrops(self.place, self.load, 0.2, (50, 100)), 2)

    def test_slow_disk(self):
        try:
            bench_disk.Throttle(self.place.path("store"), bench_slow_disk.READS_A_SECOND).end()
        except bench_servers.BenchError as error:
            raise unittest.SkipTest(f"cannot: {error}") from None
        with unittest.mock.patch.object(bench_slow_disk, "ROUNDS", 1):
            growth = bench_slow_disk.slow_disk(self.place, self.load, 0.2, (5,))
        self.check(growth, 2)

    def test_sizes(self):
        self.place.write_users(bench_growth.user_names())
        with unittest.mock.patch.object(bench_growth, "SIZES", (("1k", 10, 1 << 10), ("1M", 1, 1 << 20))):
            growth = bench_growth.sizes(self.place, self.load, 0.3)
        self.check(growth, 2)
        # What was under way at the begin or the end has a part in it.
        self.assertRegex(" ".join(row[at] for row in growth["rows"] for at in (3, 6)),
                         r"^[\d.]+ send [\d.]+ send [3-5][\d.]* sendfile [23][\d.]+ send$")

    def test_sessions(self):
        self.place.fill("native", "user%d:1-500", 1, "1k")
        self.check(bench_sessions.held(self.place, self.load, 0.5, (20, 100)), 2)
        with unittest.mock.patch.multiple(bench_sessions, SLOW_ROUNDS=1, SHARDS_ROUNDS=1):
            slow, shards = bench_sessions.slow_readers(self.place, self.load, 0.5, (0, 50)), bench_sessions.shards(self.place, self.load, 0.2)
        self.check(slow, 2)
        self.check(shards, 2)


class Peers(unittest.TestCase):
    @unittest.skipIf(CANNOT_MOUNT, "cannot: nobody here may have mounts of his own (root, and no container)")
    def test_each_is_installed_measured_and_gone(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-bench-")
        self.addCleanup(folder.cleanup)
        cpus = sorted(os.sched_getaffinity(0))
        place = bench_servers.Place(folder.name, cpus)
        load = bench_scenarios.Load(cpus[-1], folder.name)
        packages = subprocess.run(["dpkg-query", "-W"], stdout=subprocess.PIPE, check=True).stdout
        for name in bench_peers.MAKERS:
            server = bench_peers.start(name, place, users=5)
            try:
                for scheme in ("pop3", "pop3s"):
                    contestant = bench_scenarios.Contestant(name, name, scheme, "user%d:1-5")
                    measured = load.measure(server, contestant, ("--connections", "3", "--mix", "all", "--check-content"), 0.5, "message", name)
                    self.assertGreater(measured["cpu"], 0)
                self.assertRegex(server.version, r"^\d+\.\d")
            finally:
                server.stop()
            self.assertIsNotNone(server.cage.holder.returncode)
            self.assertEqual(server.meter.pids(), []) if server.meter.group is None else self.assertFalse(os.path.exists(server.meter.group))
        with open("/proc/mounts", encoding="utf-8") as file:
            self.assertNotIn("ringpost-peer", file.read())
        self.assertEqual(subprocess.run(["dpkg-query", "-W"], stdout=subprocess.PIPE, check=True).stdout, packages)

    @unittest.skipIf(CANNOT_MOUNT, "cannot: nobody here may have mounts of his own (root, and no container)")
    def test_whoever_is_tired_of_filling_them_leaves_nothing_behind(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-bench-")
        self.addCleanup(folder.cleanup)
        place = bench_servers.Place(folder.name, sorted(os.sched_getaffinity(0)))
        started = []

        def interrupted(server, user):
            started.append(server)
            raise KeyboardInterrupt
        with unittest.mock.patch.object(bench_peers.Peer, "first_session", interrupted), self.assertRaises(KeyboardInterrupt):
            bench_peers.start("courier", place, users=1)
        self.assertIsNotNone(started[0].process.returncode)
        self.assertIsNotNone(started[0].cage.holder.returncode)

    def test_they_stand_beside_the_others_where_that_is_meant(self):
        for scenario in bench_scenarios.scenarios(("courier",)):
            names = [contestant.name for contestant in scenario.contestants]
            self.assertEqual("courier" in names, scenario.chapter in ("Plain POP3", "POP3S"), scenario.name)
        canned = results()
        canned["versions"]["courier"] = "1.0"
        self.assertIn("\n| Dovecot | D |\n| Courier | 1.0 |\n| processor time", bench_page.page(canned, [], {}))


class Machine(unittest.TestCase):
    @unittest.skipIf(CANNOT_MOUNT, "cannot: nobody here may have mounts of his own (root, and no container)")
    def test_sessions_of_an_emulated_machine(self):
        folder = tempfile.TemporaryDirectory(prefix="ringpost-bench-")
        self.addCleanup(folder.cleanup)
        place = bench_servers.Place(folder.name, sorted(os.sched_getaffinity(0)))
        growth = bench_machine.connections(place, None, 0.2, (20, 300))
        self.assertEqual([row[0] for row in growth["rows"]], ["20", "300"])
        for _, server_mb, _, kernel_kb, p50, p99 in growth["rows"]:
            self.assertGreater(server_mb, 1)
            # Two sockets, their files, and what waits for them.
            self.assertTrue(3 < kernel_kb < 100, kernel_kb)
            self.assertTrue(0 < p50 <= p99)
        bench_plot.lines(growth["plot"])
        with open("/proc/mounts", encoding="utf-8") as file:
            self.assertNotIn("ringpost-peer", file.read())

    def test_an_archive_is_one_that_others_can_read(self):
        with tempfile.TemporaryDirectory() as folder:
            archive = b"".join([bench_machine.member("folder", 0o40755, b""), bench_machine.member("folder/file", 0o100644, b"content"),
                                bench_machine.member("folder/link", 0o120777, b"file"), bench_machine.member("TRAILER!!!", 0, b"")])
            subprocess.run(["busybox", "cpio", "-i"] if shutil.which("busybox") else ["cpio", "-i", "--quiet"], input=archive, cwd=folder, check=True,
                           stderr=subprocess.DEVNULL)
            with open(os.path.join(folder, "folder", "link"), "rb") as file:
                self.assertEqual(file.read(), b"content")


SCRIPT = """
ringpostd
\tffffffff81000001 tcp_sendmsg+0x10 ([kernel.kallsyms])
\t    7f0000000001 __send+0x20 (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t    560000000001 flush<T&>+0x30 (/usr/sbin/ringpostd)

ringpostd
\t    560000000002 parse+0x1 (/usr/sbin/ringpostd (deleted))
\t    560000000001 flush<T&>+0x35 (/usr/sbin/ringpostd)

ringpostd
\tffffffff81000001 tcp_sendmsg+0x11 ([kernel.kallsyms])
\t    7f0000000001 __send+0x20 (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t    560000000001 flush<T&>+0x30 (/usr/sbin/ringpostd)

ringpostd
\t               0 [unknown] ([unknown])

"""


class Flames(unittest.TestCase):
    def test_looks_are_counted_by_who_calls_whom(self):
        root = bench_flame.tree(SCRIPT)
        self.assertEqual(root.count, 4)
        flush = root.callees["flush<T&>", "own"]
        self.assertEqual((flush.count, flush.callees["parse", "own"].count), (3, 1))
        self.assertEqual(flush.callees["__send", "library"].callees["tcp_sendmsg", "kernel"].count, 2)
        self.assertEqual(root.callees["[unknown]", "library"].count, 1)
        self.assertEqual(root.depth(), 4)

    def test_bars_are_as_wide_as_their_share(self):
        picture = xml.etree.ElementTree.fromstring(bench_flame.draw(bench_flame.tree(SCRIPT), "poll <of it>"))
        bars = {bar.get("data-name"): bar for bar in picture.iter("{http://www.w3.org/2000/svg}g")}
        place = {name: [float(bar[1].get(key)) for key in ("x", "width")] for name, bar in bars.items()}
        self.assertEqual(place["all"], [0, 1200])
        self.assertEqual(place["flush<T&>"], [0, 900])
        self.assertEqual((place["__send"], place["parse"]), ([0, 600], [600, 300]))
        self.assertEqual(bars["tcp_sendmsg"][0].text, "tcp_sendmsg: 50.0%")
        self.assertLess(float(bars["tcp_sendmsg"][1].get("y")), float(bars["__send"][1].get("y")))

    def test_a_click_makes_a_bar_wide(self):
        if shutil.which("chromium") is None:
            raise unittest.SkipTest("cannot: this release has no Chromium package")
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.html")
            with open(page, "w", encoding="utf-8") as file:
                file.write(bench_flame.draw(bench_flame.tree(SCRIPT), "poll") + """<script>
                    const bar = (name) => document.querySelector('[data-name="' + name + '"]');
                    bar("parse").dispatchEvent(new MouseEvent("click"));
                    document.title = [bar("parse").querySelector("rect").getAttribute("width"), bar("__send").style.display].join(" ");
                    bar("all").dispatchEvent(new MouseEvent("click"));
                    document.title += " " + [bar("parse").querySelector("rect").getAttribute("width"), bar("__send").style.display + "."].join(" ");
                    </script>""")
            dump = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "file://" + page], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=60 * PATIENCE, check=True).stdout.decode()
            self.assertIn("<title>1200 none 300 .</title>", dump)

    def test_a_server_at_work(self):
        if shutil.which("perf") is None:
            raise unittest.SkipTest("cannot: this release has no package of perf of that name")
        if os.geteuid() != 0:
            raise unittest.SkipTest("cannot: only root may look at the kernel")
        with tempfile.TemporaryDirectory() as folder:
            place = bench_servers.Place(folder, sorted(os.sched_getaffinity(0)))
            place.write_users([f"user{n}" for n in range(1, 21)])
            place.fill("native", "user%d:1-20", 1, "1k")
            load = bench_scenarios.Load(place.load_cpu, folder)
            server = place.ringpost()
            try:
                recording = bench_flame.Recording(server, os.path.join(folder, "perf"))
                load.measure(server, bench_scenarios.Contestant("ringpost", "ringpost", users="user%d:1-20"),
                             ("--connections", "10", "--mix", "poll"), 1, "session", "flame")
                recording.stop()
                picture = xml.etree.ElementTree.fromstring(recording.picture("poll"))
            finally:
                server.stop()
        names = {bar.get("data-name"): bar[1].get("class") for bar in picture.iter("{http://www.w3.org/2000/svg}g")}
        self.assertEqual(names["pop3_request"], "own")
        self.assertEqual(names["tcp_sendmsg"], "kernel")


class Meter(unittest.TestCase):
    def test_counts_what_children_spend(self):
        for grouped in (True, False):
            meter = bench_meter.Meter("test")
            if not grouped and meter.group:
                os.rmdir(meter.group)
                meter.group = None
            begin = "import os, time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
            code = f"import os\nif os.fork() == 0:\n exec({begin!r})\n os._exit(0)\nos.wait()\nprint()\nimport time; time.sleep(60)"
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, preexec_fn=meter.enter)
            try:
                meter.root_pid = process.pid
                process.stdout.readline()
                self.assertGreaterEqual(meter.cpu_s(), 0.25)
                self.assertGreater(meter.memory_bytes(), 1 << 20)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
                meter.end()


class Run(unittest.TestCase):
    def test_a_quick_one(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.md")
            result = subprocess.run([os.path.join(TOP, "tools", "bench"), "--quick", "--only", "poll", "--output", path],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120 * PATIENCE)
            said = result.stdout.decode(errors="replace")
            # 1 is for a missed budget, which is no matter of tests.
            self.assertIn(result.returncode, (0, 1), said)
            self.assertNotIn("FAILED", said)
            self.assertRegex(said, r"poll +ringpost +[\d.]+ us a session")
            with open(path, encoding="utf-8") as file:
                self.assertIn("**poll**: log in, STAT, QUIT", file.read())

    def test_wrong_words(self):
        for words in (["--only", "pol"], ["--rounds", "-1"], ["--seconds", "0"], ["--peers", "exchange"]):
            result = subprocess.run([os.path.join(TOP, "tools", "bench"), *words], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, timeout=60)
            self.assertEqual(result.returncode, 2, result.stdout)
