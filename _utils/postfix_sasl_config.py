"""Postfix's configuration as one thing: main.cf, master.cf, smtpd.conf, and Postfix running it."""

import os

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_keypair
import postfix_sasl_known
import postfix_sasl_limits
import postfix_sasl_macros
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_protocol
import postfix_sasl_purge
import postfix_sasl_relay
import postfix_sasl_sasl
import postfix_sasl_senders
import postfix_sasl_services
import postfix_sasl_stock
import postfix_sasl_textfile
import postfix_sasl_things
import postfix_sasl_tls
import postfix_sasl_transaction
import postfix_sasl_validate

DIRECTORY = "/etc/postfix"
MAIN_CF = f"{DIRECTORY}/main.cf"
MASTER_CF = f"{DIRECTORY}/master.cf"
_STOCK_MASTER_CF = "/usr/share/postfix/master.cf.dist"


def main_cf(settings, release=None):
    """Return ``{parameter: text, or None to remove it}`` that *settings* ask for.

    release
        The Debian release; None for this host's.
    """
    return {
        **postfix_sasl_protocol.parameters(),
        **postfix_sasl_sasl.parameters(settings),
        **postfix_sasl_senders.parameters(settings),
        **postfix_sasl_limits.parameters(settings),
        **postfix_sasl_tls.parameters(settings, release),
        **postfix_sasl_relay.parameters(settings),
        **settings["main"],
        **postfix_sasl_tls.modern(settings["main"]),
    }


def realm(settings):
    """Return the realm that smtpd gives to names of users without one.

    settings
        Checked settings, see ``postfix_sasl_settings``.

    Before Postfix is installed nobody can tell, and nothing depends on it: it is "".
    """
    if not os.path.exists(MAIN_CF):
        return ""
    main = postfix_sasl_maincf.MainCf.parse(read_or_empty(MAIN_CF)).as_dict()
    main.update((name, value or "") for name, value in main_cf(settings).items())

    def lookup(name):
        if name in main:
            return main[name]
        return postfix_sasl_known.KnownThings().defaults.get(name, "")

    for text in ("$smtpd_sasl_local_domain", "$myhostname"):
        if found := postfix_sasl_macros.expand(text, lookup):
            return found
    raise ValueError("sasl:users: no realm can be told from main.cf; give the names as user@realm")


class Refused(RuntimeError):
    """The new configuration would not work; the message says why, a line for each error."""


class Configuration:
    """What Postfix reads, compared with what the settings ask for.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    salt
        Salt's execution functions, ``__salt__``.
    fresh
        Whether there was no main.cf before this run: what Debian's package wrote meanwhile is
        then part of this run, not something that was there.
    """

    paths = (MAIN_CF, MASTER_CF, postfix_sasl_transaction.JOURNAL)

    def __init__(self, settings, salt, fresh=False):
        self.settings, self.fresh = settings, fresh
        self.postfix = postfix_sasl_daemons.Postfix(salt)
        self.running = postfix_sasl_daemons.Running(self.postfix)
        self._take(*_texts())

    def read_again(self):
        """Read the files once more, and check what to make of them if they are others by now.

        Raises Refused as ``check`` does.
        """
        texts = _texts()
        if texts != (self.main_text, self.master_text):
            self._take(*texts)
            self.check()
            return
        # An ACME client may have brought a newer certificate.
        self.files = self.wanted_files()
        if self.pair_problems:
            self.check()

    def _take(self, main_text, master_text):
        """Work out what the files should be, given what they are."""
        self.main_text, self.master_text = main_text, master_text
        self.main = postfix_sasl_maincf.MainCf.parse(main_text).as_dict()
        self.entries = stock_or_current_entries(self.master_text)
        self.notes, self.pair_problems, self.is_older = [], [], False
        self.want()
        self.final_entries = postfix_sasl_services.merged(self.entries, self.wanted_entries)
        self.main_plan = postfix_sasl_maincf.plan(self.main_text, self.wanted_main)
        # Without a text, before Debian's package is there, the entries are not in any file to edit.
        self.master_plan = ({}, "")
        if self.master_text:
            self.master_plan = postfix_sasl_mastercf.plan(self.master_text, self.wanted_entries)
        self.files = self.wanted_files()

    def want(self):
        """Work out ``wanted_main`` and ``wanted_entries``, and note what nobody declares."""
        self.wanted_main = {
            **postfix_sasl_tls.modern(self.main),
            **postfix_sasl_relay.parameters_before(self.settings, self.main),
            **main_cf(self.settings),
        }
        self.wanted_main.update(postfix_sasl_senders.leftovers(self.main, self.wanted_main))
        self.wanted_entries = postfix_sasl_services.entries(self.settings, self.entries)
        purge = self.settings["purge"]
        if purge == "ignore":
            return
        found = postfix_sasl_purge.undeclared(
            self.main, self.entries, self.wanted_main, self.wanted_entries
        )
        if purge == "remove":
            self.wanted_main.update(dict.fromkeys(found[0]))
            self.wanted_entries.update(dict.fromkeys(found[1]))
        elif any(found):
            self.notes.append(postfix_sasl_purge.sentence(*found))

    def wanted_files(self):
        """Return the files besides main.cf and master.cf, as things; note what is wrong with them.

        They are replaced together with those two.
        """
        sasl = postfix_sasl_sasl.smtpd_conf_files(self.settings, self.final_entries)
        # One that is not needed, and that somebody else wrote, is nobody's business.
        files = [
            postfix_sasl_things.File(path, text)
            for path, text in sasl.items()
            if text is not None or postfix_sasl_absent.ours(path)
        ]
        pair, self.pair_problems = postfix_sasl_keypair.store(self.settings)
        text = self.main_plan[1] + self.master_plan[1]
        files += [pair] if pair else postfix_sasl_keypair.removal(text)
        relay = postfix_sasl_relay.files(self.settings)
        return [*files, *(relay or postfix_sasl_relay.removal(text))]

    def desired(self):
        """Return parameters, entries, files and service as the settings ask for.

        None for what should not be there. An entry has all its fields, those that stay as
        master.cf has them included.
        """
        return {
            **self._asked(),
            **{name: what for file in self.files for name, what in file.desired().items()},
            **self.running.desired(),
        }

    def has_older_certificate(self):
        """Return whether an smtpd(8) still runs that was started before its certificate came."""
        changed = postfix_sasl_keypair.changed(self.main)
        return changed is not None and self.postfix.has_child_before(
            changed, postfix_sasl_keypair.READERS
        )

    def changes(self):
        """Return ``{parameter, service/type, path or service: {"old", "new"}}``."""
        if self.fresh:
            changes = self._changes_from_nothing()
        else:
            changes = {**self.main_plan[0], **self.master_plan[0], **self.running.changes()}
        for file in self.files:
            changes.update(file.changes())
        self.is_older = not changes and self.has_older_certificate()
        if self.is_older:
            is_used = "uses its certificate"
            changes["service postfix"] = {"old": {is_used: False}, "new": {is_used: True}}
        if changes or self.pair_problems:
            self.check()
        if postfix_sasl_transaction.is_unfinished():
            changes["interrupted run"] = {"old": "unfinished", "new": "finished"}
        return changes

    def _changes_from_nothing(self):
        return {
            name: {"old": None, "new": value}
            for name, value in self._asked().items()
            if value is not None
        }

    def _asked(self):
        """Return ``{parameter: value, service/type: fields}``, None for what is not to be there."""
        entries = {key: self.final_entries.get(key) for key in self.wanted_entries}
        return {**self.wanted_main, **entries}

    def check(self):
        """Refuse what Postfix would accept and then die of; note what is less than that.

        Raises Refused with one line for each error. Nothing is touched.
        """
        candidate, before = self._candidates()
        known = postfix_sasl_known.KnownThings.here() if before else None
        declared = {*self.settings["main"], *self.settings["master"]}
        if self.is_older:
            # A new certificate in the old place is not what Postfix has got on with so far.
            declared.update(postfix_sasl_keypair.NAMES)
        found = postfix_sasl_validate.problems(candidate, known, before, declared)
        for is_error, text in self.pair_problems:
            severity = postfix_sasl_validate.ERROR if is_error else postfix_sasl_validate.WARNING
            found.append(postfix_sasl_validate.Problem("tls", text, severity))
        errors = [str(problem) for problem in found if problem.severity == "error"]
        if errors:
            raise Refused("\n".join(["nothing was changed, since Postfix would fail:", *errors]))
        notes = [f"warning: {problem}" for problem in found]
        self.notes += [note for note in notes if note not in self.notes]

    def _candidates(self):
        """Return the new configuration and the present one, None where there is none yet."""
        if not self.main_text:
            main = {name: value for name, value in self.wanted_main.items() if value is not None}
            return postfix_sasl_validate.Candidate(main, self.final_entries), None
        texts = self.new_texts()
        new = postfix_sasl_validate.Candidate.from_texts(
            texts.pop(MAIN_CF), texts.pop(MASTER_CF), texts
        )
        return new, postfix_sasl_validate.Candidate.from_texts(self.main_text, self.master_text)

    def new_texts(self):
        """Return ``{path: text}`` of the files that Postfix should read; None for no file."""
        texts = {MAIN_CF: self.main_plan[1], MASTER_CF: self.master_plan[1]}
        texts.update({file.path: file.text for file in self.files})
        return texts

    def apply(self):
        """Bring the new configuration into force, all of it or nothing; see the transaction."""
        self.compared = {**self.main_plan[0], **self.master_plan[0]}
        postfix_sasl_transaction.run(self)

    def made(self, changes):
        """Return what ``apply`` changed, where ``changes()`` had said *changes*.

        What somebody edited after that is in it, and not what somebody had put right by then.
        """
        if self.fresh:
            return changes
        others = {name: change for name, change in changes.items() if name not in self.compared}
        return {**self.main_plan[0], **self.master_plan[0], **others}


def _texts():
    """Return the text of main.cf, and of master.cf or the one that Debian's package brings."""
    return read_or_empty(MAIN_CF), read_or_empty(MASTER_CF) or read_or_empty(_STOCK_MASTER_CF)


def read_or_empty(path):
    """Return the text of *path*, or the empty string where there is no such file."""
    return postfix_sasl_textfile.read(path) if os.path.exists(path) else ""


def stock_or_current_entries(text):
    """Return the entries of master.cf's *text*; Debian's stock ones where it is empty."""
    if not text:
        return postfix_sasl_stock.MASTER[postfix_sasl_stock.release()]
    return postfix_sasl_mastercf.MasterCf.parse(text).entries()


def current_entries():
    """Return the entries of the live master.cf, or those it will have once installed."""
    return stock_or_current_entries(read_or_empty(MASTER_CF))
