"""A mail server as saltstack-formulas' postfix-formula leaves it.

That formula installs Postfix, writes main.cf and master.cf as whole files, and the tables, aliases
and certificates of its pillar beside them. It sets up no saslauthd and writes no smtpd.conf. The
parameters, their order and their defaults here are those of its templates, with a pillar that has
two tables, an alias, a certificate, a password for a smarthost, and services of its own.
"""

# Debian testing's Postfix has no hash and btree; a pillar there says default_database_type: lmdb.
TABLES = {"bookworm": ("hash", "btree"), "trixie": ("hash", "btree"), "forky": ("lmdb", "lmdb")}
CERTIFICATE, KEY = "/etc/postfix/ssl/mail.crt", "/etc/postfix/ssl/mail.key"
FILES = (
    "/etc/aliases",
    "/etc/postfix/virtual",
    "/etc/postfix/sender_canonical",
    "/etc/postfix/sasl_passwd",
    CERTIFICATE,
    KEY,
)
SECRET = "provider's password 5"

MAIN_CF = """\
#
# Written by salt. Change the pillar of the formula postfix, not this file.
#


# a file name here makes its first line the name
#myorigin = /etc/mailname

smtpd_banner = $myhostname ESMTP $mail_name
biff = no
compatibility_level = 2

# classes that master.cf speaks of
smtpd_restriction_classes = mua_sender_restrictions, mua_client_restrictions, mua_helo_restrictions
mua_client_restrictions = permit_sasl_authenticated, reject
mua_sender_restrictions = permit_sasl_authenticated, reject
mua_helo_restrictions = permit_mynetworks, reject_non_fqdn_hostname, reject_invalid_hostname, permit

append_dot_mydomain = no

readme_directory = no

setgid_group = postdrop
daemon_directory = /usr/lib/postfix/sbin
# SASL
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_type = cyrus
smtpd_sasl_security_options = noanonymous
                              noplaintext
smtpd_sasl_tls_security_options = noanonymous
smtpd_tls_auth_only = yes
# TLS

smtpd_use_tls = yes
smtpd_tls_loglevel = 1
smtpd_tls_security_level = may
smtp_tls_CApath = /etc/ssl/certs
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_session_cache_database = {cache}:${{data_directory}}/smtpd_scache
smtpd_tls_mandatory_ciphers = high
smtpd_tls_mandatory_exclude_ciphers = aNULL
                                      MD5
smtpd_tls_mandatory_protocols = !SSLv2
                                !SSLv3
tls_preempt_cipherlist = yes
# sending
smtp_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_session_cache_database = {cache}:${{data_directory}}/smtp_scache

myhostname = mail.example.com
alias_maps = {table}:/etc/aliases
alias_database = {table}:/etc/aliases
mydestination = mail.example.com
                localhost
                localhost.localdomain
                example.com
relayhost = [smtp.example.net]:587
mynetworks = 127.0.0.0/8
             [::ffff:127.0.0.0]/104
             [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
message_size_limit = 41943040

smtpd_relay_restrictions = permit_mynetworks
                           permit_sasl_authenticated
                           defer_unauth_destination
smtpd_recipient_restrictions = permit_mynetworks
                               permit_sasl_authenticated
                               reject_unauth_destination



virtual_alias_maps = {table}:/etc/postfix/virtual


sender_canonical_maps = {table}:/etc/postfix/sender_canonical


smtp_sasl_password_maps = {table}:/etc/postfix/sasl_passwd



default_database_type = {table}

smtp_sasl_auth_enable = yes

smtp_sasl_tls_security_options = noanonymous

maximal_queue_lifetime = 3d

smtpd_helo_required = yes

"""

# Each entry as that formula's default has it: nothing in the chroot, flush with no processes.
MASTER_CF = """\
#
# Written by salt. Change the pillar of the formula postfix, not this file.
#
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       n       -       10      smtpd
#smtp      inet  n       -       n       -       1       postscreen
#smtpd     pass  -       -       n       -       -       smtpd
submission inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
smtps     inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
#628       inet  n       -       n       -       -       qmqpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
#qmgr      unix  n       -       n       300     1       oqmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix  -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
#       -o smtp_helo_timeout=5 -o smtp_connect_timeout=5
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
#
# what is not Postfix
#
#maildrop  unix  -       n       n       -       -       pipe
#  flags=DRhu user=vmail argv=/usr/local/bin/maildrop -d ${recipient}
#
#uucp      unix  -       n       n       -       -       pipe
#  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
#
dovecot   unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail:vmail argv=/usr/lib/dovecot/deliver -d ${recipient}
"""

SETUP = """
set -e
mkdir -p /etc/postfix/ssl
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=mail.example.com \
    -keyout /etc/postfix/ssl/mail.key -out /etc/postfix/ssl/mail.crt 2> /dev/null
chmod 600 /etc/postfix/ssl/mail.key
useradd --system vmail
newaliases
for table in virtual sender_canonical sasl_passwd; do postmap /etc/postfix/$table; done
systemctl reload-or-restart postfix
"""


def make(host) -> None:
    """Turn a bare host into one that postfix-formula has configured."""
    host.install("postfix")
    table, cache = TABLES[host.release]
    main_cf = MAIN_CF.format(certificate=CERTIFICATE, key=KEY, table=table, cache=cache)
    host.write("/etc/postfix/main.cf", main_cf)
    host.write("/etc/postfix/master.cf", MASTER_CF)
    host.write("/etc/aliases", "# Written by salt\n\npostmaster:\troot\nsales:\talice\n")
    host.write("/etc/postfix/virtual", "# Written by salt\n\ninfo@example.com\talice, root\n")
    host.write("/etc/postfix/sender_canonical", "# Written by salt\n\nroot\tservers@example.com\n")
    password = f"# Written by salt\n\n[smtp.example.net]:587\tme:{SECRET}\n"
    host.write("/etc/postfix/sasl_passwd", password, mode=0o600)
    host.run("sh", "-c", SETUP)
