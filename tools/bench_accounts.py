"""bench_accounts: how a login's cost and the start of the server grow with users and with maildrops.

Only Ringpost's. Sessions are polls by users drawn at random from all that there are, so that neither
a line of the passwd-file nor a folder of the store is in a cache because it was just used.
"""
import time

from bench_scenarios import Contestant

USERS = (100, 10000, 1000000)
MAILDROPS = (100, 10000, 50000)
FULL_USERS = USERS + (10000000,)
FULL_MAILDROPS = MAILDROPS + (1000000,)
CONNECTIONS = 50  # so there is no point with fewer users: less at once costs more a session
LINES_AT_ONCE = 100000


def users(place, load, seconds, counts=USERS):
    """A passwd-file for each point. Nobody has had mail yet: a maildrop costs by itself, see maildrops."""
    rows, starts, costs = [], [], []
    for count in counts:
        passwd = place.path("many-users")
        with open(passwd, "w", encoding="ascii") as file:
            for begin in range(1, count + 1, LINES_AT_ONCE):
                file.writelines(f"acc{n}:{{PLAIN}}pass::::::\n" for n in range(begin, min(begin + LINES_AT_ONCE, count + 1)))
        started = time.monotonic()
        server = place.ringpost("ringpost-users", passwd=passwd)
        try:
            starts.append(time.monotonic() - started)
            memory = server.meter.memory_bytes()
            costs.append(poll(load, server, f"acc%d:1-{count}", seconds))
        finally:
            server.stop()
        rows.append([f"{count:,}", costs[-1], starts[-1], memory / 1e6])
    return {"title": "Growth with the users of the passwd-file",
            "sentence": "A login hashes the name, and looks at one place of a table and at one line, wherever they are in memory. The "
                        "file is read whole before the first greeting: one pass over its bytes, with the places of names "
                        "fetched from memory while others are read.",
            "columns": ["users", "poll, us a session", "start to the first greeting, s", "memory, MB"], "rows": rows,
            "plot": {"title": "Cost of a login with the users of the passwd-file", "x": "users", "y": "us a session", "xs": list(counts),
                     "series": {"poll": costs}, "y_from_0": True}}


def maildrops(place, load, seconds, counts=MAILDROPS):
    """Each has one message of 1 KB."""
    rows, costs, filled = [], [], 0
    for count in counts:
        begun = time.monotonic()
        place.fill("native", f"drop%d:{filled + 1}-{count}", 1, "1k")
        rate = (count - filled) / (time.monotonic() - begun)
        filled = count
        started = time.monotonic()
        server = place.ringpost("ringpost-drops", passwd=drop_users(place, count))
        try:
            start = time.monotonic() - started
            costs.append(poll(load, server, f"drop%d:1-{count}", seconds))
        finally:
            server.stop()
        rows.append([f"{count:,}", costs[-1], start, rate])
    return {"title": "Growth with the maildrops of the store",
            "sentence": "A session opens its own index by name and reads 128 bytes of it. What grows is the file system's work: with more "
                        "folders than its caches hold, each name has to be found in a directory's blocks.",
            "columns": ["maildrops", "poll, us a session", "start to the first greeting, s", "filled, maildrops a second"], "rows": rows,
            "plot": {"title": "Cost of a session with the maildrops of the store", "x": "maildrops", "y": "us a session",
                     "xs": list(counts), "series": {"poll": costs}, "y_from_0": True}}


def drop_users(place, count):
    passwd = place.path("drop-users")
    with open(passwd, "w", encoding="ascii") as file:
        file.writelines(f"drop{n}:{{PLAIN}}pass::::::\n" for n in range(1, count + 1))
    return passwd


def poll(load, server, pattern, seconds):
    """us a session, after as many as make the first look at everything rare."""
    contestant = Contestant("ringpost", server.name, users=pattern)
    words = ("--connections", str(CONNECTIONS), "--mix", "poll")
    load.warm_up(server, contestant, words, seconds, "session", "grow-accounts")
    return load.measure(server, contestant, words, 2 * seconds, "session", "grow-accounts")["cpu"]
