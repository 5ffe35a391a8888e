"""Whether each smtpd(8) would answer as main.cf and its ``-o`` options tell it, taken together.

smtpd(8) ends, at each connection anew, where its restrictions refuse nobody, where AUTH is on
with a plug-in that is not there, and where AUTH is to be offered but smtpd_sasl_security_options
leaves none of the mechanisms ("no SASL authentication mechanisms"): at once where that happens
before TLS, after STARTTLS where smtpd_sasl_tls_security_options does it.
"""

import os
import re

import postfix_sasl_certificate as certificate
import postfix_sasl_restrictions as restrictions

_PLAINTEXT = {"PLAIN", "LOGIN"}
# Each of these rules out both of them.
_AGAINST_PLAINTEXT = ("noplaintext", "noactive", "nodictionary", "mutual_auth", "forward_secrecy")
_MECH_LIST = re.compile(r"^mech_list[ \t]*:(.*)$", re.MULTILINE)
# What decides whether AUTH and TLS are offered at all.
_OFFERED = (
    "smtpd_sasl_auth_enable",
    "smtpd_tls_auth_only",
    "smtpd_tls_security_level",
    "smtpd_tls_wrappermode",
)
# In this order: the parameter, and the one of its key.
_PAIRS = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
)


class Smtpd:
    """One smtpd(8).

    read
        A function from a parameter's name to its expanded value, None where that can't be told.

    files
        ``{path: text}`` of files that come with the configuration; text None where it is not
        known yet.

    cache
        A dictionary shared by all of a configuration, so that nothing is looked at twice.
    """

    def __init__(self, read, files, cache):
        self.read, self._files_to_come, self._cache = read, files, cache

    def problems(self):
        """Check it.

        Returns a list of ``(parameters, is_error, text)``; the text is about the first of them,
        the others have a part in it.
        """
        return [*self._restrictions(), *self._sasl(), *self._tls()]

    def _is_yes(self, name):
        return (self.read(name) or "").lower() == "yes"

    # -- restrictions ---------------------------------------------------------------------------

    def _restrictions(self):
        classes = restrictions.words(self.read(restrictions.CLASSES) or "")
        relay, recipient = self.read(restrictions.RELAY), self.read(restrictions.RECIPIENT)
        answers = [restrictions.refuses(value, self.read, classes) for value in (relay, recipient)]
        if answers == [False, False]:
            text = (
                f"neither {restrictions.RELAY} nor {restrictions.RECIPIENT} refuses anybody "
                "(smtpd does not start); add reject_unauth_destination to one of them"
            )
            yield (restrictions.RECIPIENT, restrictions.RELAY), True, text
        for name in (*restrictions.LISTS, *classes):
            value = self.read(name)
            if value and (text := self._unknown_word(value, classes)):
                yield (name,), True, text

    def _unknown_word(self, value, classes):
        place = ("restrictions", value, *classes)
        if place not in self._cache:
            unknown = restrictions.unknown_word(value, classes)
            self._cache[place] = unknown and (
                f"smtpd knows no restriction {unknown[0]!r}{unknown[1]} "
                "(all mail would get 451 Server configuration error)"
            )
        return self._cache[place]

    # -- SASL -----------------------------------------------------------------------------------

    def _sasl(self):
        if not self._is_yes("smtpd_sasl_auth_enable") or self.read("smtpd_sasl_type") != "cyrus":
            return
        mechanisms = self._mechanisms()
        if not mechanisms or not mechanisms <= _PLAINTEXT:
            return
        level = (self.read("smtpd_tls_security_level") or "").lower()
        is_wrapped = self._is_yes("smtpd_tls_wrappermode")
        is_tls_demanded = is_wrapped or level not in ("", "none", "may")
        why = f"leaves none of the mechanisms in smtpd.conf, {' '.join(sorted(mechanisms))}"
        name = "smtpd_sasl_security_options"
        word = self._against_plaintext(name)
        if word and not (is_tls_demanded or self._is_yes("smtpd_tls_auth_only")):
            text = f"{word} {why} (smtpd ends at each connection); take it out"
            yield (name, *_OFFERED), True, f"{text}, or set smtpd_tls_auth_only = yes"
        name = "smtpd_sasl_tls_security_options"
        word = self._against_plaintext(name)
        if word and self._has_tls():
            text = f"{word} {why} (smtpd ends once TLS has started); set it to noanonymous"
            yield (name, *_OFFERED), True, text

    def _against_plaintext(self, name):
        options = restrictions.words((self.read(name) or "").lower())
        return next((word for word in _AGAINST_PLAINTEXT if word in options), None)

    def _mechanisms(self):
        """Return mech_list of the SASL configuration as a set; empty where it has none."""
        name = self.read("smtpd_sasl_path") or "smtpd"
        directories = self.read("cyrus_sasl_config_path") or "/etc/postfix/sasl:/usr/lib/sasl2"
        for directory in directories.split(":"):
            text = self._text_of(os.path.join(directory, f"{name}.conf"))
            if text is not None:
                found = _MECH_LIST.findall(text)
                return set(found[-1].upper().split()) if found else set()
        return set()

    def _text_of(self, path):
        if path in self._files_to_come:
            return self._files_to_come[path] or ""
        if path not in self._cache:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    self._cache[path] = file.read(100_000)
            except OSError:
                self._cache[path] = None
        return self._cache[path]

    # -- TLS ------------------------------------------------------------------------------------

    def _has_tls(self):
        level = self.read("smtpd_tls_security_level")
        if self._is_yes("smtpd_tls_wrappermode"):
            return True
        if level:
            return level.lower() != "none"
        return self._is_yes("smtpd_use_tls") or self._is_yes("smtpd_enforce_tls")

    def _tls(self):
        if not self._has_tls():
            return
        chain = self.read("smtpd_tls_chain_files")
        yield from self._authorities()
        if chain is None:
            return
        if chain:
            paths = tuple(restrictions.words(chain))
            yield from self._files(("smtpd_tls_chain_files",), certificate.chain_problems, paths)
            return
        have_one = False
        for name, key_name in _PAIRS:
            path, key = self.read(name), self.read(key_name)
            have_one = have_one or path is None or bool(path)
            if path and key and path.lower() != "none":
                yield from self._files((name, key_name), _pair_problems, (path, key))
        if not have_one:
            yield from self._no_certificate()

    def _no_certificate(self):
        """Without a certificate smtpd says "TLS won't be enabled", and goes on without."""
        text = "none is set, so there is no TLS"
        names = ("smtpd_tls_cert_file", *_OFFERED)
        level = (self.read("smtpd_tls_security_level") or "").lower()
        if self._is_yes("smtpd_tls_wrappermode"):
            yield names, True, f"{text}, and this port speaks nothing else; set it and its key"
        elif level == "encrypt" or self._is_yes("smtpd_enforce_tls"):
            yield names, True, f"{text}, and without TLS no mail is taken; set it and its key"
        elif self._is_yes("smtpd_tls_auth_only") and self._is_yes("smtpd_sasl_auth_enable"):
            yield names, True, f"{text}, and without TLS nobody can log in; set it and its key"
        else:
            yield names, False, f"{text}; set it and its key"

    def _authorities(self):
        """A smtpd_tls_CAfile that can't be read takes TLS along with it."""
        path = self.read("smtpd_tls_CAfile")
        if path and self._is_there_to_check(path) and not os.path.exists(path):
            text = f"there is no {path} (smtpd then has no TLS at all)"
            yield ("smtpd_tls_CAfile", *_OFFERED), True, text

    def _is_there_to_check(self, path):
        return path.startswith("/") and path not in self._files_to_come

    def _files(self, names, check, paths):
        if not all(map(self._is_there_to_check, paths)):
            return
        place = (check, paths)
        if place not in self._cache:
            self._cache[place] = check(paths)
        for is_error, text in self._cache[place]:
            yield names, is_error, text


def _pair_problems(paths):
    return certificate.problems(*paths)
