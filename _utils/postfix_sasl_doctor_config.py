"""The doctor's checks of what is installed and configured, before anything is asked to answer."""

import glob
import os
import re

import postfix_sasl_daemons
import postfix_sasl_doctor_host as doctor_host
import postfix_sasl_packages
import postfix_sasl_pam
import postfix_sasl_pamstack
import postfix_sasl_sasl
import postfix_sasl_tls
import postfix_sasl_validate
from postfix_sasl_certificate import EXPIRES_SOON
from postfix_sasl_doctor_host import Finding, quoted, several

_PLAINTEXT = {"PLAIN", "LOGIN"}
_PWCHECK_METHODS = {
    "saslauthd",
    "auxprop",
    "auxprop-hashed",
    "authdaemond",
    "alwaystrue",
    "pwcheck",
}
_SUBMISSION_PORTS = ("submission", "587", "submissions", "smtps", "465")
# What each package is needed for.
_PROGRAMS = {
    "postfix": doctor_host.POSTFIX,
    "sasl2-bin": "/usr/sbin/saslauthd",
    "libsasl2-modules": "/usr/lib/*/sasl2/libplain.so*",
}
_CERTIFICATE = re.compile(r"smtpd_tls_(?:(?:ec|d)?(?:cert|key)_file|chain_files|CAfile)\b")
_UNKNOWN = re.compile(r"Postfix has no such parameter|and later have no such parameter")
_HOLDER = re.compile(r"is taken by .*\(process (\d+)\)")
_MEANT = re.compile(r"did you mean (\w+)\?")


class Problems:
    """What validation finds wrong with the configuration in force, sorted by who reports it."""

    def __init__(self, host):
        candidate = postfix_sasl_validate.Candidate.from_texts(host.main_text, host.master_text)
        found = postfix_sasl_validate.problems(candidate, host.known) if host.main_text else []
        self.certificate = [one for one in found if _CERTIFICATE.search(str(one))]
        rest = [one for one in found if one not in self.certificate]
        self.unknown = [one for one in rest if _UNKNOWN.search(one.message)]
        rest = [one for one in rest if one not in self.unknown]
        self.errors = [one for one in rest if one.severity == postfix_sasl_validate.ERROR]
        self.warnings = [one for one in rest if one not in self.errors]


def packages(seen):
    """Postfix, saslauthd where it is asked, and the SASL mechanisms are installed."""
    needed = ["postfix"]
    if seen.host.logins:
        needed.append("libsasl2-modules")
    if seen.host.saslauthd_logins:
        needed.append("sasl2-bin")
    missing = [name for name in needed if not glob.glob(_PROGRAMS[name])]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        command = f"apt-get install {' '.join(missing)}"
        return Finding(False, f"{', '.join(missing)} {are} not installed", command)
    known = postfix_sasl_packages.installed()
    half = [name for name in needed if known is not None and name not in known]
    if half:
        text = f"{', '.join(half)}: dpkg does not call this installed"
        return Finding(True, text, "dpkg --configure -a")
    return Finding(True, f"{', '.join(needed)} installed")


def configuration(seen):
    """main.cf and master.cf, by all that is known of what Postfix makes of them."""
    host = seen.host
    for path, text in (("main.cf", host.main_text), ("master.cf", host.master_text)):
        if not text:
            return Finding(
                False,
                f"/etc/postfix/{path} is missing or empty",
                "put it back from a backup, or: dpkg-reconfigure postfix",
            )
    errors = seen.problems.errors
    if not errors:
        return Finding(True, "main.cf and master.cf have nothing in them that Postfix dies of")
    where = errors[0].where
    file = "main.cf" if where in host.main or where == "main.cf" else "master.cf"
    remedy = f"correct {where} in /etc/postfix/{file}, then: {host.told}"
    holder = _HOLDER.search(errors[0].message)
    if holder:
        remedy = f"stop it (process {holder[1]}), or take {where} out; then: {host.told}"
    return Finding(False, several(map(str, errors)), remedy)


def parameters(seen):
    """Parameters that Postfix does not know are mistakes; deprecated ones are to be replaced."""
    host = seen.host
    if seen.problems.unknown:
        first = seen.problems.unknown[0]
        remedy = f"take {first.where} out of its file, then: {host.told}"
        if first.where in host.main:
            remedy = f"postconf -X {first.where} && {host.told}"
            meant = _MEANT.search(first.message)
            if meant and meant[1] not in host.main:
                right = quoted(f"{meant[1]} = {host.main[first.where]}")
                remedy = f"postconf -X {first.where} && postconf {right} && {host.told}"
        return Finding(False, several(map(str, seen.problems.unknown)), remedy)
    if seen.problems.warnings:
        names = [one.where for one in seen.problems.warnings]
        remedy = f"change {several(names)} as it says, then: {host.told}"
        return Finding(True, several(map(str, seen.problems.warnings)), remedy)
    return Finding(True, "none that Postfix does not know, or will drop")


def authentication(seen):
    """Somebody offers AUTH, and not only where it could never be offered."""
    host = seen.host
    on, off, hidden = [], [], []
    for key, fields in host.smtpds.items():
        answering = host.answering(fields["options"])
        has_tls = answering["smtpd_tls_security_level"] not in ("", "none")
        has_tls = has_tls or answering["smtpd_tls_wrappermode"] == "yes"
        if answering["smtpd_sasl_auth_enable"] != "yes":
            off.append(key)
        elif answering["smtpd_tls_auth_only"] == "yes" and not has_tls:
            hidden.append(key)
        else:
            on.append(key)
    submission = [key for key in off if _port(key) in _SUBMISSION_PORTS]
    if hidden:
        text = f"{', '.join(hidden)}: AUTH is allowed only inside TLS (smtpd_tls_auth_only), and "
        text += "there is no TLS (smtpd_tls_security_level): nobody can log in"
        return Finding(False, text, _with_tls(host, hidden))
    if not on:
        text = "smtpd_sasl_auth_enable is not yes for any listener: nobody can log in"
        if not host.smtpds:
            text = "master.cf has no smtpd listener: nobody can log in"
            return Finding(False, text, "salt-call state.apply postfix_sasl")
        remedy = f"postconf smtpd_sasl_auth_enable=yes && {host.told}"
        if not glob.glob("/etc/postfix/sasl/*.conf"):
            remedy = "salt-call state.apply postfix_sasl  # SASL has not been set up here"
        return Finding(False, text, remedy)
    if submission:
        text = f"{', '.join(submission)}: a port for mail clients, but smtpd_sasl_auth_enable is no"
        names = " ".join(quoted(f"{key}/smtpd_sasl_auth_enable=yes") for key in submission)
        return Finding(False, text, f"postconf -P {names} && {host.told}")
    return Finding(True, f"AUTH is on for {', '.join(on)}")


def _with_tls(host, keys):
    """Return what to type to give listeners TLS, in main.cf or in their entries."""
    own = [key for key in keys if "smtpd_tls_security_level" in host.entries[key]["options"]]
    if not own:
        return f"postconf smtpd_tls_security_level=may && {host.told}"
    names = " ".join(quoted(f"{key}/smtpd_tls_security_level=may") for key in own)
    return f"postconf -P {names} && {host.told}"


def smtpd_conf(seen):
    """Cyrus SASL's configuration of smtpd, where this Postfix looks for it."""
    host = seen.host
    if not host.logins:
        kinds = {
            host.value("smtpd_sasl_type", fields["options"])
            for fields in host.smtpds.values()
            if host.is_yes("smtpd_sasl_auth_enable", fields["options"])
        }
        return Finding(None, f"does not apply: smtpd_sasl_type is {', '.join(sorted(kinds))}")
    for login in host.logins:
        if login.conf is None:
            return _no_conf(host, login)
        wrong = _wrong_conf(host, login)
        if wrong:
            return wrong
    return Finding(
        True, f"{several({one.conf_path for one in host.logins})} is read and makes sense"
    )


def _no_conf(host, login):
    name = f"{login.name}.conf"
    text = f"there is no {name} in {', '.join(login.directories)}, where this Postfix looks for it"
    place = postfix_sasl_sasl.CONFIG_DIRECTORY
    if os.path.exists(f"{place}/{name}") and place not in login.directories:
        command = f"postconf cyrus_sasl_config_path={place} && {host.told}"
        return Finding(False, f"{text}; it is in {place}", command)
    path = f"{login.directories[0]}/{name}"
    lines = [*_RIGHT.items()]
    words = quoted(*(f"{option}: {value}" for option, value in lines))
    directory = quoted(login.directories[0])
    command = f"mkdir -p {directory} && printf '%s\\n' {words} > {quoted(path)} && {host.told}"
    return Finding(False, f"{text}: every mechanism is offered, and none works", command)


_RIGHT = {"pwcheck_method": "saslauthd", "mech_list": "PLAIN LOGIN"}


def _wrong_conf(host, login):
    """Return the Finding for a file that says what can't work, None where it makes sense."""
    methods = login.conf.get("pwcheck_method", "").split()
    mechanisms = set(login.conf.get("mech_list", "").upper().split())
    if not methods or not set(methods) <= _PWCHECK_METHODS:
        got = " ".join(methods) or "nothing"
        text = f"{login.conf_path}: pwcheck_method: got {got}; takes saslauthd (or auxprop)"
        return Finding(False, text, _set(host, login.conf_path, "pwcheck_method"))
    if methods == ["auxprop"] and not {"auxprop_plugin", "sasldb_path"} & set(login.conf):
        if not os.path.exists("/etc/sasldb2"):
            text = f"{login.conf_path}: pwcheck_method: auxprop looks passwords up in /etc/sasldb2"
            text += ", which is not there; saslauthd is not asked"
            return Finding(False, text, _set(host, login.conf_path, "pwcheck_method"))
        return None
    if login.uses_saslauthd() and not mechanisms & _PLAINTEXT:
        got = " ".join(sorted(mechanisms)) or "nothing"
        text = f"{login.conf_path}: mech_list: got {got}; saslauthd can check PLAIN and LOGIN only"
        return Finding(False, text, _set(host, login.conf_path, "mech_list"))
    return None


def _set(host, path, option):
    """Return what to type to set an option of smtpd.conf right."""
    line, file = f"{option}: {_RIGHT[option]}", quoted(path)
    return (
        f"sed -i '/^{option}[[:space:]]*:/d' {file} && echo {quoted(line)} >> {file} && {host.told}"
    )


def certificate(seen):
    """The certificate and key: there, a pair, in date for a while, and for this host's name."""
    host, found = seen.host, seen.problems.certificate
    errors = [one for one in found if one.severity == postfix_sasl_validate.ERROR]
    if errors:
        remedy = f"put a valid certificate and its key there, then: {host.told}"
        snakeoil = (postfix_sasl_tls.SNAKEOIL_CERTIFICATE, postfix_sasl_tls.SNAKEOIL_KEY)
        uses = [host.value(f"smtpd_tls_{kind}_file") for kind in ("cert", "key")]
        if any(path in str(errors[0]) for path in snakeoil) and tuple(uses) == snakeoil:
            remedy = f"make-ssl-cert generate-default-snakeoil --force-overwrite && {host.told}"
        return Finding(False, several(map(str, errors)), remedy)
    served = {
        port: result["certificate"]
        for port, result in seen.answers.items()
        if result["certificate"] and result["certificate"]["days_left"] is not None
    }
    for port, shown in served.items():
        days, names = shown["days_left"], shown["names"]
        when = shown["not_after"][:10]
        if days < 0:
            text = f"port {port} shows a certificate that expired on {when}"
            return Finding(False, text, host.told)
        if days <= EXPIRES_SOON:
            text = f"port {port} shows a certificate that expires on {when}, in {days} days"
            return Finding(True, text, f"have a new certificate ready; once in place: {host.told}")
        wanted = host.value("myhostname")
        if names and not any(_covers(name, wanted) for name in names):
            text = f"port {port} shows a certificate for {', '.join(names[:5])}, not for myhostname"
            remedy = f"get one for {wanted}, or tell users to connect to a name that is in it"
            return Finding(True, f"{text} ({wanted}): clients may refuse it", remedy)
    if found:
        return Finding(True, several(map(str, found)), "see what it says")
    if not served:
        return Finding(True, "no listener shows one")
    shown = next(iter(served.values()))
    kind = "self-signed, " if shown["self_signed"] else ""
    names = ", ".join(shown["names"][:3]) or shown["subject"]
    return Finding(True, f"{names}, {kind}{shown['days_left']} days left")


def _covers(name, wanted):
    name, wanted = name.lower().rstrip("."), wanted.lower().rstrip(".")
    return name == wanted or (name.startswith("*.") and name[2:] == wanted.partition(".")[2])


def _port(key):
    return key.removesuffix("/inet").rpartition(":")[2] if key.endswith("/inet") else ""


def pam(seen):
    """The PAM service that saslauthd asks, with all that it includes."""
    logins = seen.host.saslauthd_logins
    if not logins or seen.saslauthd.mechanism() != "pam":
        return Finding(None, "does not apply: saslauthd does not ask PAM")
    for service in dict.fromkeys(login.service for login in logins):
        path = postfix_sasl_pamstack.path_of(service)
        if path is None:
            return _no_pam_file(seen.host, service)
        found = postfix_sasl_pamstack.problems(service)
        if found:
            text = several(f"{file}: {problem}" for file, problem in found)
            return Finding(False, text, _pam_remedy(*found[0]))
    return Finding(True, f"{path} and all that it names is there")


def _pam_remedy(file, problem):
    if file.startswith("/etc/pam.d/common-") or "@include common-" in problem:
        return "pam-auth-update --package --force"
    return f"correct that line in {file}, or install what it names"


def _no_pam_file(host, service):
    """Without a file PAM asks ``other``, which lets in whoever has a password."""
    path = f"/etc/pam.d/{service}"
    text = f"there is no {path}: PAM takes /etc/pam.d/other, by which root and system accounts "
    text += "can log in"
    words = quoted(*postfix_sasl_pam.DEFAULT_RULES)
    # By hand it is often left out; where the formula has been, somebody took the file away.
    return Finding(not host.is_ours, text, f"printf '%s\\n' {words} > {quoted(path)}")


def boot(seen):
    """Postfix and saslauthd start with the machine."""
    names = [seen.host.postfix.unit().removesuffix("@-")]
    if seen.host.saslauthd_logins:
        names.append(seen.saslauthd.unit())
    missing = [name for name in names if not starts_at_boot(name)]
    if missing:
        commands = " && ".join(doctor_host.control("enable", name) for name in missing)
        return Finding(True, f"{', '.join(missing)} would not start at boot", commands)
    return Finding(True, f"{', '.join(names)} start with the machine")


def starts_at_boot(name):
    """Return whether a service starts at boot, by its unit or its init script."""
    units = glob.glob(f"/etc/systemd/system/*.wants/{name}.service")
    native = any(
        os.path.exists(f"{directory}/{name}.service")
        for directory in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
    )
    if postfix_sasl_daemons.has_systemd() and native:
        return bool(units)
    return bool(glob.glob(f"/etc/rc2.d/S[0-9][0-9]{name}"))
