"""old_dovecot: a real Dovecot in a temporary folder, as the server that customers come from.

POP3 with STLS and POP3S on free ports, a certificate of its own, users with Maildirs, and a master
user who may log in for anybody. Needs root, as Dovecot does.
"""
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from ringpost_server import ANSWER_S, RINGPOST, Pop3, free_port

MASTER, MASTER_PASSWORD = "boss", "secret of the boss"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
protocols = pop3
listen = 127.0.0.1
log_path = {folder}/log
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
auth_master_user_separator = *
mail_location = {location}
mail_uid = {owner}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 0
pop3_uidl_format = {uidl_format}
passdb {{
  driver = passwd-file
  args = {folder}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={folder}/mail/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
}}
{more}
"""


def password_at_dovecot(user):
    return f"old secret of {user}"


class OldDovecot:
    def __init__(self, users, uidl_format="%08Xu%08Xv", location=None, more=""):
        if os.geteuid() != 0:
            raise unittest.SkipTest("cannot: Dovecot is started by root only")
        self.program = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self.folder = tempfile.mkdtemp(prefix="ringpost-dovecot-")
        os.chmod(self.folder, 0o755)
        self.owner = pwd.getpwnam("nobody")
        self.users = users
        self.uidl_format = uidl_format
        self.location = location or f"maildir:{self.folder}/mail/%u/Maildir"
        self.more = more
        self.port, self.tls_port = free_port(), free_port()
        self.process = None
        subprocess.run([RINGPOST, "certificate", "make", self.path("cert.pem"), self.path("key.pem")],
                       check=True, capture_output=True)
        os.mkdir(self.path("mail"))
        with open(self.path("users"), "w", encoding="utf-8") as file:
            for user in users:
                file.write(f"{user}:{{PLAIN}}{password_at_dovecot(user)}::::::\n")
                for name in ("cur", "new", "tmp"):
                    os.makedirs(os.path.join(self.maildir(user), name))
        with open(self.path("masters"), "w", encoding="utf-8") as file:
            file.write(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}::::::\n")
        self.give_away()

    def path(self, *names):
        return os.path.join(self.folder, *names)

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

    def start(self):
        with open(self.path("dovecot.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, location=self.location, port=self.port,
                                     tls_port=self.tls_port, owner=self.owner.pw_name,
                                     group=self.owner.pw_gid, uidl_format=self.uidl_format,
                                     more=self.more))
        self.process = subprocess.Popen([self.program, "-F", "-c", self.path("dovecot.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                Pop3(self.port).close()
                return self
            except (ConnectionError, OSError):
                if self.process.poll() is not None or time.monotonic() > end:
                    log = self.path("log")
                    said = open(log, encoding="utf-8").read() if os.path.exists(log) else ""
                    raise AssertionError("Dovecot did not start: " + said) from None
            time.sleep(0.02)

    def stop(self):
        """Ends it and its children: by itself the master waits a second for them."""
        if self.process is not None:
            self.process.terminate()
            time.sleep(0.1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(ANSWER_S)
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def listed(self, user):
        """What a client sees: UIDL and octets of each message."""
        client = Pop3(self.port)
        client.ok(f"USER {user}")
        client.ok(f"PASS {password_at_dovecot(user)}")
        sizes = [line.split(b" ")[1] for line in client.lines("LIST")]
        uidls = [line.split(b" ", 1)[1] for line in client.lines("UIDL")]
        client.quit()
        return list(zip(uidls, map(int, sizes)))
