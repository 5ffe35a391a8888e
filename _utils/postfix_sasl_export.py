"""The pillar that would make another host what this one is.

What the formula makes of a key is not written down here a second time. The formula is asked, with
one value after another, what it would make of a fresh host of the same Debian release; the value
that leaves the least unlike this host stays. What is left then goes under ``main`` and ``master``.
"""

import copy
import itertools
import re

import postfix_sasl_config
import postfix_sasl_limits
import postfix_sasl_live
import postfix_sasl_mastercf
import postfix_sasl_masterentry
import postfix_sasl_pam
import postfix_sasl_sasl
import postfix_sasl_senders
import postfix_sasl_services
import postfix_sasl_settings
import postfix_sasl_stock
from postfix_sasl_options import OPTIONS

# Keys with few values: each is tried.
_CHOICES = {
    "tls:profile": OPTIONS["tls:profile"].type.words,
    "tls:mode": OPTIONS["tls:mode"].type.words,
    "tls:auth_only": (True, False),
    "tls:loglevel": range(5),
    "tls:received_header": (True, False),
    "sasl:broken_clients": (True, False),
    "chroot": (True, False),
}
# Keys that take what a parameter has: text, or a list of words.
_TEXTS = {
    "tls:certificate": "smtpd_tls_cert_file",
    "tls:key": "smtpd_tls_key_file",
    "tls:ca_file": "smtpd_tls_CAfile",
    "sasl:local_domain": "smtpd_sasl_local_domain",
    "pam:service": "smtpd_sasl_service",
}
_LISTS = {
    "tls:chain_files": "smtpd_tls_chain_files",
    "sasl:security_options": "smtpd_sasl_security_options",
    "sasl:recipient_restrictions": "smtpd_recipient_restrictions",
}
# Where smtpd finds the configuration of SASL: the formula writes that, and says where it is.
_PLACE_OF_SASL = ("cyrus_sasl_config_path", "smtpd_sasl_path")
# With Dovecot: the place of its socket, and what of its mechanisms smtpd offers.
_OF_DOVECOT = ("smtpd_sasl_path", "smtpd_sasl_mechanism_filter")
_DEBIANS_DESTINATION = re.compile(r"\$myhostname, \S+, localhost(\.\S+)?, , localhost")
_MOST_ROUNDS = 5


def pillar_of_this_host():
    """Return the pillar ``postfix_sasl`` for this host; raise FileNotFoundError without Postfix."""
    return pillar(postfix_sasl_live.read())


def pillar(live):
    """Return the pillar ``postfix_sasl`` that would make a host like *live*, as few keys as may be.

    Raises ValueError for what the formula's pillar can't say.
    """
    _refuse_bare_options(live.entries)
    found = _Found(live)
    _listeners(found)
    if found.asks_dovecot:
        _dovecot(found)
    for key, values in _CHOICES.items():
        found.choose(key, values)
    found.choose("tls:acme", [live.acme] if live.acme else [])
    for key, name in _TEXTS.items():
        found.choose(key, [live.main[name]] if name in live.main else [])
    _limits(found)
    table = live.main.get(postfix_sasl_senders.PARAMETER)
    found.choose("sasl:sender_logins", [postfix_sasl_senders.setting_of(table)] if table else [])
    for key, name in _LISTS.items():
        words = [word.strip() for word in live.main.get(name, "").split(",")]
        if found.flat.get("sasl:sender_logins"):
            words = [word for word in words if word != postfix_sasl_senders.RULE]
        found.choose(key, [words, " ".join(words).split()])
    if found.logs_in:
        _logins(found)
    found.add_rest()
    return found.pillar()


class _Found:
    """The keys found so far, and how far they lead."""

    def __init__(self, live):
        self.live, self.flat = live, {"main": {}, "master": {}}
        switches = [live.main, *(fields["options"] for fields in live.entries.values())]
        is_on = any(each.get("smtpd_sasl_auth_enable") == "yes" for each in switches)
        kind = live.main.get("smtpd_sasl_type", "cyrus")
        self.logs_in, self.asks_dovecot = is_on and kind == "cyrus", is_on and kind == "dovecot"

    def choose(self, key, values):
        """Give *key* the one of the *values* that leaves least to say; its default if none does."""
        least, best = self._size(self.flat), self.flat
        for value in values:
            trial = {**self.flat, key: value}
            size = self._size(trial)
            if size is not None and size < least:
                least, best = size, trial
        self.flat = best

    def put(self, **keys):
        """Give keys (``section__name``) these values; return whether the formula takes them."""
        given = {name.replace("__", ":"): value for name, value in keys.items()}
        new = {key: value for key, value in given.items() if value != OPTIONS[key].default}
        trial = {**self.flat, **new}
        if self._size(trial) is None:
            return False
        self.flat = trial
        return True

    def add_rest(self):
        """Say under ``main`` and ``master`` what the other keys don't."""
        for _ in range(_MOST_ROUNDS):
            main, master = self._rest(self.flat)
            if not main and not master:
                return
            self.flat = copy.deepcopy(self.flat)
            self.flat["main"].update(main)
            for key, fields in master.items():
                self.flat["master"][key] = _overlaid(self.flat["master"].get(key), fields)
        raise ValueError(f"no pillar leads to {', '.join((*main, *master))} as they are")

    def pillar(self):
        """Return the pillar as people write it."""
        ordered = [(key, self.flat[key]) for key in OPTIONS if key in self.flat]
        pillar = copy.deepcopy(_nested((key, value) for key, value in ordered if value != {}))
        for name, value in pillar.get("main", {}).items():
            pillar["main"][name] = _readable(value)
        for fields in filter(None, pillar.get("master", {}).values()):
            for name, value in fields.items():
                if name == "options":
                    fields[name] = {each: _readable(text) for each, text in value.items()}
                elif name in postfix_sasl_masterentry.COLUMNS:
                    fields[name] = {"y": True, "n": False}.get(value, _readable(value))
        return pillar

    def made(self, flat):
        """Return (main, entries) that the formula makes of a fresh host; raise BadPillar."""
        settings = postfix_sasl_settings.check(_nested(flat.items()))
        stock = postfix_sasl_stock.MASTER[self.live.release]
        wanted = postfix_sasl_services.entries(settings, stock, self.live.release)
        wanted_main = postfix_sasl_config.main_cf(settings, self.live.release)
        main = {**_fresh_main(self.live), **wanted_main}
        return (
            {name: value for name, value in main.items() if value is not None},
            postfix_sasl_services.merged(stock, wanted),
        )

    def _rest(self, flat):
        """Return (main, master) that would have to be said besides *flat*."""
        live = self.live
        main, entries = self.made(flat)
        rest = {
            name: live.main.get(name)
            for name in {**main, **live.main}
            if live.main.get(name) != main.get(name) and not self._is_ours_to_place(name)
        }
        others = {
            key: self._difference(key, live.entries.get(key), entries.get(key))
            for key in {**entries, **live.entries}
            if live.entries.get(key) != entries.get(key)
        }
        return rest, {key: fields for key, fields in others.items() if fields != {}}

    def _difference(self, key, wanted, made):
        """Return the fields that make *wanted* of the entry *made*; None for no entry."""
        if wanted is None:
            return None
        fields = {} if made else {"command": wanted["command"]}
        made = made or postfix_sasl_mastercf.merge(key, None, fields)
        fields |= {
            name: value
            for name, value in wanted.items()
            if name != "options" and value != made[name]
        }
        have, had = wanted["options"], made["options"]
        options = {
            name: have.get(name)
            for name in {**had, **have}
            if have.get(name) != had.get(name) and not (self.logs_in and name in _PLACE_OF_SASL)
        }
        return {**fields, "options": options} if options else fields

    def _is_ours_to_place(self, name):
        if self.asks_dovecot and name in _OF_DOVECOT:
            return True
        if not self.logs_in or name not in _PLACE_OF_SASL:
            return False
        # Where Debian's own main.cf does not have it, it is compiled in.
        stock = postfix_sasl_stock.MAIN[self.live.release]
        return name in self.live.main or name in stock

    def _size(self, flat):
        """Return how much is left to say besides *flat*; None where the formula refuses it."""
        try:
            main, master = self._rest(flat)
        except postfix_sasl_settings.BadPillar:
            return None
        fields = [each or {"": ""} for each in master.values()]
        return len(main) + sum(len({**each, **each.get("options", {})}) for each in fields)


def _refuse_bare_options(entries):
    """Raise ValueError for an ``-o`` without ``=``, of which a daemon dies (master(5))."""
    for key, fields in entries.items():
        args = fields["args"]
        if "-o" in postfix_sasl_masterentry.split_words(args)[0]:
            at = args.index("-o")
            raise ValueError(
                f"{postfix_sasl_config.MASTER_CF}: {key}: got {' '.join(args[at : at + 2])}; takes "
                f"-o name=value, and {fields['command']} dies of this. Mend it, then export again"
            )


def _nested(items):
    """Return ``{"tls": {"mode": ...}}`` of pairs such as ("tls:mode", ...)."""
    pillar = {}
    for key, value in items:
        *sections, name = key.split(":")
        place = pillar
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return pillar


def _listeners(found):
    """Say which listeners there are, and under which names."""
    entries = found.live.entries
    for name, port in (
        ("submission", postfix_sasl_services.SUBMISSION_PORT),
        ("smtps", postfix_sasl_services.SMTPS_PORT),
    ):
        keys = postfix_sasl_services.on_port(port, entries)
        found.put(**{f"services__{name}__enabled": bool(keys)})
        usual = postfix_sasl_services.on_port(port, found.made(found.flat)[1])
        if keys != usual:
            found.flat["master"].update((key, {}) for key in keys)
    for key, fields in entries.items():
        place = postfix_sasl_services.endpoint(key)
        name = postfix_sasl_services.FETCHMAIL_SYSLOG_NAME
        if place and fields["options"].get("syslog_name") == name:
            found.put(
                services__fetchmail__enabled=True,
                services__fetchmail__address=place[0],
                services__fetchmail__port=place[1],
            )


def _dovecot(found):
    found.put(sasl__backend="dovecot")
    words = found.live.main.get("smtpd_sasl_mechanism_filter", "").replace(",", " ").upper()
    if words:
        found.put(sasl__mechanisms=words.split())


def _limits(found):
    """Say how much one client may ask for."""
    switches = [found.live.main, *(each["options"] for each in found.live.entries.values())]
    for key, name in postfix_sasl_limits.NAMES.items():
        set_to = {each[name] for each in switches if each.get(name, "").isdigit()}
        found.choose(key, [0, *sorted(int(number) for number in set_to)])


def _logins(found):
    """Say how passwords are checked."""
    conf = dict(found.live.smtpd_conf or {})
    if not conf:
        return
    mechanisms = conf.pop("mech_list", "").upper().split()
    pwcheck = conf.pop("pwcheck_method", "auxprop")
    # The formula's saslauthd has its socket where the formula's smtpd looks for it.
    conf.pop("saslauthd_path", None)
    if pwcheck == "auxprop" and conf.get("auxprop_plugin", "sasldb") == "sasldb":
        found.put(sasl__backend="sasldb")
        conf.pop("auxprop_plugin", None)
        inside = postfix_sasl_sasl.SASLDB_INSIDE
        if conf.setdefault("sasldb_path", "/etc/sasldb2").endswith(inside):
            del conf["sasldb_path"]
    elif pwcheck != "saslauthd":
        conf = {"pwcheck_method": pwcheck, "saslauthd_path": None, **conf}
    found.put(sasl__options=conf)
    # saslauthd can check no other; a client that chose another would be refused.
    if mechanisms and not found.put(sasl__mechanisms=mechanisms):
        found.put(sasl__mechanisms=[name for name in mechanisms if name in ("PLAIN", "LOGIN")])
    if pwcheck == "saslauthd":
        _saslauthd(found)


def _saslauthd(found):
    instance, variables = _instance(found.live)
    options = variables.get("OPTIONS", "").split()
    mechanism = (variables.get("MECHANISMS", "").split() or ["pam"])[0]
    more = variables.get("MECH_OPTIONS", "").removeprefix("-O").strip()
    found.put(saslauthd__mechanism=mechanism, saslauthd__mechanism_options=more)
    found.put(saslauthd__cache="-c" in options, saslauthd__realm="-r" in options)
    if variables.get("THREADS", "").isdigit():
        found.put(saslauthd__threads=int(variables["THREADS"]))
    if instance:
        found.put(saslauthd__instance=instance)
    spool = postfix_sasl_sasl.SPOOL
    directory = _socket_directory(variables)
    if directory.startswith(f"{spool}/"):
        directory = directory.removeprefix(spool)
        default = OPTIONS["saslauthd:run_dir"].default
        if not instance and _same(directory, default):
            # Debian's own instance is there; ours must not get in its way.
            directory = f"{default}-{OPTIONS['saslauthd:instance'].default}"
        if not _same(directory, default):
            found.put(saslauthd__run_dir=directory)
    if mechanism == "pam":
        _pam(found)


def _pam(found):
    service = found.live.main.get("smtpd_sasl_service", OPTIONS["pam:service"].default)
    rules = found.live.pam.get(service)
    if rules is None or not found.put(pam__service=service):
        found.put(pam__service=service, pam__manage=False)
    elif rules != postfix_sasl_pam.DEFAULT_RULES and not found.put(pam__rules=rules):
        found.put(pam__manage=False)


def _instance(live):
    """Return (name, variables) of the saslauthd that answers smtpd; no variables if none does."""
    path = (live.smtpd_conf or {}).get("saslauthd_path", "").removesuffix("/mux")
    inside = path or postfix_sasl_sasl.DEBIAN_RUN_DIRECTORY
    for place in (inside, postfix_sasl_sasl.SPOOL + inside):
        for name, variables in live.saslauthd.items():
            if name and _same(_socket_directory(variables), place):
                return name, variables
    return "", live.saslauthd.get("", {})


def _socket_directory(variables):
    words = variables.get("OPTIONS", "").split()
    after = dict(itertools.pairwise(words))
    return after.get("-m", postfix_sasl_sasl.DEBIAN_RUN_DIRECTORY)


def _same(path, other):
    """Return whether two directories are one, /var/run being a name of /run."""
    return path.replace("/var/run/", "/run/") == other.replace("/var/run/", "/run/")


def _fresh_main(live):
    """Return Debian's main.cf of *live*'s release on a host of its name."""
    usual = {**postfix_sasl_stock.USUAL, "myhostname": live.hostname}
    destination = live.main.get("mydestination", "")
    is_debians = _DEBIANS_DESTINATION.fullmatch(destination)
    usual["mydestination"] = destination if is_debians else ""
    stock = postfix_sasl_stock.MAIN[live.release]
    return {name: usual[name] if value is None else value for name, value in stock.items()}


def _overlaid(declared, fields):
    """Return an entry of the pillar with more *fields*."""
    if fields is None or declared is None:
        return fields
    overlaid = {**declared, **fields}
    options = {**declared.get("options", {}), **fields.get("options", {})}
    return {**overlaid, "options": options} if options else overlaid


def _readable(value):
    """Return text as YAML has it: true for yes, a number for digits."""
    if value in ("yes", "no"):
        return value == "yes"
    is_number = value is not None and re.fullmatch(r"0|[1-9][0-9]{0,15}", value)
    return int(value) if is_number else value
