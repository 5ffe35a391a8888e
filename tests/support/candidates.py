"""Configurations for tests of what Postfix would make of them, and what it would know."""

from postfix_sasl_known import KnownThings
from postfix_sasl_validate import Candidate, problems

DEFAULTS = {
    "alias_database": "hash:/etc/aliases",
    "alias_maps": "hash:/etc/aliases",
    "append_dot_mydomain": "${{$compatibility_level} <level {1} ? {yes} : {no}}",
    "biff": "yes",
    "compatibility_level": "3.6",
    "content_filter": "",
    "cyrus_sasl_config_path": "",
    "daemon_directory": "/usr/lib/postfix/sbin",
    "default_database_type": "hash",
    "default_destination_concurrency_positive_feedback": "1",
    "default_transport": "smtp",
    "header_checks": "",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "local_transport": "local:$myhostname",
    "mail_version": "3.7.11",
    "mailbox_size_limit": "51200000",
    "message_size_limit": "10240000",
    "multi_instance_name": "",
    "mydestination": "$myhostname, localhost.$mydomain, localhost",
    "mydomain": "example.com",
    "myhostname": "mail.example.com",
    "mynetworks": "127.0.0.0/8",
    "mynetworks_style": "host",
    "process_id": "1",
    "queue_directory": "/var/spool/postfix",
    "recipient_delimiter": "",
    "relay_domains": "",
    "smtp_helo_timeout": "300s",
    "smtp_tls_loglevel": "0",
    "smtp_tls_security_level": "",
    "smtp_tls_session_cache_database": "",
    "smtpd_banner": "$myhostname ESMTP $mail_name",
    "smtpd_client_restrictions": "",
    "smtpd_forbid_bare_newline": "no",
    "smtpd_helo_required": "no",
    "smtpd_milters": "",
    "smtpd_recipient_limit": "1000",
    "smtpd_recipient_restrictions": "",
    "smtpd_relay_restrictions": (
        "${{$compatibility_level} <level {1} ? {} : "
        "{permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}"
    ),
    "smtpd_restriction_classes": "",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_sasl_tls_security_options": "$smtpd_sasl_security_options",
    "smtpd_sasl_type": "cyrus",
    "smtpd_sender_restrictions": "",
    "smtpd_timeout": "${stress?{10}:{300}}s",
    "smtpd_tls_CAfile": "",
    "smtpd_tls_auth_only": "no",
    "smtpd_tls_cert_file": "",
    "smtpd_tls_chain_files": "",
    "smtpd_tls_ciphers": "medium",
    "smtpd_tls_dcert_file": "",
    "smtpd_tls_dkey_file": "$smtpd_tls_dcert_file",
    "smtpd_tls_eccert_file": "",
    "smtpd_tls_eckey_file": "$smtpd_tls_eccert_file",
    "smtpd_tls_key_file": "$smtpd_tls_cert_file",
    "smtpd_tls_protocols": ">=TLSv1",
    "smtpd_tls_security_level": "",
    "smtpd_tls_wrappermode": "no",
    "smtpd_use_tls": "no",
    "syslog_name": "postfix",
    "transport_maps": "",
    "virtual_alias_maps": "$virtual_maps",
    "virtual_mailbox_domains": "",
    "virtual_mailbox_limit": "51200000",
    "virtual_transport": "virtual",
}
DAEMONS = frozenset(
    "anvil bounce cleanup discard error flush lmtp local pickup pipe postlogd postscreen proxymap "
    "qmgr scache showq smtp smtpd spawn tlsmgr trivial-rewrite verify virtual dnsblog "
    "tlsproxy".split()
)
MAP_TYPES = frozenset("cidr hash inline proxy regexp static texthash unionmap unix".split())


def known(version="3.7.11", **defaults):
    return KnownThings(
        defaults={**DEFAULTS, **defaults, "mail_version": version},
        map_types=MAP_TYPES,
        server_sasl_types=frozenset({"cyrus", "dovecot"}),
        client_sasl_types=frozenset({"cyrus"}),
        daemons=DAEMONS,
    )


def entry(command="smtpd", **fields):
    return {
        "command": command,
        "private": "n",
        "unprivileged": "-",
        "chroot": "y",
        "wakeup": "-",
        "process_limit": "-",
        "options": {},
        "args": [],
        **fields,
    }


def candidate(entries=None, files=None, **main):
    return Candidate(main, {"smtp/inet": entry(), **(entries or {})}, files=files)


def found(main=None, entries=None, things=None, **options):
    """Return the problems of a main.cf, as ``severity where: message``."""
    conf = candidate(entries, **(main or {}))
    return [
        f"{problem.severity} {problem}" for problem in problems(conf, things or known(), **options)
    ]
