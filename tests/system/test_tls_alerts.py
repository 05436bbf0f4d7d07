"""test_tls_alerts: whoever breaks the rules of TLS hears why before the connection ends.

The alert is the right one of RFC 8446 section 6, in the clear as long as there are no keys and
encrypted then; and it arrives, however much more the peer has sent that nobody will read.
"""
import re
import socket
import ssl
import subprocess
import time
import unittest

from ringpost_server import ANSWER_S
from tls_client import RawTls, TlsTest, connect_raw, has_own_library, s_client

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
UNEXPECTED_MESSAGE, RECORD_OVERFLOW, PROTOCOL_VERSION = 10, 22, 70
MORE = b"and more of it" * 20_000
FAILED = r" tls-failed peer=127\.0\.0\.1:\d+ reason=\S+$"


def record(kind, payload):
    return bytes((kind, 3, 3)) + len(payload).to_bytes(2, "big") + payload


class InTheClear(TlsTest):
    def expect(self, server, data, alert, stls=False):
        if stls:
            client = server.client()
            client.ok("STLS")
            client = client.socket
        else:
            client = connect_raw(server.tls_port)
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while more := client.recv(4096):  # a reset would be an error
            answer += more
        client.close()
        self.assertEqual(answer, b"\x15\3\3\0\2\2" + bytes((alert,)), data[:40])

    def test_before_there_are_keys(self):
        server = self.make_tls_server()
        for stls in (False, True):
            for data, alert in ((b"GET / HTTP/1.0\r\n\r\n", UNEXPECTED_MESSAGE),
                                (b"USER alice\r\nPASS x\r\n", UNEXPECTED_MESSAGE),
                                (bytes(600), UNEXPECTED_MESSAGE),
                                (record(23, b"x" * 100), UNEXPECTED_MESSAGE),
                                (record(22, b"\x10\0\0\2ab"), UNEXPECTED_MESSAGE),
                                (record(22, b"") * 40, UNEXPECTED_MESSAGE),
                                (b"\x16\3\1\xff\xff" + bytes(70_000), RECORD_OVERFLOW)):
                self.expect(server, data, alert, stls)
                self.expect(server, data + MORE, alert, stls)
        lines = server.wait_for_log(FAILED, 28)
        self.assertNotIn("alice", "".join(lines))

    def test_versions(self):
        server = self.make_tls_server({"min_version": "1.3"})
        self.refuse(server, "(?i)protocol version", version=TLS12)


@unittest.skipUnless(has_own_library(), "a shared TLS library says less")
class Encrypted(TlsTest):
    def hear(self, client):
        """The name of the alert that ends it."""
        try:
            while True:
                if client.take(client.tls.read, 65536) is None and not client.feed():
                    self.fail("the connection ended without an alert")
        except ssl.SSLError as error:
            return error.reason

    def spoil(self, server, version, bytes_):
        client = RawTls(server.tls_port, self.authority.context(version)).shake()
        client.read()
        client.socket.sendall(bytes_ + MORE)
        alert = self.hear(client)
        client.close()
        return alert

    def test_in_a_session(self):
        server = self.make_tls_server()
        for version in (TLS12, TLS13):
            for bytes_, alert in ((b"\x40\3\3\0\5abcde", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),
                                  (b"STAT\r\n", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),
                                  (b"\x17\3\3\xff\xff", "TLSV1_ALERT_RECORD_OVERFLOW"),
                                  (record(23, bytes(100)), "SSLV3_ALERT_BAD_RECORD_MAC"),
                                  (record(23, bytes(16384 + 17)), "SSLV3_ALERT_BAD_RECORD_MAC")):
                self.assertEqual(self.spoil(server, version, bytes_), alert, (version, bytes_[:10]))
        # In TLS 1.3 no record is longer than a full one with its type and tag.
        self.assertEqual(self.spoil(server, TLS13, record(23, bytes(16384 + 18))), "TLSV1_ALERT_RECORD_OVERFLOW")
        for line in server.wait_for_log(FAILED, 11):
            self.assertRegex(line, r"reason=[A-Za-z]+(-+[A-Za-z0-9]+)+")
        self.connect(server).quit()

    def test_in_the_handshake(self):
        server = self.make_tls_server()
        client = RawTls(server.tls_port, self.authority.context(TLS13))
        client.take(client.tls.do_handshake)
        client.send()
        client.feed()
        client.take(client.tls.do_handshake)
        client.outgoing.read()  # is thrown away: its keys are known to the client
        client.socket.sendall(record(23, bytes(60)) + MORE)
        self.assertEqual(self.hear(client), "SSLV3_ALERT_BAD_RECORD_MAC")
        client.close()

    def test_no_certificate(self):
        """Certificate_required is a word of TLS 1.3."""
        server = self.make_tls_server({"client_ca": self.authority.path, "verify_client": "require"})
        self.refuse(server, "(?i)certificate required", version=TLS13)
        self.refuse(server, "(?i)handshake failure", version=TLS12)
        server.wait_for_log(FAILED, 2)

    def test_renegotiation(self):
        """The client hears that he may not, and the end in good order."""
        server = self.make_tls_server()
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-tls1_2", "-msg"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(0.3)
        client.stdin.write(b"R\n")
        client.stdin.flush()
        line = server.wait_for_log(FAILED)[0]
        self.assertRegex(line, "(?i)renegotiation")
        text = client.communicate(timeout=ANSWER_S)[0].decode("latin-1")
        self.assertRegex(text, r"<<<.*Alert.*warning no_renegotiation")
        self.assertIn("+OK", s_client(server.tls_port, data=b"QUIT\n"))
        self.assertFalse(re.search("<<<.*ServerHello", text.split("RENEGOTIATING", 1)[1]))
