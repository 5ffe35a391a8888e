"""A Salt of its own for bin/apply: built once from a package index, apart from any other Salt.

Only the standard library, since a fresh machine has nothing else.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SALT = "3008.3"
PYTHONS = ((3, 10), (3, 14))  # the first and the last that this Salt runs on
HOME = Path("/opt/postfix_sasl/salt")

# No wheel exists for it, so pip would need a compiler; Salt imports it only if it is there,
# for dates in human words, which nothing here uses.
NOT_NEEDED = ("timelib",)


class Problem(Exception):
    """Something the user has to know; its text is the whole message."""


def say(text=""):
    """Print one progress line at once, also into a pipe."""
    print(text, flush=True)


def run(command, progress=None, patient=False):
    """Run a program out of sight; return (exit status, stdout, stderr).

    It gets a session of its own, so Ctrl-C reaches only us: a `patient` program (one that is in
    the middle of changing the machine) may then finish, any other is stopped. `progress` is
    called with every line of stdout.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if progress:
                    progress(line)
            process.wait()
        except KeyboardInterrupt:
            try:
                if patient:
                    say("\nFinishing the step that is running; Ctrl-C again stops it now.")
                    process.communicate()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait()
            raise
        errors.seek(0)
        return process.returncode, "".join(lines), errors.read()


def must(command, what, remedy, **options):
    """Run a program that has to succeed; return its stdout.

    Raises Problem with the end of its output and the remedy.
    """
    status, out, err = run(command, **options)
    if status:
        lines = [line for line in (out + "\n" + err).splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("ERROR", "E:"))] or lines
        shown = "\n".join("    " + line[:200] for line in telling[-6:])
        raise Problem(f"{what} failed (status {status}):\n{shown}\n  {remedy}")
    return out


def mark():
    """Return what the finished private Salt is marked with: a change of it means a new one."""
    return f"salt {SALT} python {sys.version_info[0]}.{sys.version_info[1]}\n"


def prepare():
    """Build the private Salt unless it is there. Raises Problem when that cannot be done.

    A virtual environment cannot be moved, so it is built in its place and marked at the end:
    whatever bears no mark, or another's, is thrown away and built anew.
    """
    marker = HOME / "complete"
    if marker.is_file() and marker.read_text() == mark():
        return
    version = sys.version_info[:2]
    if not PYTHONS[0] <= version <= PYTHONS[1]:
        first, last = (".".join(map(str, bound)) for bound in PYTHONS)
        raise Problem(
            f"Salt {SALT} runs on Python {first} to {last}; this is {sys.executable}, "
            f"Python {version[0]}.{version[1]}."
        )
    say(f"Setting up a private Salt {SALT} (once; half a minute to a few minutes):")
    if run([sys.executable, "-c", "import ensurepip"])[0]:
        say("  installing the package python3-venv")
        install = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-y", "--no-install-recommends"]
        install += ["install", "python3-venv"]
        if run(install, patient=True)[0]:  # perhaps the package lists are missing or old
            advice = "See that apt-get works on this machine, then run this again."
            must(["apt-get", "update"], "apt-get update", advice)
            must(install, "apt-get install python3-venv", advice, patient=True)
    say("  making a virtual environment")
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.parent.mkdir(parents=True, exist_ok=True)
    venv = [sys.executable, "-m", "venv", HOME]
    must(venv, "Making a virtual environment", "Is there room on the disk?")
    say("  fetching and building Salt")
    pip("--no-deps", f"salt=={SALT}")
    say("  fetching what it needs, about 80 Python packages")
    code = "import importlib.metadata as m; print(*m.requires('salt') or [], sep='\\n')"
    listed = must([HOME / "bin/python", "-c", code], "Reading Salt's requirements", "Run it again.")
    pip("--only-binary=:all:", "--no-warn-conflicts", *wanted(listed.splitlines()))
    say("  trying it")
    must([HOME / "bin/salt-call", "--version"], "Salt's first start", f"Remove {HOME}; try again.")
    marker.write_text(mark())


def pip(*arguments):
    """Let the private environment's pip install something. Raises Problem."""
    command = [HOME / "bin/python", "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    must(
        [*command, "--disable-pip-version-check", *arguments],
        "pip",
        "Does this machine reach a package index? pip's own settings (/etc/pip.conf, PIP_*) hold.",
        progress=lambda line: line.startswith("Installing coll") and say("  installing them"),
    )


def wanted(requirements):
    """Return, from a distribution's requirements, those to install: no extras, nothing unneeded."""
    return [
        line
        for line in requirements
        if line.strip() and "extra ==" not in line and not line.startswith(NOT_NEEDED)
    ]
