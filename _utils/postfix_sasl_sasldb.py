"""sasldb: names and passwords in a database of their own, which smtpd or saslauthd reads.

The database is written anew as a whole and renamed into place: whoever reads it sees the old
users or the new ones. Names of users that the formula made are in a file beside it, so that they
can be told from others, whom it leaves alone.
"""

import contextlib
import glob
import os
import subprocess

import postfix_sasl_absent
import postfix_sasl_owner
import postfix_sasl_sasl
import postfix_sasl_saslauthd
import postfix_sasl_textfile
import postfix_sasl_things

# Of smtpd's own: not in the chroot's /etc, where Postfix compares what it finds with /etc.
SMTPD_DATABASE = postfix_sasl_sasl.SPOOL + postfix_sasl_sasl.SASLDB_INSIDE
# Debian's package makes this one, and saslauthd has no option for another.
SASLAUTHD_DATABASE = "/etc/sasldb2"
_MODE = 0o640
_PROPERTY = b"userPassword"
_HEADER = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n"
_SECONDS = 30
_EXPLANATION = "# Users of {path} that come from the pillar.\n"


def database(settings):
    """Return the path of the database that *settings* use, as the host sees it; None for none."""
    backend, options = settings["sasl:backend"], settings["sasl:options"]
    if backend == "sasldb":
        # A path in the pillar's own words names a database that somebody else looks after.
        return None if options.get("sasldb_path") else SMTPD_DATABASE
    if backend == "saslauthd" and settings["saslauthd:mechanism"] == "sasldb":
        return SASLAUTHD_DATABASE
    return None


def things(settings, salt, realm):
    """Return what the database needs, as things with changes and apply.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    salt
        Salt's execution functions, ``__salt__``.
    realm
        A function that returns the realm of names without one.
    """
    path, needed = database(settings), []
    if settings["sasl:backend"] == "sasldb":
        needed.append(postfix_sasl_saslauthd.PostfixInGroup(salt))
    if path is None:
        return needed
    if path == SMTPD_DATABASE:
        directory = os.path.dirname(path)
        group, mode = postfix_sasl_saslauthd.GROUP, postfix_sasl_saslauthd.DIRECTORY_MODE
        needed.append(postfix_sasl_things.Directory(directory, "root", group, mode))
    return [*needed, Users(path, settings["sasl:users"], realm, settings["purge"])]


def removal(salt, but=None, leave_group=False):
    """Return what is left of databases of ours, as things; nothing where there are none.

    salt
        Salt's execution functions, ``__salt__``.
    but
        The path of a database that stays.
    leave_group
        Whether the user postfix stays in the group.
    """
    paths = [path for path in (SMTPD_DATABASE, SASLAUTHD_DATABASE) if path != but]
    found = [path for path in paths if postfix_sasl_absent.ours(_names_file(path))]
    left = [Leftover(path) for path in found]
    if SMTPD_DATABASE in found and not leave_group:
        left.append(postfix_sasl_absent.Membership("postfix", postfix_sasl_saslauthd.GROUP, salt))
    return left


class Users:
    """The users of one database, and who may read it: a thing with changes and apply.

    path
        The database.
    wanted
        ``{name: password, or None for no such user}``; without any the users are somebody
        else's concern.
    realm
        A function that returns the realm of names without one.
    purge
        What becomes of users that nobody declares: ``report``, ``remove`` or ``ignore``.
    """

    def __init__(self, path, wanted, realm, purge):
        self.path, self.wanted, self.purge = path, wanted, purge
        self._realm = realm
        self.notes = []

    def desired(self):
        """Return the users with their passwords, None for no such user; owner and mode."""
        users = {
            f"sasl user {label}": postfix_sasl_things.Secret(password)
            if password is not None
            else None
            for label, password in self.wanted.items()
        }
        return {**users, self.path: self._owned()} if self._owned() else users

    def changes(self):
        """Return who differs, with passwords hidden, and owner and mode where they do."""
        have, wanted = read(self.path), self._wanted()
        changes = {
            f"sasl user {label}": _hidden(have.get(key), password)
            for key, (label, password) in wanted.items()
            if have.get(key) != password
        }
        self._note_others(have, wanted)
        changes.update(self._attributes())
        changes.update(self._names(wanted).changes())
        return changes

    def apply(self):
        """Write the database where users differ, and correct its owner and mode."""
        have, wanted = read(self.path), self._wanted()
        if any(have.get(key) != password for key, (_label, password) in wanted.items()):
            changed = {key: password for key, (_, password) in wanted.items()}
            write(self.path, have, changed, self._ids())
        elif not os.path.exists(self.path):
            write(self.path, {}, {}, self._ids())
        if self._attributes():
            group = postfix_sasl_saslauthd.GROUP
            os.chown(self.path, *postfix_sasl_owner.ids("root", group))
            os.chmod(self.path, _MODE)
        # Who is named here and is not in the database does no harm; the other way round would.
        names = self._names(wanted)
        if names.changes():
            names.apply()

    def _wanted(self):
        """Return ``{(name, realm): (label, password or None)}``, those to be removed included."""
        keys = {}
        realm = self._realm() if self.wanted else ""
        for label, password in self.wanted.items():
            name, _, own = label.rpartition("@") if "@" in label else (label, "", realm)
            keys[name, own] = label, None if password is None else password.encode()
        if self.wanted:
            others = recorded(self.path)
            if self.purge == "remove":
                others = [*others, *read(self.path)]
            for name, own in others:
                keys.setdefault((name, own), (f"{name}@{own}", None))
        return keys

    def _note_others(self, have, wanted):
        others = sorted(f"{name}@{realm}" for name, realm in have if (name, realm) not in wanted)
        if self.wanted and others and self.purge == "report":
            self.notes = [f"users of {self.path} that the pillar does not name: {_few(others)}"]

    def _ids(self):
        """Return (mode, uid, gid) that the database should have; None for Debian's file."""
        if self.path == SASLAUTHD_DATABASE:
            return None
        return (_MODE, *postfix_sasl_owner.ids("root", postfix_sasl_saslauthd.GROUP))

    def _owned(self):
        if self.path == SASLAUTHD_DATABASE:
            return {}  # Debian's file, read by root
        return {"user": "root", "group": postfix_sasl_saslauthd.GROUP, "mode": f"{_MODE:04o}"}

    def _attributes(self):
        old = postfix_sasl_owner.attributes(self.path)
        return postfix_sasl_things.difference(self.path, old, self._owned())

    def _names(self, wanted):
        keys = [key for key, (_label, password) in wanted.items() if password is not None]
        lines = [f"{name}@{realm}\n" for name, realm in sorted(keys)]
        if not self.wanted:
            lines = [f"{name}@{realm}\n" for name, realm in recorded(self.path)]
        explanation = _EXPLANATION.format(path=self.path)
        text = "".join([postfix_sasl_sasl.MANAGED, explanation, *lines])
        return postfix_sasl_things.File(_names_file(self.path), text, mode=0o600, secret=True)


class Leftover:
    """A database that is not used any more: users of ours go, and it, where nobody else is in it.

    /etc/sasldb2 is Debian's and stays.
    """

    def __init__(self, path):
        self.path = path
        self.names = postfix_sasl_things.File(_names_file(path), None)
        self.notes = []

    def changes(self):
        """Return the users and files that go."""
        have, ours = read(self.path), recorded(self.path)
        changes = {
            f"sasl user {name}@{realm}": _hidden(have[name, realm], None)
            for name, realm in ours
            if (name, realm) in have
        }
        others = sorted(f"{name}@{realm}" for name, realm in have if (name, realm) not in ours)
        if others and self.path != SASLAUTHD_DATABASE:
            self.notes = [f"{self.path} stays, with users made by hand: {_few(others)}"]
        elif self.path != SASLAUTHD_DATABASE and os.path.exists(self.path):
            changes[self.path] = {"old": "present", "new": None}
        return {**changes, **self.names.changes()}

    def apply(self):
        """Take the users out, then remove the files and the directories that were made for them."""
        have, ours = read(self.path), recorded(self.path)
        if self.path in self.changes():
            os.unlink(self.path)
        elif set(ours) & set(have):
            write(self.path, have, dict.fromkeys(ours))
        self.names.apply()
        postfix_sasl_absent.remove_empty_parents(self.path)


def recorded(path):
    """Return the keys ``(name, realm)`` of users that the formula made in the database *path*."""
    if not os.path.exists(_names_file(path)):
        return []
    lines = postfix_sasl_textfile.read(_names_file(path)).splitlines()
    names = [line.rpartition("@") for line in lines if line and not line.startswith("#")]
    return [(name, realm) for name, _, realm in names]


def read(path):
    """Return ``{(name, realm): password}`` of the database *path*; empty where there is none.

    Raises RuntimeError where it can't be read.
    """
    return {
        (name.decode(errors="replace"), realm.decode(errors="replace")): value
        for (name, realm, kind), value in _records(path).items()
        if kind == _PROPERTY
    }


def write(path, have, changed, owned=None):
    """Replace the database *path* by one with other users.

    have
        Its users now, as ``read`` returns them.
    changed
        ``{(name, realm): password, or None to remove the user}``.
    owned
        (mode, uid, gid) of the database; None keeps those it has, without what others may, and
        leaves a new one to root alone.

    Records that are no passwords, and users that are not *changed*, stay.
    """
    records = _records(path)
    for (name, realm), password in changed.items():
        key = (name.encode(), realm.encode(), _PROPERTY)
        if password is None:
            gone = key[:2]
            records = {each: value for each, value in records.items() if each[:2] != gone}
        elif have.get((name, realm)) != password:
            records[key] = password
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.postfix_sasl")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    cells = [cell for key, value in records.items() for cell in (b"\0".join(key), value)]
    lines = [f" {cell.hex()}\n" for cell in cells]
    try:
        _run("load", temporary, _HEADER + "".join(lines) + "DATA=END\n")
        if owned is None and os.path.exists(path):
            status = os.stat(path)
            owned = (status.st_mode & 0o770, status.st_uid, status.st_gid)
        if owned is not None:
            mode, uid, gid = owned
            os.chown(temporary, uid, gid)
            os.chmod(temporary, mode)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.rename(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _records(path):
    """Return ``{(name, realm, property): value}``, all bytes, of the database *path*."""
    if not os.path.exists(path):
        return {}
    lines = _run("dump", path).partition("HEADER=END\n")[2].partition("DATA=END")[0].splitlines()
    cells = [bytes.fromhex(line) for line in lines]
    pairs = zip(cells[::2], cells[1::2], strict=True)
    keys = ((key.split(b"\0"), value) for key, value in pairs)
    return {tuple(key): value for key, value in keys if len(key) == 3}


def _run(what, path, given=None):
    """Run Berkeley DB's program for *what*, dump or load, on *path*; return its output."""
    programs = sorted(glob.glob(f"/usr/bin/db*_{what}"))
    if not programs:
        raise RuntimeError(f"{path}: there is no /usr/bin/db5.3_{what}; install db5.3-util")
    done = subprocess.run(
        [programs[0], path],
        input=given,
        stdin=None if given else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
        umask=0o077,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise RuntimeError(f"{path}: {os.path.basename(programs[0])} says: {said}")
    return done.stdout


def _names_file(path):
    return f"{path}.users"


def _hidden(old, new):
    hidden = postfix_sasl_things.HIDDEN
    return {"old": old and hidden, "new": new and hidden}


def _few(names, most=10):
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
