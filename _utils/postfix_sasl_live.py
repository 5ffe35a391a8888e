"""What this host has that a pillar could have made: the two files of Postfix, and of others what
decides about logins.
"""

import glob
import os
import re
import socket
from typing import NamedTuple

import postfix_sasl_config
import postfix_sasl_keypair
import postfix_sasl_lines
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_sasl
import postfix_sasl_stock
import postfix_sasl_textfile
import postfix_sasl_tls


class Live(NamedTuple):
    """What a host has.

    release
        The Debian release.
    main, entries
        main.cf as ``{parameter: text}``, master.cf as ``{service/type: fields}``.
    hostname
        The host's full name.
    smtpd_conf
        Cyrus SASL's options for smtpd, ``{name: text}``; None where it has no such file.
    saslauthd
        ``{instance: {variable: text}}`` of the files /etc/default/saslauthd and
        /etc/default/saslauthd-<instance>; the instance of the first is "".
    pam
        ``{service: [line, ...]}`` of /etc/pam.d, without comments.
    acme
        Where the certificate that Postfix has a copy of comes from, as ``tls:acme`` says it.
    """

    release: str
    main: dict
    entries: dict
    hostname: str = ""
    smtpd_conf: dict | None = None
    saslauthd: dict = {}
    pam: dict = {}
    acme: list = []


def read():
    """Return what this host has, as Live; raise FileNotFoundError without Postfix."""
    main_text = postfix_sasl_textfile.read_config(postfix_sasl_config.MAIN_CF)
    master_text = postfix_sasl_textfile.read_config(postfix_sasl_config.MASTER_CF)
    main = postfix_sasl_maincf.MainCf.parse(main_text).folded()
    main.update(postfix_sasl_tls.modern(main))
    main = {name: value for name, value in main.items() if value is not None}
    entries = postfix_sasl_mastercf.MasterCf.parse(master_text).entries()
    return Live(
        postfix_sasl_stock.release(),
        {name: _without_tabs(value) for name, value in main.items()},
        entries,
        socket.getfqdn(),
        read_smtpd_conf(main),
        {name: _variables(_lines(path)) for name, path in _defaults_files()},
        {os.path.basename(path): _lines(path) for path in glob.glob("/etc/pam.d/*")},
        postfix_sasl_keypair.acme(),
    )


def read_smtpd_conf(main):
    """Return Cyrus SASL's options for smtpd as ``{name: text}``; None where it has no such file."""
    directories = main.get("cyrus_sasl_config_path") or postfix_sasl_sasl.CONFIG_DIRECTORY
    name = main.get("smtpd_sasl_path") or "smtpd"
    for directory in directories.split(":"):
        path = f"{directory.strip()}/{name}.conf"
        if os.path.isfile(path):
            pairs = (line.partition(":") for line in _lines(path))
            return {name.strip(): value.strip() for name, _, value in pairs}
    return None


def _defaults_files():
    """Yield (instance, path) of saslauthd's configuration, Debian's own being ""."""
    for name in sorted(os.listdir("/etc/default")):
        if re.fullmatch(r"saslauthd(-[a-z0-9-]+)?", name):
            yield name.removeprefix("saslauthd").removeprefix("-"), f"/etc/default/{name}"


def _variables(lines):
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _lines(path):
    """Return the lines of *path* that say something."""
    lines = postfix_sasl_textfile.read(path).splitlines()
    return [line.rstrip() for line in lines if not postfix_sasl_lines.is_skipped(line)]


def _without_tabs(value):
    """Return a parameter's value as the pillar can hold it."""
    return re.sub(r"[ \t\n]*[\t\n][ \t\n]*", " ", value)
