"""Where each value of the desired configuration comes from.

There is no list that says which setting makes which value. The configuration is worked out again
for each key of the pillar, with the key left out and with other values of it, by the same code
that an apply uses; what differs then depends on the key.
"""

from typing import Any, NamedTuple

import postfix_sasl_alternatives
import postfix_sasl_desired
import postfix_sasl_settings
import postfix_sasl_stock
from postfix_sasl_desired import MASTER, Desired
from postfix_sasl_options import OPTIONS

PILLAR, DEFAULT, RELEASE, DERIVED, HOST = "pillar", "default", "release", "derived", "host"
_MISSING = object()


class Origin(NamedTuple):
    """Where a value comes from.

    kind
        ``pillar`` (it is the value of a key the pillar gives), ``default`` (of a key it does not
        give, or the formula's own where no key changes it), ``release`` (this Debian has it so),
        ``derived`` (from one or more keys) or ``host`` (it is there, and nothing asks for another).
    keys
        The keys it depends on, those that the pillar gives first: paths such as
        ``("tls:profile",)`` or ``("main", "message_size_limit")``.
    by_release
        Whether another Debian release has another value.
    """

    kind: str
    keys: tuple = ()
    by_release: bool = False


class Values:
    """The desired configuration of a host, with the origin of each value.

    pillar
        The value of the pillar key ``postfix_sasl``, valid.
    host
        The ``postfix_sasl_parts.Host``.
    """

    def __init__(self, pillar, host):
        self.given = postfix_sasl_settings.given(pillar)
        self.settings = postfix_sasl_settings.check_flat(self.given)
        self._host = host
        desired = Desired(self.settings, host)
        self.asked, self.kept = desired.asked, desired.kept
        self._keys = {path: [] for path in self.asked}
        self._by_release = set()
        self._vary()

    def origins(self):
        """Return ``{path: Origin}`` of all values, asked for and kept."""
        found = {path: self._origin(path) for path in self.asked}
        kind = HOST if postfix_sasl_desired.has_postfix() else RELEASE
        found.update(dict.fromkeys(self.kept, Origin(kind)))
        return found

    def setting(self, key):
        """Return the value of a *key*, a path as in Origin; None where it is not given."""
        value: Any = self.settings[key[0]]
        for name in key[1:]:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def is_given(self, key):
        """Return whether the pillar gives *key*."""
        return key[0] in self.given

    def _vary(self):
        """Work out the configuration with each key left out, and with other values of it."""
        for path, pillars in postfix_sasl_alternatives.without(self.given):
            results = map(self._differing, pillars)
            self._note(next(filter(None, results), ()), path)
        for key in OPTIONS:
            for other in postfix_sasl_alternatives.of_key(key, self.settings[key]):
                self._note(self._differing({**self.given, **other}) or (), (key,))
        for release in postfix_sasl_stock.RELEASES:
            if release != postfix_sasl_stock.release():
                with postfix_sasl_stock.assumed(release):
                    self._by_release.update(self._differing(self.given) or ())

    def _note(self, paths, key):
        for path in paths:
            if key not in self._keys[path]:
                self._keys[path].append(key)

    def _differing(self, given):
        """Return the paths of the values that are others with the keys *given*.

        None where these are no pillar, or none for this host: that tells nothing of others.
        """
        try:
            settings = postfix_sasl_settings.check_flat(given)
            asked = Desired(settings, self._host).asked
        except (OSError, RuntimeError, ValueError):
            return None
        return [
            path
            for path, value in self.asked.items()
            if asked.get(path, _MISSING) != value and _is_comparable(path, asked)
        ]

    def _origin(self, path):
        keys = _most_exact(self._keys[path])
        keys.sort(key=lambda key: not self.is_given(key))
        by_release = path in self._by_release
        if not keys:
            return Origin(RELEASE if by_release else DEFAULT, (), by_release)
        for key in keys:
            if self._is_as_given(path, key):
                return Origin(PILLAR if self.is_given(key) else DEFAULT, (key,))
        return Origin(DERIVED, tuple(keys), by_release)

    def _is_as_given(self, path, key):
        """Return whether the value is that of *key*; null is one only where it is asked for."""
        value = self.asked[path]
        if value is None and not (self.is_given(key) and len(key) > 1):
            return False
        return value in _as_written(self.setting(key))


def _is_comparable(path, asked):
    """Return whether *asked* has the entry that *path* is in: without it, nothing can be told."""
    return path[0] != MASTER or len(path) == 2 or asked.get(path[:2]) is not None


def _most_exact(keys):
    """Return *keys* without those that merely hold another one of them."""
    return [
        key for key in keys if not any(other != key and other[: len(key)] == key for other in keys)
    ]


def _as_written(value):
    """Return how a setting's *value* may stand in Postfix's files when it is taken as it is."""
    if isinstance(value, bool):
        return ("yes", "y") if value else ("no", "n")
    if isinstance(value, list):
        return (", ".join(map(str, value)),)
    return (value, str(value))
