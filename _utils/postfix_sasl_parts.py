"""The parts of a host that the formula looks after, each a list of things in the order of need.

A part is compared as a whole first and then changed, so that a dry run and the real run report
the same.
"""

import os

import postfix_sasl_config
import postfix_sasl_daemons
import postfix_sasl_dovecot
import postfix_sasl_fail2ban
import postfix_sasl_fetchmail
import postfix_sasl_msmtp
import postfix_sasl_packages
import postfix_sasl_pam
import postfix_sasl_relay
import postfix_sasl_saslauthd
import postfix_sasl_sasldb
import postfix_sasl_schedule
import postfix_sasl_services
import postfix_sasl_tls


class Host:
    """What the parts need to know of the host they work on.

    salt
        Salt's execution functions, ``__salt__``.
    context
        A dictionary that lives as long as the run, ``__context__``.
    opts
        The minion's configuration, ``__opts__``.
    saltenv
        The environment that the formula comes from.
    """

    _MISSING = "postfix_sasl.missing_before_this_run"
    _MARKS = (
        postfix_sasl_config.MAIN_CF,
        postfix_sasl_fetchmail.PROGRAM,
        postfix_sasl_dovecot.PROGRAM,
        postfix_sasl_fail2ban.PROGRAM,
    )

    def __init__(self, salt, context, opts=None, saltenv="base"):
        self.salt, self.context = salt, context
        self.opts, self.saltenv = opts or {}, saltenv

    def fresh(self, path):
        """Return whether there was no file *path*, one of _MARKS, when this run began.

        Asked once for each: the context of a minion that does not fork outlives the run.
        """
        missing = self.context.get(self._MISSING, [])
        if path in missing:
            missing.remove(path)
            return True
        return not os.path.exists(path)

    def remember_fresh(self):
        """Note, before the packages come, which of their files are not there."""
        self.context[self._MISSING] = [path for path in self._MARKS if not os.path.exists(path)]


class Part:
    """Things that are compared together and then applied in order.

    things
        Objects with ``changes()`` and ``apply()``. One that looks again before it changes anything
        has ``made(changes)`` besides: what it changed in the end, of what it said it would.
    afterwards
        Called with the changes once everything is applied.
    remarks
        Lines for an admin, whatever the things have to say.
    """

    def __init__(self, things, afterwards=None, remarks=()):
        self.things, self.afterwards, self.remarks = things, afterwards, remarks

    def desired(self):
        """Return ``{name: what it should be}`` of every thing there should be."""
        return {
            name: wanted
            for thing in self.things
            if hasattr(thing, "desired")
            for name, wanted in thing.desired().items()
        }

    def changes(self):
        """Return the changes of every thing, as one dictionary."""
        return {name: change for _thing, changes in self._due() for name, change in changes.items()}

    def apply(self):
        """Apply what is due; return its changes."""
        due = self._due()
        made = {}
        for thing, changes in due:
            thing.apply()
            made.update(thing.made(changes) if hasattr(thing, "made") else changes)
        if made and self.afterwards:
            self.afterwards(made)
        return made

    def notes(self):
        """Return what an admin should know though nothing is changed for it, a list of lines."""
        of_things = [note for thing in self.things for note in getattr(thing, "notes", ())]
        return [*self.remarks, *of_things]

    def _due(self):
        compared = [(thing, thing.changes()) for thing in self.things]
        return [(thing, changes) for thing, changes in compared if changes]


_PACKAGES = {
    "saslauthd": ("sasl2-bin", "libsasl2-modules"),
    "sasldb": ("sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"),
    "dovecot": ("dovecot-core",),
}


def part(name, settings, host):
    """Return the Part called *name* for checked *settings*."""
    return PARTS[name](settings, host)


def _package(settings, host):
    packages = ["postfix", *_PACKAGES[settings["sasl:backend"]], "ssl-cert"]
    if settings["fetchmail:enabled"]:
        packages.append("fetchmail")
    packages += postfix_sasl_msmtp.packages(settings)
    packages += postfix_sasl_fail2ban.packages(settings)
    packages += postfix_sasl_relay.packages(settings)
    return Part([postfix_sasl_packages.Packages(packages, host.salt, host.remember_fresh)])


def _backend(settings, host):
    """What checks passwords, set up before smtpd is told of it."""
    backend = settings["sasl:backend"]
    if backend == "dovecot":
        fresh = host.fresh(postfix_sasl_dovecot.PROGRAM)
        return Part(postfix_sasl_dovecot.things(settings, host.salt, fresh))
    users = postfix_sasl_sasldb.things(
        settings, host.salt, lambda: postfix_sasl_config.realm(settings)
    )
    if backend == "sasldb":
        return Part(users)
    current = postfix_sasl_config.current_entries()
    wanted = postfix_sasl_services.entries(settings, current)
    entries = postfix_sasl_services.merged(current, wanted)
    saslauthd = postfix_sasl_saslauthd.things(settings, host.salt, entries)
    return Part([*users, *saslauthd], remarks=postfix_sasl_saslauthd.remarks(settings))


def _other_backends(settings, host):
    """Return what takes off what checked passwords before, as things."""
    backend, things = settings["sasl:backend"], []
    if backend != "saslauthd":
        things += postfix_sasl_pam.removal()
        things += postfix_sasl_saslauthd.removal(host.salt, leave_group=backend == "sasldb")
    things += postfix_sasl_sasldb.removal(
        host.salt, postfix_sasl_sasldb.database(settings), leave_group=backend != "dovecot"
    )
    if backend != "dovecot":
        things += postfix_sasl_dovecot.removal(host.salt)
    return things


def reload_for_group(host):
    """Return what a Part does ``afterwards`` so that Postfix notices a change of its groups."""

    def reload(changes):
        # master(8) looks groups up for each process it starts; those it has keep the old ones.
        postfix = postfix_sasl_daemons.Postfix(host.salt)
        if f"group {postfix_sasl_saslauthd.GROUP}" in changes and postfix.running():
            postfix.reload()

    return reload


def _pam(settings, host):
    return Part(postfix_sasl_pam.files(settings))


def _tls(settings, host):
    return Part(postfix_sasl_tls.things(settings))


def _config(settings, host):
    fresh = host.fresh(postfix_sasl_config.MAIN_CF)
    configuration = postfix_sasl_config.Configuration(settings, host.salt, fresh)
    # Only once smtpd asks somebody else, and has been seen to work.
    return Part([configuration, *_other_backends(settings, host)], reload_for_group(host))


def _fetchmail(settings, host):
    fresh = host.fresh(postfix_sasl_fetchmail.PROGRAM)
    return Part(postfix_sasl_fetchmail.things(settings, host.salt, fresh))


def _fail2ban(settings, host):
    fresh = host.fresh(postfix_sasl_fail2ban.PROGRAM)
    return Part(postfix_sasl_fail2ban.things(settings, host.salt, fresh))


def _drift(settings, host):
    wanted = postfix_sasl_schedule.job(settings, host.saltenv)
    return Part([postfix_sasl_schedule.Job(wanted, host)])


PARTS = {
    "package": _package,
    "saslauthd": _backend,
    "pam": _pam,
    "tls": _tls,
    "config": _config,
    "fetchmail": _fetchmail,
    "fail2ban": _fail2ban,
    "drift": _drift,
}
