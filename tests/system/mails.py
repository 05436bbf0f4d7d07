"""mails: messages as they are found in the world, and worse.

ORDINARY are well formed and hold nothing that a mail program may change when it fetches them.
MEAN adds what RFC 5322 forbids and real maildrops hold. Each is a pair of name and bytes.
"""
import glob
import os

from ringpost_server import TOP


def header(number, *more):
    lines = ["From: Sender <sender@example.org>", "To: Receiver <receiver@example.net>",
             f"Date: Mon, 10 Nov 2025 09:{number:02}:00 +0000", f"Message-ID: <{number}@example.org>",
             f"Subject: message {number}", *more]
    return "\n".join(lines).encode() + b"\n"


def demo_mails():
    folder = os.path.join(TOP, "tools", "demo-mail", "maildir")
    for path in sorted(glob.glob(os.path.join(folder, "[cn]*", "*"))):
        with open(path, "rb") as file:
            yield "demo " + os.path.basename(path), file.read()


ORDINARY = [
    ("short", header(1) + b"\nHello.\n"),
    ("crlf", (header(2) + b"\nEach line ends\nin CRLF.\n").replace(b"\n", b"\r\n")),
    ("dots", header(3) + b"\n.\n..\n...\n.leading\nin . the . middle\n..twice\n.\n"),
    ("blank lines", header(4) + b"\n\n\nText after blank lines\n\n\n"),
    ("folded header", header(5, "X-Long: " + "word " * 12 + "\n\t" + "word " * 12) + b"\nText\n"),
    ("attachment", header(6, "MIME-Version: 1.0", "Content-Type: application/octet-stream",
                          "Content-Transfer-Encoding: base64")
     + b"\n" + b"".join(b"QUJD" * 19 + b"\n" for _ in range(4000))),
    ("from line", header(7) + b"\nFrom here on\n>From there\nit is quoted by others.\n"),
    *demo_mails(),
]

MEAN = ORDINARY + [
    ("no final newline", header(20) + b"\nThe last line has no end"),
    ("dot without newline", header(21) + b"\nThe last line is a dot\n."),
    ("first octet a dot", b".Header: begins with a dot\n\nText\n"),
    ("8 bit", header(22) + b"\nLatin-1: \xe4\xf6\xfc \xff\x80, UTF-8: \xc3\xa4\xe2\x82\xac\n"),
    ("NUL", header(23) + b"\nbefore\0after\0\0\n\0\n"),
    ("lone CR", header(24) + b"\none\rtwo\r\rthree\r\r\nfour\n\r.\rfive\n"),
    ("ends in CR", header(25) + b"\nends in CR\r"),
    ("long line", header(26) + b"\n" + b"x" * 100_000 + b"\n." + b"y" * 100_000 + b"\n"),
    ("no header", b"\nOnly a body.\n"),
    ("no body", header(27)),
    ("header and blank line", header(28) + b"\n"),
    ("one newline", b"\n"),
    ("one dot", b"."),
    ("empty", b""),
    ("large", header(29) + b"\n" + b"".join(b".%07d of a large message\n" % i for i in range(60_000))),
]
