"""What breaks logins on a host, for the tests of the doctor, and what it says of each."""

RUN_DIRECTORY = "/var/spool/postfix/var/run/saslauthd"
SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
DEFAULTS = "/etc/default/saslauthd-postfix"
MASTER_CF = "/etc/postfix/master.cf"
CERTIFICATE = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
KEY = "/etc/ssl/private/ssl-cert-snakeoil.key"
NEW_CERTIFICATE = f"""
cd /var/tmp && rm -rf ca && mkdir ca && cd ca && touch index
printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=index\\nnew_certs_dir=.\\nrand_serial=yes\\n' > cnf
printf 'default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >> cnf
openssl req -new -key {KEY} -out csr -subj /CN=mail.example.com
openssl ca -batch -config cnf -selfsign -keyfile {KEY} -in csr -out {CERTIFICATE} -notext \\
    -startdate $1 -enddate $2
postfix reload
"""
BUSY_PORT = """
systemctl stop postfix
while pgrep -x master; do sleep 0.05; done > /dev/null
setsid python3 -c 'import socket, time
s = socket.create_server(("0.0.0.0", 587)); time.sleep(600)' > /dev/null 2>&1 &
until ss -ltn | grep -q :587; do sleep 0.05; done
systemctl start postfix || :
while pgrep -x master; do sleep 0.05; done > /dev/null
"""


class Breakage:
    """What is done to a host, and what the doctor shall say of it.

    script
        A shell script.
    check
        The first check that fails, with *said* in its detail, or in its remedy.
    cure
        Whether the remedy is a command that makes the host healthy again.
    """

    def __init__(self, script, check, *said, cure=True):
        self.script, self.check, self.said, self.cure = script, check, said, cure


def postconf(*words):
    return f"postconf {' '.join(words)} && postfix reload"


BROKEN = {
    "sasl2-bin removed": Breakage(
        "dpkg --remove --force-depends sasl2-bin", "packages", "sasl2-bin", "apt-get install"
    ),
    "a line in main.cf that is none": Breakage(
        "echo nonsense >> /etc/postfix/main.cf", "configuration", "nonsense", "line", cure=False
    ),
    "a TLS level that is none": Breakage(
        postconf("smtpd_tls_security_level=bogus"), "configuration", "bogus", cure=False
    ),
    "a daemon that is none": Breakage(
        postconf("-F 'submission/inet/command=smtpdd'"), "configuration", "smtpdd", cure=False
    ),
    "a port that another program has": Breakage(BUSY_PORT, "configuration", "587", cure=False),
    "a misspelled parameter": Breakage(
        "postconf message_sise_limit=20480000 && postfix reload",
        "parameters",
        "message_sise_limit",
        "message_size_limit",
    ),
    "no AUTH on a port for clients": Breakage(
        postconf("-P submission/inet/smtpd_sasl_auth_enable=no"), "authentication", "submission"
    ),
    "no AUTH anywhere": Breakage(
        "postconf smtpd_sasl_auth_enable=no && "
        "postconf -PX submission/inet/smtpd_sasl_auth_enable "
        "submissions/inet/smtpd_sasl_auth_enable && postfix reload",
        "authentication",
        "smtpd_sasl_auth_enable",
    ),
    "AUTH inside TLS only, and no TLS": Breakage(
        postconf("smtpd_tls_security_level=none"), "authentication", "smtpd_tls_auth_only"
    ),
    "smtpd.conf removed": Breakage(
        f"rm {SMTPD_CONF} && postfix reload", "smtpd.conf", "no smtpd.conf"
    ),
    "smtpd.conf looked for elsewhere": Breakage(
        postconf("cyrus_sasl_config_path=/etc/elsewhere"), "smtpd.conf", "/etc/elsewhere"
    ),
    "pwcheck_method misspelled": Breakage(
        f"sed -i 's/: saslauthd/: saslauthdd/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "saslauthdd",
    ),
    "pwcheck_method auxprop without a database": Breakage(
        f"rm -f /etc/sasldb2; sed -i 's/: saslauthd/: auxprop/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "/etc/sasldb2",
    ),
    "mech_list empty": Breakage(
        f"sed -i 's/^mech_list:.*/mech_list:/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "mech_list",
    ),
    "saslauthd_path wrong": Breakage(
        f"sed -i 's|^saslauthd_path:.*|saslauthd_path: /run/no/mux|' {SMTPD_CONF} "
        "&& postfix reload",
        "socket",
        "/run/no/mux",
        "saslauthd_path",
    ),
    "certificate missing": Breakage(
        f"mv {CERTIFICATE} /var/tmp/ && postfix reload", "certificate", "No such file"
    ),
    "certificate empty": Breakage(
        f": > {CERTIFICATE} && postfix reload", "certificate", CERTIFICATE
    ),
    "key of another certificate": Breakage(
        f"openssl genrsa -out {KEY} 2048 && postfix reload", "certificate", "not the key"
    ),
    "certificate expired": Breakage(
        f"set -- 20200101000000Z 20210101000000Z; {NEW_CERTIFICATE}", "certificate", "expired"
    ),
    "Postfix stopped": Breakage("systemctl stop postfix", "postfix", "does not run"),
    "Postfix killed behind its unit": Breakage(
        "pkill -KILL -x master; while pgrep -x master; do :; done", "postfix", "does not run"
    ),
    "Postfix held": Breakage("pkill -STOP -x master", "postfix", "stopped", "kill -CONT"),
    "inet_interfaces changed without a restart": Breakage(
        "postconf inet_interfaces=127.0.0.1 && postfix reload",
        "listeners",
        "expected inet_interfaces",
        "restart",
    ),
    "an entry that Postfix was not told of": Breakage(
        f"echo '2525 inet n - y - - smtpd' >> {MASTER_CF}", "listeners", "2525", "reload"
    ),
    "saslauthd stopped": Breakage(
        "systemctl stop saslauthd-postfix", "saslauthd", "does not run", "saslauthd-postfix"
    ),
    "saslauthd held": Breakage("pkill -STOP -x saslauthd", "saslauthd", "stopped", "kill -CONT"),
    "saslauthd's socket removed": Breakage(f"rm {RUN_DIRECTORY}/mux", "socket", "mux", "restart"),
    "saslauthd's socket elsewhere": Breakage(
        f"systemctl stop saslauthd-postfix; sed -i 's|-m {RUN_DIRECTORY}|-m /run/x|' {DEFAULTS}",
        "saslauthd",
        "/run/x",
        RUN_DIRECTORY,
    ),
    "smtpd out of the chroot": Breakage(
        postconf("-F submission/inet/chroot=-"), "socket", "not in the chroot", "chroot=y"
    ),
    "socket directory closed": Breakage(
        f"chmod 0700 {RUN_DIRECTORY}", "socket directory", "root:sasl 0700"
    ),
    "socket directory's group": Breakage(
        f"chgrp root {RUN_DIRECTORY}", "socket directory", "root:root 0710"
    ),
    "way to the socket closed": Breakage(
        "chmod 0700 /var/spool/postfix/var", "socket directory", "/var/spool/postfix/var is"
    ),
    "socket closed": Breakage(f"chmod 0700 {RUN_DIRECTORY}/mux", "socket directory", "mux"),
    "postfix not in group sasl": Breakage(
        "gpasswd -d postfix sasl && postfix reload", "group sasl", "not in group", "gpasswd"
    ),
    "statoverride missing": Breakage(
        f"dpkg-statoverride --remove {RUN_DIRECTORY}", "statoverride", "does not know"
    ),
    "statoverride wrong": Breakage(
        "dpkg-statoverride --force-statoverride-add --add root root 755 " + RUN_DIRECTORY,
        "statoverride",
        "root:root 0755",
    ),
    "PAM file missing": Breakage("rm /etc/pam.d/smtp", "PAM", "/etc/pam.d/smtp"),
    "PAM file names a module that is none": Breakage(
        "sed -i '2i auth required pam_nonsense.so' /etc/pam.d/smtp",
        "PAM",
        "pam_nonsense.so",
        cure=False,
    ),
    "PAM file includes a file that is not there": Breakage(
        "rm /etc/pam.d/common-auth", "PAM", "common-auth", "pam-auth-update"
    ),
    "PAM file with a line that is none": Breakage(
        "echo 'auth nonsense' >> /etc/pam.d/smtp", "PAM", "auth nonsense", cure=False
    ),
    "PAM lets everybody in": Breakage(
        "printf 'auth sufficient pam_permit.so\\naccount sufficient pam_permit.so\\n' "
        "> /etc/pam.d/smtp",
        "saslauthd answers",
        "any password",
        cure=False,
    ),
}

WARNINGS = {
    "saslauthd disabled": ("systemctl disable saslauthd-postfix", "start at boot", "saslauthd"),
    "postfix disabled": ("systemctl disable postfix", "start at boot", "postfix would"),
    "deferred mail": (
        "touch /var/spool/postfix/deferred/A/ABC /var/spool/postfix/deferred/A/ABD "
        "|| mkdir -p /var/spool/postfix/deferred/A && touch /var/spool/postfix/deferred/A/ABC "
        "/var/spool/postfix/deferred/A/ABD",
        "deferred mail",
        "2 messages",
    ),
    "certificate that expires soon": (
        "set -- 20200101000000Z $(date -d '+21 days 12 hours' +%Y%m%d%H%M%SZ); " + NEW_CERTIFICATE,
        "certificate",
        "in 21 days",
    ),
    "socket directory open": (f"chmod 0755 {RUN_DIRECTORY}", "socket directory", "every user"),
    "certificate for another name": (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=other.example.org "
        f"-addext subjectAltName=DNS:other.example.org -keyout {KEY} -out {CERTIFICATE} "
        "&& postfix reload",
        "certificate",
        "other.example.org.*mail.example.com",
    ),
}

INIT_SCRIPT = "/etc/init.d/saslauthd-postfix"
BROKEN_WITHOUT_SYSTEMD = {
    "saslauthd stopped": Breakage(f"{INIT_SCRIPT} stop", "saslauthd", INIT_SCRIPT),
    "saslauthd killed": Breakage("pkill -KILL -x saslauthd", "saslauthd", INIT_SCRIPT),
    "saslauthd not to be started": Breakage(
        f"{INIT_SCRIPT} stop; sed -i s/START=yes/START=no/ {DEFAULTS}", "saslauthd", "START=yes"
    ),
    "Postfix stopped": Breakage("/etc/init.d/postfix stop", "postfix", "/etc/init.d/postfix"),
    "socket directory closed": Breakage(
        f"chmod 0700 {RUN_DIRECTORY}", "socket directory", "root:sasl 0700"
    ),
    "smtpd.conf removed": Breakage(f"rm {SMTPD_CONF}; postfix reload", "smtpd.conf", "mkdir"),
}
