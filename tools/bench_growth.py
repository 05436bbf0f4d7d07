"""bench_growth: how cost grows: with the messages of a maildrop and their size; names all other growths.

Only Ringpost's, one figure a point: the shape is what matters, not the last percent. Each function
fills what it needs, runs a server of its own, and returns a table for the page with a sentence on
what bounds it.
"""
import statistics

import bench_accounts
import bench_machine
import bench_maildir
import bench_sessions
import bench_slow_disk
from bench_page import number
from bench_scenarios import Contestant

COUNTS = (1, 10, 100, 1000, 10000, 100000, 1000000)
# How large, how many of them, and octets.
SIZES = (("1k", 1000, 1 << 10), ("3k", 300, 3 << 10), ("10k", 100, 10 << 10), ("100k", 10, 100 << 10), ("1M", 2, 1 << 20), ("10M", 1, 10 << 20),
         ("50M", 1, 50 << 20))
USERS = 2  # of each point, both at once
ROUNDS = 3


def user_names():
    """All that may be needed; a maildrop that was never filled costs nothing."""
    names = [f"count{count}n{n}" for count in COUNTS for n in range(1, USERS + 1)]
    names += [f"size{size}n{n}" for size, _, _ in SIZES for n in range(1, USERS + 1)]
    names += bench_maildir.user_names()
    return names + bench_sessions.user_names() + bench_slow_disk.user_names()


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
            "columns": ["messages", "poll, us a session", "with UIDL, us a session", "us a thousand lines"], "rows": rows,
            "plot": {"title": "Cost of a session with the messages of a maildrop", "x": "messages in the maildrop", "y": "us a session",
                     "xs": list(COUNTS), "series": {"poll": [row[1] for row in rows], "with UIDL": [row[2] for row in rows]}}}


def sizes(place, load, seconds):
    """And how the server sent them, by its own counters."""
    for size, count, _ in SIZES:
        place.fill("native", f"size{size}n%d:1-{USERS}", count, size)
    server, rows = place.ringpost("ringpost-grown"), []
    try:
        for size, count, _ in SIZES:
            row = [size + "B"]
            for scheme in ("pop3", "pop3s"):
                contestant = Contestant("ringpost", "ringpost", scheme, f"size{size}n%d:1-{USERS}")
                words = ("--connections", str(USERS), "--mix", "retr", "--commands", "1M")
                load.warm_up(server, contestant, words, 0.5, "message", "grow-size")
                before = server.counters()
                measured = load.measure(server, contestant, words, seconds, "message", "grow-size")
                row += [measured["octets"] / measured["cpu"], measured["cpu"], sends(before, server.counters())]
            rows.append(row)
    finally:
        server.stop()
    return {"title": "Growth with the size of a message",
            "sentence": "RETR in a session that goes on. Small messages are bound by the system call and the command that each "
                        "costs; large plain ones by the kernel's copy into the socket, by TLS by AES-GCM on top of it. Up to 4 KB are copied "
                        "and leave in one call with the line before them; more leaves the page cache by sendfile; by TLS "
                        "all is encrypted into a buffer and leaves from there.",
            "columns": ["message", "plain, MB a CPU second", "us a message", "sent by",
                        "TLS, MB a CPU second", "us a message", "sent by"], "rows": rows,
            "plot": {"title": "MB for a CPU second with the size of a message", "x": "octets of a message", "y": "MB a CPU second",
                     "xs": [octets for _, _, octets in SIZES],
                     "series": {"plain": [row[1] for row in rows], "TLS": [row[4] for row in rows]}}}


def sends(before, now):
    """"1 send", "4 sendfile": the calls that a message took; what a thousand messages need once is not told."""
    messages = now["retrieved"] - before["retrieved"]
    calls = {word: (now[name] - before[name]) / messages for word, name in (("send", "sends"), ("sendfile", "range_sends"))}
    return ", ".join(f"{number(count)} {word}" for word, count in calls.items() if count > 0.4)


GROWTHS = {"grow-messages": messages, "grow-size": sizes, "grow-held": bench_sessions.held,
           "grow-slow": bench_sessions.slow_readers, "grow-slow-disk": bench_slow_disk.slow_disk, "grow-users": bench_accounts.users,
           "grow-maildrops": bench_accounts.maildrops, "grow-shards": bench_sessions.shards,
           "grow-maildir": bench_maildir.large_maildir, "grow-connections": bench_machine.connections}

# With larger points, which take minutes and tens of gigabytes.
FULL = {"grow-users": bench_accounts.FULL_USERS, "grow-maildrops": bench_accounts.FULL_MAILDROPS,
        "grow-connections": bench_machine.FULL_COUNTS}
# Left out where nobody asks for them by name or by --full.
ASKED_FOR = ("grow-connections",)
