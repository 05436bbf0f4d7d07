"""bench_slow_disk: what sessions whose mail is in memory notice of others that wait for a slow disk.

The mail of some users is put out of the page cache, so that each of their sessions waits for the
disk again and again; others poll what is in memory, and is held there: a kernel may take back what
it believes to be cold (DAMON), and would measure itself. Those who poll another server on the same
core notice what the machine is busy with; the rest is what sessions of one server cost each other.
"""
import ctypes
import mmap
import os
import signal
import statistics
import time

from bench_disk import FuseDisk, Throttle
from bench_scenarios import Contestant
from bench_servers import BenchError

READS_A_SECOND = 100
READ_BYTES = 128 << 10  # what the kernel reads ahead
COLD = "cold%d:1-200"
COLD_MESSAGES, COLD_BYTES = 3, "300k"
COLD_CONNECTIONS = (10, 50, 200)
WARM = "warm%d:1-1000"  # so many that sessions are there for whoever is due while the server stands still
WARM_RATE = ("--rate", "500", "--connections", "1000", "--mix", "poll")
ROUNDS = 5
COLUMNS = {"p50": "p50 of a poll, ms", "p99": "p99, ms", "p999": "p99.9, ms", "other": "p99 of another server's, ms", "reads": "reads a second"}
LIBC = ctypes.CDLL(None, use_errno=True)


def slow_disk(place, load, seconds, connections=COLD_CONNECTIONS):
    ways = {"evenly": lambda: FuseDisk(place.folder, READS_A_SECOND * READ_BYTES, place.load_cpu),
            "in bursts": lambda: Throttle(place.path("store"), READS_A_SECOND)}
    measured, missing = {}, []
    place.fill("native", WARM, 1, "1k")  # the other server's
    for way, make in ways.items():
        try:
            disk = make()
        except BenchError as error:
            missing.append(f" Not measured {way}: {error}.")
            continue
        try:
            measured[way] = on_disk(place, load, seconds, connections, disk)
        finally:
            disk.end()
    if not measured:
        raise BenchError("".join(missing).strip())
    rows = [[f"{count:,}"] + [figures[count][key] for figures in measured.values() for key in COLUMNS] for count in (0, *connections)]
    worst = {way: max((figures[count] for count in connections), key=lambda figure: statistics.median(figure["ratios"])) for way, figures in measured.items()}
    series = {way: [figures[count]["p99"] for count in connections] for way, figures in measured.items()}
    series.update({f"without ({way})": [figures[0]["p99"]] * len(connections) for way, figures in measured.items()})
    return {"title": "A slow disk",
            "sentence": f"The server's disk gives {READS_A_SECOND} reads a second: one after the other (evenly), or ten at once each tenth of a second (in "
                        "bursts). So many sessions fetch mail that is not in memory, while others poll 500 times a second what is. What would wait "
                        "runs on a thread of the pool, and no turn of the loop waits; what is left is the core's work for those that the disk lets go on. "
                        "Beside so many sessions as disturb most, the p99 of the polls is " + "; ".join(times(way, figure) for way, figure in worst.items()) +
                        f". Medians of {ROUNDS} rounds, each with and without." + "".join(missing),
            "columns": ["sessions that wait"] + [f"{name} ({way})" for way in measured for name in COLUMNS.values()],
            "rows": rows,
            "plot": {"title": "p99 of polls while others wait for the disk", "x": "sessions that wait for the disk", "y": "p99 of a poll, ms",
                     "xs": list(connections), "series": series, "y_from_0": True}}


def times(way, figure):
    same, other = figure["ratios"], figure["other_ratios"]
    return (f"{statistics.median(same):.2f} times ({min(same):.2f} to {max(same):.2f}) that without them where the disk is read {way}, "
            f"and {statistics.median(other):.2f} times ({min(other):.2f} to {max(other):.2f}) for those who poll another server on this core")


def on_disk(place, load, seconds, connections, disk):
    """In turn, ROUNDS times each: nobody waits, and then so many sessions do. The medians by that number, and behind
    them how many times the p99 without them theirs was in each round."""
    store = os.path.relpath(disk.store, place.folder)
    if not os.listdir(disk.store):
        place.create_store(store)
    place.fill("native", COLD, COLD_MESSAGES, COLD_BYTES, disk.store)
    if disk.store != place.path("store"):
        place.fill("native", WARM, 1, "1k", disk.store)
    os.sync()
    held = [hold(path) for folder in (disk.store, place.path("store")) for path in files_of(folder, "warm")]
    rounds = {count: [] for count in (0, *connections)}
    servers = []
    try:
        servers.append(place.ringpost("ringpost-slow-disk", enter=disk.enter, store=store))
        servers.append(place.ringpost("ringpost-other"))
        for server in servers:
            poll(load, server, seconds)
        for _ in range(ROUNDS):
            for count, measured in rounds.items():
                measured.append(beside(load, servers, disk, count, seconds))
    finally:
        for server in servers:
            server.stop()
        held.clear()
    figures = {count: {key: statistics.median(one[key] for one in measured) for key in COLUMNS} for count, measured in rounds.items()}
    for count, measured in rounds.items():
        figures[count]["ratios"] = [one["p99"] / alone["p99"] for one, alone in zip(measured, rounds[0])]
        figures[count]["other_ratios"] = [one["other"] / alone["other"] for one, alone in zip(measured, rounds[0])]
    return figures


def beside(load, servers, disk, count, seconds):
    """What a poll takes while `count` sessions of the first server wait, at it and at the other, and how often a second
    the disk was read."""
    wait_for_no_reads(disk)
    forget(disk.store)
    waiting = None
    if count > 0:
        contestant = Contestant("ringpost", "ringpost", users=COLD)
        _, waiting = load.begin(load.command(servers[0], contestant, ("--connections", str(count), "--mix", "all"), 600), "grow-waiting")
        os.sched_setscheduler(waiting.pid, os.SCHED_IDLE, os.sched_param(0))
        time.sleep(0.5)
    try:
        begun, reads = time.monotonic(), disk.reads()
        measured = poll(load, servers[0], 3 * seconds)
        reads = (disk.reads() - reads) / (time.monotonic() - begun)
        return {**measured, "reads": reads, "other": poll(load, servers[1], 3 * seconds)["p99"]}
    finally:
        if waiting:
            waiting.send_signal(signal.SIGKILL)
            waiting.communicate()


def poll(load, server, seconds):
    return load.measure(server, Contestant("ringpost", "ringpost", users=WARM), WARM_RATE, seconds, "session", "grow-warm")


def wait_for_no_reads(disk):
    """What sessions that were cut off have asked for is still read, and must not fall into the next measurement."""
    before, now = -1, disk.reads()
    while now != before:
        time.sleep(0.5)
        before, now = now, disk.reads()


def forget(store):
    """Puts the mail of the cold users out of the page cache; it has been written to the disk."""
    for path in files_of(store, "cold"):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def hold(path):
    """Keeps a file in memory as long as what is returned is kept; an empty one needs nothing."""
    with open(path, "r+b") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return None
        mapping = mmap.mmap(file.fileno(), 0)
    if LIBC.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(mapping))), ctypes.c_size_t(len(mapping))) != 0:
        raise BenchError(f"the mail of those who poll cannot be held in memory: {os.strerror(ctypes.get_errno())} (ulimit -l)")
    return mapping


def files_of(store, user):
    """Paths of all files of the users whose names begin so."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(store) if os.path.basename(folder).startswith(user)
            for name in names]


def user_names():
    return [f"{name}{n}" for name, count in (("cold", 200), ("warm", 1000)) for n in range(1, count + 1)]
