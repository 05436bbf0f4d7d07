"""bench_meter: what a tree of processes spends, seen from outside.

A control group counts best: nanoseconds or microseconds, with every child, living or ended. Version
2 is taken where a group may be made below our own (root, or a delegated one), then version 1
(cpuacct); else /proc tells, in clock ticks, without the children that nobody has waited for.
"""
import os
import re
import signal
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """One of them for each server. `how` says what counts."""

    def __init__(self, name):
        self.group, self.how, self.root_pid = None, "/proc/PID/stat", None
        for folder, file, how in group_places():
            group = os.path.join(folder, f"ringpost-bench-{os.getpid()}-{name}")
            try:
                os.mkdir(group)
            except OSError:
                continue
            if os.path.exists(os.path.join(group, file)) and may_join(group):
                self.group, self.how = group, how
                return
            os.rmdir(group)

    def enter(self):
        """For the child, before it becomes the server."""
        if self.group:
            write(os.path.join(self.group, "cgroup.procs"), "0")

    def pids(self):
        if self.group:
            return [int(line) for line in read(os.path.join(self.group, "cgroup.procs")).split()]
        return family(self.root_pid)

    def cpu_s(self):
        if self.group is None:
            return sum(ticks_of(pid) for pid in self.pids()) / TICKS
        if self.how.startswith("cgroup v1"):
            return int(read(os.path.join(self.group, "cpuacct.usage"))) / 1e9
        return int(re.search(r"usage_usec (\d+)", read(os.path.join(self.group, "cpu.stat"))).group(1)) / 1e6

    def memory_bytes(self):
        """What the processes have in memory, shared pages divided by those who share them."""
        return sum(memory_of(pid) for pid in self.pids())

    def end(self):
        """Ends what is still there, and removes the group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for _ in range(50):
                pids = self.pids()
                if not pids:
                    break
                for pid in pids:
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        pass
                time.sleep(0.05)
        if self.group:
            try:
                os.rmdir(self.group)
            except OSError:
                pass


def group_places():
    """(folder, file that has the figure, what to call it) where a group may perhaps be made."""
    own = {}
    for line in read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            own[name] = path
    for line in read("/proc/mounts").splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup2" and "" in own:
            yield place + own[""].rstrip("/"), "cpu.stat", "cgroup v2 (cpu.stat)"
    for line in read("/proc/mounts").splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup" and "cpuacct" in options.split(",") and "cpuacct" in own:
            yield place + own["cpuacct"].rstrip("/"), "cpuacct.usage", "cgroup v1 (cpuacct)"


def may_join(group):
    """Whether a process can be moved there; tried with a child that does nothing else."""
    pid = os.fork()
    if pid == 0:
        try:
            write(os.path.join(group, "cgroup.procs"), "0")
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def family(root_pid):
    """A process and all its descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_of(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found = [root_pid] if root_pid and stat_of(root_pid) else []
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def stat_of(pid):
    """The fields behind the name, which may hold anything; [] where the process is gone."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return []


def ticks_of(pid):
    return sum(int(field) for field in stat_of(pid)[11:15])


def memory_of(pid):
    for file, pattern in ((f"/proc/{pid}/smaps_rollup", r"\nPss: +(\d+)"), (f"/proc/{pid}/status", r"\nVmRSS:\s+(\d+)")):
        try:
            found = re.search(pattern, read(file))
        except OSError:
            continue
        if found:
            return int(found.group(1)) * 1024
    return 0


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
