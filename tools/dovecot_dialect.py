"""dovecot_dialect: how the installed Dovecot wants its configuration written, 2.3 or 2.4.

2.4 renamed most settings, wants its version in the first line, and has variables with filters
(`%{uid | hex(8)}`) where 2.3 has letters (`%08Xu`). Whoever configures a Dovecot writes what is
the same in both, and takes from here what is not.
"""
import os
import re
import shutil
import subprocess

DOVECOT = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
VARIABLES = {"u": "uid", "v": "uidvalidity", "f": "filename", "g": "guid"}


class Dialect:
    def __init__(self, version):
        """`version` is a text like 2.3.19.1."""
        self.numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        self.is_new = self.numbers >= (2, 4)

    def either(self, old, new):
        return new if self.is_new else old

    @property
    def head(self):
        version = ".".join(map(str, self.numbers))
        return self.either("", f"dovecot_config_version = {version}\ndovecot_storage_version = {version}\n")

    @property
    def cleartext(self):
        return self.either("disable_plaintext_auth = no", "auth_allow_cleartext = yes")

    @property
    def user(self):
        """Stands for the user's name in a path."""
        return self.either("%u", "%{user}")

    @property
    def local_part(self):
        return self.either("%n", "%{user | username | lower}")

    def certificate(self, certificate, key):
        return self.either(f"ssl_cert = <{certificate}\nssl_key = <{key}",
                           f"ssl_server_cert_file = {certificate}\nssl_server_key_file = {key}")

    def passwd_file(self, name, path, is_master=False):
        """A block for a file of passwords; `name` tells it from others."""
        master = "  master = yes\n" if is_master else ""
        return self.either(f"passdb {{\n  driver = passwd-file\n  args = {path}\n{master}}}",
                           f"passdb {name} {{\n  driver = passwd-file\n  passwd_file_path = {path}\n{master}}}")

    def all_users(self, uid, gid, home):
        """Each user exists, and has the same owner."""
        return self.either(f"userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={home}\n}}",
                           f"userdb static {{\n  fields {{\n    uid = {uid}\n    gid = {gid}\n    home = {home}\n  }}\n}}")

    def mail(self, driver, path, **others):
        """Where mail is; others: inbox, index."""
        if not self.is_new:
            return f"mail_location = {driver}:{path}" + "".join(f":{key.upper()}={value}" for key, value in others.items())
        paths = {"": path, "inbox_": path, **{f"{key}_": value for key, value in others.items()}}
        return "\n".join([f"mail_driver = {driver}"] + [f"mail_{key}path = {value}" for key, value in paths.items()])

    def uidl_format(self, letters):
        """`letters` as 2.3 writes it; None where 2.4 cannot say that."""
        if not self.is_new:
            return letters
        text = re.sub(r"%(?:0(\d))?(X?)([uvfg])", self.variable, letters)
        return None if re.search(r"%[^{]", text) else text

    @staticmethod
    def variable(match):
        width, is_hexadecimal, letter = match.groups()
        if width and not is_hexadecimal:
            return match.group()
        filters = f" | hex({width})" if width else " | hex" if is_hexadecimal else ""
        return f"%{{{VARIABLES[letter]}{filters}}}"


def installed():
    """The dialect of the Dovecot that is installed, or None."""
    if DOVECOT is None:
        return None
    said = subprocess.run([DOVECOT, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return Dialect(said.stdout)
