"""The certificate and key that Postfix has a copy of: those of the pillar, or an ACME client's.

Postfix reads its certificate whenever an smtpd(8) starts, many times in an hour. One that an ACME
client has just replaced by something useless would be served at once, or TLS be off. So Postfix
has a copy, which only a pair that was checked replaces: when the formula is applied, and when the
client runs our hook. Key and chain are in one file, which Postfix reads in one go: there is no
moment when one is new and the other old.
"""

import contextlib
import errno
import os
import stat

import postfix_sasl_absent
import postfix_sasl_certificate
import postfix_sasl_sasl
import postfix_sasl_textfile
import postfix_sasl_things

STORE = "/etc/postfix/postfix_sasl-server.pem"
# The programs that read the certificate, and the parameters that say where it is.
READERS = ("smtpd", "tlsproxy")
NAMES = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_key_file")
_SOURCE = "# The certificate is from: "
# certbot runs what is in this directory; other clients are told of the other one.
_CERTBOT = "/etc/letsencrypt"
CERTBOT_HOOK = f"{_CERTBOT}/renewal-hooks/deploy/postfix_sasl"
OTHER_HOOK = "/etc/postfix/postfix_sasl-deploy"

_HOOK = r"""#! /bin/sh
{managed}#
# Gives Postfix the certificate that an ACME client has renewed. One that cannot be used is
# refused, and Postfix keeps the one it has. certbot runs this by itself; to be called by
#   acme.sh --install-cert --reloadcmd, lego --renew-hook, deploy_cert of dehydrated's hook
set -u
umask 077
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
store={store}
new=/etc/postfix/.postfix_sasl-server.pem.hook

refuse() {{
    rm -f "$new" "$new.pair"
    echo "postfix_sasl: certificate not taken: $1" >&2
    logger -t postfix_sasl -p mail.err "certificate not taken: $1" 2> /dev/null
    exit 1
}}

# blocks FILE KIND: the keys, or the certificates, of a file in PEM format
blocks() {{
    awk -v kind="$2\$" '
        {{ sub(/\r$/, "") }}
        /^-----BEGIN / {{ name = $0; sub(/-----[^-]*$/, "", name); on = name ~ kind }}
        on
        /^-----END / {{ on = 0 }}
    ' "$1"
}}

# add KEY CHAIN: check a pair and add it to the new file
add() {{
    [ -f "$1" ] || refuse "there is no file $1"
    [ -f "$2" ] || refuse "there is no file $2"
    {{ blocks "$1" "PRIVATE KEY" && blocks "$2" CERTIFICATE; }} > "$new.pair" \
        || refuse "$2 could not be read"
    key=$(openssl pkey -pubout -passin pass: -in "$new.pair" 2> /dev/null) \
        || refuse "$1 holds no key without a pass phrase"
    certificate=$(openssl x509 -noout -pubkey -in "$new.pair" 2> /dev/null) \
        || refuse "$2 holds no certificate"
    [ "$key" = "$certificate" ] || refuse "$1 is not the key of $2"
    openssl crl2pkcs7 -nocrl -certfile "$new.pair" -out /dev/null 2> /dev/null \
        || refuse "$2 holds a certificate that cannot be read"
    said=$(openssl verify -partial_chain -trusted "$new.pair" "$new.pair" 2>&1) \
        || refuse "$2: $(echo "$said" | sed -n 's/^error .* lookup: //p')"
    cat "$new.pair" >> "$new" || refuse "$new could not be written"
    rm -f "$new.pair"
}}

# certbot names what it has renewed; it may have others.
case "${{RENEWED_LINEAGE:-}}" in
'' | {lineages}) ;;
*) exit 0 ;;
esac

# The lock that an apply of the formula takes.
exec 9< /etc/postfix
flock -w 120 9 || refuse "an apply of the postfix_sasl formula does not end"
cat > "$new" << 'END' || refuse "$new could not be written"
{header}END
{adds}
if cmp -s "$new" "$store"; then
    rm -f "$new"
    exit 0
fi
sync "$new" && mv -f "$new" "$store" || refuse "$store could not be written"
if postfix status 2> /dev/null; then
    postfix reload
fi
"""


class _Pair:
    """One certificate and its key, read once: PEM texts and what to call them."""

    def __init__(self, certificate, key, certificate_name, key_name):
        self.names = (certificate_name, key_name)
        parts = [(key, True), (certificate, False)]
        self.text = b"".join(
            block
            for data, wanted in parts
            for is_key, block in postfix_sasl_certificate.blocks(_unix(data))
            if is_key == wanted
        )

    def problems(self):
        """Return what is wrong with the pair, see ``postfix_sasl_certificate``."""
        return postfix_sasl_certificate.text_problems(self.text, *self.names)


def is_stored(settings):
    """Return whether Postfix has a copy of the certificate that checked *settings* name."""
    return bool(settings["tls:acme"] or settings["tls:certificate_text"])


def store(settings):
    """Return the copy that Postfix should have, and what is wrong with a pair that is new.

    settings
        Checked settings, see ``postfix_sasl_settings``.

    Returns ``(postfix_sasl_things.File, [(is_error, text), ...])``; no file where the pair can't
    be read, or where Postfix should have no copy.
    """
    if not is_stored(settings):
        return None, []
    try:
        pairs = _pairs(settings)
    except OSError as error:
        text = f"{error.filename}: {error.strerror}; have the ACME client fetch the certificate"
        return None, [(True, f"{text} first, or correct tls:acme")]
    text = header(settings) + b"".join(pair.text for pair in pairs).decode(
        "utf-8", "surrogateescape"
    )
    problems = []
    if _present() != text:
        problems = [one for pair in pairs for one in pair.problems()]
    return postfix_sasl_things.File(STORE, text, mode=0o600, secret=True), problems


def changed(main):
    """Return when the newest certificate or key that main.cf names was put there.

    main
        main.cf as ``{parameter: text}``.

    Returns seconds since 1970; None where none of them is there.
    """
    words = " ".join(main.get(name, "") for name in NAMES).replace(",", " ").split()
    moments = []
    for path in words:
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            # What is moved into place keeps its time of writing; of the copy, which we write, the
            # other one changes as often as a link to it goes.
            moments.append(status.st_mtime if path == STORE else status.st_ctime)
    return max(moments, default=None)


def header(settings):
    """Return the lines before the PEM text, which say whose it is."""
    source = " ".join(settings["tls:acme"]) or "the pillar"
    return f"{postfix_sasl_sasl.MANAGED}{_SOURCE}{source}\n"


def acme():
    """Return the value of ``tls:acme`` that the present copy was made with; empty if none was."""
    lines = (_present() or "").splitlines()[:2]
    words = [line.removeprefix(_SOURCE) for line in lines if line.startswith(_SOURCE)]
    return [word for word in " ".join(words).split() if word.startswith("/")]


def removal(text):
    """Return the copy, as a thing that goes, where it is ours and *text* does not name it."""
    if STORE in text:
        return []
    return [postfix_sasl_things.File(path, None) for path in postfix_sasl_absent.ours(STORE)]


def hooks(settings):
    """Return our hook for the ACME client, where there should be one, and those that should go."""
    acme = settings["tls:acme"]
    path = None
    if acme:
        is_certbot = all(each.startswith(f"{_CERTBOT}/") for each in acme)
        path = CERTBOT_HOOK if is_certbot else OTHER_HOOK
    others = [each for each in (CERTBOT_HOOK, OTHER_HOOK) if each != path]
    things = [postfix_sasl_things.File(each, None) for each in postfix_sasl_absent.ours(*others)]
    if path:
        things.append(postfix_sasl_things.File(path, hook_text(settings), mode=0o755))
    return things


def hook_text(settings):
    """Return the shell script that an ACME client runs after it has renewed a certificate."""
    acme = settings["tls:acme"]
    return _HOOK.format(
        managed=postfix_sasl_sasl.MANAGED,
        store=STORE,
        header=header(settings),
        lineages=" | ".join(acme),
        adds="\n".join(f"add {key} {chain}" for key, chain in map(_acme_files, acme)),
    )


def _pairs(settings):
    if not settings["tls:acme"]:
        texts = [settings[f"tls:{name}_text"].encode() for name in ("certificate", "key")]
        return [_Pair(*texts, "tls:certificate_text", "tls:key_text")]
    pairs = []
    for key, chain in map(_acme_files, settings["tls:acme"]):
        pairs.append(_Pair(_read(chain), _read(key), chain, key))
    return pairs


def _acme_files(place):
    """Return (key, chain) of a certificate as ACME clients lay it out, certbot's way if none."""
    name = os.path.basename(place).removesuffix("_ecc")
    layouts = [
        (f"{place}/privkey.pem", f"{place}/fullchain.pem"),  # certbot, dehydrated
        (f"{place}/{name}.key", f"{place}/fullchain.cer"),  # acme.sh
        (f"{place}.key", f"{place}.crt"),  # lego
    ]
    return next((each for each in layouts if os.path.exists(each[1])), layouts[0])


def _read(path):
    # An ACME client need not be root, and might leave a pipe there that nobody writes to.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "this is not a file", path)
        return file.read(1_000_000)


def _unix(data):
    return data.replace(b"\r\n", b"\n")


def _present():
    return postfix_sasl_textfile.read(STORE) if os.path.exists(STORE) else None
