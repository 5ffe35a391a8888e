"""Salt's real loaders, the real postconf, and a scratch configuration for them to work on."""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

MAIN_CF = """\
compatibility_level = 3.6
# This host.
myhostname = mail.example.com
mydestination = $myhostname,
    localhost
smtpd_tls_security_level = may
"""

MASTER_CF = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=may
# Mail from this host.
pickup    unix  n       -       y       60      1       pickup
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""


class Postfix:
    """The postconf of one Debian tree, and scratch directories it can see.

    root
        ``/``, or a tree with another release's Postfix in it.
    """

    def __init__(self, root):
        self.root = pathlib.Path(root)
        scratch = tempfile.mkdtemp(prefix="postfix_sasl.", dir=self.root / "tmp")
        self.directory = pathlib.Path(scratch)

    def write(self, main=MAIN_CF, master=MASTER_CF):
        """Write both files, old enough for postconf to read them without a wait."""
        moment = time.time() - 60
        for name, text in (("main.cf", main), ("master.cf", master)):
            path = self.directory / name
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            os.utime(path, (moment, moment))

    def run(self, *arguments):
        """Run postconf on the scratch directory; give exit status, output and complaints."""
        seen_as = "/" + str(self.directory.relative_to(self.root))
        inside = [] if self.root == pathlib.Path("/") else ["chroot", str(self.root)]
        done = subprocess.run(
            [*inside, "postconf", "-c", seen_as, *arguments],
            capture_output=True,
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            timeout=60,
        )
        decode = functools.partial(str, encoding="utf-8", errors="surrogateescape")
        return done.returncode, decode(done.stdout), decode(done.stderr)

    def stock_files(self, name):
        """Give the text of each main.cf or master.cf the release came with."""
        places = [f"etc/postfix/{name}", f"usr/share/postfix/{name}.dist"]
        found = [self.root / place for place in places if (self.root / place).is_file()]
        return [path.read_bytes().decode("utf-8", "surrogateescape") for path in found]


@pytest.fixture(scope="session")
def postfix():
    """The oracle. POSTFIX_ROOT names a tree with the Postfix of another release."""
    root = os.environ.get("POSTFIX_ROOT", "/")
    if not os.path.exists(os.path.join(root, "usr/sbin/postconf")):
        pytest.skip(f"no postconf in {root}")
    oracle = Postfix(root)
    yield oracle
    shutil.rmtree(oracle.directory)


@pytest.fixture
def config_dir(tmp_path):
    """A scratch configuration directory that postconf accepts."""
    moment = time.time() - 60
    for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (moment, moment))
    return tmp_path


@pytest.fixture
def snapshot(config_dir):
    """A function that tells all there is to know of the scratch directory but who read it when."""

    def look(path):
        found = os.stat(path)
        owner = (found.st_mode, found.st_uid, found.st_gid)
        return (found.st_ino, *owner, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    return lambda: {str(path): look(path) for path in [config_dir, *config_dir.iterdir()]}


@pytest.fixture(scope="session")
def minion_opts(tmp_path_factory):
    """The configuration of a minion that has this repository's modules, and no master."""
    import salt.config

    root = tmp_path_factory.mktemp("minion")
    opts = salt.config.minion_config(None)
    opts.update(
        id="functional",
        file_client="local",
        root_dir=str(root),
        cachedir=str(root / "cache"),
        pki_dir=str(root / "pki"),
        sock_dir=str(root / "sock"),
        extension_modules=str(root / "extmods"),
        file_roots={"base": [str(REPOSITORY)]},
        pillar_roots={"base": []},
        module_dirs=[str(REPOSITORY / "_modules")],
        states_dirs=[str(REPOSITORY / "_states")],
        utils_dirs=[str(REPOSITORY / "_utils")],
        grains={},
    )
    return opts


@pytest.fixture(scope="session")
def loaders(minion_opts):
    """Salt's loaders, as a minion has them."""
    import salt._logging
    from saltfactories.utils.functional import Loaders

    # pytest has the messages; this handler would repeat them on a closed stream at the end.
    salt._logging.shutdown_temp_handler()
    return Loaders(minion_opts, loaded_base_name="postfix_sasl.loaded")


@pytest.fixture(autouse=True)
def reset_loaders(request):
    """Undo what a test did to the loaders' options, where it used them."""
    yield
    if "loaders" in request.fixturenames:
        request.getfixturevalue("loaders").reset_state()


@pytest.fixture
def modules(loaders):
    """Execution modules, called as ``modules.postconf.show()``."""
    return loaders.modules


@pytest.fixture
def states(loaders):
    """State modules, called as ``states.postconf.present(name=...)``."""
    return loaders.states
