"""The doctor's checks of the way from smtpd to saslauthd: processes, socket, owners, groups."""

import functools
import grp
import os
import pwd
import stat

import postfix_sasl_owner
import postfix_sasl_processes
import postfix_sasl_statoverride
from postfix_sasl_doctor_host import (
    Finding,
    control,
    quoted,
    several,
    where_saslauthd_is_asked,
)
from postfix_sasl_doctor_instances import PROGRAM, has_native_unit, reads_start, same

_GROUP = "sasl"


def _with_user(check):
    """Give a check the user that smtpd runs as, besides; without that user it fails."""

    @functools.wraps(check)
    def with_user(seen):
        user = _user(seen.host)
        if user is None:
            text = f"mail_owner: there is no user {seen.host.value('mail_owner')}"
            return Finding(False, text, "dpkg-reconfigure postfix")
        return check(seen, user)

    return with_user


@where_saslauthd_is_asked
def running(seen):
    """A saslauthd runs, and is not held."""
    daemon = seen.saslauthd
    unit = daemon.unit()
    held = [pid for pid in daemon.processes if postfix_sasl_processes.state_of(pid) == "T"]
    if held:
        pids = " ".join(map(str, held))
        text = f"saslauthd is stopped (processes {pids}): it takes logins and answers none"
        return Finding(False, text, f"kill -CONT {pids}")
    if daemon.processes:
        pids = ", ".join(map(str, list(daemon.processes)[:3]))
        return Finding(True, f"saslauthd runs (process {pids})")
    text = "saslauthd does not run, so that no password can be checked"
    starter = control("restart", unit)
    name = daemon.service() or unit
    start = daemon.instances.get(name, {}).get("START", "").lower()
    if not has_native_unit(unit) and reads_start() and start != "yes":
        text += f"; /etc/init.d/saslauthd wants START=yes in /etc/default/{name}"
        return Finding(False, text, f"echo START=yes >> /etc/default/{name} && {starter}")
    return _moved(seen, text) or Finding(False, text, starter)


def _moved(seen, text):
    """Return the Finding for an instance whose OPTIONS say another place than its unit."""
    daemon = seen.saslauthd
    unit = daemon.unit()
    if daemon.service() is not None or unit not in daemon.instances or not daemon.wanted:
        return None
    there, wanted = (os.path.dirname(path) for path in (daemon.socket_of(unit), daemon.wanted[0]))
    if unit == PROGRAM or f"-m {there}" not in daemon.instances[unit].get("OPTIONS", ""):
        return None
    path = f"/etc/default/{unit}"
    text += f"; OPTIONS in {path} put its socket into {there}, smtpd looks in {wanted}"
    command = f"sed -i {quoted(f's|-m {there}|-m {wanted}|')} {path} && {control('restart', unit)}"
    return Finding(False, text, command)


@where_saslauthd_is_asked
def socket(seen):
    """The socket is where each smtpd looks for it, which the chroot decides."""
    host, daemon = seen.host, seen.saslauthd
    live = {path for path in daemon.processes.values() if _is_socket(path)}
    for login in host.saslauthd_logins:
        if any(same(login.socket, path) for path in live):
            continue
        where = "in the chroot" if login.is_chrooted else "not in the chroot"
        text = f"{login.key} is {where} and looks for {login.socket}"
        if not live:
            problem = "nobody listens there" if _is_socket(login.socket) else "there is none"
            remedy = control("restart", daemon.unit())
            moved = _moved(seen, text)
            return Finding(False, f"{text}; {problem}", moved.remedy if moved else remedy)
        text += f"; saslauthd has its socket in {several(sorted(live))}"
        return Finding(False, text, _brought_together(seen, login, sorted(live)))
    return Finding(True, several({login.socket for login in host.saslauthd_logins}))


def _brought_together(seen, login, live):
    """Return what to type so that smtpd and saslauthd meet."""
    host = seen.host
    inside = login.socket
    if login.is_chrooted:
        inside = login.socket.removeprefix(host.queue_directory)
    other = host.on_the_host(inside, not login.is_chrooted)
    if any(same(other, path) for path in live):
        keys = [one.key for one in host.saslauthd_logins if one.is_chrooted == login.is_chrooted]
        column = "n" if login.is_chrooted else "y"
        columns = " ".join(quoted(f"{key}/chroot={column}") for key in keys)
        return f"postconf -F {columns} && {host.told}"
    root = host.queue_directory if login.is_chrooted else ""
    for path in live:
        seen_from = path.removeprefix(root)
        if path.startswith(f"{root}/") and login.conf_path:
            line = f"saslauthd_path: {seen_from}"
            file = quoted(login.conf_path)
            command = f"sed -i '/^saslauthd_path[[:space:]]*:/d' {file} && "
            return f"{command}echo {quoted(line)} >> {file} && {host.told}"
    unit = seen.saslauthd.unit()
    directory = os.path.dirname(login.socket)
    return f"set -m {directory} in OPTIONS of /etc/default/{unit}, then: {control('restart', unit)}"


@where_saslauthd_is_asked
@_with_user
def directory(seen, user):
    """The user of smtpd may go to the socket, and others may not."""
    host = seen.host
    everyone = {*_groups(user), _gid(_GROUP)}
    shown = []
    for login in {one.socket: one for one in host.saslauthd_logins}.values():
        place = os.path.dirname(login.socket)
        blocked = _blocked(login, host, user.pw_uid, everyone)
        if blocked is not None:
            path, is_socket = blocked
            seen_as = _owner(path)
            text = f"{path} is {seen_as}: user {user.pw_name} can't pass, even in group {_GROUP}"
            if path == place:
                remedy = _closed(path)
                text = f"{path} is {seen_as}; expected root:{_GROUP} 0710, so that smtpd can pass"
            else:
                remedy = f"chmod {'0777' if is_socket else 'o+x'} {quoted(path)}"
            return Finding(False, text, remedy)
        if _status(place) is None:
            return Finding(False, f"{place} is missing", control("restart", seen.saslauthd.unit()))
        if _status(place).st_mode & stat.S_IXOTH:
            text = f"{place} is {_owner(place)}: every user of this machine can try passwords there"
            return Finding(True, text, _closed(place))
        shown.append(f"{place} is {_owner(place)}")
    return Finding(True, several(shown))


@where_saslauthd_is_asked
@_with_user
def group(seen, user):
    """Postfix's user is in the group that may pass."""
    host = seen.host
    if _gid(_GROUP) is None:
        return Finding(False, f"there is no group {_GROUP}", f"addgroup --system {_GROUP}")
    if not _needs_group(host, user):
        return Finding(True, f"{user.pw_name} can reach the socket")
    if _gid(_GROUP) in _groups(user):
        return Finding(True, f"{user.pw_name} is in group {_GROUP}")
    text = f"user {user.pw_name} is not in group {_GROUP}, and can't reach saslauthd's socket"
    return Finding(False, text, f"gpasswd -a {user.pw_name} {_GROUP} && {host.told}")


@where_saslauthd_is_asked
def running_groups(seen):
    """The smtpd processes that run have that group; those from before it was given don't."""
    host = seen.host
    user, gid = _user(host), _gid(_GROUP)
    if user is None or gid is None or not _needs_group(host, user):
        return Finding(True, "no group is needed")
    groups = {
        pid: postfix_sasl_processes.groups_of(pid)
        for pid in postfix_sasl_processes.processes("smtpd", user.pw_uid)
    }
    # A process that ended meanwhile has none at all.
    pids = [pid for pid in groups if groups[pid]]
    without = [pid for pid in pids if gid not in groups[pid]]
    if without:
        text = f"smtpd (process {', '.join(map(str, without[:3]))}) started before "
        text += f"{user.pw_name} came into group {_GROUP}, and is not in it"
        return Finding(False, text, host.told)
    what = f"{len(pids)} smtpd processes have" if pids else "a new smtpd gets"
    return Finding(True, f"{what} group {_GROUP}")


@where_saslauthd_is_asked
def statoverride(seen):
    """The owner and mode of the directory are registered with dpkg, which gives it no other."""
    host = seen.host
    wanted = {"user": "root", "group": _GROUP, "mode": "0710"}
    for place in dict.fromkeys(os.path.dirname(one.socket) for one in host.saslauthd_logins):
        found = postfix_sasl_statoverride.registered(place)
        in_chroot = place.startswith(f"{host.queue_directory}/")
        if found == wanted or (found is None and not in_chroot):
            continue
        command = "dpkg-statoverride --force-statoverride-add --update --add "
        command += f"root {_GROUP} 710 {quoted(place)}"
        if found is None:
            return Finding(False, f"dpkg-statoverride does not know {place}", command)
        text = f"dpkg-statoverride has {found['user']}:{found['group']} {found['mode']} for {place}"
        return Finding(False, f"{text}; expected root:{_GROUP} 0710", command)
    return Finding(True, f"dpkg keeps root:{_GROUP} 0710")


# -- who may pass ---------------------------------------------------------------------------------


def _is_socket(path):
    status = _status(path)
    return status is not None and stat.S_ISSOCK(status.st_mode)


def _closed(directory):
    """Return what to type so that root and the group can pass, and nobody else."""
    return f"chown root:{_GROUP} {quoted(directory)} && chmod 0710 {quoted(directory)}"


def _status(path):
    try:
        return os.stat(path)
    except OSError:
        return None


def _owner(path):
    found = postfix_sasl_owner.attributes(path)
    return f"{found['user']}:{found['group']} {found['mode']}" if found else "missing"


def _user(host):
    try:
        return pwd.getpwnam(host.value("mail_owner"))
    except KeyError:
        return None


def _gid(name):
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _groups(user):
    return set(os.getgrouplist(user.pw_name, user.pw_gid))


def _needs_group(host, user):
    """Return whether it is the group that lets the user pass."""
    return any(
        _blocked(login, host, user.pw_uid, _groups(user) - {_gid(_GROUP)})
        for login in host.saslauthd_logins
    )


def _blocked(login, host, uid, gids):
    """Return (the first path on the way to the socket that keeps this user out, is it the socket).

    None where the way is free, or ends before it comes to the socket.
    """
    root = host.queue_directory if login.is_chrooted else "/"
    way, path = [], os.path.realpath(os.path.dirname(login.socket))
    while len(path) >= len(root.rstrip("/")) and path != "/":
        way.insert(0, path)
        path = os.path.dirname(path)
    for place in way:
        status = _status(place)
        if status is None:
            return None
        if not _may(status, uid, gids, 1):
            # The socket's own directory by the name that configuration has for it.
            own = os.path.dirname(login.socket)
            return (own if same(place, own) else place), False
    status = _status(login.socket)
    if status is not None and not _may(status, uid, gids, 2):
        return login.socket, True
    return None


def _may(status, uid, gids, bit):
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode >> 6 & bit)
    if status.st_gid in gids:
        return bool(status.st_mode >> 3 & bit)
    return bool(status.st_mode & bit)
