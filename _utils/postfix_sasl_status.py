"""How a host's mail server is, in brief: what the fleet's report asks of each host.

All of it is bounded, in time and in size, since one report holds the answers of many hosts.
"""

import contextvars
import threading
import time

import postfix_sasl_config
import postfix_sasl_daemons
import postfix_sasl_known
import postfix_sasl_live
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_probe
import postfix_sasl_textfile
import postfix_sasl_verify
from postfix_sasl_text import clean

_PROBE_SECONDS = 6
_COMPARE_SECONDS = 12
_MAX_LISTENERS = 20
_MAX_THINGS = 20
_OS_RELEASE = "/etc/os-release"
_DEBIAN_VERSION = "/etc/debian_version"


def of_this_host(salt, prepare):
    """Look at this host.

    salt
        Salt's execution functions, ``__salt__``.
    prepare
        Called at once; returns the function that compares this host with its pillar and returns
        its changes, which may take long. Either may raise what says why that can't be done.

    Returns what ``postfix_sasl.status`` returns.
    """
    codename, debian = _release()
    found = {
        "release": codename,
        "debian": debian,
        "postfix": None,
        "running": False,
        "listeners": [],
        "wrong": [],
        "drift": None,
    }
    known = postfix_sasl_known.KnownThings.here()
    if known is None:
        return found
    comparison = _Comparison(prepare)
    try:
        found["postfix"] = clean(known.defaults["mail_version"], 20)
    except postfix_sasl_known.NoAnswer as error:
        found["postfix"] = "?"
        found["wrong"].append(clean(error))
    found["running"] = postfix_sasl_daemons.Postfix(salt).running()
    if not found["running"]:
        found["wrong"].append("Postfix does not run")
    try:
        found["listeners"], wrong = _listeners(found["running"])
        found["wrong"] += wrong
    except (OSError, ValueError) as error:
        found["wrong"].append(clean(error))
    found["wrong"] = found["wrong"][:_MAX_THINGS]
    found["drift"] = comparison.outcome()
    return found


class _Comparison:
    """The comparison with the pillar, which goes on while the listeners are asked."""

    def __init__(self, prepare):
        self._done = {"drifted": None, "things": [], "error": f"no end after {_COMPARE_SECONDS} s"}
        self._thread = None
        self._deadline = time.monotonic() + _COMPARE_SECONDS
        try:
            compare = prepare()
        except Exception as error:  # whatever it is, it must not hide the rest of the answer
            self._done["error"] = _reason(error)
            return
        # Salt's functions find out through the context which minion they work for.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._compare, compare), daemon=True
        )
        self._thread.start()

    def _compare(self, compare):
        try:
            things = sorted(clean(thing, 100) for thing in compare())
        except Exception as error:  # as above
            self._done = {"drifted": None, "things": [], "error": _reason(error)}
            return
        kept = things[:_MAX_THINGS]
        if len(things) > len(kept):
            kept.append(f"{len(things) - len(kept)} more")
        self._done = {"drifted": bool(things), "things": kept, "error": None}

    def outcome(self):
        if self._thread:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        return self._done


def _reason(error):
    return clean(str(error) or type(error).__name__, 300)


def _release(os_release=_OS_RELEASE, debian_version=_DEBIAN_VERSION):
    """Return the release's name and number, empty where this host does not say."""
    names = {}
    for line in _lines(os_release):
        name, _, value = line.partition("=")
        names[name] = value.strip("'\"")
    number = next(iter(_lines(debian_version)), "") or names.get("VERSION_ID", "")
    return clean(names.get("VERSION_CODENAME") or names.get("ID", ""), 30), clean(number, 30)


def _lines(path):
    try:
        return postfix_sasl_textfile.read(path).splitlines()
    except OSError:
        return []


def _listeners(running):
    """Return the listeners, and what is wrong with them in words. Raises OSError, ValueError."""
    main_text = postfix_sasl_textfile.read_config(postfix_sasl_config.MAIN_CF)
    master_text = postfix_sasl_textfile.read_config(postfix_sasl_config.MASTER_CF)
    main = postfix_sasl_maincf.MainCf.parse(main_text).as_dict()
    entries = postfix_sasl_mastercf.MasterCf.parse(master_text).entries()
    conf = postfix_sasl_live.read_smtpd_conf(main) or {}
    mechanisms = conf.get("mech_list", "").upper().split()
    wanted = postfix_sasl_verify.expectations(main, entries, mechanisms)[:_MAX_LISTENERS]
    if not running:
        return [_listener(key, port) for key, _, port, _, _ in wanted], []
    results = postfix_sasl_probe.probe_all(
        [(address, port, tls) for _, address, port, tls, _ in wanted], _PROBE_SECONDS
    )
    listeners, wrong = [], []
    for (key, _, port, _, expected), seen in zip(wanted, results, strict=True):
        if not mechanisms:
            # Without a list all plug-ins offer theirs, and only Cyrus SASL knows which there are.
            expected = {"tls": expected["tls"]}
        listeners.append(_listener(key, port, seen))
        wrong += [clean(text) for text in postfix_sasl_probe.checks(seen, expected)]
    return listeners, wrong


def _listener(key, port, seen=None):
    seen = seen or {"connected": False, "error": None, "tls_version": None, "certificate": None}
    has_tls = seen["tls_version"] is not None
    return {
        "name": clean(key, 60),
        "port": port,
        "open": seen["connected"] and not seen["error"],
        "auth": [clean(name, 30) for name in seen.get("auth_tls" if has_tls else "auth", [])[:10]],
        "tls": seen["tls_version"],
        "certificate": _certificate(seen["certificate"]),
    }


def _certificate(seen):
    if not seen:
        return None
    return {
        "name": clean((seen["names"] or [seen["subject"]])[0], 100),
        "days_left": seen["days_left"],
        "not_after": seen["not_after"],
        "self_signed": seen["self_signed"],
    }
