"""lmtp_client: an LMTP client on a raw socket, and tests with a server that speaks LMTP.

It says exactly what it is told to and hides nothing. Answers are whole lines; one of several lines
is the list of them.
"""
import re
import socket
import threading

from ringpost_server import ANSWER_S, ServerTest


def stuffed(message):
    """A message as it goes behind DATA: dots at the begin of a line doubled, and the end."""
    end = b".\r\n" if not message or message.endswith(b"\r\n") else b"\r\n.\r\n"
    return re.sub(rb"\A\.|(?<=\r\n)\.", b"..", message) + end


class Lmtp:
    """`where` is a port of this machine, or the path of a unix socket."""

    def __init__(self, where, greeting=True):
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), timeout=ANSWER_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(ANSWER_S)
            self.socket.connect(where)
        self.buffer = b""
        if greeting:
            assert self.answer().startswith(b"220 ")

    def start_tls(self, context, host="localhost"):
        self.socket = context.wrap_socket(self.socket, server_hostname=host)

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("closed in the middle of " + repr(self.buffer[:80]))
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def answer(self):
        """The last line of an answer."""
        while True:
            line = self.line()
            assert re.match(rb"\d{3}[ -]", line), line
            if line[3:4] == b" ":
                return line

    def say(self, command):
        self.send(command.encode() + b"\r\n" if isinstance(command, str) else command)
        return self.answer()

    def expect(self, code, command):
        """`code` is the begin of the answer: "250", or "552 5.2.2"."""
        answer = self.say(command)
        assert answer.startswith(code.encode()), (code, command, answer)
        return answer

    def hello(self):
        self.expect("250", "LHLO client.example.org")
        return self

    def envelope(self, *recipients, sender="sender@example.org"):
        """MAIL and RCPT, all accepted."""
        self.expect("250 2.1.0", f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.expect("250 2.1.5", f"RCPT TO:<{recipient}>")

    def data(self, message, count=1):
        """DATA and the answers of so many recipients."""
        self.expect("354", "DATA")
        self.send(stuffed(message))
        return [self.answer() for _ in range(count)]

    def deliver(self, message, *recipients, **more):
        self.envelope(*recipients, **more)
        answers = self.data(message, len(recipients))
        assert all(answer.startswith(b"250 2.0.0") for answer in answers), answers

    def closed(self):
        """Whether the server has ended the connection, and said nothing more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class LmtpTest(ServerTest):
    """Servers take mail for the local part of an address."""

    def make_lmtp_server(self, users=("alice", "bob"), **settings):
        settings = {"username_format": "local", "return_path": "no", "delivered_to": "no",
                    "received": "no", **settings}
        return self.make_server(users, lmtp=True, **settings)

    def client_of(self, server, where=None):
        client = Lmtp(where or server.lmtp_path).hello()
        self.addCleanup(client.close)
        return client

    def messages_of(self, server, user):
        """All of a user's mail, by POP3."""
        client = server.client(user)
        messages = [client.retrieve(number) for number in range(1, client.count() + 1)]
        client.quit()
        return messages

    def in_threads(self, functions):
        """Runs them side by side; the first exception of one is raised here."""
        errors = []

        def guarded(function):
            try:
                function()
            except BaseException as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
