"""dovecot_server: the real Dovecot, and Maildirs that it shares with Ringpost.

Both programs run as the same user without rights, as they have to where both write. Dovecot needs
root to begin; where the tests do not run as root they cannot be run, and say so.
"""
import os
import pwd
import shutil
import socket
import subprocess
import time
import unittest

from ringpost_server import ANSWER_S, RINGPOSTD, Pop3, Server, free_port, password_of

OWNER = "mail"  # of the Maildirs; every Debian has it

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
protocols = pop3
listen = 127.0.0.1
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{maildirs}/%u/Maildir
mail_uid = {owner}
mail_gid = {owner}
first_valid_uid = 1
first_valid_gid = 1
pop3_uidl_format = {uidl_format}
{more}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={maildirs}/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


class Dovecot:
    """One Dovecot on a port of its own; `uidl_format` as its configuration has it."""

    def __init__(self, folder, maildirs, users, uidl_format="%08Xu%08Xv", more=""):
        self.folder = os.path.join(folder, "dovecot")
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_port()
        with open(os.path.join(self.folder, "users"), "w", encoding="utf-8") as file:
            for user in users:
                file.write(f"{user}:{{PLAIN}}{password_of(user)}::::::\n")
        os.chmod(os.path.join(self.folder, "users"), 0o644)
        config = os.path.join(self.folder, "dovecot.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, maildirs=maildirs, owner=OWNER, port=self.port,
                                     uidl_format=uidl_format, more=more))
        self.process = subprocess.Popen(["dovecot", "-F", "-c", config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                Pop3(self.port).close()
                return
            except (ConnectionError, socket.timeout):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Dovecot did not start: {self.log()}") from None
                time.sleep(0.02)

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def client(self, user):
        client = Pop3(self.port)
        client.log_in(user)
        return client

    def stop(self):
        self.process.terminate()
        self.process.wait(ANSWER_S)


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
        if os.geteuid() != 0:
            raise unittest.SkipTest("cannot: Dovecot has to be started by root")

    def make_server(self, users=("alice",), start=True, **settings):
        server = MaildirServer(users, **settings)
        self.addCleanup(server.remove)
        return server.start() if start else server

    def make_dovecot(self, server, **options):
        dovecot = Dovecot(server.folder, server.maildirs, server.users, **options)
        self.addCleanup(dovecot.stop)
        return dovecot
