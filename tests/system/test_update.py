"""test_update: what QUIT removes, it removes after it has been sent."""
import os
import socket
import time

from ringpost_server import ServerTest, on_the_wire

MAILS = [b"Subject: %d\n\n" % number + os.urandom(150_000).hex().encode() + b"\n"
         for number in range(20)]


class Update(ServerTest):
    def everything_at_once(self, server):
        """One client that pipelines all of RETR, DELE and QUIT before he reads anything."""
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", server.port))
            commands = b"USER alice\r\nPASS secret of alice\r\n"
            for number in range(1, len(MAILS) + 1):
                commands += b"RETR %d\r\nDELE %d\r\n" % (number, number)
            slow.sendall(commands + b"QUIT\r\n")
            time.sleep(0.5)  # the server has filled the socket by now, and waits
            received = b""
            while part := slow.recv(65536):
                received += part
            return received

    def test_a_pipelined_end_does_not_overtake_the_mail(self):
        server = self.make_server()
        server.import_mail("alice", MAILS)
        received = self.everything_at_once(server)
        for mail in MAILS:
            wire = on_the_wire(mail)
            expected = b"+OK %d octets\r\n" % len(wire) + wire + b".\r\n"
            at = received.find(expected[:12])
            self.assertEqual(received[at:at + len(expected)], expected)
            received = received[at + len(expected):]
        self.assertIn(b"+OK", received)
        client = server.client("alice")
        self.assertEqual(client.count(), 0)
        client.quit()

    def test_what_was_emptied_can_be_filled_again(self):
        server = self.make_server()
        for _ in range(4):
            for mail in MAILS[:3]:
                server.ringpost("deliver", "alice", data=mail)
            client = server.client("alice")
            self.assertEqual(client.count(), 3)
            for number in (1, 2, 3):
                self.assertEqual(client.retrieve(number), on_the_wire(MAILS[number - 1]))
                client.ok(f"DELE {number}")
            client.quit()
        self.assertLess(os.stat(server.wire("alice")).st_blocks, 20)


