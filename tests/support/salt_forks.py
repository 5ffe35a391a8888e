"""Serve salt-call from forks of a process that has Salt imported; for `preloaded`, in an image.

This is the program of that process. Its standard input is a socket; each message there is one
call: JSON, and the file descriptors that FILES names. The answer is two lines on the file `answer`:
the process that waits for the call, and the status it ended with, as wait(2) has it.

Only imports are done beforehand. Each call is a process of its own which reads its configuration,
gathers grains and loads modules itself, in the namespaces of its host.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import platform
import signal
import socket
import sys

NAMESPACES = ("cgroup", "ipc", "uts", "net", "pid", "mnt")  # mnt last: no path is ours after it
FILES = ("stdin", "stdout", "stderr", "answer", "procs", "root", *NAMESPACES)
# What every salt-call imports, and what the loader's modules then do.
PRELOADED = (
    "salt.scripts",
    "salt.cli.call",
    "salt.minion",
    "salt.state",
    "salt.client.ssh.client",
    "salt.cloud",
    "salt.grains.extra",
    "salt.modules.network",
    "salt.runner",
    "salt.utils.dns",
    "salt.utils.find",
    "salt.utils.pkg.rpm",
    "salt.utils.thin",
    "salt.utils.timed_subprocess",
    "salt.utils.vt",
)
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def serve():
    """Fork for each call until the socket closes; returns in the fork, with its command line."""
    calls = socket.socket(fileno=os.dup(0))
    while True:
        message, descriptors, _, _ = socket.recv_fds(calls, 1 << 20, len(FILES))
        if not message:
            os._exit(0)
        files = dict(zip(FILES, descriptors, strict=True))
        if not os.fork():
            calls.close()
            return enter(json.loads(message), files)
        for descriptor in descriptors:
            os.close(descriptor)


def enter(call, files):
    """Go into the host and fork there; wait for that fork, which returns the command line."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.write(files["answer"], f"{os.getpid()}\n".encode())
    os.write(files["procs"], b"0")
    for name in NAMESPACES:
        if libc.setns(files[name], 0):
            raise OSError(ctypes.get_errno(), f"setns {name}")
    os.fchdir(files["root"])
    os.chroot(".")
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        os.write(files["answer"], f"{status}\n".encode())
        os._exit(0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(files[name], descriptor)
    for descriptor in files.values():
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.dont_write_bytecode = False
    sys.path.insert(0, os.path.dirname(call["command"][0]))
    platform._uname_cache = None  # which has the name of the machine
    return call["command"]


if __name__ == "__main__":
    for module in PRELOADED:
        with contextlib.suppress(ImportError):  # not every Salt has all of them
            importlib.import_module(module)
    gc.freeze()  # what is there by now is the same in all forks, which need not look through it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.argv = serve()
    sys.exit(sys.modules["salt.scripts"].salt_call())
