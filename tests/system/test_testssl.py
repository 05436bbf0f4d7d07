"""test_testssl: what testssl.sh finds on both ports.

Nothing of severity MEDIUM or worse, but for what follows from a certificate of our own authority.
The program asks nobody but our server.
"""
import json
import os
import shutil
import signal
import subprocess
import unittest

from tls_client import TlsTest

# About the certificates of the test, not about the server.
OF_THE_CERTIFICATE = ("cert_", "intermediate_cert_", "scanTime", "overall_grade", "grade_cap", "final_score")
BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
# Protocols, ciphers, forward secrecy, defaults; then preferences and vulnerabilities, which take minutes and are of
# the TLS that both ports share. Not which browsers would connect.
SECTIONS = ("-p", "-s", "-f", "-S")
LONG_SECTIONS = ("-P", "-U")
ENDS_WITHIN_S = 900
PROGRAM = shutil.which("testssl") or shutil.which("testssl.sh")


class Testssl(TlsTest):
    @staticmethod
    def end(job):
        """With the shells that it has started."""
        try:
            os.killpg(job.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        job.wait()

    def test_both_ports(self):
        if not PROGRAM:
            raise unittest.SkipTest("cannot: this distribution has no testssl.sh")
        rsa = self.authority.issue("rsa", ["localhost"], "rsa")
        server = self.make_tls_server({}, rsa, handshake_timeout=5)
        jobs = []
        for name, port, options in (("pop3s", server.tls_port, LONG_SECTIONS), ("stls", server.port, ("-t", "pop3"))):
            path = os.path.join(server.folder, name + ".json")
            job = subprocess.Popen(
                [PROGRAM, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--nodns", "min",
                 "--severity", "MEDIUM", "--jsonfile", path, *SECTIONS, *options, f"localhost:{port}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
            self.addCleanup(self.end, job)
            jobs.append((name, path, job))
        for name, path, job in jobs:
            output = job.communicate(timeout=ENDS_WITHIN_S)[0].decode(errors="replace")
            self.assertTrue(os.path.exists(path), output[-2000:])
            with open(path, encoding="utf-8") as file:
                findings = json.load(file)
            bad = [f"{entry['id']}: {entry['severity']}: {entry['finding']}" for entry in findings
                   if entry["severity"] in BAD and not entry["id"].startswith(OF_THE_CERTIFICATE)]
            self.assertIn("Forward Secrecy", output.replace("forward secrecy", "Forward Secrecy"))
            self.assertEqual(bad, [], name)
        self.connect(server).quit()
