"""The page ``docs/pillar.md``, made from the table that checks the pillar."""

import json
import re
import sys
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs/pillar.md"
sys.path.insert(0, str(ROOT / "_utils"))

import postfix_sasl_masterentry as masterentry  # noqa: E402
import postfix_sasl_types as types  # noqa: E402
from pillar_sections import SECTIONS  # noqa: E402
from postfix_sasl_options import NULL_IS_A_VALUE, OPTIONS  # noqa: E402

_TOP = """\
<!-- bin/docs writes this file, from _utils/postfix_sasl_options.py. -->

# Every key of the pillar

All of it is optional. A key that is left out, or null, has its default; where null is a value of
its own, its entry says so. A key in a section is written `section:key` here. Everything is checked
before anything on the host changes.

[pillar.example](../pillar.example) shows every key in its place. Dictionaries of several pillar
files are merged, lists are replaced: [one pillar for many hosts](pillar-per-host.md). An
[editor that knows the schema](editors.md) completes and checks keys while you type.
"""

# What shows how keys are used; each is a pillar that the formula takes.
EXAMPLES = {
    "main": """
main:
  message_size_limit: 52428800
  smtpd_helo_required: true
  mynetworks: [127.0.0.0/8, '[::1]/128']
  content_filter: null               # removed, so that Postfix's default holds
""",
    "master": """
master:
  submission/inet:                   # what is not named stays as it is
    process_limit: 50
    options: {smtpd_client_connection_count_limit: 20}
  backup/unix:
    command: smtp
    chroot: true
    options: {smtp_helo_timeout: 10}
  uucp/unix: null                    # no such entry
""",
    "sasl:users": """
sasl:
  backend: sasldb
  users:
    printer: long-and-random
    bob@example.org: another
    carol: null                      # no such user
""",
    "sasl:options": """
sasl:
  options: {log_level: 3}
""",
    "sasl:recipient_restrictions": """
sasl:
  recipient_restrictions:
    - permit_sasl_authenticated
    - permit_mynetworks
    - reject_unauth_destination
    - reject_rbl_client dnsbl.example.org
""",
    "sasl:sender_logins": """
sasl:
  sender_logins:
    boss@example.org: [alice]
    '@example.net': [alice, bob]
""",
    "saslauthd:mechanism_options": """
saslauthd:
  mechanism: rimap
  mechanism_options: imap.example.org/993
""",
    "saslauthd:ldap": """
saslauthd:
  mechanism: ldap
  ldap:
    ldap_servers: ldaps://ldap.example.org/
    ldap_search_base: ou=people,dc=example,dc=org
""",
    "pam:rules": """
pam:
  rules:
    - auth required pam_succeed_if.so quiet user ingroup mail
    - '@include common-auth'
    - '@include common-account'
""",
    "pam:allow_groups": """
pam:
  allow_groups: [mailers]
""",
    "tls:certificate": """
tls:
  certificate: /etc/ssl/certs/mail.example.org.pem
  key: /etc/ssl/private/mail.example.org.key
""",
    "tls:chain_files": """
tls:
  chain_files: [/etc/ssl/private/rsa.pem, /etc/ssl/private/ecdsa.pem]
""",
    "tls:acme": """
tls:
  acme: /etc/letsencrypt/live/mail.example.org
""",
    "services:submission:options": """
services:
  submission:
    options:
      smtpd_client_connection_count_limit: 20
      smtpd_hide_client_session: null     # without the formula's own
""",
    "services:fetchmail:port": """
services:
  fetchmail: {enabled: true, port: 10025}
""",
    "fetchmail:poll": """
fetchmail:
  enabled: true
  poll:
    - server: pop.example.org
      protocol: pop3
      port: 995
      users:
        - {remote: alice@example.org, password: secret, local: alice, options: [nokeep]}
""",
    "drift:mode": """
drift: {mode: report, interval: 1800}
""",
    "relay:host": """
relay:
  host: smtp.example.org
  username: alice@example.org
  password: secret
  tls: verify
""",
}

_NAMES = re.compile(
    r"\b[a-z]+(_[a-z]+)+\b|(\b[a-z]+:)?(?<!\w)/[a-z][\w./<>-]*\b>?|\b[a-z]+-<[a-z]+>"
)


def text():
    """Return the page."""
    parts, section = [_TOP], ""
    # Keys of no section first, as in the table; then each section in one piece.
    for key in sorted(OPTIONS, key=lambda key: _sections().index(_section(key))):
        if _section(key) != section:
            section = _section(key)
            parts.append(f"## {section}\n\n{SECTIONS[section]}\n")
        parts.append(_entry(key))
    return "\n".join(parts)


def _sections():
    return list(dict.fromkeys(["", *map(_section, OPTIONS)]))


def _section(key):
    return key.rpartition(":")[0]


def _entry(key):
    option = OPTIONS[key]
    heading = "###" if _section(key) else "##"
    found = f"{heading} {key}\n\n{_sentence(option.meaning)}\n\n"
    found += f"- Takes: {_marked(option.type.takes)}.\n- Default: {_default(key)}\n"
    if key in NULL_IS_A_VALUE:
        found += "- null is a value of its own here, and does not mean the default.\n"
    if option.secret:
        found += "- Secret: never shown in output, logs or events.\n"
    found += _inside(option.type)
    if key in EXAMPLES:
        found += f"\n```yaml\n{example(key)}```\n"
    return found


def example(key):
    """Return the example for *key*, a file with a pillar."""
    return f"postfix_sasl:\n{textwrap.indent(EXAMPLES[key].strip(), '  ')}\n"


def _sentence(meaning):
    first = re.match(r"[a-z]+(?![a-z_.])", meaning)
    return _marked(f"{meaning[0].upper()}{meaning[1:]}." if first else f"{meaning}.")


def _marked(words):
    """Return *words* with paths and names of parameters in backticks."""
    return _NAMES.sub(lambda found: f"`{found[0]}`", words)


def _default(key):
    default = OPTIONS[key].default
    if default is None:
        return "none."
    return f"`{_flow(default)}`"


def _flow(value):
    return json.dumps(value, ensure_ascii=False) if value == "" else _one_line(value)


def _one_line(value):
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return written.removesuffix("\n").removesuffix("\n...")


def _inside(kind):
    """Return a list of what a dictionary of fixed names takes, also one in a list."""
    if isinstance(kind, types.Entries):
        return _bullets("An entry", _fields_of_an_entry())
    if isinstance(kind, types.ListOf) and isinstance(kind.item, types.Record):
        return _bullets("An item of the list", _fields(kind.item))
    return ""


def _fields(record, level=0):
    for name, field in record.fields.items():
        if name in record.required:
            rest = "; has to be there"
        else:
            default = record.defaults[name]
            rest = "" if default is None else f"; default `{_one_line(default)}`"
        inner = getattr(field, "item", None)
        is_nested = isinstance(inner, types.Record)
        takes = "a list, not empty, each with these" if is_nested else field.takes
        yield level, f"`{name}`: {takes}{rest}"
        if is_nested:
            yield from _fields(inner, level + 1)


def _fields_of_an_entry():
    yield 0, "`command`: one word, such as smtpd; a new entry has to have it"
    for name, (_pattern, takes) in masterentry.COLUMNS.items():
        yield 0, f"`{name}`: {takes}"
    yield 0, f"`options`: {types.Options.takes}"
    yield 0, "`args`: a list of further words"


def _bullets(what, fields):
    lines = "".join(f"{'  ' * level}- {words}\n" for level, words in fields)
    return f"\n{what} has\n\n{lines}"
