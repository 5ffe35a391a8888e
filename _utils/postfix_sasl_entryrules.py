"""What each service entry of master.cf must have for its daemon to run.

postconf(1) checks the columns' grammar. Beyond that, master(8) ends at an inet entry that is
private, at a path in place of a name and at an unbalanced brace; and each daemon has demands of
its own, which it states with a fatal error whenever it is started: "requires a process limit
of 1", "requires privileged operation", "unexpected command-line argument", "invalid option". A
command that isn't there is a daemon that fails at once. In all of these the port is open, the
other services go on, and who talks to this one waits in vain.
"""

import os
import re

import postfix_sasl_lines as lines
import postfix_sasl_masterentry as masterentry

# By the process limit they demand; a "-" counts as default_process_limit.
_LIMITS = {
    "1": ("anvil", "pickup", "postlogd", "postscreen", "qmgr", "scache", "tlsmgr", "verify"),
    "0": ("bounce", "cleanup", "dnsblog", "flush", "tlsproxy"),
}
_LIMIT_OF = {name: limit for limit, names in _LIMITS.items() for name in names}
_PRIVILEGED = ("local", "pipe", "spawn", "virtual")
# These take words after their options, of the form name=value.
_WITH_WORDS = {"pipe": ("user=", "argv="), "spawn": ("user=", "argv=")}
_OWN = (
    "anvil bounce cleanup discard dnsblog error flush lmtp local pickup pipe postlogd postscreen "
    "proxymap qmgr qmqpd scache showq smtp smtpd spawn tlsmgr tlsproxy trivial-rewrite verify "
    "virtual"
).split()
# What the daemons' common main programs take, see single_server(3) and its kin.
_FLAGS = re.compile(r"-[DVSdluvz]+|-[cimnst].*")
_BLANK = "a blank ends the value: write it with commas alone, or as -o { name = value }"


def problems(key, fields, daemons, queue_directory):
    """Check one entry.

    key
        ``service/type``.

    fields
        The entry as a dictionary.

    daemons
        The names in daemon_directory, or None where they are not known.

    queue_directory
        Where the sockets of the local services are.

    Returns a list of texts.
    """
    found = _columns(key, fields)
    service, _, kind = key.rpartition("/")
    if kind != "inet" and "/" in service:
        side = "public" if fields["private"] == "n" else "private"
        directory = os.path.join(queue_directory, side, os.path.dirname(service))
        if not os.path.isdir(directory):
            found.append(f"takes a name without a / (master stops at this): no {directory}")
    command = fields["command"]
    if daemons is None and "/" in command:
        found.append(f"command: got {command!r}; takes the name of a program in daemon_directory")
    elif daemons is not None and command not in daemons:
        near = lines.nearest(command, daemons)
        found.append(f"command: there is no {command!r} in daemon_directory{near}")
    return found + _demands(command, fields) + _words(command, fields["args"])


def _columns(key, fields):
    found = []
    for name, (takes, in_words) in masterentry.COLUMNS.items():
        if not takes.fullmatch(fields[name]):
            found.append(f"{name}: got {fields[name]!r}; takes {in_words}")
    kind = key.rpartition("/")[2]
    if kind not in masterentry.TYPES:
        near = lines.nearest(kind, masterentry.TYPES)
        found.append(f"type: got {kind!r}; takes {', '.join(masterentry.TYPES)}{near}")
    elif kind == "inet" and fields["private"] in ("y", "-"):
        found.append(
            f"private: got {fields['private']!r}; an inet entry takes only n (master stops at this)"
        )
    return found


def _demands(command, fields):
    found = []
    limit = _LIMIT_OF.get(command)
    if limit and fields["process_limit"] != limit:
        got = fields["process_limit"]
        found.append(f"process_limit: got {got!r}; {command} runs only with {limit}")
    if command in _PRIVILEGED and fields["unprivileged"] != "n":
        got = fields["unprivileged"]
        found.append(f"unprivileged: got {got!r}; {command} runs only with n")
    if command == "smtpd" and fields["unprivileged"] == "n":
        found.append("unprivileged: got 'n'; smtpd runs only with y or -")
    return found


def _words(command, args):
    """Check what follows the command and its options; other people's daemons take anything."""
    if command not in _OWN:
        return []
    flags, rest = masterentry.split_words(args)
    for at, flag in enumerate(flags):
        if "o" in flag:  # with a name and a value it would be among the options
            got = " ".join([flag, *[*flags, *rest][at + 1 : at + 2]])
            return [f"got {got!r}; -o takes name=value"]
        if not _FLAGS.fullmatch(flag):
            return [f"got the option {flag!r}, which {command} does not have; -v says more"]
    needs = _WITH_WORDS.get(command)
    if needs is None:
        text = f"which {command} does not take; {_BLANK}"
        return [f"got the word {rest[0]!r}, {text}"] if rest else []
    missing = [need for need in needs if not any(word.startswith(need) for word in rest)]
    return [f"args: {command} needs {' and '.join(missing)}"] if missing else []
