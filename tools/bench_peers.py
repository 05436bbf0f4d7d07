"""bench_peers: Cyrus and Courier, for whoever asks to see them beside the others.

Their packages exclude each other and Dovecot's. So each is installed into a cage: a mount namespace
with an overlay of this system in memory, where apt-get may change what it likes and nothing of it is
seen outside or left behind. Only the folder with the mail and the configuration is the real one.
"""
import base64
import concurrent.futures
import hashlib
import os
import poplib
import subprocess

from bench_servers import OWNER, PASSWORD, RINGBENCH, BenchError, Server, fresh_ports, run

USERS, MESSAGES, MESSAGE_BYTES = 500, "10", "10k"
AT_ONCE = 16
PACKAGES = {"cyrus": ("cyrus-pop3d", "libsasl2-modules", "sasl2-bin"), "courier": ("courier-pop", "courier-authlib-userdb")}
VERSION_OF = {"cyrus": "cyrus-pop3d", "courier": "courier-pop"}

# Ends when its standard input does, and the mounts with its last process.
CAGE = """
set -eu
cage=$1 folder=$2
shift 2
mount -t tmpfs -o mode=755 ringpost-peer "$cage"
mkdir "$cage/upper" "$cage/work" "$cage/root"
mount -t overlay -o "lowerdir=/,upperdir=$cage/upper,workdir=$cage/work" ringpost-peer "$cage/root"
mount --rbind /proc "$cage/root/proc"
mount --rbind /dev "$cage/root/dev"
mount --bind "$folder" "$cage/root$folder"
printf '#!/bin/sh\\nexit 101\\n' >"$cage/root/usr/sbin/policy-rc.d"
chmod 755 "$cage/root/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive
install() { chroot "$cage/root" apt-get install -y -q --no-install-recommends "$@"; }
install "$@" >&2 || { chroot "$cage/root" apt-get update -q >&2 && install "$@" >&2; }
echo ready
read -r _ || true
"""

# Processes are used again, and there are as many as Dovecot may have.
CYRUS_CONF = """
START {{
  recover cmd="ctl_cyrusdb -r"
}}
SERVICES {{
  pop3 cmd="pop3d -U 1000" listen="127.0.0.1:{pop3}" prefork=8 maxchild=2000
  pop3s cmd="pop3d -s -U 1000" listen="127.0.0.1:{pop3s}" prefork=8 maxchild=2000
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{lmtp}" prefork=0
}}
EVENTS {{
}}
"""

IMAPD_CONF = """
configdirectory: {folder}/cyrus/conf
defaultpartition: default
partition-default: {folder}/cyrus/spool
proc_path: {folder}/cyrus/proc
mboxname_lockpath: {folder}/cyrus/lock
servername: localhost
unixhierarchysep: yes
allowplaintext: yes
autocreate_quota: 1000000
autocreate_post: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/cyrus/sasldb
tls_server_cert: {folder}/cyrus/cert.pem
tls_server_key: {folder}/cyrus/key.pem
tls_session_timeout: 1440
"""

# Its program for TLS stands between the connection and the server.
COURIER_RUN = """
set -eu
mkdir -p /run/courier/authdaemon
/usr/lib/courier/courier-authlib/authdaemond &
listen() {{
    port=$1
    shift
    couriertcpd -address=127.0.0.1 -maxprocs=2000 -maxperip=2000 -nodnslookup -noidentlookup $port \\
        "$@" /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir
}}
listen {pop3} &
export POP3_TLS=1 TLS_CERTFILE={folder}/courier.pem TLS_VERIFYPEER=NONE TLS_CACHEFILE=/run/courier/sessions TLS_CACHESIZE=524288
listen {pop3s} /usr/bin/couriertls -server -tcpd
"""


class Cage:
    """Where these packages are installed, and nobody else sees them; BenchError where that cannot be."""

    def __init__(self, name, folder, packages):
        self.name, self.root = name, os.path.join(folder, f"{name}-cage", "root")
        os.mkdir(os.path.dirname(self.root))
        self.log_path = os.path.join(folder, f"{name}-cage.log")
        words = ["unshare", "--mount", "sh", "-c", CAGE, "sh", os.path.dirname(self.root), folder, *packages]
        with open(self.log_path, "wb") as log:
            self.holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        if self.holder.stdout.readline() != b"ready\n":
            self.end()
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise BenchError(f"{name} cannot be installed here (root, overlayfs and its packages): {log.read()[-300:].strip()}")

    def seen(self, path):
        """Where a file of it can be opened from outside."""
        return f"/proc/{self.holder.pid}/root{self.root}/{path}"

    def words(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "-m", "chroot", self.root, *words]

    def run(self, script):
        run(self.words("sh", "-euc", script))

    def version(self):
        return subprocess.run(self.words("dpkg-query", "-W", "-f", "${Version}", VERSION_OF[self.name]), capture_output=True, text=True,
                              check=False).stdout

    def end(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class Peer(Server):
    """A server in its cage, which goes with it."""

    def __init__(self, cage, place, words, ports):
        super().__init__(cage.name, place.folder, cage.words(*words), ports, {place.server_cpu})
        self.cage, self.version = cage, cage.version()

    def stop(self):
        super().stop()
        self.cage.end()

    def first_session(self, user):
        """It makes its indexes and moves new mail in a user's first session."""
        client = poplib.POP3("127.0.0.1", self.ports["pop3"])
        client.user(user)
        client.pass_(PASSWORD)
        client.uidl()
        client.quit()


# Each of these prepares its server, and answers how it is run, its ports, and what it does for a user once it runs.

def cyrus(place, cage, names):
    """Mail comes by its own LMTP, since its store is its own."""
    ports = fresh_ports("pop3", "pop3s", "lmtp")
    home = place.path("cyrus")
    for folder in ("conf/db", "conf/socket", "spool", "proc", "lock"):
        os.makedirs(os.path.join(home, folder))
    for name, text in (("cyrus.conf", CYRUS_CONF), ("imapd.conf", IMAPD_CONF)):
        with open(os.path.join(home, name), "w", encoding="ascii") as file:
            file.write(text.format(folder=place.folder, **ports))
    cage.run(f"for user in {' '.join(names)}; do printf %s {PASSWORD} | saslpasswd2 -p -c -f {home}/sasldb -u localhost $user; done; "
             f"cp {home}/*.conf /etc; cp {place.path('cert.pem')} {place.path('key.pem')} {home}; chown -R cyrus:mail {home}")
    return ["/usr/lib/cyrus/bin/master", "-p", f"{home}/pid"], ports, lambda name: fill("lmtp", f"lmtp://127.0.0.1:{ports['lmtp']}", name)


def courier(place, cage, names):
    """Maildirs of its own: each server leaves other files in them."""
    ports = fresh_ports("pop3", "pop3s")
    home = place.path("courier")
    for_all(names, lambda name: fill("maildir", f"{home}/%u/Maildir", name))
    hashed = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    with open(place.path("courier-userdb"), "w", encoding="ascii") as file:
        file.writelines(f"{name}\tuid=@uid@|gid=@gid@|home={home}/{name}|mail={home}/{name}/Maildir|systempw={{SHA}}{hashed}\n" for name in names)
    cage.run(f"chown -R {OWNER}:{OWNER} {home}; "
             f"sed \"s/@uid@/$(id -u {OWNER})/; s/@gid@/$(id -g {OWNER})/\" {place.path('courier-userdb')} >/etc/courier/userdb; "
             "chmod 600 /etc/courier/userdb; makeuserdb; "
             f"cat {place.path('cert.pem')} {place.path('key.pem')} >{place.path('courier.pem')}; chown courier {place.path('courier.pem')}; "
             "sed -i 's/^authmodulelist=.*/authmodulelist=\"authuserdb\"/' /etc/courier/authdaemonrc")
    return ["sh", "-c", COURIER_RUN.format(folder=place.folder, **ports)], ports, None


MAKERS = {"cyrus": cyrus, "courier": courier}


def start(name, place, users=USERS):
    """Installs, fills and starts it; BenchError where that cannot be done here."""
    if not place.is_root:
        raise BenchError(f"{name} has to be installed and started by root")
    names = [f"user{n}" for n in range(1, users + 1)]
    cage, server = Cage(name, place.folder, PACKAGES[name]), None
    try:
        words, ports, deliver = MAKERS[name](place, cage, names)
        server = Peer(cage, place, words, ports)
        if deliver:
            for_all(names, deliver)
        for_all(names, server.first_session)
        return server
    except BaseException as error:
        # Whatever ends it, also a person: who runs on would keep the cage.
        (server.stop if server else cage.end)()
        if isinstance(error, (OSError, poplib.error_proto, BenchError)):
            raise BenchError(f"{name}: {error}") from None
        raise


def fill(kind, where, name):
    run([RINGBENCH, "fill", kind, where, "--users", name, "--messages", MESSAGES, "--message-bytes", MESSAGE_BYTES, "--quiet"])


def for_all(names, do):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(do, names))
