"""test_wolfssl: which wolfSSL is built with, and what happens where none can be built.

tools/wolfssl runs with a cache of its own in a temporary folder, and with package sources that lead
nowhere: no test needs a network or builds the library. What the real cache holds is only looked at.
"""
import fcntl
import os
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

from ringpost_server import PATIENCE, RINGPOSTD, TOP

PROGRAM = os.path.join(TOP, "tools", "wolfssl")
FEATURES = ("WOLFSSL_TLS13", "HAVE_SESSION_TICKET", "HAVE_SNI", "HAVE_ALPN", "WOLFSSL_CERT_GEN",
            "HAVE_CERTIFICATE_STATUS_REQUEST", "WOLFSSL_AESNI")


def run(option, program=PROGRAM, **environment):
    return subprocess.run([program, option], capture_output=True, text=True, timeout=60 * PATIENCE,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def options_of(cflags):
    """The names that the options.h of the chosen library defines."""
    folder = re.search(r"-isystem (\S+)", cflags)
    path = os.path.join(folder.group(1) if folder else "/usr/include", "wolfssl", "options.h")
    with open(path, encoding="utf-8") as file:
        return set(re.findall(r"^#define (\w+)", file.read(), re.M))


class Cache(unittest.TestCase):
    """A cache that is empty, and package sources that lead nowhere."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ringpost-wolfssl-")
        self.addCleanup(shutil.rmtree, self.folder)
        sources = os.path.join(self.folder, "sources")
        os.makedirs(sources)
        configuration = os.path.join(self.folder, "apt.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(f'Dir::Etc::sourcelist "{sources}/none.list";\nDir::Etc::sourceparts "{sources}";\n')
        self.cache = os.path.join(self.folder, "cache")
        self.environment = {"XDG_CACHE_HOME": self.cache, "APT_CONFIG": configuration}
        self.installed = run("--describe", **self.environment).stdout
        if "not accelerated" not in self.installed:
            self.skipTest("cannot: the installed library is accelerated, so none is built")
        if platform.machine() not in ("x86_64", "aarch64"):
            self.skipTest("cannot: wolfSSL knows no acceleration for this machine")

    def run_here(self, option, program=PROGRAM, **environment):
        return run(option, program, **{**self.environment, **environment})

    def put(self, folder, *defined):
        """Something that looks like a library that was built."""
        os.makedirs(os.path.join(folder, "include", "wolfssl"))
        os.makedirs(os.path.join(folder, "lib"))
        for name, text in (("include/wolfssl/options.h", "".join(f"#define {name}\n" for name in defined)),
                           ("include/wolfssl/version.h", '#define LIBWOLFSSL_VERSION_STRING "9.9.9"\n'),
                           ("lib/libwolfssl.a", "")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def few_programs(self):
        """A folder for PATH, without a compiler and without the package manager."""
        few = os.path.join(self.folder, "bin")
        os.makedirs(few)
        for name in ("sh", "uname", "pkg-config", "awk", "sed", "cut", "sha256sum", "id", "grep", "cat",
                     "dpkg-query", "dpkg"):
            os.symlink(shutil.which(name), os.path.join(few, name))
        return few

    def planned(self):
        return self.run_here("--folder").stdout.strip()

    def assert_falls_back(self, result, reason):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\AwolfSSL stays as installed, and TLS will be slow: [^\n]+\.\n\Z")
        self.assertRegex(result.stderr, reason)
        self.assertEqual(self.run_here("--describe").stdout, self.installed)
        for option in ("--cflags", "--libs"):
            of_package = subprocess.check_output(["pkg-config", option, "wolfssl"], text=True)
            self.assertEqual(self.run_here(option).stdout, of_package)

    def left_in_cache(self):
        folder = os.path.join(self.cache, "ringpost")
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []


class Fallback(Cache):
    def test_no_package_source(self):
        self.assert_falls_back(self.run_here("--build"), "source package could not be found|there is no")
        self.assertFalse([name for name in self.left_in_cache() if name.startswith(("build.", "wolfssl-"))])

    def test_programs_missing(self):
        self.assert_falls_back(self.run_here("--build", PATH=self.few_programs()), r"there is no apt-get here")
        self.assertEqual(self.left_in_cache(), [])

    def test_cache_that_cannot_be_made(self):
        with open(os.path.join(self.folder, "file"), "w", encoding="utf-8"):
            pass
        self.environment["XDG_CACHE_HOME"] = os.path.join(self.folder, "file")
        self.assert_falls_back(self.run_here("--build"), "cannot be written|there is no")

    def test_cache_with_a_blank_in_its_path(self):
        self.environment["XDG_CACHE_HOME"] = os.path.join(self.folder, "my cache")
        self.assert_falls_back(self.run_here("--build"), "characters that make cannot take")

    def test_remains_of_a_killed_build_are_removed(self):
        os.makedirs(os.path.join(self.cache, "ringpost", "build.killed", "out"))
        self.run_here("--build")
        if not shutil.which("autoreconf") or not shutil.which("libtoolize"):
            self.skipTest("cannot: autoconf and libtool are not here")
        self.assertNotIn("build.killed", self.left_in_cache())

    def test_unknown_option(self):
        for arguments in ([], ["--speed"], ["--cflags", "--libs"]):
            result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn("usage:", result.stderr)


class Choice(Cache):
    def test_one_that_is_there_is_used_and_not_built_again(self):
        folder = self.planned()
        self.put(folder, *FEATURES)
        before = os.stat(folder).st_mtime_ns
        result = self.run_here("--build")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(os.stat(folder).st_mtime_ns, before)
        self.assertEqual(self.left_in_cache(), [os.path.basename(folder)])
        self.assertEqual(self.run_here("--cflags").stdout, f"-isystem {folder}/include\n")
        self.assertEqual(self.run_here("--libs").stdout, f"{folder}/lib/libwolfssl.a -lm\n")
        self.assertEqual(self.run_here("--describe").stdout, f"wolfSSL 9.9.9, accelerated ({folder})\n")

    def test_other_flags_are_another_folder(self):
        folder = self.planned()
        self.put(folder, *FEATURES)
        with open(PROGRAM, encoding="utf-8") as file:
            text = file.read()
        for old, new in (("-O3", "-O2"), ("--enable-sni", "--disable-sni"), ("-DWOLFSSL_GETRANDOM", "")):
            changed = os.path.join(self.folder, "wolfssl")
            with open(changed, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
            os.chmod(changed, 0o755)
            other = self.run_here("--folder", changed).stdout.strip()
            self.assertNotEqual(other, folder)
            self.assertEqual(os.path.dirname(other), os.path.dirname(folder))
            self.assertEqual(self.run_here("--describe", changed).stdout, self.installed)

    def test_one_older_than_the_installed_is_not_used(self):
        folder = self.planned()
        version = subprocess.check_output(["dpkg-query", "-W", "-f", "${source:Version}", "libwolfssl-dev"],
                                          text=True)
        self.put(folder.replace(f"-{version}-", "-0.1-"), *FEATURES)
        self.assertEqual(self.run_here("--describe").stdout, self.installed)
        self.put(folder.replace(f"-{version}-", f"-{version}.1-"), *FEATURES)
        self.assertIn(f"-{version}.1-", self.run_here("--cflags").stdout)
        self.put(folder, *FEATURES)
        self.assertIn(f"-{version}.1-", self.run_here("--cflags").stdout)

    def test_half_built_is_not_used(self):
        folder = self.planned()
        self.put(folder, *FEATURES)
        os.unlink(os.path.join(folder, "lib", "libwolfssl.a"))
        self.assertEqual(self.run_here("--describe").stdout, self.installed)

    def test_a_second_build_waits_for_the_first(self):
        if not shutil.which("autoreconf") or not shutil.which("libtoolize"):
            self.skipTest("cannot: autoconf and libtool are not here")
        folder = self.planned()
        os.makedirs(os.path.dirname(folder))
        with open(os.path.join(os.path.dirname(folder), "lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            second = subprocess.Popen([PROGRAM, "--build"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, env={**os.environ, **self.environment})
            with self.assertRaises(subprocess.TimeoutExpired):
                second.wait(1)
            self.put(folder, *FEATURES)
        self.assertEqual(second.communicate(timeout=20 * PATIENCE)[0], b"")
        self.assertEqual(second.returncode, 0)

    def test_questions_need_no_compiler_and_no_package_source(self):
        """make asks them at each call, so what takes its time must not be in the answer."""
        self.put(self.planned(), *FEATURES)
        few = self.few_programs()
        for option in ("--folder", "--cflags", "--libs", "--describe"):
            result = self.run_here(option, PATH=few)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout, self.run_here(option).stdout)


class Linked(unittest.TestCase):
    """What the programs under test are made with."""

    def test_version_tells_of_acceleration(self):
        output = subprocess.check_output([RINGPOSTD, "-V"], text=True, timeout=20 * PATIENCE)
        self.assertRegex(output, r"(?m)^wolfSSL \d+\.\d+\.\d+, (accelerated \([^)]+\)$|not accelerated: TLS will be slow; )")

    @unittest.skipUnless(platform.machine() == "x86_64", "cannot: this is about x86-64")
    def test_accelerated_where_it_could_be_built(self):
        if "not accelerated" in run("--describe").stdout:
            self.skipTest("cannot: no accelerated wolfSSL could be built here")
        defined = options_of(run("--cflags").stdout)
        self.assertFalse(set(FEATURES) - defined)
        output = subprocess.check_output([RINGPOSTD, "-V"], text=True, timeout=20 * PATIENCE)
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            if re.search(r"^flags\b.* aes\b", file.read(), re.M):
                self.assertRegex(output, r"(?m)^wolfSSL \S+, accelerated \(AES-NI")

    def test_archive_is_linked_statically(self):
        if "-isystem" not in run("--cflags").stdout:
            self.skipTest("cannot: the installed library is used here")
        output = subprocess.check_output(["ldd", RINGPOSTD], text=True)
        self.assertNotIn("wolfssl", output)


if __name__ == "__main__":
    unittest.main()
