"""What Debian's postfix package itself puts into main.cf and master.cf, per release.

Two readers: the purge report (a parameter or entry that stands here was put there by Debian,
not by an administrator), and dry runs on a host where Postfix is not installed yet (the old
value of a change is what the package's postinst is about to write). Tables only, no text of
the files: comments and order do not matter to either reader. Read from hosts installed with
``postfix/main_mailer_type`` "Internet Site", which is also what an installation without a
preseed and without a terminal gets. With "No configuration" there is no main.cf at all.

Measured with 3.7.11-0+deb12u1, 3.10.13-0+deb13u1 and 3.11.7-1.
"""

import contextlib
import contextvars

RELEASES = ("bookworm", "trixie", "forky")

# --- main.cf -----------------------------------------------------------------------------------

# In all three. None: the value depends on the host (its name, or an answer to debconf).
_MAIN = {
    "biff": "no",
    "cyrus_sasl_config_path": "/etc/postfix/sasl",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "mailbox_command": "",
    "mailbox_size_limit": "0",
    "mydestination": None,  # "$myhostname, MAILNAME, localhost.DOMAIN, , localhost"
    "myhostname": None,  # the host's own full name
    "mynetworks": None,  # unless preseeded USUAL["mynetworks"]
    "mynetworks_style": "host",
    "myorigin": None,  # USUAL["myorigin"]; "$myhostname" if the mail name has no dot
    "recipient_delimiter": "+",
    "relayhost": "",
    "smtp_tls_CAfile": "/etc/ssl/certs/ca-certificates.crt",
    "smtp_tls_security_level": "may",
    "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache",
    "smtpd_banner": "$myhostname ESMTP $mail_name (Debian)",
    "smtpd_relay_restrictions": (
        "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"
    ),
    "smtpd_tls_cert_file": "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "smtpd_tls_key_file": "/etc/ssl/private/ssl-cert-snakeoil.key",
    "smtpd_tls_security_level": "may",
}

# What differs: a value is added or replaces the shared one.
_MAIN_OWN = {
    "bookworm": {
        "alias_database": "hash:/etc/aliases",
        "alias_maps": "hash:/etc/aliases",
        "append_dot_mydomain": "no",
        "compatibility_level": "3.6",
        "readme_directory": "no",
        "smtp_tls_CApath": "/etc/ssl/certs",
        "smtpd_banner": "$myhostname ESMTP $mail_name (Debian/GNU)",
    },
    "trixie": {
        "alias_database": "hash:/etc/aliases",
        "alias_maps": "hash:/etc/aliases",
        "compatibility_level": "3.9",
    },
    "forky": {
        "alias_database": "cdb:/etc/aliases",
        "alias_maps": "$alias_database",
        "compatibility_level": "3.11",
        "default_cache_db_type": "lmdb",
        "default_database_type": "cdb",
    },
}

# What the other two share and this one lacks.
_MAIN_NOT = {
    "bookworm": (
        "cyrus_sasl_config_path",
        "mailbox_command",
        "mynetworks_style",
        "smtp_tls_CAfile",
    ),
}

MAIN = {
    release: {
        name: value
        for name, value in {**_MAIN, **_MAIN_OWN[release]}.items()
        if name not in _MAIN_NOT.get(release, ())
    }
    for release in RELEASES
}

# The values the None entries nearly always have.
USUAL = {
    "mynetworks": "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128",
    "myorigin": "/etc/mailname",
}

# Written only if ssl-cert's key was there when postfix was configured. bookworm's package
# depends on ssl-cert; later ones merely recommend it.
NEEDS_SSL_CERT = frozenset(
    {
        "smtp_tls_CAfile",
        "smtp_tls_CApath",
        "smtp_tls_security_level",
        "smtp_tls_session_cache_database",
        "smtpd_tls_cert_file",
        "smtpd_tls_key_file",
        "smtpd_tls_security_level",
    }
)

# --- master.cf ---------------------------------------------------------------------------------

_COLUMNS = ("private", "unprivileged", "chroot", "wakeup", "process_limit", "command")

# Active entries of trixie; the columns as the file has them.
_MASTER = {
    "smtp/inet": ("n", "-", "y", "-", "-", "smtpd"),
    "pickup/unix": ("n", "-", "y", "60", "1", "pickup"),
    "cleanup/unix": ("n", "-", "y", "-", "0", "cleanup"),
    "qmgr/unix": ("n", "-", "n", "300", "1", "qmgr"),
    "tlsmgr/unix": ("-", "-", "y", "1000?", "1", "tlsmgr"),
    "rewrite/unix": ("-", "-", "y", "-", "-", "trivial-rewrite"),
    "bounce/unix": ("-", "-", "y", "-", "0", "bounce"),
    "defer/unix": ("-", "-", "y", "-", "0", "bounce"),
    "trace/unix": ("-", "-", "y", "-", "0", "bounce"),
    "verify/unix": ("-", "-", "y", "-", "1", "verify"),
    "flush/unix": ("n", "-", "y", "1000?", "0", "flush"),
    "proxymap/unix": ("-", "-", "n", "-", "-", "proxymap"),
    "proxywrite/unix": ("-", "-", "n", "-", "1", "proxymap"),
    "smtp/unix": ("-", "-", "y", "-", "-", "smtp"),
    "relay/unix": ("-", "-", "y", "-", "-", "smtp"),
    "showq/unix": ("n", "-", "y", "-", "-", "showq"),
    "error/unix": ("-", "-", "y", "-", "-", "error"),
    "retry/unix": ("-", "-", "y", "-", "-", "error"),
    "discard/unix": ("-", "-", "y", "-", "-", "discard"),
    "local/unix": ("-", "n", "n", "-", "-", "local"),
    "virtual/unix": ("-", "n", "n", "-", "-", "virtual"),
    "lmtp/unix": ("-", "-", "y", "-", "-", "lmtp"),
    "anvil/unix": ("-", "-", "y", "-", "1", "anvil"),
    "scache/unix": ("-", "-", "y", "-", "1", "scache"),
    "postlog/unix-dgram": ("n", "-", "n", "-", "1", "postlogd"),
}

_INSTANCE = "${multi_instance_name?{$multi_instance_name}:{postfix}}/$service_name"
_OPTIONS = {
    "bookworm": {"relay/unix": {"syslog_name": "postfix/$service_name"}},
    "trixie": {"relay/unix": {"syslog_name": _INSTANCE}},
    "forky": {"relay/unix": {"syslog_name": _INSTANCE}},
}

# pipe(8) transports, all ``unix - n n - LIMIT pipe``: bookworm only.
_PIPES = {
    "maildrop/unix": ("-", "flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}"),
    "uucp/unix": (
        "-",
        "flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)",
    ),
    "ifmail/unix": ("-", "flags=F user=ftn argv=/usr/lib/ifmail/ifmail -r $nexthop ($recipient)"),
    "bsmtp/unix": (
        "-",
        "flags=Fq. user=bsmtp argv=/usr/lib/bsmtp/bsmtp -t$nexthop -f$sender $recipient",
    ),
    "scalemail-backend/unix": (
        "2",
        "flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store"
        " ${nexthop} ${user} ${extension}",
    ),
    "mailman/unix": (
        "-",
        "flags=FRX user=list argv=/usr/lib/mailman/bin/postfix-to-mailman.py ${nexthop} ${user}",
    ),
}


def _entry(columns, options=None, args=""):
    """One entry with the keys of the pillar's ``master``."""
    return {
        **dict(zip(_COLUMNS, columns, strict=True)),
        "options": dict(options or {}),
        "args": args.split(),
    }


def _master(release):
    """All active entries of one release."""
    entries = {}
    for key, columns in _MASTER.items():
        if release == "forky":  # new installations are not chrooted any more
            columns = (*columns[:2], "n", *columns[3:])
        entries[key] = _entry(columns, _OPTIONS[release].get(key))
    if release == "bookworm":
        for key, (limit, args) in _PIPES.items():
            entries[key] = _entry(("-", "n", "n", "-", limit, "pipe"), args=args)
    return entries


MASTER = {release: _master(release) for release in RELEASES}


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
    stock = MAIN[release]
    # Debian sets these or none of them; those that are not ours tell.
    others = NEEDS_SSL_CERT & set(stock) - set(names)
    had_certificate = not others or any(name in main for name in others)
    before = {}
    for name in names:
        is_set = had_certificate or name not in NEEDS_SSL_CERT
        if name not in stock or not is_set:
            before[name] = None
        elif stock[name] is not None:
            before[name] = stock[name]
    return before


_assumed = contextvars.ContextVar("release", default=None)


@contextlib.contextmanager
def assumed(name):
    """Have ``release`` return *name*, to see what another release would make of the settings."""
    token = _assumed.set(name)
    try:
        yield
    finally:
        _assumed.reset(token)


def release(os_release="/etc/os-release"):
    """Return this host's Debian release, the newest known one where it is something else."""
    if _assumed.get():
        return _assumed.get()
    try:
        with open(os_release, encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                if name == "VERSION_CODENAME" and value.strip("'\"") in RELEASES:
                    return value.strip("'\"")
    except FileNotFoundError:
        pass
    return RELEASES[-1]
