"""The formula taken off a host: what it asks for, turned back to what Debian ships.

What the formula wants says what to turn back; its mark in a file says that the file is ours. A
host where no file has the mark is left alone.
"""

import os

import postfix_sasl_absent
import postfix_sasl_config
import postfix_sasl_dovecot
import postfix_sasl_fail2ban
import postfix_sasl_fetchmail
import postfix_sasl_keypair
import postfix_sasl_pam
import postfix_sasl_parts
import postfix_sasl_relay
import postfix_sasl_sasl
import postfix_sasl_saslauthd
import postfix_sasl_sasldb
import postfix_sasl_schedule
import postfix_sasl_senders
import postfix_sasl_services
import postfix_sasl_stock
import postfix_sasl_things
import postfix_sasl_transaction

_SASL_FILES = f"{postfix_sasl_sasl.CONFIG_DIRECTORY}/*.conf"
# What Postfix reads of ours, besides main.cf and master.cf.
_READ_BY_POSTFIX = (_SASL_FILES, postfix_sasl_keypair.STORE, postfix_sasl_relay.TABLE)
_HOOKS = (postfix_sasl_keypair.CERTBOT_HOOK, postfix_sasl_keypair.OTHER_HOOK)

# What can go alone: the key that asks for it, its value for "no", and what takes it off.
PARTS = {
    "fetchmail": (
        "fetchmail:enabled",
        False,
        lambda settings, host: postfix_sasl_fetchmail.removal(settings, host.salt),
    ),
    "fail2ban": (
        "fail2ban",
        False,
        lambda _settings, host: postfix_sasl_fail2ban.removal(host.salt),
    ),
    "drift": ("drift:mode", "off", lambda _settings, host: postfix_sasl_schedule.removal(host)),
}


def part_removal(name, settings, host):
    """Return the ``postfix_sasl_parts.Part`` that takes one part off *host*, and leaves the rest.

    name
        One of PARTS.
    settings
        Checked settings. Where they still ask for the part, that is said.
    """
    key, off, removal_of = PARTS[name]
    things = removal_of(settings, host) or [_Nothing(f"the formula's {name}")]
    remarks = []
    if settings[key] != off:
        value = str(settings[key]).lower()
        remarks.append(
            f"postfix_sasl:{key} is {value}: the next apply of postfix_sasl brings it back"
        )
    return postfix_sasl_parts.Part(things, remarks=remarks)


def removal(settings, host):
    """Return the ``postfix_sasl_parts.Part`` that takes the formula off *host*.

    settings
        Checked settings: they tell which parameters and entries the formula was asked for.
    """
    read_by_postfix = _files(*_READ_BY_POSTFIX)
    hooks = _files(*_HOOKS)
    others = [
        *postfix_sasl_fail2ban.removal(host.salt),
        *postfix_sasl_fetchmail.removal(settings, host.salt),
        *postfix_sasl_pam.removal(),
        *postfix_sasl_dovecot.removal(host.salt),
        *postfix_sasl_sasldb.removal(host.salt),
        *postfix_sasl_saslauthd.removal(host.salt),
    ]
    things = [*hooks, *read_by_postfix, *others]
    watching = postfix_sasl_schedule.removal(host)
    if not things and not postfix_sasl_transaction.is_unfinished():
        return postfix_sasl_parts.Part(watching or [_Nothing()])
    if os.path.exists(postfix_sasl_config.MAIN_CF):
        things = [*hooks, _Configuration(settings, host.salt), *others]
    # Nobody shall put back what goes here, and nobody bring a certificate any more. Then Postfix
    # stops asking, and what a killed run would be recognised by goes last.
    things = [*watching, *things]
    return postfix_sasl_parts.Part(things, postfix_sasl_parts.reload_for_group(host))


def entries_before(wanted, current, release):
    """Return service entries as Debian has them: changes to the *current* ones.

    wanted
        What the formula asks for, see ``postfix_sasl_services.entries``.
    current
        The entries master.cf has now.
    release
        The Debian release.

    An entry that is not Debian's goes, unless the formula only changed one that was there; that
    loses the options the formula added.
    """
    stock = postfix_sasl_stock.MASTER[release]
    before = {}
    for key, fields in wanted.items():
        if key not in stock:
            is_whole = fields is None or "command" in fields
            before[key] = None if is_whole else _turned_back(fields, {"options": {}})
        elif key not in current:
            before[key] = stock[key]
        elif fields is not None:
            before[key] = _turned_back(fields, stock[key])
    for key, fields in current.items():
        unchrooted = ("smtpd_sasl_path", postfix_sasl_services.UNCHROOTED_SASL_PATH)
        if unchrooted in fields["options"].items() and before.get(key, {}) is not None:
            options = {**before.get(key, {}).get("options", {}), "smtpd_sasl_path": None}
            before[key] = {**before.get(key, {}), "options": options}
    _give_ports_back(before, current, stock)
    return before


def _turned_back(fields, stock):
    """Return what *stock* has for each of the *fields* and options; None for no option."""
    before = {name: stock[name] for name in fields if name in stock}
    before["options"] = {name: stock["options"].get(name) for name in fields.get("options", {})}
    return before


def _give_ports_back(before, current, stock):
    """Restore Debian's entries where another name held their port, and no other has it then."""
    removed = [key for key, fields in before.items() if fields is None and key in current]
    staying = [key for key in current if key not in removed]
    for key in stock:
        if any(postfix_sasl_services.has_same_place(key, other) for other in removed):
            before.setdefault(key, stock[key])
        if key not in current and any(postfix_sasl_services.clash(key, one) for one in staying):
            before.pop(key, None)


class _Configuration(postfix_sasl_config.Configuration):
    """Postfix's configuration without the formula."""

    def want(self):
        """Work out ``wanted_main`` and ``wanted_entries``."""
        release = postfix_sasl_stock.release()
        wanted_main = postfix_sasl_config.main_cf(self.settings)
        wanted_main.update(postfix_sasl_relay.parameters_before(self.settings, self.main))
        # Also where the pillar has lost the key since: without it they are not ours.
        wanted_main.update(postfix_sasl_senders.leftovers(self.main, {}))
        wanted_entries = postfix_sasl_services.entries(self.settings, self.entries)
        self.wanted_main = postfix_sasl_stock.main_before(wanted_main, self.main, release)
        self.wanted_entries = entries_before(wanted_entries, self.entries, release)

    def wanted_files(self):
        """Return the files besides main.cf and master.cf that Postfix reads and that are ours."""
        return _files(*_READ_BY_POSTFIX)

    def has_older_certificate(self):
        """Return False: what Postfix uses besides is no concern of ours any more."""
        return False


class _Nothing:
    """Nothing to take off: a thing that is never due."""

    def __init__(self, what="the postfix_sasl formula"):
        self.notes = [f"nothing of {what} is on this host"]

    def changes(self):
        """Return no changes."""
        return {}


def _files(*patterns):
    """Return the files of ours that match one of the *patterns*, as things."""
    paths = postfix_sasl_absent.ours(*patterns)
    return [postfix_sasl_things.File(path, None) for path in paths]
