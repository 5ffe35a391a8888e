"""Hostile text in each key of the pillar: refused in one line, or it stays text in every file."""

import functools
import re
import subprocess

import postfix_sasl_fetchmail_types as fetchmail_types
import postfix_sasl_pam_types as pam_types
import postfix_sasl_senders as senders
import postfix_sasl_types as types
import pytest
from postfix_sasl_config import main_cf
from postfix_sasl_fetchmail import rc_text
from postfix_sasl_fetchmail import things as fetchmail_things
from postfix_sasl_keypair import header, hooks
from postfix_sasl_maincf import MainCf
from postfix_sasl_maincf import plan as plan_main
from postfix_sasl_mastercf import MasterCf
from postfix_sasl_mastercf import plan as plan_master
from postfix_sasl_options import OPTIONS
from postfix_sasl_pam import files as pam_files
from postfix_sasl_relay import files as relay_files
from postfix_sasl_sasl import smtpd_conf_files
from postfix_sasl_saslauthd import files as saslauthd_files
from postfix_sasl_services import entries, merged
from postfix_sasl_settings import BadPillar, check
from postfix_sasl_stock import MASTER

TEXTS = [
    "$(touch /pwned)",
    "`touch /pwned`",
    "x; touch /pwned",
    "x && touch /pwned #",
    "x | touch /pwned",
    "x\ntouch /pwned",
    "x\r\ntouch /pwned",
    "x\n[Service]\nExecStartPre=/bin/touch /pwned",
    "x\x00touch /pwned",
    "x\u2028touch /pwned",
    "'; touch /pwned; '",
    '"; touch /pwned; "',
    "'\"\\",
    "\\",
    "${IFS}touch${IFS}/pwned",
    "-oProxyCommand=touch /pwned",
    "--help",
    "-",
    "../../../pwned",
    "/../../pwned",
    "/tmp/../pwned",
    "~root/pwned",
    "/etc/*",
    "%n%i%h%%{x}",
    "{0} {x} {managed}",
    "%(x)s",
    "{{ salt['cmd.run']('touch /pwned') }}",
    "{% do salt.cmd.run('touch /pwned') %}",
    "#!py\ndef run(): touch",
    "!!python/object/apply:os.system ['touch /pwned']",
    "x} {y = z",
    "{ x",
    "x, y",
    "preconnect /bin/touch",
    "keep mda /bin/touch",
    "auth optional pam_exec.so /bin/touch /pwned",
    "END\ntouch /pwned\n",
    "\x1b]0;pwned\x07\x1b[2J",
    "\u202epwned",
    "\udcfc",  # a byte that is no UTF-8, and half a character: neither can be in a file or sent
    "\ud83d",
    "../pwned",
    " ",
    "x touch",
    " -x",
    "\u00a0-x",
    "\uff0fpwned\uff04\uff08touch\uff09",  # what others may turn into / and $()
    "x\u0085touch /pwned",
    "x\vtouch /pwned",
    "x\ttouch",
    "x" * 1000,
]
# What shells, systemd and awk read as more than a character.
SPECIAL = set("$`;&|<>()\"'\\\n\r\0*?[]{}~!#%^")


def hostile(kind):
    """Return hostile values for a type of the table; a new type has to be named here."""
    if isinstance(kind, (types.Bool, types.Int, types.Choice, types.IPv4, types.Pem)):
        return TEXTS + [f"-----BEGIN X-----\n{text}\n-----END X-----\n" for text in TEXTS]
    if isinstance(kind, types.OneOrMore):
        return [*hostile(kind.item), *([each] for each in hostile(kind.item))]
    if isinstance(kind, types.ListOf):
        return [*TEXTS, *([each] for each in hostile(kind.item))]
    if isinstance(kind, types.Record):
        right = {name: RIGHT[name] for name in kind.required}
        return [
            {**right, name: value} for name, each in kind.fields.items() for value in hostile(each)
        ]
    if isinstance(kind, types.MapOf):
        names = ("ldap_servers", "alice", "log_level")
        values = [{name: value} for value in hostile(kind.item) for name in names]
        return [*values, *({text: "x"} for text in TEXTS)]
    if isinstance(kind, senders.SenderLogins):
        logins = [{"a@b.org": [text]} for text in TEXTS]
        return [*TEXTS, *logins, *({f"{text}@b.org": ["a"]} for text in TEXTS)]
    if isinstance(kind, (types.Parameters, types.Options)):
        return [*({"smtpd_banner": text} for text in TEXTS), *({text: "x"} for text in TEXTS)]
    if isinstance(kind, types.Entries):
        keys = [{f"{text}/{kind}": {"command": "smtpd"}} for text in TEXTS for kind in ("inet", "")]
        fields = ("command", "chroot", "process_limit", "wakeup", "private", "unprivileged")
        columns = [{"x/unix": {"command": "smtp", name: t}} for name in fields for t in TEXTS]
        words = [{"x/unix": {"command": "pipe", "args": [text]}} for text in TEXTS]
        options = [{"x/unix": {"command": "smtp", "options": {"a": text}}} for text in TEXTS]
        names = [{"x/unix": {"command": "smtp", "options": {text: "a"}}} for text in TEXTS]
        return [*keys, *columns, *words, *options, *names]
    known = (types.Text, fetchmail_types.RcFile, pam_types.PamRule)
    assert isinstance(kind, known), f"say what is hostile for {type(kind).__name__}"
    return [
        *TEXTS,
        *(f"/etc/{text}" for text in TEXTS),
        *(f"/{text}/fetchmailrc" for text in TEXTS),
    ]


USER = {"remote": "a", "password": "b", "local": "c"}
RIGHT = {"server": "pop.example.org", "users": [USER], **USER}
FETCHMAIL = {"fetchmail:enabled": True, "fetchmail:poll": [{"server": "p", "users": [USER]}]}
# What else has to be there for a key to have any effect.
WITH = {
    "saslauthd:ldap": {"saslauthd:mechanism": "ldap"},
    "relay": {"relay:host": "h", "relay:username": "u", "relay:password": "p"},
    "tls:acme": {},
    "fetchmail:": FETCHMAIL,
    "services:fetchmail": FETCHMAIL,
}
CASES = [
    pytest.param(key, number, id=f"{key}-{number}")
    for key, option in OPTIONS.items()
    for number in [len(hostile(option.type))]
]


def pillar(key, value):
    more = [given for start, given in WITH.items() if key.startswith(start)]
    return {**(more[0] if more else {}), key: value}


def texts_of(settings):
    """Return ``{name: text}`` of every file, scripts and what shells read under `script:`."""
    current = {**MASTER["trixie"]}
    main, master = "", ""
    _, main = plan_main(main, main_cf(settings, "trixie"))
    wanted = entries(settings, current, "trixie")
    _, master = plan_master("", merged(current, wanted))
    found = {"main.cf": main, "master.cf": master, "source": header(settings)}
    found.update(smtpd_conf_files(settings, current))
    for file in (*pam_files(settings), *relay_files(settings)):
        found[file.path] = file.text
    directory = settings["saslauthd:run_dir"]
    for systemd in (False, True):
        for file in saslauthd_files(settings, directory, systemd):
            prefix = "" if file.path.endswith(".conf") else "script:"
            found[f"{prefix}{systemd}{file.path}"] = file.text
    for file in hooks(settings):
        found[f"script:{file.path}"] = file.text
    if settings["fetchmail:enabled"]:
        found["fetchmailrc"] = rc_text(settings)
        for systemd in (False, True):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("postfix_sasl_daemons.has_systemd", lambda is_up=systemd: is_up)
                [service] = fetchmail_things(settings, {}, False)
                found[f"script:{systemd}/starter"] = service.files[1].text
    return {name: text for name, text in found.items() if text is not None}


@functools.cache
def shell_errors(text):
    """Return what a shell has to say of a script it does not run."""
    return subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True).stderr


def fetchmail_words(text):
    """Return fetchmailrc as fetchmail reads it: strings as `"`, everything else word by word."""
    return re.sub(r'"[^"]*"', '"', text).split()


@pytest.mark.parametrize(("key", "count"), CASES)
def test_hostile_text_is_refused_in_one_line_or_harmless(key, count):
    values = hostile(OPTIONS[key].type)
    assert len(values) == count > 0
    for value in values:
        try:
            settings = check(pillar(key, value))
        except BadPillar as refusal:
            lines = str(refusal).split("\n")
            assert len(lines) == 1 or isinstance(value, (dict, list)), value
            for line in lines:
                assert line.startswith("postfix_sasl:"), value
                assert line.isprintable() and len(line) < 400, value
            continue
        assert_harmless(texts_of(settings), value)


def assert_harmless(texts, value):
    for name, text in texts.items():
        assert "\0" not in text and "\r" not in text and text.encode(), (name, value)
        for line in text.split("\n"):  # none of those who read them sees other ends of lines
            is_command = re.match(r"\s*(touch|ExecStartPre=/bin/touch)", line)
            assert not is_command, (name, value)
        if name.startswith("script:"):
            hostile_parts = [part for part in TEXTS if part in text and len(part) > 3]
            assert not [part for part in hostile_parts if SPECIAL & set(part)], (name, value)
            if not name.endswith(".service") and "[Unit]" not in text:
                assert shell_errors(text) == "", (name, value)
    programs = {"preconnect", "postconnect", "pre", "post", "mda", "plugin", "plugout", "bsmtp"}
    words = fetchmail_words(texts.get("fetchmailrc", ""))
    assert not programs & set(words) and words.count("poll") <= 1, value
    assert "pam_exec" not in "".join(text for name, text in texts.items() if "pam.d" in name), value
    for document, text in ((MainCf, texts["main.cf"]), (MasterCf, texts["master.cf"])):
        lines = [line for _number, line in document.parse(text).numbered()]
        assert not [line for line in lines if line.is_stray], value
        assert len(lines) == len([line for line in text.split("\n") if line[:1].strip(" \t#")]), (
            value
        )
