"""What a host has on disk, to be compared with what it had before, or with another host."""

PLACES = ("/etc", "/var/lib/dpkg/statoverride", "/var/spool/postfix", "/var/lib/systemd")
# What programs write as they go, and what names another inode or moment by nature.
PASSING = (
    *("/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/salt"),
    *("/etc/ld.so.cache", "/etc/.pwd.lock", "/etc/mtab", "/etc/aliases"),
    *(f"/var/spool/postfix/{name}" for name in ("active", "defer", "incoming", "maildrop")),
    *(f"/var/spool/postfix/{name}" for name in ("pid", "private", "public", "bounce", "trace")),
    *("/var/lib/systemd/timers", "/var/lib/systemd/random-seed", "/var/lib/systemd/catalog"),
)


def tree(host):
    """Return ``{path: owner, mode and content}`` of everything the formula might touch."""
    listing = host.run("find", *PLACES, "-printf", "%p\t%y %u %g %m %l\n").stdout.splitlines()
    found = dict(line.split("\t") for line in listing)
    sums = host.run("find", *PLACES, "-type", "f", "-exec", "sha256sum", "{}", "+").stdout
    for line in sums.splitlines():
        digest, path = line.split("  ", 1)
        found[path] += f" {digest}"
    return {path: what for path, what in found.items() if not path.startswith(PASSING)}


def differences(before, after):
    """Return ``{path: (before, after)}`` of what is not the same in two results of `tree`."""
    return {
        path: (before.get(path), after.get(path))
        for path in {**before, **after}
        if before.get(path) != after.get(path)
    }


def inodes(host):
    """Return inode and moment of change of everything the formula might touch."""
    listing = host.run("find", *PLACES, "-printf", "%p\t%i %C@\n").stdout.splitlines()
    return [line for line in listing if not line.startswith(PASSING)]
