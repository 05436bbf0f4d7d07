"""bench_machine: as many sessions as memory holds, on a machine whose open files nobody limits.

Most machines let a process open so and so many files, and only their owner may allow more. So a
machine is emulated (QEMU, without hardware's help) that runs the distribution's kernel with
Ringpost's programs in its memory. It is slow, and its times are worth something only beside each
other; but it keeps the same bytes for a session as any other machine with this kernel.
"""
import json
import math
import os
import re
import stat
import subprocess
import time

from bench_peers import Cage
from bench_servers import RINGBENCH, RINGPOST, RINGPOSTD, BenchError

COUNTS = (1000, 10000, 100000)
FULL_COUNTS = COUNTS + (1000000,)
PACKAGES = ("qemu-system-x86", "linux-image-cloud-amd64", "busybox-static")
TOOLS = ("sh", "mount", "mkdir", "cat", "sleep", "ip", "awk", "grep", "kill", "rm", "poweroff", "taskset", "sysctl")
MACHINE_BYTES, SESSION_BYTES = 1 << 30, 16 << 10  # what it needs by itself, and for a session with both ends of its connection
SLOWEST_RATE = 300  # logins a second
PATIENCE_S = 300
SAY_EACH_S = 20
SETTLE_S, POLL_S = 5, 10  # for each second that a measurement takes elsewhere
POINT = re.compile(r"^POINT (\d+) (\d+) (\d+) (\d+) (\d+)\r?$", re.MULTILINE)
THERE = re.compile(r"^THERE (\d+) (\d+)\r?$", re.MULTILINE)
POLL = re.compile(r"^POLL (\{.*\})\r?$", re.MULTILINE)

# The first process of the machine. @counts@, @most@: numbers of sessions; @settle@, @poll@: seconds and milliseconds. A point says: sessions; memory of the server and
# what the kernel keeps (slabs), in KB, before they came and while they are there.
INIT = r"""#!/bin/sh
export PATH=/bin
mkdir /proc /sys /tmp
mount -t proc none /proc
mount -t tmpfs none /tmp
ip link set lo up
sysctl -q fs.nr_open=4000000 fs.file-max=8000000 net.core.somaxconn=65535 net.ipv4.ip_local_port_range='1024 65535' \
    net.ipv4.tcp_max_tw_buckets=0 net.ipv4.tcp_fin_timeout=2
ulimit -n 4000000
cd /tmp
awk 'BEGIN { for (i = 1; i <= @most@; i++) print "held" i ":{PLAIN}pass::::::"
             for (i = 1; i <= 100; i++) print "active" i ":{PLAIN}pass::::::" }' >passwd
cat >ringpost.conf <<END
store = "/tmp/store"
passwd-file = "/tmp/passwd"
shards = 1
plaintext-login = always
connections = 4000000
connections-per-address = 4000000
idle-timeout = 86400
login-timeout = 3600
listener pop3 { address = "127.0.0.1:1110" }
END
ringpost -c ringpost.conf store create
server_kb() { awk '/^Pss:/ { print $2 }' /proc/$server/smaps_rollup; }
kernel_kb() { awk '/^Slab:/ { print $2 }' /proc/meminfo; }
sockets() { awk '/^TCP:/ { print $3 + $5 + $7 }' /proc/net/sockstat; }
alive() { kill -0 $held && return; cat held; poweroff -f; }
for count in @counts@; do
    taskset 1 ringpostd -c ringpost.conf 2>/dev/null &
    server=$!
    until grep -q ' 0100007F:0456 00000000:0000 0A ' /proc/net/tcp; do sleep 1; done
    before="$(server_kb) $(kernel_kb)"
    taskset 2 ringbench run pop3://127.0.0.1:1110 --users "held%d:1-$count" --password pass --mix hold --connections $count \
        --sources 127.1.0.1-127.1.0.200 --time 24h --timeout 1h --threads 1 --quiet >held 2>&1 &
    held=$!
    looked=0
    while [ $(sockets) -lt $((2 * count)) ]; do
        alive
        [ $((looked % 10)) -gt 0 ] || echo THERE $(($(sockets) / 2)) $count
        looked=$((looked + 1))
        sleep 1
    done
    sleep @settle@
    echo POINT $count $before $(server_kb) $(kernel_kb)
    echo POLL $(taskset 2 ringbench run pop3://127.0.0.1:1110 --users active%d:1-100 --password pass --mix poll --rate 20 \
        --connections 50 --time @poll@ms --threads 1 --quiet --json -)
    alive
    kill -9 $held $server
    wait
    while [ $(sockets) -gt 50 ]; do
        echo THERE $(($(sockets) / 2)) 0
        sleep 1
    done
done
poweroff -f
"""


def connections(place, load, seconds, counts=COUNTS):
    """One server for each number; the users have no mail, so that a session is a session and nothing else."""
    counts = [count for count in counts if machine_bytes(count) <= available_bytes()]
    if not counts:
        raise BenchError("there is not enough memory for an emulated machine")
    if not place.is_root:
        raise BenchError("the emulator has to be installed by root")
    cage = Cage("machine", place.folder, PACKAGES)
    try:
        said = boot(cage, place.path("machine.cpio"), counts, seconds)
    finally:
        cage.end()
    points, polls = POINT.findall(said), [json.loads(text)["runs"][0] for text in POLL.findall(said)]
    if len(points) != len(counts) or len(polls) != len(counts):
        raise BenchError(f"the emulated machine measured {len(points)} of {len(counts)} points: {said[-500:]}")
    rows, memory, kernel = [], [], []
    for (count, *sizes), poll in zip(points, polls):
        count, (server_before, kernel_before, server, kernel_now) = int(count), map(int, sizes)
        memory.append((server - server_before) / count)
        kernel.append((kernel_now - kernel_before) / count)
        rows.append([f"{count:,}", server / 1e3, memory[-1], kernel[-1], poll["latency"]["p50"] / 1e3, poll["latency"]["p99"] / 1e3])
    return {"title": "Growth with the connections of a machine",
            "sentence": "Logged in and silent, on an emulated machine whose open files nobody limits, with the distribution's kernel. Memory is what "
                        "it would be elsewhere: a session is bound by what the kernel keeps for both ends of its connection, and the server's "
                        "part of it. The times are of others' polls meanwhile, 20 a second, and the emulator's: compare them with each other only.",
            "columns": ["sessions", "server, MB", "server, KB a session", "kernel, both ends, KB a session", "p50 of a poll, ms", "p99, ms"],
            "rows": rows,
            "plot": {"title": "Memory of a session with the connections of a machine", "x": "sessions held", "y": "KB a session",
                     "xs": list(counts), "series": {"server": memory, "kernel": kernel}, "y_from_0": True}}


def boot(cage, archive, counts, seconds):
    """Runs the machine until it turns itself off; what it wrote to its console."""
    init = INIT
    for name, value in (("counts", " ".join(map(str, counts))), ("most", max(counts)), ("settle", math.ceil(SETTLE_S * seconds)),
                        ("poll", round(POLL_S * seconds * 1000))):
        init = init.replace(f"@{name}@", str(value))
    write_archive(archive, cage, init)
    images = [name for name in os.listdir(cage.seen("boot")) if re.match(r"vmlinuz-.*cloud", name)]
    words = cage.words("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", f"{machine_bytes(max(counts)) >> 20}M",
                       "-kernel", f"/boot/{max(images)}", "-initrd", archive, "-append", "console=ttyS0 quiet panic=-1", "-display", "none",
                       "-serial", "stdio", "-monitor", "none", "-nodefaults", "-no-reboot")
    log = archive + ".log"
    with open(log, "wb") as file:
        machine = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        watch(machine, log, counts)
    finally:
        machine.kill()
        machine.wait()
    return read(log)


def watch(machine, log, counts):
    """Until it ends; says how far it is, for this takes its time."""
    end, said, seen = time.monotonic() + PATIENCE_S + sum(counts) / SLOWEST_RATE, 0, 0
    while machine.poll() is None:
        if time.monotonic() > end:
            raise BenchError(f"the emulated machine did not end: {read(log)[-500:]}")
        time.sleep(0.5)
        text = read(log)
        for there, wanted in THERE.findall(text)[-1:]:
            if wanted != "0" and time.monotonic() > said + SAY_EACH_S:
                print(f"grow-connections {int(there):,} of {int(wanted):,} sessions", flush=True)
                said = time.monotonic()
        points = POINT.findall(text)
        for point in points[seen:]:
            print(f"grow-connections {int(point[0]):,} sessions are there", flush=True)
        seen = len(points)


def write_archive(path, cage, init):
    """The machine's files: programs, what they are linked with, and the tools of a shell."""
    programs = [RINGPOSTD, RINGPOST, RINGBENCH]
    files = {f"bin/{os.path.basename(program)}": program for program in programs}
    for library in {library for program in programs for library in libraries(program)}:
        files[library.lstrip("/")] = library
    with open(path, "wb") as archive:
        archive.write(member("init", stat.S_IFREG | 0o755, init.encode()))
        folders = {os.path.dirname(name)[:end] for name in files for end in ends_of(os.path.dirname(name))}
        for folder in sorted(folders | {"dev"}):
            archive.write(member(folder, stat.S_IFDIR | 0o755, b""))
        files["bin/busybox"] = cage.seen("bin/busybox")
        for name, source in files.items():
            with open(source, "rb") as file:
                archive.write(member(name, stat.S_IFREG | 0o755, file.read()))
        for tool in TOOLS:
            archive.write(member(f"bin/{tool}", stat.S_IFLNK | 0o777, b"busybox"))
        archive.write(member("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)))
        archive.write(member("dev/null", stat.S_IFCHR | 0o666, b"", (1, 3)))
        archive.write(member("dev/urandom", stat.S_IFCHR | 0o666, b"", (1, 9)))
        archive.write(member("TRAILER!!!", 0, b""))


def member(name, mode, content, device=(0, 0)):
    """A file as the kernel reads it from an archive (Documentation/driver-api/early-userspace/buffer-format.rst, "newc")."""
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return padded(head) + padded(content)


def padded(content):
    return content + bytes(-len(content) % 4)


def ends_of(folder):
    """Lengths of the folder's beginnings that are folders: "a/b" has 1 and 3."""
    return [at for at, letter in enumerate(folder + "/") if letter == "/"]


def libraries(program):
    """Paths, and that of the loader."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", said)


def machine_bytes(count):
    return MACHINE_BYTES + count * SESSION_BYTES


def available_bytes():
    return int(re.search(r"MemAvailable: +(\d+)", read("/proc/meminfo")).group(1)) << 10


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
