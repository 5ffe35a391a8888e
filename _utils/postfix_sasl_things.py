"""Things a host should have: each says what it would change and changes it.

Every thing has ``desired()``, which returns ``{name: what it should be}`` without a look at what
is there, ``changes()``, which reads the host and returns ``{name: {"old", "new"}}`` (empty where
nothing is due), and ``apply()``, which makes it so. Only ``apply()`` touches anything.
"""

import os
import stat

import postfix_sasl_owner
import postfix_sasl_statoverride
import postfix_sasl_swap
import postfix_sasl_textfile

HIDDEN = "(hidden)"
# One of the first lines of each file that is ours as a whole.
MANAGED = "# Managed by the postfix_sasl formula; changes made here are overwritten.\n"


class NotOurs(RuntimeError):
    """What stands in the place of a thing is somebody else's; the message says what to do."""


class Secret(str):
    """A text that is compared and written, and never shown."""


class File:
    """A file whose whole text we own; *text* None means there is no such file.

    path, text, user, group
        text
    mode
        int, such as 0o644
    secret
        whether to keep the text out of ``changes``
    """

    def __init__(self, path, text, user="root", group="root", mode=0o644, secret=False):
        self.path, self.text, self.secret = path, text, secret
        self.user, self.group, self.mode = user, group, mode

    def desired(self):
        """Return owner, group, mode and text; None instead of them for no file."""
        if self.text is None:
            return {self.path: None}
        new = _attributes(self.user, self.group, self.mode)
        return {self.path: {**new, "text": Secret(self.text) if self.secret else self.text}}

    def changes(self):
        """Return what differs: text, owner, group and mode, each only where it does."""
        old, new = postfix_sasl_owner.attributes(self.path), self.desired()[self.path]
        if new is None:
            return {} if old is None else {self.path: {"old": "present", "new": None}}
        if old is not None:
            old["text"] = postfix_sasl_textfile.read(self.path)
        self._check_link(old and old["text"])
        return difference(self.path, old, new, self._shown)

    def _shown(self, name, value):
        return HIDDEN if self.secret and name == "text" else value

    def apply(self):
        """Write the file, or correct its owner and mode, or remove it."""
        if self.text is None:
            os.unlink(self.path)
            return
        mode, uid, gid = self.attributes()
        if os.path.islink(self.path):
            self.changes()  # looks again whether it may be written
        os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
        if not postfix_sasl_textfile.write(self.path, self.text, mode, uid, gid, anew=True):
            os.chown(self.path, uid, gid)
            os.chmod(self.path, mode)

    def _check_link(self, old):
        """Raise NotOurs for a link to a file that is not ours: a link to anywhere is no order."""
        if not os.path.islink(self.path) or postfix_sasl_swap.is_under_way(self.path):
            return
        first_lines = "".join((old or "").splitlines(keepends=True)[:3])
        if old != self.text and MANAGED not in first_lines:
            raise NotOurs(
                f"{self.path} is a link to {os.readlink(self.path)}, which is not the formula's "
                f"own file; remove the link: rm {self.path}"
            )

    def attributes(self):
        """Return (mode, uid, gid) that the file should have; raise NoSuchOwner."""
        return (self.mode, *postfix_sasl_owner.ids(self.user, self.group))


class Directory:
    """A real directory with owner and mode; parents are made root:root 0755."""

    def __init__(self, path, user="root", group="root", mode=0o755):
        self.path, self.user, self.group, self.mode = path, user, group, mode

    def desired(self):
        """Return owner, group and mode."""
        return {self.path: _attributes(self.user, self.group, self.mode)}

    def changes(self):
        """Return what differs, owner, group and mode each only where it does.

        Raises NotOurs where somebody else than root could have put something else in its place.
        """
        self._check_parents()
        old = postfix_sasl_owner.attributes(self.path)
        return difference(self.path, old, self.desired()[self.path])

    def _check_parents(self):
        """Raise NotOurs unless only root can say what *path* is, links on the way included.

        Owner and mode are given to what the path leads to: whoever may rename things on the way
        could have root's own directories opened to him.
        """
        for parent in postfix_sasl_owner.parents(self.path):
            status = os.stat(parent)
            if status.st_uid or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise NotOurs(
                    f"{self.path}: others than root can write to {parent}, and might put a link "
                    "there; take a directory elsewhere"
                )

    def apply(self):
        """Make the directory, closed until its owner is right."""
        self._check_parents()
        os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
        if not os.path.isdir(self.path):
            os.mkdir(self.path, mode=0o700)
        os.chown(self.path, *postfix_sasl_owner.ids(self.user, self.group))
        os.chmod(self.path, self.mode)


class StatOverride:
    """A registered dpkg-statoverride; the path itself is another thing's concern."""

    def __init__(self, path, user, group, mode):
        self.path = path
        self.wanted = _attributes(user, group, mode)

    def desired(self):
        """Return owner, group and mode that should be registered."""
        return {f"dpkg-statoverride {self.path}": self.wanted}

    def changes(self):
        """Return the registered owner, group and mode where they differ."""
        ((name, wanted),) = self.desired().items()
        return difference(name, postfix_sasl_statoverride.registered(self.path), wanted)

    def apply(self):
        """Register it, in place of what is registered for the path."""
        postfix_sasl_statoverride.register(self.path, **self.wanted)


class Membership:
    """A user who should be in a group."""

    def __init__(self, user, group, salt):
        self.user, self.group, self.salt = user, group, salt

    def desired(self):
        """Return the member the group should have, whoever else is in it."""
        return {f"group {self.group}": {"member": self.user}}

    def changes(self):
        """Return the group's members before and after."""
        members = postfix_sasl_owner.members(self.group)
        if self.user in members:
            return {}
        return {f"group {self.group}": {"old": members, "new": sorted([*members, self.user])}}

    def apply(self):
        """Add the user to the group; raise RuntimeError where that fails."""
        if not self.salt["group.adduser"](self.group, self.user):
            raise RuntimeError(
                f"user {self.user} could not be added to group {self.group}; "
                f"try: gpasswd -a {self.user} {self.group}"
            )


def _attributes(user, group, mode):
    return {"user": user, "group": group, "mode": f"{mode:04o}"}


def difference(thing, old, new, shown=lambda _name, value: value):
    """Return {thing: {old, new}} with only the attributes that differ; old None is all new."""
    names = [name for name in new if old is None or old[name] != new[name]]
    if not names:
        return {}
    return {
        thing: {
            "old": None if old is None else {name: shown(name, old[name]) for name in names},
            "new": {name: shown(name, new[name]) for name in names},
        }
    }
