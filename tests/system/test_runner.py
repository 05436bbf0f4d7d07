"""test_runner: that what fails, ends early or is left out is counted, one by one and side by side.

tools/run_system_tests runs in a tree of its own, over small modules that are written here.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from ringpost_server import PATIENCE, TOP

HEAD = "import os, time, unittest\n"
GOOD = HEAD + """
class First(unittest.TestCase):
    def test_a(self):
        pass
    def test_b(self):
        pass
class Second(unittest.TestCase):
    def test_c(self):
        self.assertTrue(os.path.exists(os.environ["RINGPOST_BUILD"]))
"""
BAD = HEAD + """
class Fails(unittest.TestCase):
    def test_a(self):
        self.fail("so it is")
    def test_b(self):
        raise ValueError
    def test_c(self):
        pass
"""
DIES_LAST = "import atexit, sys; atexit.register(lambda: (sys.stdout.flush(), os.kill(os.getpid(), 9)))"
SKIPPED = HEAD + """
class Skipped(unittest.TestCase):
    def test_a(self):
        self.skipTest("no time")
    def test_b(self):
        self.skipTest("cannot: a machine without it")
    def test_c(self):
        pass
"""
# Whoever is not alone finds the other's file, or leaves one to be found.
ALONE = HEAD + """
ALONE = True
class Here(unittest.TestCase):
    def test_a(self):
        file = os.open(os.path.join(os.environ["RINGPOST_BUILD"], "here"), os.O_CREAT | os.O_EXCL)
        time.sleep(1)
        os.close(file)
        os.unlink(os.path.join(os.environ["RINGPOST_BUILD"], "here"))
class There(Here):
    pass
"""


class Runner(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="ringpost-runner-")
        self.addCleanup(shutil.rmtree, self.tree)
        for folder in ("tools", "tests/system", "build"):
            os.makedirs(os.path.join(self.tree, folder))
        for program in ("ringpostd", "ringpost"):
            self.write(f"build/{program}", "")
        shutil.copy(os.path.join(TOP, "tools", "run_system_tests"), os.path.join(self.tree, "tools"))

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_tests(self, *words):
        """(exit status, passed, failed, output)"""
        result = subprocess.run([sys.executable, os.path.join(self.tree, "tools", "run_system_tests"), *words],
                                capture_output=True, text=True, timeout=60 * PATIENCE,
                                env={**os.environ, "RINGPOST_BUILD": os.path.join(self.tree, "build")})
        counts = re.findall(r"^system: (\d+) passed, (\d+) failed$", result.stdout, re.M)
        self.assertEqual(len(counts), 1, result.stdout + result.stderr)
        return result.returncode, int(counts[0][0]), int(counts[0][1]), result.stdout

    def both_ways(self, *expected, names=()):
        """The same counts with one process and with three; the outputs."""
        outputs = []
        for words in ((), ("--jobs", "3")):
            *counts, output = self.run_tests(*words, *names)
            self.assertEqual(tuple(counts), expected, output)
            outputs.append(output)
        return outputs

    def test_what_passes(self):
        self.write("tests/system/test_good.py", GOOD)
        self.both_ways(0, 3, 0)
        self.both_ways(0, 2, 0, names=["test_good.First"])

    def test_what_fails_is_counted_and_shown(self):
        self.write("tests/system/test_good.py", GOOD)
        self.write("tests/system/test_bad.py", BAD)
        for output in self.both_ways(1, 4, 2):
            self.assertIn("so it is", output)

    def test_what_is_left_out_has_failed(self):
        self.write("tests/system/test_skipped.py", SKIPPED)
        self.both_ways(1, 1, 1)

    def test_what_cannot_be_loaded_has_failed(self):
        self.write("tests/system/test_good.py", GOOD)
        self.write("tests/system/test_torn.py", "import nothing_of_this_name\n")
        for output in self.both_ways(1, 3, 1):
            self.assertIn("nothing_of_this_name", output)
        self.both_ways(1, 0, 1, names=["test_good.Third"])

    def test_nothing_is_not_enough(self):
        self.both_ways(1, 0, 0)

    def test_a_process_that_ends_early_has_failed(self):
        self.write("tests/system/test_good.py", GOOD)
        self.write("tests/system/test_gone.py", BAD.replace("raise ValueError", "os._exit(0)"))
        status, passed, failed, _ = self.run_tests("--jobs", "2")
        self.assertEqual((status, passed, failed), (1, 3, 1))

    def test_a_process_that_ends_badly_has_failed_whatever_it_counted(self):
        self.write("tests/system/test_end.py", GOOD.replace("pass", DIES_LAST, 1))
        status, passed, failed, _ = self.run_tests("--jobs", "2", "test_end.First")
        self.assertEqual((status, passed, failed), (1, 2, 1))

    def test_words_that_are_none(self):
        result = subprocess.run([sys.executable, os.path.join(self.tree, "tools", "run_system_tests"), "--jobs", "0"],
                                capture_output=True, text=True, timeout=60 * PATIENCE)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--jobs is how many", result.stderr)

    def test_those_that_want_to_be_alone(self):
        self.write("tests/system/test_alone.py", ALONE)
        self.both_ways(0, 2, 0)


if __name__ == "__main__":
    unittest.main()
