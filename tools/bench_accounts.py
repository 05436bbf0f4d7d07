"""bench_accounts: how a login's cost and the start of the server grow with users and with maildrops.

Only Ringpost's. Sessions are polls by users drawn at random from all that there are, so that neither
a line of the passwd-file nor a folder of the store is in a cache because it was just used.
"""
import os
import time

from bench_scenarios import Contestant

USERS = (100, 10000, 1000000)
MAILDROPS = (100, 10000, 100000)
FULL_USERS = USERS + (10000000,)
FULL_MAILDROPS = MAILDROPS + (1000000,)
CONNECTIONS = 50  # so there is no point with fewer users: less at once costs more a session
LINES_AT_ONCE = 100000
COLD_LEAST, COLD_RATE = 10000, 500  # maildrops, and sessions a second: hardly one comes twice


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
                        "file is read whole before the first greeting; its names wait until there are many for the same part of the "
                        "table, so that a part's memory is found once for all of them.",
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
            cold = cold_polls(load, server, count, seconds)
        finally:
            server.stop()
        rows.append([f"{count:,}", costs[-1], *cold, start, rate])
    return {"title": "Growth with the maildrops of the store",
            "sentence": "A session opens its own index by name and reads 128 bytes of it. What grows is the file system's work: with more "
                        "folders than its caches hold, each name has to be found in a directory's blocks. Cold is the first session of a maildrop after "
                        "the caches of all files were emptied: it waits for the disk a few times, on a thread of the pool.",
            "columns": ["maildrops", "poll, us a session", "cold, us a session", "cold, p50 ms", "p99, ms", "start to the first greeting, s",
                        "filled, maildrops a second"], "rows": rows,
            "plot": {"title": "Cost of a session with the maildrops of the store", "x": "maildrops", "y": "us a session",
                     "xs": list(counts), "series": {"poll": costs}, "y_from_0": True}}


def cold_polls(load, server, count, seconds):
    """us a session, p50 and p99; no figures where too few are cold, or nobody may empty the caches (root)."""
    if count < COLD_LEAST:
        return "", "", ""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3\n")
    except OSError:
        return "", "", ""
    # The server's own program was in the caches, too.
    wake = Contestant("ringpost", server.name, users="drop%d:1-10")
    load.measure(server, wake, ("--connections", "1", "--mix", "poll"), 0.2, "session", "grow-accounts")
    contestant = Contestant("ringpost", server.name, users=f"drop%d:1-{count}")
    measured = load.measure(server, contestant, ("--connections", str(CONNECTIONS), "--rate", str(COLD_RATE), "--mix", "poll"), seconds, "session",
                            "grow-accounts")
    return measured["cpu"], measured["p50"], measured["p99"]


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
