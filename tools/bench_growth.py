"""bench_growth: how cost grows with the messages of a maildrop, their size, and the sessions held.

Only Ringpost's, one figure a point: the shape is what matters, not the last percent. Each function
fills what it needs, runs a server of its own, and returns a table for the page with a sentence on
what bounds it.
"""
import resource
import statistics

import bench_maildir
from bench_scenarios import Contestant
from bench_servers import BenchError

COUNTS = (1, 10, 100, 1000, 10000, 100000)
SIZES = (("1k", 1000), ("10k", 100), ("100k", 10), ("1M", 2), ("10M", 1), ("50M", 1))  # and how many
HELD = (1000, 2000, 5000, 9000, 20000, 50000)
USERS = 4  # of each point, all at once
ROUNDS = 3
FILES_A_SESSION = 2  # the socket and the index
SOURCE_PORTS = 20000  # sessions that come from one address


def user_names():
    """All that may be needed; a maildrop that was never filled costs nothing."""
    names = [f"count{count}n{n}" for count in COUNTS for n in range(1, USERS + 1)]
    names += [f"size{size}n{n}" for size, _ in SIZES for n in range(1, USERS + 1)]
    names += bench_maildir.user_names()
    return names + [f"grown{n}" for n in range(1, HELD[-1] + 1)]


def messages(place, load, seconds):
    """In turn, three times: what else the machine does falls on all."""
    for count in COUNTS:
        place.fill("native", f"count{count}n%d:1-{USERS}", count, "500")
    server, figures = place.ringpost("ringpost-grown"), {}
    try:
        for _ in range(ROUNDS):
            for mix in ("poll", "uidl"):
                for count in COUNTS:
                    contestant = Contestant("ringpost", "ringpost", users=f"count{count}n%d:1-{USERS}")
                    words = ("--connections", str(USERS), "--mix", mix)
                    measured = load.measure(server, contestant, words, seconds, "session", "grow-messages")
                    figures.setdefault((count, mix), []).append(measured["cpu"])
    finally:
        server.stop()
    rows = []
    for count in COUNTS:
        poll, uidl = (statistics.median(figures[count, mix]) for mix in ("poll", "uidl"))
        rows.append([f"{count:,}", poll, uidl, (uidl - poll) * 1000 / count if count >= 1000 else ""])
    return {"title": "Growth with the messages of a maildrop",
            "sentence": "A poll reads one record of the index, however long it is; a UIDL has a line for each message, and is "
                        "bound by reading their records and sending these lines.",
            "columns": ["messages", "poll, us a session", "with UIDL, us a session", "us a thousand lines"], "rows": rows}


def sizes(place, load, seconds):
    for size, count in SIZES:
        place.fill("native", f"size{size}n%d:1-{USERS}", count, size)
    server, rows = place.ringpost("ringpost-grown"), []
    try:
        for size, count in SIZES:
            row = [size + "B"]
            for scheme in ("pop3", "pop3s"):
                contestant = Contestant("ringpost", "ringpost", scheme, f"size{size}n%d:1-{USERS}")
                words = ("--connections", str(USERS), "--mix", "retr", "--commands", "1M")
                load.warm_up(server, contestant, words, 0.5, "message", "grow-size")
                measured = load.measure(server, contestant, words, seconds, "message", "grow-size")
                row += [measured["octets"] / measured["cpu"], measured["cpu"]]
            rows.append(row)
    finally:
        server.stop()
    return {"title": "Growth with the size of a message",
            "sentence": "RETR in a session that goes on. Small messages are bound by the system call and the command that each "
                        "costs; large plain ones by the kernel's copy into the socket, by TLS by AES-GCM on top of it.",
            "columns": ["message", "plain, MB a CPU second", "us a message", "TLS, MB a CPU second", "us a message"], "rows": rows}


def held(place, load, seconds):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    counts = [count for count in HELD if count * FILES_A_SESSION + 1000 < hard]
    if len(counts) < 2:
        raise BenchError(f"too few open files are allowed ({hard})")
    place.fill("native", f"grown%d:1-{counts[-1]}", 1, "1k")
    rows = [[f"{count:,}"] for count in counts]
    for scheme in ("pop3", "pop3s"):
        contestant = Contestant("ringpost", "ringpost", scheme, f"grown%d:1-{counts[-1]}",
                                ("--sources", f"127.1.0.1-127.1.0.{1 + counts[-1] // SOURCE_PORTS}"))
        # A server for each: what many QUITs at once needed is not all given back.
        for row, count in zip(rows, counts):
            server = place.ringpost("ringpost-grown")
            try:
                before = server.meter.memory_bytes()
                memory = load.hold(server, contestant, count, "grow-held")
                row += [memory / 1e6, (memory - before) / 1024 / count]
            finally:
                server.stop()
    limit = f" More than {counts[-1]:,} this machine did not allow (open files: {hard:,})." if counts[-1] < HELD[-1] else ""
    return {"title": "Growth with the sessions held",
            "sentence": "Logged in and silent, a new server for each point; all memory of the process, and its growth since the start for a session. It holds "
                        "what many logins at once needed at their height, too; the kernel's sockets are not counted." + limit,
            "columns": ["sessions", "plain, MB", "KB a session", "TLS, MB", "KB a session"], "rows": rows}


GROWTHS = {"grow-messages": messages, "grow-size": sizes, "grow-held": held,
           "grow-maildir": bench_maildir.large_maildir}
