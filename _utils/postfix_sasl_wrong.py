"""What is wrong with a value of the pillar: why, where inside it, and what is like it."""

import difflib
import re

import postfix_sasl_lines


class Wrong(ValueError):
    """A value that a key can't have.

    reason
        What the key takes, or why the value is refused (text).
    got
        The offending value.
    path
        Where inside the value it is: names and list positions, outermost first.
    """

    def __init__(self, reason, got=None, path=()):
        super().__init__(reason)
        self.reason, self.got, self.path = reason, got, tuple(map(str, path))
        self.each = [self]

    def inside(self, name):
        """Return this error, seen from the container that holds *name*."""
        self.path = (str(name), *self.path)
        return self

    def __str__(self):
        return f"got {postfix_sasl_lines.shown(self.got)}; {self.reason}"

    def discreet(self):
        """Return the message without the value, which is secret."""
        return f"got {_KINDS.get(type(self.got), 'something else')}; {self.reason}"


_KINDS = {
    bool: "true or false",
    dict: "a dictionary",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "text",
    type(None): "null",
}


class Several(Wrong):
    """Several values that are wrong, one ``Wrong`` for *each*."""

    def __init__(self, each):
        super().__init__("several are wrong")
        self.each = each


class UnknownName(Wrong):
    """A name that is not among the *known* ones.

    sibling
        The known name that it looks like, or None.
    """

    def __init__(self, name, known):
        super().__init__("unknown")
        self.known, self.sibling = known, nearest(name, known)

    def __str__(self):
        return f"got an unknown key; it takes {', '.join(self.known)}"

    discreet = __str__


class Refused(Wrong):
    """A value refused by code that has a whole message for it, which begins with a label."""

    def __init__(self, error, path=()):
        # "smtp/inet: chroot: got 'maybe'; takes y, n or -": the full key says the label better.
        text = re.sub(r"^.*?: (?=got |takes )", "", str(error), flags=re.DOTALL)
        super().__init__(text, path=path)

    def __str__(self):
        return self.reason

    def discreet(self):
        """Return the message without what it quotes."""
        return self.reason.rpartition("; ")[2]


def nearest(name, known, cutoff=0.6):
    """Return the entry of *known* that looks most like *name*, or None if none reaches *cutoff*."""
    plain = {str(each).lower(): each for each in known}
    matches = difflib.get_close_matches(str(name).lower(), plain, n=1, cutoff=cutoff)
    return plain[matches[0]] if matches else None
