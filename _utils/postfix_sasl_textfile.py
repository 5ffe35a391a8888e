"""Read a text file whole, and replace it in one step or not at all.

Bytes that are not UTF-8, and line endings of any kind, come back from a read and a write as they
were.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time

# Postfix programs sleep until main.cf is about two seconds old before they read it, in case
# somebody is still writing. A file renamed into place is complete, so it may claim to be older.
SETTLED = 3


def read(path):
    """Read a file.

    path
        The file.

    Returns its text. Raises OSError.
    """
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def read_config(path):
    """Read a file that Postfix cannot be without.

    path
        main.cf or master.cf.

    Returns its text. Raises FileNotFoundError that says what to install, and other OSErrors.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not there: install the package postfix first")
    return read(path)


def write(path, text, mode=0o644, uid=-1, gid=-1, age=SETTLED, anew=False):
    """Replace a file's content in one step, unless it is the same already.

    An existing file keeps its owner, group, mode and extended attributes. A symbolic link stays,
    and what it points at is replaced. Where anything fails, the old file is still there and
    nothing else is.

    path
        The file.

    text
        The new content.

    mode, uid, gid
        For a file that does not exist yet; -1 is the owner or group of the running process. The
        file has them from the moment its name exists.

    age
        How many seconds old the file shall seem.

    anew
        True gives mode, uid and gid to a file that exists, too: nothing of the old one stays.

    Returns whether anything was written. Raises OSError.
    """
    target = os.path.realpath(path)
    content = text.encode("utf-8", "surrogateescape")
    try:
        with open(target, "rb") as stream:
            if stream.read() == content:
                return False
        before = os.stat(target)
        if anew:
            before = None
        else:
            mode, uid, gid = before.st_mode & 0o7777, before.st_uid, before.st_gid
    except FileNotFoundError:
        before = None
    directory, name = os.path.split(target)
    temporary = os.path.join(directory, f".{name}.postfix_sasl")
    handle = _open_for_us_alone(temporary)
    with open(handle, "wb") as stream:
        try:
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
            if before:
                _copy_attributes(target, handle)
            stream.write(content)
            stream.flush()
            moment = time.time() - age
            os.utime(handle, (moment, moment))
            os.fsync(handle)
            os.rename(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    sync(directory)
    return True


def update(path, plan, wanted, test=False):
    """Read main.cf or master.cf, work out what would change, and write it unless on a dry run.

    Two updates in one directory wait for each other, so that neither undoes the other.

    path
        The file.

    plan
        A function of the text and ``wanted`` that returns ``(changes, new text)``.

    wanted
        What to hand to ``plan``.

    test
        True writes nothing.

    Returns the changes. Raises FileNotFoundError, other OSErrors, and what ``plan`` raises.
    """
    changes, text = plan(read_config(path), wanted)
    if changes and not test:
        with _locked(os.path.dirname(os.path.realpath(path))):
            changes, text = plan(read_config(path), wanted)
            write(path, text)
    return changes


@contextlib.contextmanager
def _locked(directory):
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _open_for_us_alone(path):
    """Open an empty file that is locked until it is closed; one that a killed run left is used.

    A name that is not taken anew each time lets no such files pile up.
    """
    while True:
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                os.unlink(path)  # nothing that we would have left
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever had it before may have renamed it meanwhile.
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                os.fchmod(handle, 0o600)
                os.ftruncate(handle, 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _copy_attributes(source, handle):
    """Copy access control lists and the security label, where the file system has them."""
    unsupported = (errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.EACCES, errno.EINVAL)
    try:
        for name in os.listxattr(source):
            os.setxattr(handle, name, os.getxattr(source, name))
    except OSError as error:
        if error.errno not in unsupported:
            raise


def sync(directory):
    """Have the names in a directory on disk, as they are now, before going on."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
