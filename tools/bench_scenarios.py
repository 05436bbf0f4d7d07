"""bench_scenarios: what is measured, against whom, and how one measurement is made.

A scenario is one kind of load that several contestants get in turn, round after round, so that what
else the machine does falls on all of them alike. The load is `ringbench run`, on a core of its own;
the server's processor time is read before and after it.
"""
import dataclasses
import json
import os
import subprocess
import time

from bench_servers import PASSWORD, RINGBENCH, BenchError, be_nice

USERS = "user%d:1-500"
LMTP_USERS = "lmtp%d:1-200"
FEW, MANY = "few%d:1-2", "many%d:1-2"  # with 10 and with 100,000 messages
PLAIN, TLS = "Plain POP3", "POP3S"  # the chapters in which those are who only come when they are asked for
HELD_USERS = 5000
HELD_ON_S = 5  # sessions are held so much longer while something else is measured
HELD = f"held%d:1-{HELD_USERS}"


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    server: str
    scheme: str = "pop3"
    users: str = USERS
    words: tuple = ()


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    unit: str  # what CPU and rate are divided by: session or message
    words: tuple
    contestants: tuple
    chapter: str


def plain(*names):
    return tuple(Contestant(name, name) for name in names)


def by_tls(*names):
    return tuple(Contestant(name, name, "pop3s") for name in names)


def delivery(connections):
    words = ("--connections", str(connections), "--messages", "1M", "--message-bytes", "10k")
    both = tuple(Contestant(name, name, "lmtp", LMTP_USERS) for name in ("ringpost", "dovecot"))
    return Scenario(f"lmtp-{connections}", f"LMTP, durable deliveries of 10 KB, {connections} connections", "message",
                    words, both, "LMTP")


ALL_THREE = ("floor", "ringpost", "dovecot")
FIFTY = ("--connections", "50")
RETR = ("--connections", "50", "--mix", "retr", "--commands", "1M")
MAILDIR = (Contestant("ringpost", "ringpost-maildir"), Contestant("dovecot", "dovecot"))

SCENARIOS = (
    Scenario("poll", "log in, STAT, QUIT", "session", FIFTY + ("--mix", "poll"), plain(*ALL_THREE), PLAIN),
    Scenario("fetch", "log in, STAT, LIST, UIDL, 10 RETR of 10 KB, QUIT", "session", FIFTY + ("--mix", "all"),
             plain(*ALL_THREE), PLAIN),
    Scenario("retr", "RETR of 10 KB, one after the other in one session", "message", RETR, plain(*ALL_THREE), PLAIN),
    Scenario("retr-pipelined", "the same, up to 32 at once", "message", RETR + ("--pipelining",), plain(*ALL_THREE),
             PLAIN),
    Scenario("tls-greeting", "a full handshake, greeting, QUIT", "session", FIFTY + ("--mix", "greet"),
             by_tls("ringpost", "dovecot"), TLS),
    Scenario("tls-poll", "log in, STAT, QUIT by TLS; resumed: not the first session", "session", FIFTY + ("--mix", "poll"),
             by_tls("ringpost", "dovecot") + (Contestant("ringpost-resumed", "ringpost", "pop3s", words=("--resume",)),
                                              Contestant("dovecot-resumed", "dovecot", "pop3s", words=("--resume",))),
             TLS),
    Scenario("tls-fetch", "10 messages of 10 KB by TLS", "session", FIFTY + ("--mix", "all"), by_tls("ringpost", "dovecot"), TLS),
    Scenario("maildir-poll", "poll, the same Maildirs under both", "session", FIFTY + ("--mix", "poll"), MAILDIR, "Maildir"),
    Scenario("maildir-fetch", "fetch, the same Maildirs under both", "session", FIFTY + ("--mix", "all"), MAILDIR, "Maildir"),
    delivery(20),
    delivery(200),
    Scenario("large-maildrop", "poll of a maildrop with 10 and with 100,000 messages", "session",
             ("--connections", "2", "--mix", "poll"),
             (Contestant("ringpost-10", "ringpost", users=FEW), Contestant("ringpost-100000", "ringpost", users=MANY)),
             "Large maildrops"),
)

def scenarios(peers=()):
    """All of them, with these servers beside those that are always there."""
    more = {PLAIN: plain(*peers), TLS: by_tls(*peers)}
    return [dataclasses.replace(one, contestants=one.contestants + more.get(one.chapter, ())) for one in SCENARIOS]


# Memory is another kind of measurement: once for each, between two numbers of held sessions.
HELD_CONTESTANTS = (
    (Contestant("ringpost", "ringpost", users=HELD), 1000, HELD_USERS),
    (Contestant("ringpost-tls", "ringpost", "pop3s", HELD), 1000, HELD_USERS),
    (Contestant("dovecot", "dovecot"), 100, 400),
    (Contestant("dovecot-tls", "dovecot", "pop3s"), 100, 400),
)


def held_contestants(peers=()):
    both = lambda name: ((Contestant(name, name), 100, 400), (Contestant(f"{name}-tls", name, "pop3s"), 100, 400))
    return HELD_CONTESTANTS + tuple(one for name in peers for one in both(name))


class Load:
    """Runs ringbench against a server."""

    def __init__(self, cpu, folder):
        self.cpu, self.folder = cpu, folder
        self.failures = []

    def command(self, server, contestant, words, seconds):
        return [RINGBENCH, "run", server.url(contestant.scheme), "--users", contestant.users, "--password", PASSWORD,
                *words, *contestant.words, "--time", f"{round(seconds * 1000)}ms", "--threads", "1", "--quiet"]

    def prepare(self):
        os.sched_setaffinity(0, {self.cpu})
        be_nice()

    def begin(self, command, label):
        """Starts it; what it measures goes to a file of this label."""
        path = os.path.join(self.folder, label + ".json")
        return path, subprocess.Popen([*command, "--label", label, "--json", path], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=self.prepare)

    def finish(self, begun):
        path, process = begun
        said = process.communicate()[0].decode(errors="replace")
        if process.returncode != 0:
            raise BenchError(f"{' '.join(process.args)}: {said.strip()[-600:]}")
        with open(path, encoding="ascii") as file:
            return json.load(file)["runs"][0]

    def measure(self, server, contestant, words, seconds, unit, label):
        """One run: {cpu: us a unit, rate: units a second, p50 and p99: ms, busy: share of the core, …}."""
        command = self.command(server, contestant, words, seconds)
        before_s = server.meter.cpu_s()
        run = self.finish(self.begin(command, label))
        spent_s = server.meter.cpu_s() - before_s
        count = run["sessions"] if unit == "session" else run["messages"]
        if count == 0:
            raise BenchError(f"{label}: nothing was done")
        # Where messages count, so does their latency, not that of a session that goes on to the end.
        step = "message" if contestant.scheme == "lmtp" else "retr"
        latency = run["latency"] if unit == "session" else run["steps"][step]
        # Sessions that were under way at the end of the time went on to theirs, and count.
        return {"cpu": spent_s * 1e6 / count, "rate": count / run["whole_s"], "p50": latency["p50"] / 1e3,
                "p99": latency["p99"] / 1e3, "p999": latency["p999"] / 1e3, "max": latency["max"] / 1e3, "busy": spent_s / run["whole_s"], "octets": run["octets"] / count}

    def warm_up(self, server, contestant, words, seconds, unit, label):
        """The same, and nothing comes of it; what is wrong shows when it counts."""
        try:
            self.measure(server, contestant, words, seconds, unit, label)
        except BenchError:
            pass

    def hold(self, server, contestant, count, label, meanwhile=None):
        """Memory of the server's processes while so many sessions are logged in and silent, and what
        `meanwhile` finds, which may take up to HELD_ON_S."""
        for patience in (1, 3, 9):
            try:
                return self.hold_once(server, contestant, count, label, patience, meanwhile)
            except BenchError as error:
                # A machine that does other things needs longer until all are there.
                if patience == 9:
                    raise error

    def hold_once(self, server, contestant, count, label, patience, meanwhile):
        rate = 1500 if contestant.server == "ringpost" else 60
        until_all_s = 2 + count / rate * patience
        seconds = until_all_s + 1 + (HELD_ON_S if meanwhile else 0)
        words = ("--mix", "hold", "--connections", str(count))
        begun = self.begin(self.command(server, contestant, words, seconds), label)
        time.sleep(until_all_s)
        memory = server.meter.memory_bytes()
        found = meanwhile() if meanwhile else None
        run = self.finish(begun)
        if run["sessions"] < count or run["steps"]["stat"]["count"] < count:
            raise BenchError(f"{label}: not all of {count} sessions were there")
        # All of them must have been there when the memory was read, not only later.
        seconds_of = run["seconds"]
        at = min(max(int(until_all_s) - 1, 0), len(seconds_of) - 1)
        if seconds_of[at]["open"] < count:
            raise BenchError(f"{label}: {seconds_of[at]['open']} of {count} sessions were there when memory was read")
        return memory, found
