"""bench_servers: the servers that are compared, their configuration, and the mail they serve.

Each runs on one core, in a control group of its own where there is one. All have the same users with
the same mail, made by `ringbench fill`; what they need lives in one folder, which goes with them.
"""
import concurrent.futures
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import dovecot_dialect
from bench_meter import Meter

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("RINGPOST_BUILD", os.path.join(TOP, "build")))
RINGBENCH, RINGPOST, RINGPOSTD = (os.path.join(BUILD, name) for name in ("ringbench", "ringpost", "ringpostd"))
DOVECOT = dovecot_dialect.DOVECOT
PASSWORD = "pass"
OWNER = "mail"  # of the Maildirs; every Debian has it
NICE = -10
FILLERS = 16

RINGPOST_CONFIG = """
store = "{folder}/{store}"
passwd-file = "{passwd}"
shards = {shards}
plaintext-login = always
username-format = local
connections-per-address = 1000000
listener pop3 {{ address = "127.0.0.1:{pop3}" }}
listener pop3s {{
    address = "127.0.0.1:{pop3s}"
    tls = implicit
}}
listener lmtp {{
    address = "127.0.0.1:{lmtp}"
    protocol = lmtp
}}
tls {{
    certificate = "{folder}/cert.pem"
    key = "{folder}/key.pem"
}}
"""

# Tuned: processes are used again, there are enough of them, and logins are remembered.
DOVECOT_CONFIG = """
{dialect.head}
base_dir = {folder}/dovecot/run
state_dir = {folder}/dovecot/state
protocols = pop3 lmtp
listen = 127.0.0.1
log_path = {folder}/dovecot/log
info_log_path = /dev/null
ssl = yes
{certificate}
{dialect.cleartext}
auth_mechanisms = plain
auth_cache_size = 10M
auth_username_format = {dialect.local_part}
{mail}
mail_uid = {owner}
mail_gid = {owner}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 0
default_client_limit = 10000
default_process_limit = 2000
{passwords}
{users}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  client_limit = 10000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 1000
  process_min_avail = 8
  process_limit = 2000
}}
service auth {{
  client_limit = 15000
}}
service lmtp {{
  process_min_avail = 4
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@localhost
}}
"""


class BenchError(Exception):
    """A sentence for whoever runs this."""


class Server:
    """A running one: ports by scheme, and a meter."""

    def __init__(self, name, folder, words, ports, cpus, owner=None, enter=None):
        self.name, self.ports, self.shards = name, ports, 1
        self.meter = Meter(name)
        self.log_path = os.path.join(folder, name + ".log")

        def prepare():
            self.meter.enter()
            if enter:
                enter()
            os.sched_setaffinity(0, cpus)
            be_nice()
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if owner:
                account = pwd.getpwnam(owner)
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)

        with open(self.log_path, "wb") as log:
            # A session of its own: some servers end by a signal to their whole process group.
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=prepare,
                                            start_new_session=True)
        self.meter.root_pid = self.process.pid
        try:
            for port in ports.values():
                self.wait_for(port)
        except BaseException:
            self.stop()
            raise

    def wait_for(self, port):
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.log_path, encoding="utf-8", errors="replace") as log:
                        raise BenchError(f"{self.name} did not start: {log.read()[-500:]}") from None
                time.sleep(0.005)

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}"

    def counters(self):
        """What Ringpost says of itself now: numbers by name, summed over its shards."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            self.process.send_signal(signal.SIGUSR1)
            end, said, found = time.monotonic() + 5, "", []
            while len(found) < self.shards and time.monotonic() < end:
                time.sleep(0.01)
                said += log.read()
                found = re.findall(r" counters (.*)\n", said)
        if len(found) < self.shards:
            raise BenchError(f"{self.name} does not say its counters")
        counters = {}
        for name, value in re.findall(r"(\w+)=(\d+)", " ".join(found)):
            counters[name] = counters.get(name, 0) + int(value)
        return counters

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.meter.end()


class Place:
    """The folder with mail and configuration, and what starts servers on it."""

    def __init__(self, folder, cpus):
        self.folder, self.server_cpu, self.load_cpu = folder, cpus[0], cpus[-1]
        self.is_root = os.geteuid() == 0
        os.chmod(folder, 0o755)
        for name in ("store", "empty-store", "maildirs", "dovecot"):
            os.mkdir(self.path(name))
        run([RINGPOST, "certificate", "make", self.path("cert.pem"), self.path("key.pem")])
        self.write_users([])
        for store in ("store", "empty-store"):
            self.create_store(store)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def create_store(self, name):
        """In an empty folder of the place."""
        config = self.write_config("create", fresh_ports("pop3", "pop3s", "lmtp"), store=name)
        run([RINGPOST, "-c", config, "store", "create"])

    def write_users(self, names):
        with open(self.path("passwd"), "w", encoding="utf-8") as file:
            file.writelines(f"{name}:{{PLAIN}}{PASSWORD}::::::\n" for name in names)

    def write_config(self, name, ports, more="", template=RINGPOST_CONFIG, **others):
        with open(self.path(name + ".conf"), "w", encoding="utf-8") as file:
            file.write(template.format(**{"folder": self.folder, "store": "store", "owner": OWNER, "shards": 1,
                                          "passwd": self.path("passwd"), **ports, **others}) + more)
        return self.path(name + ".conf")

    def fill(self, kind, users, messages, message_bytes, store=None):
        """Mail for users, "user%d:1-500". In parts at once: each maildrop waits for the disk, and they share its syncs."""
        where = store or self.path("store") if kind == "native" else self.path("maildirs", "%u", "Maildir")
        pattern, first, last = re.match(r"(.*):(\d+)-(\d+)$", users).groups()
        step = max(50, -(-(int(last) - int(first) + 1) // FILLERS))
        parts = [f"{pattern}:{begin}-{min(begin + step - 1, int(last))}" for begin in range(int(first), int(last) + 1, step)]
        with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
            list(pool.map(lambda part: run([RINGBENCH, "fill", kind, where, "--users", part, "--messages", str(messages),
                                            "--message-bytes", str(message_bytes), "--quiet"]), parts))

    def give_maildirs_away(self):
        """All of them are the owner's, and look old, so that what a server learns of them counts at once."""
        account = pwd.getpwnam(OWNER)
        for path, folders, files in os.walk(self.path("maildirs"), topdown=False):
            for name in [*files, "."]:
                at = os.path.join(path, name)
                if self.is_root:
                    os.chown(at, account.pw_uid, account.pw_gid)
                os.utime(at, (1600000000, 1600000000))

    # ---- the servers

    def floor(self):
        ports = fresh_ports("pop3")
        words = [RINGBENCH, "floor", str(ports["pop3"]), "--messages", "10", "--message-bytes", "10k"]
        return Server("floor", self.folder, words, ports, {self.server_cpu})

    def ringpost(self, name="ringpost", cpus=None, enter=None, **others):
        """`enter` is called by the child before it becomes the server; `others`: shards and passwd,
        where they are not one and everybody's."""
        ports = fresh_ports("pop3", "pop3s", "lmtp")
        words = [RINGPOSTD, "-c", self.write_config(name, ports, **others)]
        return Server(name, self.folder, words, ports, cpus or {self.server_cpu}, enter=enter)

    def ringpost_maildir(self):
        """Shares the Maildirs with Dovecot, and so runs as the same user."""
        ports = fresh_ports("pop3", "pop3s", "lmtp")
        more = f'driver = maildir\nmaildir = "{self.folder}/maildirs/%u/Maildir"\n'
        config = self.write_config("ringpost-maildir", ports, more, store="empty-store")
        program = shutil.copy(RINGPOSTD, self.path("ringpostd"))
        owner = OWNER if self.is_root else None
        if owner:
            for path, _, files in os.walk(self.path("empty-store")):
                for name in [*files, "."]:
                    shutil.chown(os.path.join(path, name), OWNER)
            for name in ("cert.pem", "key.pem"):
                shutil.chown(self.path(name), OWNER)
        return Server("ringpost-maildir", self.folder, [program, "-c", config], ports, {self.server_cpu}, owner)

    def dovecot(self):
        if DOVECOT is None:
            raise BenchError("Dovecot is not installed: tools/deps bench")
        if not self.is_root:
            raise BenchError("Dovecot has to be started by root")
        ports = fresh_ports("pop3", "pop3s", "lmtp")
        dialect = dovecot_dialect.installed()
        home = self.path("maildirs", dialect.user)
        config = self.write_config(
            "dovecot", ports, template=DOVECOT_CONFIG, dialect=dialect,
            certificate=dialect.certificate(self.path("cert.pem"), self.path("key.pem")),
            mail=dialect.mail("maildir", f"{home}/Maildir"), passwords=dialect.passwd_file("users", self.path("passwd")),
            users=dialect.all_users(OWNER, OWNER, home))
        return Server("dovecot", self.folder, [DOVECOT, "-F", "-c", config], ports, {self.server_cpu})


def fresh_ports(*schemes):
    """Ports that nobody has, below those that the kernel gives to clients."""
    ports = {}
    while len(ports) < len(schemes):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports.values():
            ports[schemes[len(ports)]] = port
    return ports


def be_nice():
    """Before others, where that is allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        pass


def run(words):
    result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise BenchError(f"{' '.join(words)}: {result.stdout.decode(errors='replace')[-500:]}")
