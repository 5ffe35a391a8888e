"""Whether each listener of master.cf can have its address and port.

master(8) ends, and all of Postfix with it, at the first inet entry whose port is unknown, whose
host does not resolve in the families of inet_protocols, whose address this machine does not have
or whose port somebody else holds; ``postfix reload`` has answered 0 by then.

Of two entries for one address and port, master(8) drops the first with a warning where the host
is written the same way; else both listen, and Linux deals out the connections between the two. A
listener on all addresses and one on a single address of the same port get on: the latter has
that address to itself.

A value of inet_interfaces that does not resolve, or is no address of a network interface, ends
every Postfix program: "no local interface found for ...".
"""

import re
import socket

import postfix_sasl_lines as lines
import postfix_sasl_processes
import postfix_sasl_sockets as sockets

_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.%A-Za-z0-9]+\]|[0-9A-Fa-f:.]+")
_WILDCARD = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_FAMILIES = {"ipv4": (socket.AF_INET,), "ipv6": (socket.AF_INET6,)}
_BOTH = (socket.AF_INET, socket.AF_INET6)
_COMMON_PORTS = ("smtp", "submission", "submissions", "smtps", "qmqp", "lmtp")


class Listeners:
    """The inet entries of a configuration, with what their names stand for on this machine.

    keys
        The ``service/type`` of all entries.

    interfaces, protocols
        The values of inet_interfaces and inet_protocols, or None where they cannot be told.

    queue_directory
        Where a running master(8) notes its process id.
    """

    def __init__(self, keys, interfaces, protocols, queue_directory):
        self.keys = [key for key in keys if key.endswith("/inet")]
        self.interfaces, self.protocols = interfaces, protocols
        self._queue_directory = queue_directory
        self._addresses = {}
        self._taken = {}

    def problems(self):
        """Check them all.

        Returns a list of ``(where, text, others)``; where is a parameter or a ``service/inet``,
        others are entries that have a part in it.
        """
        found = [(*problem, ()) for problem in self._protocol_problems()]
        if self.protocols is not None and not self._families():
            return found
        found += [(*problem, ()) for problem in self._interface_problems()]
        seen = {}
        for key in self.keys:
            found += [(key, *problem) for problem in self._entry_problems(key, seen)]
        return found

    def _families(self):
        """Return the address families in use; both where inet_protocols can't be told."""
        words = lines_of(self.protocols or "all")
        if self.protocols is None or "all" in words:
            return _BOTH
        return tuple(family for word in words for family in _FAMILIES.get(word, ()))

    def _protocol_problems(self):
        if self.protocols is None or lines_of(self.protocols):
            return []
        text = "got nothing; takes all, ipv4 or ipv6 (without one, no port is opened at all)"
        return [("inet_protocols", text)]

    def _interface_problems(self):
        """Check inet_interfaces, which every Postfix program reads."""
        words = lines_of(self.interfaces) if self.interfaces is not None else ["all"]
        if words in (["all"], ["loopback-only"]):
            return []
        name = "inet_interfaces"
        if not words:
            bare = [key for key in self.keys if not _split(key)[0]]
            text = "got nothing; takes all, loopback-only or addresses of this machine"
            return [(name, f"{text} ({bare[0]} has no address to listen on)")] if bare else []
        own = sockets.interface_addresses()
        found = []
        for word in words:
            if word.lower() in ("all", "loopback-only"):
                text = (
                    f"got {self.interfaces!r}; all and loopback-only stand alone, in small letters"
                )
                found.append((name, f"{text} (all of Postfix stops)"))
                continue
            addresses = self._lookup(word.strip("[]"))
            if not addresses:
                text = f"{word} is no address, and no name that has one (all of Postfix stops)"
                found.append(
                    (name, f"{text}; takes all, loopback-only or this machine's addresses")
                )
            for address in addresses:
                is_own = address in own if own is not None else not sockets.bind_error(address)
                if not is_own and address not in _WILDCARD.values():
                    by_name = "" if address == word.strip("[]") else f", which is {address},"
                    text = f"{word}{by_name} is not an address of a network interface here (all of"
                    found.append((name, f"{text} Postfix stops); takes one that is, or all"))
        return found

    def _entry_problems(self, key, seen):
        """Yield what is wrong with one entry, and who else is part of it.

        The places it takes are noted in *seen*.
        """
        host, port = _split(key)
        number, wrong = _port_number(port)
        if wrong:
            yield wrong, ()
        if host and not _HOST.fullmatch(host):
            yield f"the host {host!r} takes a name, an address, or an IPv6 address in []", ()
            return
        addresses = self._places(host)
        if host and not addresses:
            yield self._no_address(host), ()
        for address in addresses:
            if number is None or (error := self._unusable(address)) == "skip":
                continue
            if error:
                yield error, ()
                continue
            other = seen.setdefault((address, number), key)
            if other != key:
                text = f"it listens on {_shown(address)} port {number}, as {other} does"
                text = f"{text}; only one of them gets a connection; remove the other"
                yield text, (other,)
                return
            holder = self._holder(address, number)
            if holder:
                text = f"port {number} on {_shown(address)} is taken by {holder}"
                yield f"{text} (all of Postfix stops); stop that, or take another port", ()
                return

    def _places(self, host):
        if host:
            return self._lookup(host.strip("[]"))
        words = lines_of(self.interfaces if self.interfaces is not None else "all")
        if words == ["all"]:
            return [_WILDCARD[family] for family in self._families()]
        if words == ["loopback-only"]:
            return [_LOOPBACK[family] for family in self._families()]
        return list(dict.fromkeys(a for word in words for a in self._lookup(word.strip("[]"))))

    def _lookup(self, host):
        if host not in self._addresses:
            self._addresses[host] = sockets.addresses_of(host, self._families())
        return self._addresses[host]

    def _no_address(self, host):
        if self._families() != _BOTH and sockets.addresses_of(host.strip("[]"), _BOTH):
            return f"{host} has no address that inet_protocols = {self.protocols} lets it use"
        return f"the host {host} does not resolve; takes an address of this machine, or its name"

    def _unusable(self, address):
        """Say why this machine can't listen on the address at all, or None.

        A machine without IPv6 is fine with entries that name no address: Postfix leaves it out.
        """
        if ("bind", address) not in self._taken:
            error = sockets.bind_error(address)
            text = None
            if error and address in (*_WILDCARD.values(), *_LOOPBACK.values()):
                text = "skip"
            elif error:
                text = f"this machine has no address {_shown(address)}; takes one it has, or none"
            self._taken["bind", address] = text
        return self._taken["bind", address]

    def _holder(self, address, port):
        return sockets.holder(address, port, self._master)

    def _master(self):
        return postfix_sasl_processes.process_of(
            f"{self._queue_directory}/pid/master.pid", "master"
        )


def lines_of(value):
    """Split a list of words at commas and white space."""
    return value.replace(",", " ").split()


def _split(key):
    """Take an inet entry's name apart: host (perhaps empty) and port."""
    host, _, port = key.rpartition("/")[0].rpartition(":")
    return host, port


def _port_number(port):
    """Return a port's number, or None, and what is wrong with it."""
    if port.isascii() and port.isdecimal():
        # Postfix takes others too, and listens on what is left of them in 16 bits.
        if len(port) < 6 and 0 < int(port) < 65536:
            return int(port), None
        return None, f"the port {port} takes a number from 1 to 65535"
    try:
        return socket.getservbyname(port, "tcp"), None
    except (OSError, UnicodeError, ValueError):
        near = lines.nearest(port, _COMMON_PORTS)
        text = f"/etc/services has no port {port!r} (master stops at this){near}"
        return None, f"{text}; use a number"


def _shown(address):
    return {"0.0.0.0": "all IPv4 addresses", "::": "all IPv6 addresses"}.get(address, address)
