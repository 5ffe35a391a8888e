"""What the doctor's checks look at: this host's configuration, read once, and what it comes to.

Nothing here changes anything, and nothing needs the pillar: a host that somebody else configured
is read the same way.
"""

import functools
import glob
import os
import shlex
from typing import NamedTuple

import postfix_sasl_absent
import postfix_sasl_config
import postfix_sasl_daemons
import postfix_sasl_known
import postfix_sasl_lines
import postfix_sasl_macros
import postfix_sasl_maillog
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_sasl
import postfix_sasl_services
import postfix_sasl_textfile
import postfix_sasl_values

POSTFIX = "/usr/sbin/postfix"
_LOG_SECONDS = 3
# For a host whose Postfix can't be asked.
_DEFAULTS = {
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "mail_owner": "postfix",
    "queue_directory": "/var/spool/postfix",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_sasl_service": "smtp",
    "smtpd_sasl_type": "cyrus",
}
# What decides how a listener answers; see postfix_sasl_verify.
_ANSWERING = (
    "inet_interfaces",
    "inet_protocols",
    "smtpd_delay_reject",
    "smtpd_sasl_auth_enable",
    "smtpd_sasl_security_options",
    "smtpd_tls_auth_only",
    "smtpd_tls_security_level",
    "smtpd_tls_wrappermode",
    "smtpd_upstream_proxy_protocol",
)
_YES_NO = ("smtpd_delay_reject", "smtpd_sasl_auth_enable", "smtpd_tls_auth_only")
# Debian's Cyrus SASL, where Postfix does not tell it where to look.
_LIBRARY_DIRECTORIES = ("/etc/sasl2", "/etc/sasl", *glob.glob("/usr/lib/*/sasl2"), "/usr/lib/sasl2")
# Debian 12 and before patched these into Postfix.
_PATCHED_DIRECTORIES = ("/etc/postfix/sasl", "/usr/lib/sasl2")
_NO_PATCH_SINCE = (3, 9)
_DEFAULT_SOCKET = f"{postfix_sasl_sasl.DEBIAN_RUN_DIRECTORY}/mux"


class Finding(NamedTuple):
    """What a check found.

    ok
        True where all is well or nearly (a remedy then says that it is a warning), False where
        this is what breaks logins, None where it was not looked at.
    detail
        What was seen.
    remedy
        What to type, or to do; None where there is nothing to do.
    """

    ok: bool | None
    detail: str
    remedy: str | None = None


def where_saslauthd_is_asked(check):
    """Have a check say that it does not apply where no smtpd asks saslauthd."""

    @functools.wraps(check)
    def asked(seen):
        if not seen.host.saslauthd_logins:
            return Finding(None, "does not apply: saslauthd is not asked")
        return check(seen)

    return asked


class Login(NamedTuple):
    """How one smtpd(8) with AUTH gets at passwords.

    key
        Its ``service/type``.
    is_chrooted
        Whether it runs in the chroot.
    conf_path, conf
        The file Cyrus SASL reads and what it says, both None where there is none.
    directories, name
        Where that file is looked for, and its name without ``.conf``.
    socket
        saslauthd's socket, as the host sees it.
    service
        The PAM service.
    """

    key: str
    is_chrooted: bool
    conf_path: str | None
    conf: dict | None
    directories: list
    name: str
    socket: str
    service: str

    def uses_saslauthd(self):
        """Return whether saslauthd is to check its passwords."""
        return "saslauthd" in (self.conf or {}).get("pwcheck_method", "").split()


class Host:
    """The host, as far as mail logins go."""

    def __init__(self):
        self.has_postfix = os.path.exists(POSTFIX)
        self.main_text = postfix_sasl_config.read_or_empty(postfix_sasl_config.MAIN_CF)
        self.master_text = postfix_sasl_config.read_or_empty(postfix_sasl_config.MASTER_CF)
        self.main = postfix_sasl_maincf.MainCf.parse(self.main_text).as_dict()
        self.entries = postfix_sasl_mastercf.MasterCf.parse(self.master_text).entries()
        self.known = postfix_sasl_known.KnownThings.here()
        self.postfix = postfix_sasl_daemons.Postfix({})
        # A smtpd that dies of its configuration does so when it is asked; to be set by who asks.
        self.after_the_answers = lambda: None
        self.postfix.pid_file = f"{self.queue_directory}/pid/master.pid"

    # -- parameters -----------------------------------------------------------------------------

    @functools.cached_property
    def defaults(self):
        """Every parameter's default, as far as Postfix can be asked."""
        try:
            return {**_DEFAULTS, **(self.known.defaults if self.known else {})}
        except postfix_sasl_known.NoAnswer:
            return _DEFAULTS

    @functools.cached_property
    def version(self):
        """Postfix's version as numbers; high where it can't be asked."""
        try:
            return self.known.version
        except (AttributeError, postfix_sasl_known.NoAnswer):
            return (99, 0, 0)

    def value(self, name, options=None):
        """Return the value of a parameter, expanded; *options* are those of an entry."""

        def raw(one):
            for source in (options or {}, self.main, self.defaults):
                if one in source:
                    return source[one]
            return ""

        return (postfix_sasl_macros.expand(raw(name), raw) or "").strip()

    def is_yes(self, name, options=None):
        """Return whether a parameter is yes."""
        return self.value(name, options).lower() == "yes"

    def answering(self, options=None):
        """Return what decides how smtpd answers, in the way postfix_sasl_verify takes it."""
        found = {name: self.value(name, options) for name in _ANSWERING}
        for name in (*_YES_NO, "smtpd_tls_wrappermode"):
            found[name] = found[name].lower()
        level = found["smtpd_tls_security_level"].lower()
        if not level and self.is_yes("smtpd_enforce_tls", options):
            level = "encrypt"
        elif not level and self.is_yes("smtpd_use_tls", options):
            level = "may"
        if postfix_sasl_values.is_taken_for_encrypt("smtpd_tls_security_level", level):
            level = "encrypt"
        return {**found, "smtpd_tls_security_level": level}

    @functools.cached_property
    def queue_directory(self):
        """Where the queue is, which is the root of the chroot."""
        return self.value("queue_directory").rstrip("/")

    # -- smtpd ----------------------------------------------------------------------------------

    @functools.cached_property
    def smtpds(self):
        """The entries that run smtpd(8), as ``{service/type: fields}``."""
        return {
            key: fields
            for key, fields in self.entries.items()
            if postfix_sasl_services.is_smtpd(fields)
        }

    @functools.cached_property
    def logins(self):
        """The Login of each smtpd that has AUTH on, and asks Cyrus SASL."""
        return [
            self._login(key, fields)
            for key, fields in self.smtpds.items()
            if self.is_yes("smtpd_sasl_auth_enable", fields["options"])
            and self.value("smtpd_sasl_type", fields["options"]) == "cyrus"
        ]

    @property
    def saslauthd_logins(self):
        """Those among them that ask saslauthd."""
        return [login for login in self.logins if login.uses_saslauthd()]

    def is_chrooted(self, fields):
        """Return whether an entry runs in the chroot; before compatibility level 1 "-" is yes."""
        if fields["chroot"] != "-":
            return fields["chroot"] == "y"
        return self.value("compatibility_level").partition(".")[0] in ("", "0")

    def _login(self, key, fields):
        options, is_chrooted = fields["options"], self.is_chrooted(fields)
        name = self.value("smtpd_sasl_path", options) or "smtpd"
        told = self.value("cyrus_sasl_config_path", options)
        is_patched = self.version < _NO_PATCH_SINCE
        directories = [directory.strip() for directory in told.split(":") if directory.strip()]
        directories = directories or list(
            _PATCHED_DIRECTORIES if is_patched else _LIBRARY_DIRECTORIES
        )
        path = next(filter(os.path.isfile, (f"{one}/{name}.conf" for one in directories)), None)
        conf = _read_conf(path)
        inside = (conf or {}).get("saslauthd_path") or _DEFAULT_SOCKET
        return Login(
            key=key,
            is_chrooted=is_chrooted,
            conf_path=path,
            conf=conf,
            directories=directories,
            name=name,
            socket=self.on_the_host(inside, is_chrooted),
            service=self.value("smtpd_sasl_service", options) or "smtp",
        )

    def on_the_host(self, path, is_chrooted):
        """Return where a path of an smtpd is."""
        return f"{self.queue_directory}{path}" if is_chrooted else path

    # -- what to type ---------------------------------------------------------------------------

    @property
    def is_ours(self):
        """Whether the formula has been here: its mark is in the SASL configuration."""
        pattern = f"{postfix_sasl_sasl.CONFIG_DIRECTORY}/*.conf"
        return bool(postfix_sasl_absent.ours(pattern))

    @property
    def told(self):
        """What to type for Postfix to take a change: reload it, or start it."""
        self.after_the_answers()
        if self.postfix.running() and not self.is_throttled():
            return "postfix reload"
        return control("restart", self.postfix.unit())

    def is_throttled(self):
        """Return whether services died a moment ago: master(8) then lets them wait for a minute.

        Only a restart ends that earlier.
        """
        try:
            return postfix_sasl_maillog.MailLog(_LOG_SECONDS).throttled_before()
        except OSError:
            return False

    def mail_log(self):
        """What to type to see the end of the mail log."""
        files = postfix_sasl_maillog.files()
        return f"tail -n 30 {files[0]}" if files else "journalctl -n 30 SYSLOG_FACILITY=2"


def control(action, service):
    """Return what to type to start, restart or enable a service on this host."""
    if postfix_sasl_daemons.has_systemd():
        return f"systemctl {action} {service}"
    if action == "enable":
        return f"update-rc.d {service} defaults && update-rc.d {service} enable"
    return f"/etc/init.d/{service.removesuffix('@-')} {action}"


def quoted(*words):
    """Return words as a shell takes them."""
    return shlex.join(words)


def several(texts, most=3):
    """Return texts as one, the first ones of many."""
    texts = list(dict.fromkeys(texts))
    more = f" (and {len(texts) - most} more)" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def _read_conf(path):
    if path is None:
        return None
    text = postfix_sasl_textfile.read(path)[:100_000]
    lines = [line for line in text.splitlines() if not postfix_sasl_lines.is_skipped(line)]
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
