"""The main.cf parameters of TLS, and the snakeoil certificate that Debian makes."""

import os
import subprocess

import postfix_sasl_keypair
import postfix_sasl_stock

SNAKEOIL_CERTIFICATE = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
SNAKEOIL_KEY = "/etc/ssl/private/ssl-cert-snakeoil.key"

_INTERMEDIATE_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_OLD_CIPHERS = (
    f"@SECLEVEL=0:{_INTERMEDIATE_CIPHERS}:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:"
    "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA"
)
# Mozilla's server side TLS guidelines in Postfix's parameters: version 6.0, which has no "old" any
# more, and 5.8 for that. The cipher lists of TLS 1.3 are OpenSSL's own.
_PROFILES = {
    None: (None, None, None),
    "modern": (">=TLSv1.3", None, "no"),
    "intermediate": (">=TLSv1.2", _INTERMEDIATE_CIPHERS, "no"),
    "old": (">=TLSv1", _OLD_CIPHERS, "yes"),
}
_GROUPS = "X25519 prime256v1 secp384r1"
# Debian 12 has OpenSSL 3.0, the others have 3.5 or later; the same for Postfix's parameter below.
_WITHOUT_MLKEM = _WITHOUT_FFDHE_PARAMETER = ("bookworm",)


def parameters(settings, release=None):
    """Return the main.cf parameters for TLS that *settings* ask for; None removes one.

    release
        The Debian release; None for this host's.
    """
    mode = settings["tls:mode"]
    protocols, ciphers, preempt = _PROFILES[settings["tls:profile"]]
    return {
        # Superseded by smtpd_tls_security_level, which they would contradict: postconf(5).
        "smtpd_use_tls": None,
        "smtpd_enforce_tls": None,
        **_certificate(settings),
        "smtpd_tls_security_level": mode,
        "smtpd_tls_CAfile": settings["tls:ca_file"],
        "smtpd_tls_auth_only": _yes_no(settings["tls:auth_only"] and mode != "none"),
        "smtpd_tls_loglevel": str(settings["tls:loglevel"]),
        "smtpd_tls_received_header": _yes_no(settings["tls:received_header"]),
        "smtpd_tls_protocols": protocols,
        "smtpd_tls_mandatory_protocols": protocols,
        "smtpd_tls_mandatory_ciphers": None if ciphers is None else "medium",
        "tls_medium_cipherlist": ciphers,
        "tls_preempt_cipherlist": preempt,
        **_groups(settings["tls:profile"], release or postfix_sasl_stock.release()),
    }


def _certificate(settings):
    """Return the parameters that name the certificate, and null for all others that could."""
    chain = settings["tls:chain_files"]
    if postfix_sasl_keypair.is_stored(settings):
        chain = [postfix_sasl_keypair.STORE]
    return {
        # Where it is set, it wins over all the others: postconf(5).
        "smtpd_tls_chain_files": ", ".join(chain) or None,
        "smtpd_tls_cert_file": None if chain else settings["tls:certificate"],
        "smtpd_tls_key_file": None if chain else settings["tls:key"],
        # A client that can do both kinds would be given an old certificate by these.
        "smtpd_tls_eccert_file": None,
        "smtpd_tls_eckey_file": None,
        "smtpd_tls_dcert_file": None,
        "smtpd_tls_dkey_file": None,
    }


def modern(main):
    """Say in today's parameters what main.cf says in those that Postfix is about to drop.

    main
        ``{parameter: text, or None to remove it}``.

    Returns the parameters that change, None for those to remove. A TLS level that is set makes
    Postfix ignore the old ones: postconf(5).
    """
    changed = {}
    for program in ("smtp", "smtpd", "lmtp"):
        level = f"{program}_tls_security_level"
        peername = f"{program}_tls_enforce_peername"
        old = [f"{program}_use_tls", f"{program}_enforce_tls", peername]
        use, enforce, match = ((main.get(name) or "").strip().lower() for name in old)
        changed.update({name: None for name in old if main.get(name) is not None})
        if main.get(level):
            continue
        if enforce == "yes":
            changed[level] = "encrypt" if program == "smtpd" or match == "no" else "verify"
        elif use == "yes":
            changed[level] = "may"
    return changed


def _groups(profile, release):
    """Return the parameters for the groups of key exchange."""
    groups, ffdhe = None, None
    if profile is not None:
        groups = _GROUPS if release in _WITHOUT_MLKEM else f"X25519MLKEM768 {_GROUPS}"
    if profile in ("modern", "intermediate") and release not in _WITHOUT_FFDHE_PARAMETER:
        ffdhe = ""
    return {"tls_eecdh_auto_curves": groups, "tls_ffdhe_auto_groups": ffdhe}


def _yes_no(flag):
    return "yes" if flag else "no"


class Snakeoil:
    """Debian's self-signed certificate: made again where it is missing.

    The package ssl-cert makes it when it is installed; until then nothing is due.
    """

    _COMMAND = "/usr/sbin/make-ssl-cert"
    paths = (SNAKEOIL_CERTIFICATE, SNAKEOIL_KEY)

    def desired(self):
        """Return the certificate and its key."""
        return dict.fromkeys(self.paths, "self-signed")

    def changes(self):
        """Return the certificate or key that is missing."""
        if not os.path.exists(self._COMMAND):
            return {}
        return {
            path: {"old": None, "new": new}
            for path, new in self.desired().items()
            if not os.path.exists(path)
        }

    def apply(self):
        """Make both afresh; raise RuntimeError with what make-ssl-cert said where that fails."""
        done = subprocess.run(
            [self._COMMAND, "generate-default-snakeoil", "--force-overwrite"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"make-ssl-cert: {done.stderr.strip()}")


def things(settings):
    """Return what the certificate of *settings* needs, as things with changes and apply."""
    parameters = _certificate(settings)
    pair = (parameters["smtpd_tls_cert_file"], parameters["smtpd_tls_key_file"])
    snakeoil = [Snakeoil()] if pair == (SNAKEOIL_CERTIFICATE, SNAKEOIL_KEY) else []
    return [*snakeoil, *postfix_sasl_keypair.hooks(settings)]
