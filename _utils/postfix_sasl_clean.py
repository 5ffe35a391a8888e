"""The formula taken off a host: what it asks for, turned back to what Debian ships.

What the formula wants says what to turn back; its mark in a file says that the file is ours. A
host where no file has the mark is left alone.
"""

import os

import postfix_sasl_absent
import postfix_sasl_config
import postfix_sasl_dovecot
import postfix_sasl_fetchmail
import postfix_sasl_maincf
import postfix_sasl_pam
import postfix_sasl_parts
import postfix_sasl_sasl
import postfix_sasl_saslauthd
import postfix_sasl_sasldb
import postfix_sasl_schedule
import postfix_sasl_services
import postfix_sasl_stock
import postfix_sasl_things
import postfix_sasl_transaction

_SASL_FILES = f"{postfix_sasl_sasl.CONFIG_DIRECTORY}/*.conf"


def removal(settings, host):
    """Return the ``postfix_sasl_parts.Part`` that takes the formula off *host*.

    settings
        Checked settings: they tell which parameters and entries the formula was asked for.
    """
    sasl_files = [
        postfix_sasl_things.File(path, None) for path in postfix_sasl_absent.ours(_SASL_FILES)
    ]
    others = [
        *postfix_sasl_fetchmail.removal(settings, host.salt),
        *postfix_sasl_pam.removal(),
        *postfix_sasl_dovecot.removal(host.salt),
        *postfix_sasl_sasldb.removal(host.salt),
        *postfix_sasl_saslauthd.removal(host.salt),
    ]
    watching = postfix_sasl_schedule.removal(host)
    if not sasl_files and not others and not postfix_sasl_transaction.is_unfinished():
        return postfix_sasl_parts.Part(watching or [_Nothing()])
    if os.path.exists(postfix_sasl_config.MAIN_CF):
        sasl_files = [_Configuration(settings, host.salt)]
    # Nobody shall put back what goes here. Postfix stops asking first then, and what a killed run
    # would be recognised by goes last.
    things = [*watching, *sasl_files, *others]
    return postfix_sasl_parts.Part(things, postfix_sasl_parts.reload_for_group(host))


def main_before(names, main, release):
    """Return ``{parameter: text, or None to remove it}``: what Debian gives these parameters.

    names
        The parameters.
    main
        main.cf as it is, ``{parameter: text}``.
    release
        The Debian release.

    Parameters that Debian takes from the host, such as its name, are left out.
    """
    stock = postfix_sasl_stock.MAIN[release]
    # Debian sets these or none of them; those that are not ours tell.
    others = postfix_sasl_stock.NEEDS_SSL_CERT & set(stock) - set(names)
    had_certificate = not others or any(name in main for name in others)
    before = {}
    for name in names:
        is_set = had_certificate or name not in postfix_sasl_stock.NEEDS_SSL_CERT
        if name not in stock or not is_set:
            before[name] = None
        elif stock[name] is not None:
            before[name] = stock[name]
    return before


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
        main = postfix_sasl_maincf.MainCf.parse(self.main_text).as_dict()
        wanted_main = postfix_sasl_config.main_cf(self.settings)
        wanted_entries = postfix_sasl_services.entries(self.settings, self.entries)
        self.wanted_main = main_before(wanted_main, main, release)
        self.wanted_entries = entries_before(wanted_entries, self.entries, release)

    def sasl_files(self):
        """Return ``{path: None}`` of Cyrus SASL's configuration, as far as it is ours."""
        return dict.fromkeys(postfix_sasl_absent.ours(_SASL_FILES))


class _Nothing:
    """Nothing to take off: a thing that is never due."""

    notes = ("nothing of the postfix_sasl formula is on this host",)

    def changes(self):
        """Return no changes."""
        return {}
