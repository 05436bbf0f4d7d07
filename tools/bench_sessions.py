"""bench_sessions: what many sessions that do little cost the one that does something, and each other.

Only Ringpost's: sessions that are held, readers that take a kilobyte a second, and the same load on
one shard and on two.
"""
import os
import resource
import signal
import statistics
import time

from bench_flame import Recording, futex_calls
from bench_scenarios import Contestant
from bench_servers import BenchError

HELD = (1000, 2000, 5000, 9000, 20000, 50000)
SLOW, SLOW_ROUNDS = (0, 100, 1000, 6000, 10000), 3
SLOW_MESSAGE = "50k"  # loopback takes a whole message into its buffers, and these have a limit in all
SLOW_RATE = "1k"
FILES_A_SESSION, FILES_A_READER = 2, 3  # the socket, the index, and who reads messages has their file
SOURCE_PORTS = 20000  # sessions that come from one address
ACTIVE, QUICK = "active%d:1-200", "quick%d:1-200"  # who polls beside the held, and beside the slow
ACTIVE_RATE = ("--rate", "500", "--connections", "100", "--mix", "poll")
SHARDS, SHARDS_ROUNDS = (1, 2), 5
SHARDS_RATE = ("--rate", "4000", "--connections", "500", "--mix", "poll")


def held(place, load, seconds, counts=HELD):
    counts = allowed(counts, FILES_A_SESSION)
    place.fill("native", f"grown%d:1-{counts[-1]}", 1, "1k")
    place.fill("native", ACTIVE, 1, "1k")
    rows = [[f"{count:,}"] for count in counts]
    memory = {}
    for name, scheme in (("plain", "pop3"), ("TLS", "pop3s")):
        contestant = Contestant("ringpost", "ringpost", scheme, f"grown%d:1-{counts[-1]}", sources(counts[-1]))
        # A server for each: what many QUITs at once needed is not all given back.
        for row, count in zip(rows, counts):
            server = place.ringpost("ringpost-grown")
            try:
                before = server.meter.memory_bytes()
                now, active = load.hold(server, contestant, count, "grow-held", lambda server=server: poll(load, server, ACTIVE, seconds))
                memory.setdefault(name, []).append((now - before) / 1024 / count)
                row += [now / 1e6, memory[name][-1], active["p50"], active["p99"]]
            finally:
                server.stop()
    limit = f" More than {counts[-1]:,} this machine did not allow (open files: {open_files():,})." if counts[-1] < HELD[-1] else ""
    return {"title": "Growth with the sessions held",
            "sentence": "Logged in and silent, a new server for each point; all memory of the process, and its growth since the start for a "
                        "session. It holds what many logins at once needed at their height, too; the kernel's sockets are not counted. "
                        "The times are of others' polls meanwhile, 500 a second: who is silent has no part in a turn of the loop." + limit,
            "columns": ["sessions", "plain, MB", "KB a session", "p50 of a poll, ms", "p99, ms",
                        "TLS, MB", "KB a session", "p50 of a poll, ms", "p99, ms"], "rows": rows,
            "plot": {"title": "Memory of a held session", "x": "sessions held", "y": "KB a session", "xs": list(counts),
                     "series": memory, "y_from_0": True}}


def slow_readers(place, load, seconds, counts=SLOW):
    counts = allowed(counts, FILES_A_READER)
    place.fill("native", f"slow%d:1-{max(counts)}", 1, SLOW_MESSAGE)
    place.fill("native", QUICK, 1, "1k")
    rounds = {count: [] for count in counts}
    for _ in range(SLOW_ROUNDS):
        for count, measured in rounds.items():
            measured.append(beside_slow(place, load, seconds, count))
    medians = {count: {key: statistics.median(one[key] for one in measured) for key in measured[0]} for count, measured in rounds.items()}
    costs = [figures["cpu"] for figures in medians.values()]
    rows = [[f"{count:,}", figures["cpu"], figures["p50"], figures["p99"], figures["p999"], figures["alone"] * 100,
             figures["bytes"] / 1024 / count if count else ""] for count, figures in medians.items()]
    return {"title": "Slow readers",
            "sentence": f"Each takes a message at 1 KB a second, while others poll 500 times a second; medians of {SLOW_ROUNDS} rounds. Over loopback a message of 50 KB "
                        "lies in the kernel's buffers meanwhile; a session that waits for its client is not looked at, and needs no memory of the "
                        "server's but its own. The highest percentiles hold what the readers' own generator takes of the "
                        "core that measures.",
            "columns": ["slow readers", "CPU us a poll", "p50 of a poll, ms", "p99, ms", "p99.9, ms", "CPU of the readers alone, %", "KB a reader"], "rows": rows,
            "plot": {"title": "Cost of a poll while others read slowly", "x": "slow readers", "y": "CPU us a poll", "xs": list(counts[1:]),
                     "series": {"beside them": costs[1:], "without": costs[:1] * len(counts[1:])}, "y_from_0": True}}


def beside_slow(place, load, seconds, count):
    """A new server: polls beside so many slow readers, and what these alone cost of its time (a share) and of its memory."""
    server = place.ringpost("ringpost-slow")
    readers = None
    try:
        before = server.meter.memory_bytes()
        readers = begin_slow(load, server, count)
        memory, spent_s = server.meter.memory_bytes() - before, server.meter.cpu_s()
        time.sleep(seconds)
        alone = (server.meter.cpu_s() - spent_s) / seconds
        active = poll(load, server, QUICK, 3 * seconds)
        return {**{key: active[key] for key in ("cpu", "p50", "p99", "p999")}, "alone": alone, "bytes": memory}
    finally:
        if readers:
            readers.send_signal(signal.SIGKILL)
            readers.communicate()
        server.stop()


def shards(place, load, seconds):
    """With two cores the load has to share one of them: CPU at the same rate is what can be compared."""
    rows, costs, own_costs = [], [], []
    contestant = Contestant("ringpost", "ringpost")
    rounds, servers = {count: [] for count in SHARDS}, {}
    try:
        for count in SHARDS:
            servers[count] = place.ringpost(f"ringpost-shards-{count}", shards=count, cpus={place.server_cpu, place.load_cpu})
            load.warm_up(servers[count], contestant, SHARDS_RATE, seconds, "session", "grow-shards")
        for _ in range(SHARDS_ROUNDS):
            for count, server in servers.items():
                rounds[count].append(load.measure(server, contestant, SHARDS_RATE, seconds, "session", "grow-shards"))
        looks = {count: looked_at(place, load, server, contestant, seconds) for count, server in servers.items()}
    finally:
        for server in servers.values():
            server.stop()
    for count in SHARDS:
        measured = {key: statistics.median(one[key] for one in rounds[count]) for key in ("cpu", "rate", "p50", "p99")}
        own, futexes = looks[count]
        costs.append(measured["cpu"])
        own_costs.append(own and own * measured["cpu"])
        rows.append([str(count), measured["cpu"], own_costs[-1] or "", futexes, measured["rate"], measured["p50"], measured["p99"]])
    series = {"poll": costs, "outside the kernel": own_costs} if all(own_costs) else {"poll": costs}
    return {"title": "Shards",
            "sentence": f"Polls at the same rate on one shard and on two, in turn, CPU of the whole server; medians of {SHARDS_ROUNDS} rounds. Shards share the table of users, which is only read, "
                        "a table of what was checked lately, and the number of connections, which a session changes twice. If they fought "
                        "for memory, what the server spends outside the kernel would grow; if they waited for each other, they would call "
                        "futex. The load runs on one of the two cores as well, so this is the most that a second shard adds.",
            "columns": ["shards", "us a session", "of it outside the kernel, us", "futex calls a second", "sessions a second", "p50, ms", "p99, ms"],
            "rows": rows,
            "plot": {"title": "Cost of a session with the shards", "x": "shards", "y": "us a session", "xs": list(SHARDS),
                     "series": series, "y_from_0": True}}


def looked_at(place, load, server, contestant, seconds):
    """The share of its time outside the kernel, and its futex calls a second, in a run of their own; None and "" without perf."""
    try:
        recording = Recording(server, place.path("perf"), with_stacks=False)
        begun = load.begin(load.command(server, contestant, SHARDS_RATE, 5 * seconds), "grow-shards")
        try:
            futexes = futex_calls(server, 4 * seconds)
        finally:
            load.finish(begun)
            recording.stop()
        return recording.own_share(), futexes
    except BenchError:
        return None, ""


def poll(load, server, users, seconds):
    return load.measure(server, Contestant("ringpost", "ringpost", users=users), ACTIVE_RATE, seconds, "session", "grow-active")


def begin_slow(load, server, count):
    """The process that reads slowly, when all its readers are there; None for none."""
    if count == 0:
        return None
    contestant = Contestant("ringpost", "ringpost", "pop3", f"slow%d:1-{count}", sources(count))
    words = ("--connections", str(count), "--mix", "retr", "--slow", "100", "--read-rate", SLOW_RATE)
    _, readers = load.begin(load.command(server, contestant, words, 600), "grow-slow")
    # What they read must not hold up the generator whose times are measured, on the same core.
    os.sched_setscheduler(readers.pid, os.SCHED_IDLE, os.sched_param(0))
    end = time.monotonic() + 60
    while established(server.ports["pop3"]) < count:
        if readers.poll() is not None or time.monotonic() > end:
            readers.kill()
            said = readers.communicate()[0].decode(errors="replace")[-300:]
            raise BenchError(f"not all of {count} slow readers were there. {said}")
        time.sleep(0.2)
    time.sleep(2)
    return readers


def established(port):
    """Connections to a port of this machine, counted at the server's side."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        fields = (line.split() for line in file)
        return sum(1 for _, local, _, state, *_ in fields if local.endswith(f":{port:04X}") and state == "01")


def open_files():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def allowed(counts, files_each):
    """Those that the limit of open files lets be."""
    hard = open_files()
    good = [count for count in counts if count * files_each + 1000 < hard]
    if len(good) < 2:
        raise BenchError(f"too few open files are allowed ({hard})")
    return good


def sources(count):
    return ("--sources", f"127.1.0.1-127.1.0.{1 + count // SOURCE_PORTS}")


def user_names():
    """All that may be needed; a maildrop that was never filled costs nothing."""
    names = [f"grown{n}" for n in range(1, HELD[-1] + 1)] + [f"slow{n}" for n in range(1, SLOW[-1] + 1)]
    return names + [f"{name}{n}" for name in ("active", "quick") for n in range(1, 201)]
