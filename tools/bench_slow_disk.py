"""bench_slow_disk: what sessions whose mail is in memory notice of others that wait for a slow disk.

A control group (blkio, or io of version 2; root) lets the server read the disk only so often a
second. The mail of some users is put out of the page cache, so that each of their sessions waits
for the disk again and again; others poll what is in memory, and is held there: a kernel may take
back what it believes to be cold (DAMON), and would measure itself.
"""
import ctypes
import mmap
import os
import re
import signal
import statistics
import time

from bench_scenarios import Contestant
from bench_servers import BenchError

READS_A_SECOND = 100
COLD = "cold%d:1-200"
COLD_MESSAGES, COLD_BYTES = 3, "300k"
COLD_CONNECTIONS = (10, 50, 200)
WARM = "warm%d:1-1000"  # so many that sessions are there for whoever is due while the server stands still
WARM_RATE = ("--rate", "500", "--connections", "1000", "--mix", "poll")
ROUNDS = 3
LIBC = ctypes.CDLL(None, use_errno=True)


def slow_disk(place, load, seconds, connections=COLD_CONNECTIONS):
    """In turn, each three times: nobody waits, and then so many sessions do."""
    place.fill("native", COLD, COLD_MESSAGES, COLD_BYTES)
    place.fill("native", WARM, 1, "1k")
    os.sync()
    held = [hold(path) for path in files_of(place.path("store"), "warm")]
    figures = {count: [] for count in (0, *connections)}
    throttle = Throttle(place.path("store"), READS_A_SECOND)
    try:
        server = place.ringpost("ringpost-slow-disk", enter=throttle.enter)
        try:
            poll(load, server, seconds)
            for _ in range(ROUNDS):
                for count, measured in figures.items():
                    measured.append(beside(place, load, server, throttle, count, seconds))
        finally:
            server.stop()
    finally:
        throttle.end()
        held.clear()
    keys = ("p50", "p99", "p999", "reads")
    rows = [[f"{count:,}"] + [statistics.median(one[key] for one in measured) for key in keys] for count, measured in figures.items()]
    worst = max(row[2] for row in rows[1:]) / rows[0][2]
    return {"title": "A slow disk",
            "sentence": f"The server may read its disk {READS_A_SECOND} times a second. So many sessions fetch mail that is not in memory, while "
                        "others poll 500 times a second what is. What would wait runs on a thread of the pool, and no turn of the loop waits; what is "
                        "left is the core's work: each tenth of a second the disk lets some ten sessions go on at once. The p99 of the polls is at most "
                        f"{worst:.2f} times that without them.",
            "columns": ["sessions that wait", "p50 of a poll, ms", "p99, ms", "p99.9, ms", "reads of the disk a second"], "rows": rows,
            "plot": {"title": "p99 of polls while others wait for the disk", "x": "sessions that wait for the disk", "y": "p99 of a poll, ms",
                     "xs": list(connections), "series": {"beside them": [row[2] for row in rows[1:]], "without": [rows[0][2]] * len(connections)},
                     "y_from_0": True}}


def beside(place, load, server, throttle, count, seconds):
    """What a poll takes while `count` sessions wait, and how often a second the disk was read."""
    wait_for_no_reads(throttle)
    forget(place.path("store"))
    waiting = None
    if count > 0:
        contestant = Contestant("ringpost", "ringpost", users=COLD)
        _, waiting = load.begin(load.command(server, contestant, ("--connections", str(count), "--mix", "all"), 600), "grow-waiting")
        os.sched_setscheduler(waiting.pid, os.SCHED_IDLE, os.sched_param(0))
        time.sleep(0.5)
    try:
        begun, reads = time.monotonic(), throttle.reads()
        measured = poll(load, server, 3 * seconds)
        return {**measured, "reads": (throttle.reads() - reads) / (time.monotonic() - begun)}
    finally:
        if waiting:
            waiting.send_signal(signal.SIGKILL)
            waiting.communicate()


def poll(load, server, seconds):
    return load.measure(server, Contestant("ringpost", "ringpost", users=WARM), WARM_RATE, seconds, "session", "grow-warm")


def wait_for_no_reads(throttle):
    """What sessions that were cut off have asked for is still read, and must not fall into the next measurement."""
    before, now = -1, throttle.reads()
    while now != before:
        time.sleep(0.5)
        before, now = now, throttle.reads()


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


class Throttle:
    """A control group whose members read the disk of a folder only so often, or so many bytes, a second."""

    def __init__(self, folder, reads_a_second=None, bytes_a_second=None):
        self.device = disk_of(folder)
        old, new = ("iops", "riops") if reads_a_second else ("bps", "rbps")
        kinds = (("/sys/fs/cgroup/blkio", f"blkio.throttle.read_{old}_device", "", "0", "blkio.throttle.io_serviced", rf"^{self.device} Read (\d+)"),
                 ("/sys/fs/cgroup", "io.max", f"{new}=", f"{new}=max", "io.stat", rf"^{self.device} .*rios=(\d+)"))
        for root, limit, word, self.no_limit, counts, self.pattern in kinds:
            self.group = os.path.join(root, f"ringpost-bench-{os.getpid()}-slow")
            self.limit, self.counts = os.path.join(self.group, limit), os.path.join(self.group, counts)
            try:
                os.mkdir(self.group)
            except OSError:
                continue
            try:
                self.limited = f"{word}{reads_a_second or bytes_a_second}"
                self.impose()
                return
            except OSError:
                os.rmdir(self.group)
        raise BenchError("no control group may hold reads of this disk back (root, and blkio or io of version 2)")

    def enter(self):
        """For the child, before it becomes the server."""
        with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")

    def set(self, value):
        with open(self.limit, "w", encoding="ascii") as file:
            file.write(f"{self.device} {value}")

    def impose(self):
        self.set(self.limited)

    def lift(self):
        """From now on all may read as they like."""
        self.set(self.no_limit)

    def reads(self):
        with open(self.counts, encoding="ascii") as file:
            found = re.search(self.pattern, file.read(), re.MULTILINE)
        return int(found.group(1)) if found else 0

    def end(self):
        for _ in range(50):
            try:
                os.rmdir(self.group)
                return
            except OSError:
                time.sleep(0.1)


def disk_of(folder):
    """"254:0": the whole disk, where the folder is on a part of one."""
    device = os.stat(folder).st_dev
    here = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not os.path.exists(here):
        raise BenchError(f"{folder} is on no disk that reads could be held back of")
    if os.path.exists(os.path.join(here, "partition")):
        here = os.path.dirname(os.path.realpath(here))
    with open(os.path.join(here, "dev"), encoding="ascii") as file:
        return file.read().strip()


def user_names():
    return [f"{name}{n}" for name, count in (("cold", 200), ("warm", 1000)) for n in range(1, count + 1)]
