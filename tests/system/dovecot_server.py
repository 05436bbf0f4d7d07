"""dovecot_server: the real Dovecot, beside Ringpost and as the server that customers come from.

Dovecot shares Maildirs with a Ringpost (both programs run as the same user without rights, as they
have to where both write), or has users of its own in a temporary folder (OldDovecot). Dovecot needs
root to begin; where the tests do not run as root they cannot be run, and say so.
"""
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from ringpost_server import ANSWER_S, RINGPOST, RINGPOSTD, TOP, Pop3, Server, free_port, password_of

sys.path.insert(0, os.path.join(TOP, "tools"))

import dovecot_dialect

OWNER = "mail"  # of the Maildirs that both serve; every Debian has it
MASTER, MASTER_PASSWORD = "boss", "secret of the boss"

CONFIG = """
{dialect.head}
base_dir = {folder}/run
state_dir = {folder}/state
protocols = pop3
listen = 127.0.0.1
log_path = {folder}/log
ssl = no
{dialect.cleartext}
auth_mechanisms = plain
{location}
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = 1
first_valid_gid = 1
pop3_uidl_format = {uidl_format}
{passwords}
{users}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
{more}
"""

# POP3S and STLS, and a master user who may log in for anybody.
OLD_CONFIG = """
ssl = yes
{certificate}
auth_master_user_separator = *
mail_max_userip_connections = 0
{masters}
service pop3-login {{
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
}}
{more}
"""


def password_at_dovecot(user):
    return f"old secret of {user}"


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("cannot: Dovecot has to be started by root")


class Dovecot:
    """One Dovecot on a port of its own, for mail that is there. `uidl_format` is as the configuration
    of 2.3 has it, `location` what Dialect.mail takes, `more` lines of the configuration. They may be
    changed while it is stopped."""

    def __init__(self, folder, mail, users, owner=OWNER, password=password_of,
                 uidl_format="%08Xu%08Xv", location=None, more=""):
        self.dialect = dovecot_dialect.installed()
        self.folder = folder
        self.mail = mail
        self.owner = pwd.getpwnam(owner)
        self.password = password
        self.uidl_format = uidl_format
        self.location = location or {"driver": "maildir", "path": f"{mail}/{self.dialect.user}/Maildir"}
        self.more = more
        self.port = free_port()
        self.process = None
        self.write_passwords("users", {user: password(user) for user in users})

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write_passwords(self, name, passwords):
        with open(self.path(name), "w", encoding="utf-8") as file:
            for user, password in passwords.items():
                file.write(f"{user}:{{PLAIN}}{password}::::::\n")
        os.chmod(self.path(name), 0o644)

    def start(self):
        with open(self.path("dovecot.conf"), "w", encoding="utf-8") as file:
            file.write(self.configuration())
        self.process = subprocess.Popen([dovecot_dialect.DOVECOT, "-F", "-c", self.path("dovecot.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                Pop3(self.port).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Dovecot did not start: {self.log()}") from None
                time.sleep(0.02)

    def configuration(self):
        dialect, owner = self.dialect, self.owner
        return CONFIG.format(**{
            **vars(self), "location": dialect.mail(**self.location), "uidl_format": dialect.uidl_format(self.uidl_format),
            "passwords": dialect.passwd_file("users", self.path("users")),
            "users": dialect.all_users(owner.pw_uid, owner.pw_gid, f"{self.mail}/{dialect.user}")})

    def log(self):
        try:
            with open(self.path("log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def client(self, user):
        client = Pop3(self.port)
        client.ok(f"USER {user}")
        client.ok(f"PASS {self.password(user)}")
        return client

    def stop(self):
        """Ends it and its children: by itself the master waits a second for them."""
        if self.process is not None:
            self.process.terminate()
            time.sleep(0.1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(ANSWER_S)
            self.process = None


class OldDovecot(Dovecot):
    """With POP3S, STLS, a master user and mail of its own, all in a temporary folder."""

    def __init__(self, users, more="", **options):
        need_root()
        folder = tempfile.mkdtemp(prefix="ringpost-dovecot-")
        os.chmod(folder, 0o755)
        self.tls_port = free_port()
        super().__init__(folder, os.path.join(folder, "mail"), users, owner="nobody",
                         password=password_at_dovecot, **options)
        self.more = OLD_CONFIG.format(
            certificate=self.dialect.certificate(self.path("cert.pem"), self.path("key.pem")),
            masters=self.dialect.passwd_file("masters", self.path("masters"), is_master=True),
            tls_port=self.tls_port, more=more)
        subprocess.run([RINGPOST, "certificate", "make", self.path("cert.pem"), self.path("key.pem")],
                       check=True, capture_output=True)
        self.write_passwords("masters", {MASTER: MASTER_PASSWORD})
        for user in users:
            for name in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(self.maildir(user), name))
        self.give_away()

    def maildir(self, user):
        return self.path("mail", user, "Maildir")

    @property
    def url(self):
        return f"pop3s://localhost:{self.tls_port}"

    @property
    def stls_url(self):
        return f"pop3://localhost:{self.port}"

    def give_away(self):
        """All mail is the server's."""
        for folder, _, names in os.walk(self.path("mail")):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def put(self, user, messages, begin=0):
        """Delivers messages (bytes) in this order."""
        for number, message in enumerate(messages, begin):
            name = os.path.join(self.maildir(user), "new", f"{1700000000 + number}.M1P1.old")
            with open(name, "wb") as file:
                file.write(message)
            os.utime(name, (1700000000 + number, 1700000000 + number))
        self.give_away()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def listed(self, user):
        """What a client sees: UIDL and octets of each message."""
        client = self.client(user)
        sizes = [line.split(b" ")[1] for line in client.lines("LIST")]
        uidls = [line.split(b" ", 1)[1] for line in client.lines("UIDL")]
        client.quit()
        return list(zip(uidls, map(int, sizes)))


class MaildirServer(Server):
    """A Ringpost that serves Maildirs below `maildirs`, as their owner."""

    def __init__(self, users=("alice",), **settings):
        self.users = users
        super().__init__(users, **settings)
        os.chmod(self.folder, 0o755)
        program = os.path.join(self.folder, "ringpostd")
        shutil.copy(RINGPOSTD, program)
        self.program = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", program]
        self.maildirs = os.path.join(self.folder, "mail")
        for user in users:
            for name in ("new", "cur", "tmp"):
                os.makedirs(os.path.join(self.maildir(user), name))
        self.settings = {"driver": "maildir", "maildir": f'"{self.maildirs}/%u/Maildir"', **self.settings}
        self.write_config()
        self.give_away(self.folder)

    def maildir(self, user, *names):
        return os.path.join(self.maildirs, user, "Maildir", *names)

    def give_away(self, folder):
        """All of it is the owner's."""
        owner = pwd.getpwnam(OWNER)
        for path, folders, files in os.walk(folder):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(path, name), owner.pw_uid, owner.pw_gid, follow_symlinks=False)

    def put(self, user, name, message):
        """A message under a name, "cur/1.M1.h:2,S": written in tmp, then renamed, as it has to be."""
        owner = pwd.getpwnam(OWNER)
        path = self.maildir(user, name)
        temporary = self.maildir(user, "tmp", os.path.basename(name))
        with open(temporary, "wb") as file:
            file.write(message)
        os.chown(temporary, owner.pw_uid, owner.pw_gid)
        os.rename(temporary, path)
        return path

    def settle(self, user):
        """Makes the folders look old, so that what is learnt counts at once."""
        for name in ("new", "cur"):
            os.utime(self.maildir(user, name), (1600000000, 1600000000))


class MaildirTest(unittest.TestCase):
    """A test that makes servers of both kinds for the same Maildirs."""

    @classmethod
    def setUpClass(cls):
        need_root()

    def make_server(self, users=("alice",), start=True, **settings):
        server = MaildirServer(users, **settings)
        self.addCleanup(server.remove)
        return server.start() if start else server

    def make_dovecot(self, server, **options):
        folder = os.path.join(server.folder, "dovecot")
        os.makedirs(folder, exist_ok=True)
        dovecot = Dovecot(folder, server.maildirs, server.users, **options)
        self.addCleanup(dovecot.stop)
        return dovecot.start()
