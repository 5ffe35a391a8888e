"""A new Postfix configuration brought into force: all of it works, or nothing of it happened.

The new files are put in place together (see ``postfix_sasl_swap``), Postfix is told, and every
listener is asked from outside. If one does not answer as configured, the old files come back.
"""

import os
import re

import postfix_sasl_daemons
import postfix_sasl_maillog
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_swap
import postfix_sasl_textfile
import postfix_sasl_verify

DIRECTORY = "/etc/postfix"
JOURNAL = postfix_sasl_swap.JOURNAL

# "Stop and start" is what postconf(5) asks for when one of these changes. A reload with a new
# listener besides is worse than useless: the master dies, or the listener is open to the world.
RESTART_DEFAULTS = {"inet_interfaces": "all", "inet_protocols": "all", "tcp_windowsize": "0"}


class Refused(RuntimeError):
    """The new configuration does not work, and the old one is back; the message says why."""


def is_unfinished():
    """Return whether a run was killed while it changed Postfix's configuration."""
    return os.path.isdir(JOURNAL)


def run(configuration):
    """Bring *configuration* into force, see ``postfix_sasl_config.Configuration``.

    Raises Refused when a listener does not answer as configured; the old files are back then.
    Raises OSError when the new files can't be written; nothing has changed then.
    """
    with postfix_sasl_swap.locked(DIRECTORY):
        work = _Transaction(configuration)
        work.conclude_interrupted()
        configuration.read_again()
        work.change()
    if not configuration.postfix.enabled():
        configuration.postfix.enable()


class _Transaction:
    def __init__(self, configuration):
        self.configuration = configuration
        self.postfix = configuration.postfix
        self.verify = configuration.settings["verify"]
        self.log = postfix_sasl_maillog.MailLog()
        self.told = False  # whether Postfix may know of what is in place

    def conclude_interrupted(self):
        """Finish what a killed run began, or take it back where it does not work."""
        swap = postfix_sasl_swap.open_journal(JOURNAL)
        if swap is None:
            return
        main_cf = self._paths()[0]
        old_main = swap.old_text(main_cf) or ""
        if self._bring_into_force(old_main) and swap.side() == "new":
            # No reason to stop: what is wanted now may be something else, that works.
            swap.take_back()
            self._bring_back()
        swap.finish()

    def change(self):
        """Put the new files in place if they differ, and have Postfix use them."""
        texts = self.configuration.new_texts()
        due = {path: text for path, text in texts.items() if text != _text_or_none(path)}
        for file in self.configuration.files:
            if file.path not in due and file.changes():
                file.apply()  # only its owner or mode
        if not due:
            if not self.postfix.running():
                self._start_only("Postfix was started, but")
            elif self.configuration.has_older_certificate():
                self._start_only("Postfix was told of its certificate, but")
            return
        for path in due:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        attributes = {
            file.path: file.attributes() for file in self.configuration.files if file.path in due
        }
        swap = postfix_sasl_swap.Swap(JOURNAL, due, attributes)
        swap.prepare()
        old_main = self.configuration.main_text
        self.told = False
        try:
            swap.put()
            wrong = self._bring_into_force(old_main)
            if wrong and self.told and self.log.throttled_before():
                # What the old configuration broke does not count against the new one.
                wrong = self._bring_into_force(old_main, restart=True)
        except Exception as error:
            wrong = [str(error)]
        if wrong:
            self._take_back(swap, wrong)
        swap.finish()

    def _start_only(self, sentence):
        wrong = self._bring_into_force(self.configuration.main_text)
        if wrong:
            raise Refused(self._explain(sentence, wrong))

    def _bring_into_force(self, old_main, restart=False):
        """Start, restart or reload Postfix; return what its listeners do wrong then."""
        since = postfix_sasl_verify.uptime()
        main, entries = self._in_place()
        self.told = True
        try:
            if not self.postfix.running():
                self.postfix.start()
            elif (
                restart
                or needs_restart(_parameters(old_main), main)
                or postfix_sasl_verify.is_bound_otherwise(main, entries)
            ):
                self.postfix.restart()
            else:
                self.postfix.reload()
        except postfix_sasl_daemons.DaemonError as error:
            self.told = not isinstance(error, postfix_sasl_daemons.NotTold)
            return [str(error)]
        return self._mismatches(main, entries, since)

    def _mismatches(self, main, entries, since):
        if not self.verify:
            return []
        mechanisms = self.configuration.settings["sasl:mechanisms"]
        return postfix_sasl_verify.mismatches(main, entries, mechanisms, self.postfix, since)

    def _take_back(self, swap, wrong):
        """Put the old files back, have Postfix use them, and raise Refused."""
        explanation = self._explain(
            "The new configuration does not work and was taken back:", wrong
        )
        swap.take_back()
        still = self._bring_back()
        swap.finish()
        if still:
            explanation += "\nThe previous configuration does not work either: " + "; ".join(still)
        raise Refused(explanation)

    def _bring_back(self):
        """Have Postfix use the old files that are in place again; return what is wrong then."""
        if not self.told:
            # It goes on with the old ones, and may well not come up again if it were stopped.
            return self._mismatches(*self._in_place(), since=0.0)
        # A service that died is throttled for a minute, which no reload ends: master(8).
        return self._bring_into_force("", restart=True)

    def _explain(self, sentence, wrong):
        lines = [f"{sentence} {'; '.join(wrong)}"]
        troubles = self.log.troubles()
        if troubles:
            lines += ["The mail log says:", *(f"  {line}" for line in troubles)]
        return "\n".join(lines)

    def _in_place(self):
        """Return the parameters of main.cf and the entries of master.cf as they are now."""
        main_cf, master_cf = (_text_or_none(path) or "" for path in self._paths())
        return _parameters(main_cf), _entries(master_cf)

    def _paths(self):
        return [f"{DIRECTORY}/main.cf", f"{DIRECTORY}/master.cf"]


def needs_restart(old, new):
    """Return whether Postfix has to be stopped and started to get from *old* to *new*.

    old, new
        main.cf as ``{parameter: value}``.
    """
    return any(
        _in_force(name, old, default) != _in_force(name, new, default)
        for name, default in RESTART_DEFAULTS.items()
    )


def _in_force(name, main, default):
    """Return the words of a parameter's value with the parameters it names filled in."""
    value = main.get(name, default)
    for _ in range(10):
        filled = re.sub(r"\$\{?(\w+)\}?", lambda match: main.get(match[1], f"<{match[1]}>"), value)
        if filled == value:
            break
        value = filled
    return value.replace(",", " ").split()


def _text_or_none(path):
    return postfix_sasl_textfile.read(path) if os.path.exists(path) else None


def _parameters(text):
    return postfix_sasl_maincf.MainCf.parse(text).as_dict()


def _entries(text):
    return postfix_sasl_mastercf.MasterCf.parse(text).entries()
