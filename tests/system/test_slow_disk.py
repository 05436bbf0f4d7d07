"""test_slow_disk: a session that waits for the disk keeps nobody else waiting.

A control group lets the server read only a few bytes of its disk a second (root, and blkio or io of
version 2), so that whatever waits for them waits for seconds. The kernel reads ahead: some of what
is asked for next is on its way already, and must not be waited for on the loop either.
"""
import os
import sys
import tempfile
import threading
import time
import unittest

from ringpost_server import PATIENCE, TOP, ServerTest, on_the_wire

sys.path.insert(0, os.path.join(TOP, "tools"))

import bench_disk
import bench_servers
import bench_slow_disk

ALONE = True  # others would ask the disk, too, and its answers are what is waited for

MESSAGES = [b"Subject: %d\n\n" % number + b"y" * 100000 + b"\n" for number in range(20)]
BYTES_A_SECOND = 30000  # 128 KB, which the kernel reads at once, take four seconds
ANSWER_WITHIN_S = 3


class SlowDisk(ServerTest):
    def test_others_go_on(self):
        try:
            throttle = bench_disk.Throttle(tempfile.gettempdir(), bytes_a_second=BYTES_A_SECOND)
        except bench_servers.BenchError as error:
            raise unittest.SkipTest(f"cannot: {error}") from None
        self.addCleanup(throttle.end)
        server = self.make_server(("cold", "warm"), start=False)
        for message in MESSAGES:
            server.ringpost("deliver", "cold", data=message)
        server.ringpost("deliver", "warm", data=b"Subject: x\n\ny\n")
        enter = ["sh", "-c", f'echo 0 > {throttle.group}/cgroup.procs && exec "$@"', "sh"]
        server.program = enter + server.program
        throttle.lift()  # for the program itself: nobody knows what of it is in memory
        server.start()
        # The first time all is in memory, and is remembered as checked.
        self.fetch_all(server, [])
        os.sync()
        throttle.impose()
        bench_slow_disk.forget(server.store)
        received = []
        cold = threading.Thread(target=self.fetch_all, args=(server, received))
        cold.start()
        while len(received) < 2:
            client = server.client()
            client.socket.settimeout(ANSWER_WITHIN_S * PATIENCE)
            client.log_in("warm")
            client.ok("RETR 1")
            client.body()
            client.quit()
            self.assertTrue(cold.is_alive())
            time.sleep(0.02)
        throttle.lift()
        cold.join()
        self.assertEqual(received, [on_the_wire(message) for message in MESSAGES])

    def fetch_all(self, server, received):
        client = server.client("cold")
        client.socket.settimeout(120)
        client.send("".join(f"RETR {number}\r\n" for number in range(1, len(MESSAGES) + 1)).encode())
        for _ in MESSAGES:
            client.line()
            received.append(client.body())
        client.quit()
