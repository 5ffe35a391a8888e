"""Several files replaced at once: all of them, or none, whatever happens in between.

No system call renames two files in one step. So each file becomes a symbolic link into the
journal for a moment, through one link that all of them share, ``current``:

1. ``main.cf -> JOURNAL/current/main.cf``, the same for the others, with ``current -> old``:
   nothing has changed yet for a reader;
2. ``current -> new``, one rename: now everything has changed;
3. each file becomes a plain file again, with the same content.

Whoever reads at any moment, also after a crash, sees the old files or the new ones, never a mix.
The journal keeps the old files until ``finish``; ``open_journal`` finds what a run that was
killed has left.
"""

import contextlib
import fcntl
import os
import shutil
import time

import postfix_sasl_textfile

# Where the formula has its journal: on the file system of all the files it swaps.
JOURNAL = "/etc/postfix/.postfix_sasl-journal"
_MANIFEST = "files"
_AGAIN = ".again"
_RANKS = (0, 1)  # to put the files in place, and to take them back


class Swap:
    """New texts for some files, to be put in place together, and taken back together.

    journal
        A directory of our own on the file system of the files; it must not exist.
    texts
        ``{path: new text}``. A symbolic link is followed: what it points at is replaced.
        None removes the file.
    owned
        ``{path: (mode, uid, gid)}`` for files that shall have these whatever they have now. Any
        other keeps its own, or is made 0644.
    """

    def __init__(self, journal, texts, owned=None):
        self.journal = journal
        self.texts = {os.path.realpath(path): text for path, text in texts.items()}
        self.owned = {os.path.realpath(path): each for path, each in (owned or {}).items()}

    def prepare(self):
        """Write everything the swap will need beside the live files; raise OSError if that fails.

        Nothing is in place yet. Whatever could run out (space, permission) does so here.
        """
        try:
            os.mkdir(self.journal, mode=0o755)
            os.chmod(self.journal, 0o755)
            for side in ("old", "new"):
                os.mkdir(self._path(side))
                os.chmod(self._path(side), 0o755)
            names = []
            for number, (path, text) in enumerate(sorted(self.texts.items())):
                name = f"{number}-{os.path.basename(path)}"
                names.append(f"{name}\t{path}\n")
                self._keep_old(path, name)
                self._write_new(path, name, text)
                for side in ("old", "new"):
                    with contextlib.suppress(FileNotFoundError):
                        os.link(self._path(side, name), self._path(side, f"{name}{_AGAIN}"))
                for rank in _RANKS:
                    os.symlink(self._path("current", name), self._path(f"link{rank}-{name}"))
            for link, side in (("current", "old"), ("to-old", "old"), ("to-new", "new")):
                os.symlink(side, self._path(link))
            # The manifest comes last: without it the journal is not in use yet.
            postfix_sasl_textfile.write(self._path(_MANIFEST), "".join(names), age=0)
            postfix_sasl_textfile.sync(self.journal)
        except OSError:
            shutil.rmtree(self.journal, ignore_errors=True)
            raise

    def put(self):
        """Put the new files in place."""
        self._switch("new")

    def take_back(self):
        """Put the old files back."""
        self._switch("old")

    def finish(self):
        """Forget the old files. Until then ``take_back`` is possible, also after a crash."""
        self.settle()
        os.unlink(self._path(_MANIFEST))
        shutil.rmtree(self.journal)

    def settle(self):
        """Make plain files again of what a killed run has left as links."""
        side = self.side()
        for path, name in self._entries():
            self._make_plain(path, name, side)

    def side(self):
        """Return ``old`` or ``new``: which files are in place."""
        return os.readlink(self._path("current"))

    def old_text(self, path):
        """Return the text of the old file of *path*, None where there was none."""
        for live, name in self._entries():
            if live == os.path.realpath(path):
                kept = self._path("old", name)
                return postfix_sasl_textfile.read(kept) if os.path.exists(kept) else None
        return None

    def _switch(self, side):
        entries = self._entries()
        if self.side() != side:
            for path, name in entries:
                self._link(path, name)
            os.rename(self._prepared(f"to-{side}", side), self._path("current"))
            postfix_sasl_textfile.sync(self.journal)
        for path, name in entries:
            self._make_plain(path, name, side)

    def _link(self, path, name):
        """Let *path* be the link into the journal."""
        target = self._path("current", name)
        if not _is_link_to(path, target):
            unused = [each for each in _RANKS if os.path.lexists(self._path(f"link{each}-{name}"))]
            rank = unused[0] if unused else _RANKS[0]
            os.rename(self._prepared(f"link{rank}-{name}", target), path)
            postfix_sasl_textfile.sync(os.path.dirname(path))

    def _make_plain(self, path, name, side):
        """Let *path* be the file itself again, if it is the link into the journal."""
        if not _is_link_to(path, self._path("current", name)):
            return
        kept = self._path(side, name)
        if os.path.exists(kept):
            extra = f"{kept}{_AGAIN}"
            if not os.path.exists(extra):
                os.link(kept, extra)
            os.rename(extra, path)
        else:
            os.unlink(path)
        postfix_sasl_textfile.sync(os.path.dirname(path))

    def _keep_old(self, path, name):
        with contextlib.suppress(FileNotFoundError):
            os.link(path, self._path("old", name))

    def _write_new(self, path, name, text):
        if text is None:
            return
        target = self._path("new", name)
        # Closed from the start: whoever reads the live files has to get through the journal.
        if path in self.owned:
            postfix_sasl_textfile.write(target, text, *self.owned[path])
            return
        if os.path.exists(path):
            # What is written in its place takes over owner, mode and extended attributes.
            os.link(path, target)
        postfix_sasl_textfile.write(target, text)

    def _prepared(self, name, target):
        """Return the prepared link *name*; make it anew if runs that were killed have used it."""
        path = self._path(name)
        if not os.path.lexists(path):
            os.symlink(target, path)
        return path

    def _entries(self):
        text = postfix_sasl_textfile.read(self._path(_MANIFEST))
        pairs = [line.split("\t", 1) for line in text.splitlines()]
        return [(path, name) for name, path in pairs]

    def _path(self, *parts):
        return os.path.join(self.journal, *parts)


def open_journal(journal):
    """Return the Swap that a killed run has left in *journal*, its files made plain; or None.

    A journal that was not complete was never in use, and is removed.
    """
    if not os.path.isdir(journal):
        return None
    if not os.path.exists(os.path.join(journal, _MANIFEST)):
        shutil.rmtree(journal)
        return None
    swap = Swap(journal, {})
    swap.settle()
    return swap


@contextlib.contextmanager
def locked(directory, seconds=60):
    """Hold the lock of *directory*; raise TimeoutError if another run holds it for so long."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{directory} is locked: another run has been changing it for "
                        f"{seconds} seconds; see: fuser -v {directory}"
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def is_under_way(path):
    """Return whether *path* is a link into the formula's journal, as a killed run leaves it."""
    return os.path.islink(path) and os.path.dirname(os.readlink(path)) == f"{JOURNAL}/current"


def _is_link_to(path, target):
    return os.path.islink(path) and os.readlink(path) == target
