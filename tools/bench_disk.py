"""bench_disk: disks that are slow, each in its way.

A control group (blkio, or io of version 2) holds back the server's reads of the disk that is there:
each tenth of a second it lets a tenth of them go at once. A file system in a file that is read
through FUSE (bindfs, on a loop device) hands out one piece after the other at an even rate, as a
disk does that has too much to do. Both need root, and a machine that allows them.
"""
import os
import re
import subprocess
import time

from bench_servers import BenchError, run

IMAGE_BYTES = 1 << 30
FILE_ON_LOOP = "image"
UNDO_WITHIN_S = 60  # a slow disk is not let go before what was asked of it is there


class FuseDisk:
    """A folder on a disk of its own, which is read at so many bytes a second. `store` is for what is to be slow."""

    def __init__(self, folder, bytes_a_second, cpu):
        self.ends, base = [], os.path.join(folder, "slow-disk")
        back, through, self.store = (os.path.join(base, name) for name in ("back", "through", "store"))
        for path in (base, back, through, self.store):
            os.mkdir(path)
        with open(os.path.join(back, FILE_ON_LOOP), "wb") as image:
            image.truncate(IMAGE_BYTES)
        try:
            run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", image.name])
            self.do(["taskset", "-c", str(cpu), "bindfs", f"--read-rate={bytes_a_second // 1024}k", back, through], ["umount", through])
            found = subprocess.run(["losetup", "--direct-io=on", "-f", "--show", os.path.join(through, FILE_ON_LOOP)], capture_output=True, text=True, check=False)
            if found.returncode != 0:
                raise BenchError(found.stderr.strip())
            device = found.stdout.strip()
            self.ends.append(["losetup", "-d", device])
            self.statistics = f"/sys/block/{os.path.basename(device)}/stat"
            mounted = self.store
            self.do(["mount", "-o", "noatime", device, mounted], ["umount", mounted])
            self.store = os.path.join(mounted, "mail")
            os.mkdir(self.store)
        except (OSError, BenchError) as error:
            self.end()
            raise BenchError(f"no file system can be had that is read slowly (root, bindfs, a loop device): {error}") from None

    def do(self, words, undo):
        run(words)
        self.ends.append(undo)

    def enter(self):
        """For the child, before it becomes the server: nothing is needed."""

    def reads(self):
        with open(self.statistics, encoding="ascii") as file:
            return int(file.read().split()[0])

    def end(self):
        for words in reversed(self.ends):
            give_up = time.monotonic() + UNDO_WITHIN_S
            while time.monotonic() < give_up:
                if subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                    break
                time.sleep(0.1)
        self.ends = []


class Throttle:
    """A control group whose members read the disk of a folder only so often, or so many bytes, a second."""

    def __init__(self, folder, reads_a_second=None, bytes_a_second=None):
        self.store, self.device = folder, disk_of(folder)
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
