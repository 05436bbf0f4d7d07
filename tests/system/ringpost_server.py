"""ringpost_server: starts and stops the real programs for the system tests.

A Server lives in a temporary folder of its own, listens on a port of its own and is stopped by
SIGTERM; then its exit status must be 0 and its stderr must hold nothing but log lines. Pop3 is a
client that sends exactly the bytes it is told to.
"""
import atexit
import collections
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("RINGPOST_BUILD", os.path.join(TOP, "build")))
RINGPOSTD = os.path.join(BUILD, "ringpostd")
RINGPOST = os.path.join(BUILD, "ringpost")

# Sanitized programs are slower; limits on time in the tests are multiplied by this.
SANITIZED = "address" in os.path.basename(BUILD) or "thread" in os.path.basename(BUILD)
PATIENCE = 5 if SANITIZED else 1
ANSWER_S = 20 * PATIENCE

# What keeps the latest ports from being given twice; the oldest are closed, for files are limited.
KEPT_PORTS_MAX = 64
KEPT_PORTS = collections.deque()

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S.*$")


def free_port():
    """A port that nobody has, below those that the kernel gives to clients, and not soon given again.

    Until a program listens at it, a UDP socket of the same number keeps it from other tests,
    those of other processes too.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as ports:
        first_of_clients = int(ports.read().split()[0])
    while True:
        port = random.randrange(10000, first_of_clients)
        keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            keeper.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            keeper.close()
            continue
        KEPT_PORTS.append(keeper)
        if len(KEPT_PORTS) > KEPT_PORTS_MAX:
            KEPT_PORTS.popleft().close()
        return port


@atexit.register
def let_ports_go():
    for keeper in KEPT_PORTS:
        keeper.close()


def on_the_wire(raw):
    """The octets that RFC 1939 delivers for a stored message: CRLF ends each line, also the last."""
    text = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
    return text if not text or text.endswith(b"\r\n") else text + b"\r\n"


class Server:
    """One ringpostd with its store. Settings are keys of the configuration, `_` for `-`.

    `tls` are blocks of that name, each a dict of its keys; with one there is a listener pop3s on
    `tls_port` too. With `lmtp` there are listeners for it at `lmtp_port` and `lmtp_path`.
    """

    def __init__(self, users=("alice",), tls=(), lmtp=False, **settings):
        self.folder = tempfile.mkdtemp(prefix="ringpost-test-")
        self.store = os.path.join(self.folder, "store")
        self.passwd = os.path.join(self.folder, "passwd")
        self.config = os.path.join(self.folder, "ringpost.conf")
        self.log_path = os.path.join(self.folder, "log")
        self.port = free_port()
        self.tls = list(tls)
        self.tls_port = free_port() if self.tls else None
        self.lmtp_port = free_port() if lmtp else None
        self.lmtp_path = os.path.join(self.folder, "lmtp")
        self.settings = {"plaintext_login": "always", "shards": 1, "disk_threads": 4, **settings}
        self.process = None
        self.open_files_max = None
        self.file_bytes_max = None
        self.program = [RINGPOSTD]  # or what runs it as somebody else
        self.old_log = ""
        try:
            self.write_config()
            self.write_users({name: password_of(name) for name in users})
            self.ringpost("store", "create")
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def write_config(self, text=None):
        if text is None:
            text = f'store = "{self.store}"\npasswd-file = "{self.passwd}"\n'
            for key, value in self.settings.items():
                text += f"{key.replace('_', '-')} = {value}\n"
            text += f'listener pop3 {{ address = "127.0.0.1:{self.port}" }}\n'
            if self.tls:
                text += f'listener pop3s {{ address = "127.0.0.1:{self.tls_port}" tls = implicit }}\n'
            if self.lmtp_port:
                text += (f'listener lmtp {{ protocol = lmtp\n address = {{"127.0.0.1:{self.lmtp_port}", '
                         f'"unix:{self.lmtp_path}"}} }}\n')
            for block in self.tls:
                keys = (f'{key.replace("_", "-")} = "{value}"' for key, value in block.items())
                text += f'tls {{\n{chr(10).join(keys)}\n}}\n'
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def write_users(self, passwords):
        """A passwd-file of PLAIN users: no hash slows a test down that is not about hashes."""
        new = self.passwd + ".new"
        with open(new, "w", encoding="utf-8") as file:
            for name, password in passwords.items():
                scheme = "" if password.startswith("{") else "{PLAIN}"
                file.write(f"{name}:{scheme}{password}::::::\n")
        os.rename(new, self.passwd)

    def ringpost(self, *arguments, data=b"", status=0):
        """Runs the administrator's command; returns what it wrote to stdout."""
        result = subprocess.run([RINGPOST, "-c", self.config, *arguments], input=data,
                                capture_output=True, timeout=120 * PATIENCE)
        if status is not None and result.returncode != status:
            raise AssertionError(f"ringpost {' '.join(arguments)} ended with {result.returncode}, "
                                 f"not {status}: {result.stderr.decode(errors='replace')}")
        return result.stdout

    def import_mail(self, user, messages):
        """Messages (bytes) into the maildrop, in this order."""
        maildir = tempfile.mkdtemp(prefix="maildir-", dir=self.folder)
        for name in ("cur", "new", "tmp"):
            os.mkdir(os.path.join(maildir, name))
        for number, message in enumerate(messages):
            with open(os.path.join(maildir, "new", f"{1600000000 + number}.M1P1.host"), "wb") as file:
                file.write(message)
        self.ringpost("import", "maildir", user, maildir)
        shutil.rmtree(maildir)

    def maildrop(self, user):
        """The folder of a user's maildrop."""
        for first in os.listdir(self.store):
            folder = os.path.join(self.store, first)
            for second in os.listdir(folder) if os.path.isdir(folder) else ():
                if user in os.listdir(os.path.join(folder, second)):
                    return os.path.join(folder, second, user)
        raise AssertionError(f"{user} has no maildrop")

    def wire(self, user):
        folder = self.maildrop(user)
        names = [name for name in os.listdir(folder) if name.startswith("wire.")]
        assert len(names) == 1, names
        return os.path.join(folder, names[0])

    def index(self, user):
        return os.path.join(self.maildrop(user), "index")

    def start(self):
        def limit():
            if self.open_files_max:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files_max, self.open_files_max))
            if self.file_bytes_max:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_bytes_max, self.file_bytes_max))

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.program, "-c", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=limit)
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                Pop3(self.port).close()
                return self
            except (ConnectionError, socket.timeout):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"the server did not start: {self.log()}") from None
                time.sleep(0.02)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self, within_s=15):
        """SIGTERM; the server must end by itself, with status 0 and a clean log."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(within_s * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop within {within_s} s: {self.log()}") from None
        odd = [line for line in self.log().splitlines() if not LOG_LINE.match(line)]
        if status != 0 or odd:
            raise AssertionError(f"the server ended with status {status}; it wrote: " + "\n".join(odd[:60]))

    def kill(self):
        """Kill -9. The kernel lets go of what a ring held a moment after the process has ended."""
        self.process.kill()
        self.process.wait()
        self.process = None
        end = time.monotonic() + ANSWER_S
        while True:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", self.port))
                    probe.listen()
                    return
                except OSError:
                    assert time.monotonic() < end, "the port of a killed server stays in use"
            time.sleep(0.01)

    def remove(self):
        try:
            self.stop()
        finally:
            if self.process is not None:
                self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_log(self, pattern, count=1, within_s=10):
        """Waits for lines that match; returns them. The log is written behind the events."""
        end = time.monotonic() + within_s * PATIENCE
        while True:
            found = [line for line in self.log().splitlines() if re.search(pattern, line)]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{pattern!r} is not {count} times in the log:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def client(self, user=None):
        """A connected client, past the greeting; logged in where a user is named."""
        client = Pop3(self.port)
        if user:
            client.log_in(user)
        return client


def password_of(user):
    return f"secret of {user}"


class Pop3:
    """A POP3 client on a raw socket: says exactly what it is told to, hides nothing."""

    def __init__(self, port, greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if greeting:
            try:
                self.greeting = self.line()
            except BaseException:
                self.socket.close()
                raise

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        """More bytes; False where the server has closed."""
        data = self.socket.recv(262144)
        self.buffer += data
        return bool(data)

    def line(self):
        """One line without CRLF."""
        while b"\r\n" not in self.buffer:
            if not self.fill():
                raise ConnectionResetError("closed in the middle of " + repr(self.buffer[:80]))
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def body(self):
        """The rest of an answer of several lines, without stuffing and without the end."""
        self.buffer = b"\r\n" + self.buffer  # so that an empty body ends alike
        searched = 0
        while True:
            end = self.buffer.find(b"\r\n.\r\n", searched)
            if end >= 0:
                break
            searched = max(0, len(self.buffer) - 4)
            if not self.fill():
                raise ConnectionResetError("closed in the middle of a body")
        body, self.buffer = self.buffer[:end + 2], self.buffer[end + 5:]
        return re.sub(rb"(?<=\r\n)\.", b"", body)[2:]

    def say(self, command):
        """One command; its first line of answer."""
        self.send(command.encode("latin-1") + b"\r\n" if isinstance(command, str) else command)
        return self.line()

    def ok(self, command):
        answer = self.say(command)
        assert answer.startswith(b"+OK"), (command, answer)
        return answer

    def refused(self, command, code=b""):
        answer = self.say(command)
        assert answer.startswith(b"-ERR" + (b" " + code if code else b"")), (command, answer)
        return answer

    def lines(self, command):
        """A command with an answer of several lines."""
        self.ok(command)
        return self.body().split(b"\r\n")[:-1]

    def retrieve(self, number):
        self.ok(f"RETR {number}")
        return self.body()

    def log_in(self, user):
        self.ok(f"USER {user}")
        self.ok(f"PASS {password_of(user)}")

    def count(self):
        return int(self.ok("STAT").split()[1])

    def rest(self):
        """All that comes until the server closes."""
        try:
            while self.fill():
                pass
        except ConnectionResetError:
            pass
        rest, self.buffer = self.buffer, b""
        return rest

    def quit(self):
        answer = self.ok("QUIT")
        assert self.rest() == b""
        self.close()
        return answer

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class ServerTest(unittest.TestCase):
    """A test that makes servers; each is stopped and looked at in the end."""

    def make_server(self, *arguments, start=True, **settings):
        server = Server(*arguments, **settings)
        self.addCleanup(server.remove)
        return server.start() if start else server
