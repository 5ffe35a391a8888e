"""Where things are inside a host, and what commands find there."""

FORMULA = "/srv/postfix_sasl"  # the repository
SALT_CONFIG = "/srv/minion"  # Salt's configuration, its pillar and further states
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
