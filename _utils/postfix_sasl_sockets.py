"""The addresses and ports of this machine: which exist, which are taken, and by whom.

Nothing here sends a packet but the resolver, for a name that is not an address.
"""

import contextlib
import errno
import functools
import glob
import ipaddress
import itertools
import os
import socket
import struct
import threading
import time

_LOOKUP_SECONDS = 5
_LOOKS, _LOOK_AGAIN_SECONDS = 20, 0.05
_TABLES = {socket.AF_INET: "tcp", socket.AF_INET6: "tcp6"}
_WILDCARDS = {"0.0.0.0", "::"}
_LISTENING = "0A"
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


def addresses_of(host, families):
    """Look up a host's addresses.

    host
        A name or an address.

    families
        ``AF_INET``, ``AF_INET6`` or both.

    Returns a list of addresses as strings, empty where it has none in these families.
    """
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.partition("%")[0])
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        return [str(address)] if family in families else []
    found = []
    for family, _, _, _, place in _looked_up(host):
        if family in families and place[0] not in found:
            found.append(place[0])
    return found


def _looked_up(host):
    """Return what getaddrinfo(3) says of a name, nothing where it takes too long."""
    answers = []

    def ask():
        with contextlib.suppress(OSError, UnicodeError):
            answers.extend(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))

    # It takes no timeout, and a dead name server may hold it for half a minute.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_LOOKUP_SECONDS)
    return list(answers)


def family_of(address):
    """Return ``AF_INET`` or ``AF_INET6`` for an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def interface_addresses():
    """Return the addresses of this machine's network interfaces, or None where Linux won't say.

    An address can be bound without being one of these: all of 127.0.0.0/8 can.
    """
    try:
        with open("/proc/thread-self/net/fib_trie", encoding="ascii") as table:
            lines = [line.split() for line in table]
        found = {
            before[-1]
            for before, line in itertools.pairwise(lines)
            if line[:3] == ["/32", "host", "LOCAL"]
        }
        with (
            contextlib.suppress(FileNotFoundError),
            open("/proc/thread-self/net/if_inet6", encoding="ascii") as table,
        ):
            for line in table:
                found.add(str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))))
    except (OSError, ValueError, IndexError):
        return None
    return found


def bind_error(address, port=0):
    """Try to take an address, without listening on it, and let go at once.

    address, port
        Where; port 0 tries the address alone.

    Returns None where that worked, else the error number.
    """
    family = family_of(address)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((address, port))
    except OSError as error:
        return error.errno
    return None


def holder(address, port, own_pid):
    """Say which other program keeps an address and port from us.

    address, port
        Where.

    own_pid
        A function that returns the process whose sockets are our own: master(8), or None where it
        does not run.

    Returns a text such as ``dovecot (process 123)``, or None where nobody else has it.
    """
    for _ in range(_LOOKS):
        if bind_error(address, port) != errno.EADDRINUSE:
            return None
        inodes = _inodes_at(address, port)
        # Asked after that: a Postfix that is being restarted is another process by now.
        pid = own_pid()
        strangers = inodes - (_inodes(pid) if pid else set())
        if inodes and not strangers:
            return None
        for inode in strangers:
            if who := _who(inode):
                return who
        # Whoever had it a moment ago may be gone: a Postfix that is being stopped, for one.
        time.sleep(_LOOK_AGAIN_SECONDS)
    return "another program"


def _inodes_at(address, port):
    """Return the inodes of the sockets that keep others from an address and port."""
    sockets = _listening(family_of(address), port)
    holders = {inode for place, inode in sockets if _meet(place, address)}
    if holders or family_of(address) != socket.AF_INET:
        return holders
    # A socket of the other family may take IPv4 connections as well.
    sockets = _listening(socket.AF_INET6, port)
    return {inode for place, inode in sockets if place == "::" or _mapped(place) == address}


def _meet(one, other):
    return one == other or one in _WILDCARDS or other in _WILDCARDS


def _mapped(place):
    address = ipaddress.ip_address(place)
    return str(address.ipv4_mapped) if address in _MAPPED else None


def _listening(family, port):
    """Return [(address, inode)] of the sockets that listen on *port*.

    Linux lists them before all others, so that a busy server's connections need not be read.
    """
    found = []
    path = f"/proc/thread-self/net/{_TABLES[family]}"
    with contextlib.suppress(OSError), open(path, encoding="ascii") as table:
        next(table, None)
        for line in table:
            words = line.split()
            if words[3] != _LISTENING:
                break
            address, _, number = words[1].partition(":")
            if int(number, 16) == port:
                found.append((_address(address), words[9]))
    return found


@functools.lru_cache(maxsize=256)
def _address(text):
    """Read an address as /proc has it: words of four bytes in this machine's order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def _inodes(pid):
    """Return the inodes of a process's sockets, as strings."""
    found = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            target = os.readlink(link)
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def _who(inode):
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if inode in _inodes(pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as name:
                return f"{name.read().strip()} (process {pid})"
    return None
