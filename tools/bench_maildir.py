"""bench_maildir: how a session's time grows with the messages of a Maildir, for Ringpost and Dovecot.

Each contestant has copies of his own of the same Maildirs, whose names tell no sizes. A session is
LIST and UIDL of all messages. Cold is the first one, with no index of any server's: all files have to
be read once (they are in memory, for they were just written). Warm is what follows.
"""
import os
import statistics

from bench_scenarios import Contestant

COUNTS = (10, 1000, 10000, 100000)
ROUNDS = 3
NAMES = ("Ringpost cold", "Ringpost warm", "Dovecot cold", "Dovecot warm")
INDEXES = ("ringpost-index", "dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache")


def large_maildir(place, load, seconds, counts=COUNTS):
    """Rows of milliseconds a session: messages, then cold and warm of each server."""
    for count in counts:
        for name in ("ours", "theirs"):
            place.fill("maildir", f"{name}{count}n%d:1-1", count, "500")
    place.give_maildirs_away()
    rows = [[f"{count:,}"] for count in counts]
    for name, make in (("ours", place.ringpost_maildir), ("theirs", place.dovecot)):
        server = make()
        try:
            for row, count in zip(rows, counts):
                row += cold_and_warm(place, load, server, name, count, seconds)
        finally:
            server.stop()
    return {"title": "Growth with the messages of a Maildir",
            "sentence": "One session at a time, LIST and UIDL of all. Cold is bound by opening and reading each file to count its octets; warm by "
                        "what was remembered of them, and by sending a line for each.",
            "columns": ["messages"] + [name + ", ms" for name in NAMES], "rows": rows,
            "plot": {"title": "A session of LIST and UIDL with the messages of a Maildir", "x": "messages in the Maildir",
                     "y": "ms a session", "xs": list(counts),
                     "series": {name: [row[at] for row in rows] for at, name in enumerate(NAMES, 1)}}}


def cold_and_warm(place, load, server, name, count, seconds):
    """Median milliseconds of the first session and of those after it."""
    contestant = Contestant(name, server.name, users=f"{name}{count}n%d:1-1")
    words = ("--connections", "1", "--mix", "uidl")
    cold, warm = [], []
    for _ in range(ROUNDS):
        forget(place, f"{name}{count}n1")
        # The slowest of the shortest run is its first.
        cold.append(load.measure(server, contestant, words, 0.1, "session", "grow-maildir")["max"])
        warm.append(load.measure(server, contestant, words, seconds, "session", "grow-maildir")["p50"])
    return [statistics.median(cold), statistics.median(warm)]


def forget(place, user):
    """Removes what servers remember; all can be made again from the mail."""
    for name in INDEXES:
        path = place.path("maildirs", user, "Maildir", name)
        if os.path.exists(path):
            os.remove(path)


def user_names(counts=COUNTS):
    return [f"{name}{count}n1" for name in ("ours", "theirs") for count in counts]
