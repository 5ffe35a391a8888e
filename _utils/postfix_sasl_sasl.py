"""What smtpd needs to have passwords checked: main.cf parameters, smtpd.conf, and paths."""

import postfix_sasl_services
import postfix_sasl_things

CONFIG_DIRECTORY = "/etc/postfix/sasl"
SPOOL = "/var/spool/postfix"
# Debian's own saslauthd has its socket here.
DEBIAN_RUN_DIRECTORY = "/var/run/saslauthd"
# Dovecot's socket, relative to the queue directory: every smtpd is there, chrooted or not.
DOVECOT_PATH = "private/auth"
# The database of passwords, as a chrooted smtpd sees it; every other one looks into the chroot.
SASLDB_INSIDE = "/var/lib/sasldb/sasldb2"

MANAGED = postfix_sasl_things.MANAGED


def parameters(settings):
    """Return the main.cf parameters for SASL that *settings* ask for; None removes one."""
    service = settings["pam:service"]
    by_dovecot = settings["sasl:backend"] == "dovecot"
    return {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_local_domain": settings["sasl:local_domain"],
        "smtpd_sasl_security_options": ", ".join(settings["sasl:security_options"]),
        "broken_sasl_auth_clients": "yes" if settings["sasl:broken_clients"] else "no",
        "smtpd_recipient_restrictions": ", ".join(settings["sasl:recipient_restrictions"]),
        # Debian 12 compiles this in, Debian 13 does not; said outright it survives the upgrade.
        "cyrus_sasl_config_path": CONFIG_DIRECTORY,
        # It names the file in /etc/pam.d, and "smtp" is what Postfix takes by itself.
        "smtpd_sasl_service": None if service == "smtp" else service,
        "smtpd_sasl_type": "dovecot" if by_dovecot else None,
        "smtpd_sasl_path": DOVECOT_PATH if by_dovecot else None,
        # Dovecot's list of mechanisms is for all it serves; this one is for smtpd.
        "smtpd_sasl_mechanism_filter": (
            ", ".join(settings["sasl:mechanisms"]) if by_dovecot else None
        ),
    }


def smtpd_conf_files(settings, entries):
    """Return ``{path: text, or None}`` of Cyrus SASL's configuration for the smtpd *entries*.

    A chrooted smtpd looks for a socket or a database below the chroot, another one below the
    real root; a host that has both gets a file for each. With Dovecot there are none.
    """
    unchrooted = f"{CONFIG_DIRECTORY}/{postfix_sasl_services.UNCHROOTED_SASL_PATH}.conf"
    if settings["sasl:backend"] == "dovecot":
        return {f"{CONFIG_DIRECTORY}/smtpd.conf": None, unchrooted: None}
    chrooted = postfix_sasl_services.any_chrooted(entries)
    mixed = postfix_sasl_services.is_mixed(entries)
    inside, real = _places(settings, chrooted)
    files = {f"{CONFIG_DIRECTORY}/smtpd.conf": _smtpd_conf(settings, inside if chrooted else real)}
    files[unchrooted] = _smtpd_conf(settings, real) if mixed else None
    return files


def _places(settings, chrooted):
    """Return the option that says where passwords are checked: (in the chroot, outside of it)."""
    if settings["sasl:backend"] == "sasldb":
        return {"sasldb_path": SASLDB_INSIDE}, {"sasldb_path": SPOOL + SASLDB_INSIDE}
    inside, real = run_directories(settings, chrooted)
    return {"saslauthd_path": f"{inside}/mux"}, {"saslauthd_path": f"{real}/mux"}


def _smtpd_conf(settings, place):
    by_sasldb = settings["sasl:backend"] == "sasldb"
    options = {
        "pwcheck_method": "auxprop" if by_sasldb else "saslauthd",
        **({"auxprop_plugin": "sasldb"} if by_sasldb else {}),
        "mech_list": " ".join(settings["sasl:mechanisms"]),
        **place,
        **settings["sasl:options"],
    }
    lines = [f"{name}: {value}\n" for name, value in options.items() if value is not None]
    return MANAGED + "".join(lines)


def run_directories(settings, chrooted):
    """Return (as a chrooted smtpd sees it, as the host sees it) of the socket's directory."""
    directory = settings["saslauthd:run_dir"].rstrip("/")
    if chrooted:
        return directory, SPOOL + directory
    if directory == DEBIAN_RUN_DIRECTORY:
        directory = f"/run/saslauthd-{settings['saslauthd:instance']}"
    return directory, directory


def unit_name(settings):
    """Return the name of the saslauthd instance's service, without a suffix."""
    return f"saslauthd-{settings['saslauthd:instance']}"
