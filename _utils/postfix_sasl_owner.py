"""Who owns a path, with which mode, in names as people write them."""

import errno
import grp
import os
import pwd
import stat


def attributes(path):
    """Return {user, group, mode} of *path*, following symbolic links; None if it is missing."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return {
        "user": _name(pwd.getpwuid, status.st_uid),
        "group": _name(grp.getgrgid, status.st_gid),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }


def parents(path):
    """Return the directories that decide what *path* leads to, those of links on the way included.

    What is not there ends the way: it has yet to be made. Raises OSError for links in a circle.
    """
    found, done, names = [], "/", [name for name in path.split("/") if name][::-1]
    for _step in range(200):
        if not names:
            return list(dict.fromkeys(found))
        name = names.pop()
        if name == "..":
            done = os.path.dirname(done)
            continue
        found.append(done)
        here = os.path.join(done, name)
        if os.path.islink(here):
            link = os.readlink(here)
            done = "/" if link.startswith("/") else done
            names += [each for each in link.split("/") if each not in ("", ".")][::-1]
        elif os.path.isdir(here):
            done = here
        else:
            return list(dict.fromkeys(found))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def ids(user, group):
    """Return (uid, gid); raise NoSuchOwner where there is no such user or group."""
    return user_id(user), group_id(group)


def user_id(user):
    """Return the uid of *user*; raise NoSuchOwner where there is none."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise NoSuchOwner(f"user: got {user!r}; there is no such user on this host") from None


def group_id(group):
    """Return the gid of *group*; raise NoSuchOwner where there is none."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise NoSuchOwner(f"group: got {group!r}; there is no such group on this host") from None


def members(group):
    """Return the names of a group's members, sorted; none where there is no such group."""
    try:
        return sorted(grp.getgrnam(group).gr_mem)
    except KeyError:
        return []


class NoSuchOwner(ValueError):
    """A user or group that this host doesn't have, perhaps not yet."""


def _name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return f"#{number}"
