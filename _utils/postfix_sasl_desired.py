"""All that the formula wants of a host, as single values that can be compared one by one.

A value has a path: ``("main.cf", parameter)``, ``("master.cf", service/type)`` for an entry as
such, ``("master.cf", service/type, field)`` and ``("master.cf", service/type, "-o", option)`` for
what is in it, ``("files", path)``, ``("services", name)``, ``("packages", name)`` and so on.
"""

import os

import postfix_sasl_config
import postfix_sasl_maincf
import postfix_sasl_parts

MAIN, MASTER, FILES = "main.cf", "master.cf", "files"
OPTION = "-o"
PRESENT = "present"

# The first words of names as ``changes`` has them, and what to call such things.
_KINDS = {
    "service ": "services",
    "package ": "packages",
    "group ": "groups",
    "dpkg-statoverride ": "dpkg-statoverrides",
    "schedule ": "schedule",
    "sasl user ": "SASL users",
}


class Desired:
    """What checked *settings* ask of a host: ``asked`` and ``kept``, both ``{path: value}``.

    asked
        What the settings ask for; None for what should not be there.
    kept
        What main.cf and master.cf, or those of Debian's package, have besides, and keep.
    """

    def __init__(self, settings, host):
        self.asked, self.kept = {}, {}
        for name in postfix_sasl_parts.PARTS:
            part = postfix_sasl_parts.part(name, settings, host)
            for thing, value in part.desired().items():
                self.asked[_path(thing)] = value
            for thing in part.things:
                if isinstance(thing, postfix_sasl_config.Configuration):
                    self._split(thing)

    def _split(self, configuration):
        """Tell apart what the settings ask for and what stays as it is, inside entries, too."""
        wanted = configuration.wanted_entries
        for key in wanted:
            whole = self.asked.pop((MASTER, key))
            if whole is None:
                self.asked[MASTER, key] = None
                continue
            self.asked[MASTER, key] = PRESENT
            # What is new has nothing to keep.
            is_new = key not in configuration.entries
            asked = dict(_fields(key, wanted[key]))
            self.asked.update(dict.fromkeys(asked))
            for path, value in _fields(key, whole):
                (self.asked if is_new or path in asked else self.kept)[path] = value
        for key, fields in configuration.final_entries.items():
            if key not in wanted:
                self.kept[MASTER, key] = PRESENT
                self.kept.update(_fields(key, fields))
        main = postfix_sasl_maincf.MainCf.parse(configuration.main_plan[1]).as_dict()
        self.kept.update(
            {(MAIN, name): main[name] for name in main if (MAIN, name) not in self.asked}
        )


def has_postfix():
    """Return whether there is a main.cf, or else what Debian's package brings is assumed."""
    return os.path.exists(postfix_sasl_config.MAIN_CF)


def _fields(key, fields):
    """Yield (path, value) of each field and each option of an entry."""
    for name, value in fields.items():
        if name == "options":
            for option, text in value.items():
                yield (MASTER, key, OPTION, option), text
        else:
            yield (MASTER, key, name), value


def _path(thing):
    """Return the path of a name as ``desired()`` and ``changes()`` have it."""
    if thing.startswith("/"):
        return FILES, thing
    for start, kind in _KINDS.items():
        if thing.startswith(start):
            return kind, thing.removeprefix(start)
    return (MASTER if "/" in thing else MAIN), thing
