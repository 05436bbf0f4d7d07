"""wrong_server: a small POP3 server that is wrong in one way at a time, for the tests of ringbench.

Each way is a name of WAYS. With "right" it is right, so that a test can show that it is the one way
that is found, not something else.
"""
import socketserver
import threading
import time

MESSAGES = [b"Subject: one\r\n\r\nA line\r\n.begins with a dot\r\n", b"Subject: two\r\n\r\n" + b"x" * 3000 + b"\r\n"]

WAYS = ("right", "octets", "stuffing", "uidl", "twice", "cut", "framing", "stat", "silent", "greeting",
        "goodbye", "late", "endless", "capable")


class Session(socketserver.StreamRequestHandler):
    def say(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def lines(self, rows):
        self.say(b"+OK\r\n" + b"".join(row + b"\r\n" for row in rows) + b".\r\n")

    def handle(self):
        way = self.server.way
        with self.server.lock:
            self.server.sessions += 1
            session = self.server.sessions
        self.say(b"hello\r\n" if way == "greeting" else b"+OK\r\n")
        for line in self.rfile:
            words = line.split()
            command = words[0].upper() if words else b""
            sizes = [len(message) for message in MESSAGES]
            if command == b"STAT":
                if way == "late":
                    time.sleep(1)
                self.say(b"+OK %d %d\r\n" % (len(sizes), sum(sizes) + (way == "stat")))
            elif command == b"LIST":
                self.lines(b"%d %d" % item for item in enumerate(sizes, 1))
            elif command == b"UIDL":
                name = b"%d" % session if way == "uidl" else b"same"
                self.lines(b"%d %s-%d" % (n, name, 1 if way == "twice" else n) for n in range(1, len(sizes) + 1))
            elif command == b"RETR":
                self.retrieve(MESSAGES[int(words[1]) - 1], way)
                if way == "cut":
                    return
            elif command == b"CAPA":
                self.lines([b"X"] * (1000000 if way == "capable" else 1))
            elif command == b"NOOP" and way == "silent":
                continue
            elif command == b"QUIT":
                self.say(b"+OK\r\n" + (b"and more\r\n" if way == "goodbye" else b""))
                return
            else:
                self.say(b"+OK\r\n")

    def retrieve(self, message, way):
        body = message if way == "stuffing" else message.replace(b"\r\n.", b"\r\n..")
        if way == "octets":
            body += b"more than LIST says\r\n"
        elif way == "framing":
            body = body.replace(b"\r\n", b"\n")
        elif way == "cut":
            self.say(b"+OK\r\n" + body[:10])
            return
        self.say(b"+OK\r\n" + body)
        while way == "endless":
            self.say(b"and on\r\n")
        self.say(b".\r\n")


class Delivery(socketserver.StreamRequestHandler):
    """LMTP; keeps what it is given as (recipient, message as sent, with its stuffing and its end)."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        recipient = None
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"LHLO":
                self.wfile.write(b"250-here\r\n250 PIPELINING\r\n")
            elif command == b"RCPT":
                recipient = line[line.index(b"<") + 1:line.index(b">")].decode()
                self.wfile.write(b"250 yes\r\n" if self.server.way == "right" else b"451 later\r\n")
            elif command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while not lines or lines[-1] not in (b".\r\n", b""):
                    lines.append(self.rfile.readline())
                with self.server.lock:
                    self.server.delivered.append((recipient, b"".join(lines)))
                self.wfile.write(b"250 taken\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 yes\r\n")
                if command == b"QUIT":
                    return


class FirstBytes(socketserver.StreamRequestHandler):
    """Keeps where a client comes from and the first 28 bytes that it says, and hangs up."""

    def handle(self):
        first = self.rfile.read(28)
        with self.server.lock:
            self.server.delivered.append((self.client_address[0], first))


class WrongServer(socketserver.ThreadingTCPServer):
    """Listens on a port of its own from the begin to close(); every user may log in."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, way, session=Session):
        assert way in WAYS
        super().__init__(("127.0.0.1", 0), session)
        self.way = way
        self.delivered = []
        self.sessions = 0
        self.lock = threading.Lock()
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def handle_error(self, request, client_address):
        pass  # the generator hangs up on a wrong server

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()
