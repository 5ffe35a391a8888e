"""The postfix_sasl formula on one host: check its pillar, apply a part of it, see what it does."""

import contextlib
import os

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_clean
import postfix_sasl_doctor
import postfix_sasl_drift
import postfix_sasl_export
import postfix_sasl_login
import postfix_sasl_parts
import postfix_sasl_pillar
import postfix_sasl_probe
import postfix_sasl_schedule
import postfix_sasl_settings
import postfix_sasl_show
import postfix_sasl_status
import postfix_sasl_watched
from postfix_sasl_error import shown
from postfix_sasl_text import visible
from salt.exceptions import CommandExecutionError

__virtualname__ = "postfix_sasl"
__func_alias__ = {"apply_": "apply", "remove_": "remove"}

# What the formula's own states hand over: the pillar of this host.
PILLAR = "salt://postfix_sasl/files/settings.json.jinja"
# The account for a login that must succeed, from the pillar of the host that tries it.
LOGIN = "salt://postfix_sasl/files/login.json.jinja"
PORTS = (25, 587, 465)
FETCHMAIL_PORT = 40025


def __virtual__():
    return __virtualname__


def __init__(opts):
    """Have salt-call print reports for people by their own outputter, once that is synced.

    For a job of a master it is the master that prints, which may not have it and would complain;
    ``--out=postfix_sasl_doctor`` asks for it there.
    """
    global __outputter__
    path = os.path.join(opts.get("extension_modules", ""), "output", "postfix_sasl_doctor.py")
    if opts.get("__cli") == "salt-call" and os.path.exists(path):
        __outputter__ = dict.fromkeys(("doctor", "show"), "postfix_sasl_doctor")


def probe(host="localhost", port=None, tls=None, timeout=10):
    """
    Show what a mail client sees: banner, EHLO words, TLS version and certificate, and the AUTH
    mechanisms before and after TLS. Nothing is sent but EHLO, RSET, STARTTLS and QUIT.

    host
        Where to connect. ``localhost`` means 127.0.0.1, which Postfix listens on even where
        there is no IPv6.
    port
        One port. Without it 25, 587 and 465 are asked, and 40025 (the fetchmail listener) if
        something listens there; the answer is then a dictionary by port.
    tls
        ``none``, ``starttls`` (used where it is offered) or ``implicit``. Without it port 465
        means ``implicit``, every other one ``starttls``.
    timeout
        Seconds for the whole conversation.

    Returns a dictionary: ``host``, ``port``, ``tls`` (how it was tried), ``connected``, ``error``
    (what went wrong with the peer, or None), ``banner``, ``ehlo`` and ``auth`` (before TLS),
    ``starttls`` (offered, which alone proves nothing), ``starttls_required``, ``tls_version``,
    ``cipher``, ``certificate``, ``ehlo_tls`` and ``auth_tls`` (inside TLS). Raises ValueError for
    arguments that make no sense.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.probe
        salt '*' postfix_sasl.probe mail.example.org 587
    """
    host = "127.0.0.1" if host == "localhost" else host
    if port is not None:
        return postfix_sasl_probe.probe(host, port, tls, timeout)
    endpoints = [(host, each, tls) for each in (*PORTS, FETCHMAIL_PORT)]
    return {
        str(seen["port"]): seen
        for seen in postfix_sasl_probe.probe_all(endpoints, timeout)
        if seen["connected"] or seen["port"] != FETCHMAIL_PORT
    }


def try_login(host, port=587, tls=None, credentials=LOGIN, timeout=10, saltenv="base"):
    """
    Log in to another host once, from this one: the way through its smtpd, saslauthd and PAM.

    With an account in this host's pillar, ``postfix_sasl_login: {user: ..., password: ...}``, the
    login must be accepted, 235. Without, a random one is tried, which must be refused, 535: that
    proves all of the way but the accounts. Neither is in the answer. The certificate is not
    verified, so use an account that is good for nothing else.

    host
        A name or an address, or a list of them; the answer is then a dictionary by host.
    port
        Where to log in.
    tls
        ``starttls``, ``implicit``, or ``none`` for a login in the clear. Without it port 465 means
        ``implicit``, every other one ``starttls``.
    credentials
        The ``salt://`` URL of a template that renders to the account; empty for a random one.
    timeout
        Seconds for the whole conversation.
    saltenv
        Where to find the template.

    Returns ``{"host", "port", "code", "text", "error", "tls_version", "wrong"}``; ``wrong`` says
    in words what is not as it must be, and is None where all is. Raises CommandExecutionError
    for arguments, or an account, that make no sense.

    CLI Example:

    .. code-block:: bash

        salt web1 postfix_sasl.try_login mail.example.org
    """
    with _pillar(saltenv) as pillar:
        account = (pillar.rendered(credentials) if credentials else None) or {}
    if not isinstance(account, dict) or set(account) - {"user", "password"}:
        raise CommandExecutionError("postfix_sasl_login: it takes user and password")
    hosts = host if isinstance(host, list) else [host]
    try:
        found = postfix_sasl_login.visit(hosts, port, tls, **account, timeout=timeout)
    except ValueError as error:
        raise CommandExecutionError(f"try_login: {error}") from None
    return found if isinstance(host, list) else found[host]


def check(settings=None, saltenv="base"):
    """
    Check the pillar without looking at the host.

    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it; empty for all defaults.
    saltenv
        Where to find the template.

    Returns every key with its value, defaults filled in, as ``{"tls:mode": "may", ...}``; secrets
    are hidden.
    Raises CommandExecutionError with one line for each problem.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.check settings='{"tls": {"mode": "encrypt"}}'
    """
    with _pillar(saltenv) as pillar:
        return postfix_sasl_settings.shown(pillar.checked(settings))


def apply_(part, settings=None, test=False, saltenv="base"):
    """
    Make one part of this host as the settings ask.

    part
        ``package``, ``saslauthd`` (whoever checks passwords), ``pam``, ``tls``, ``config``,
        ``fetchmail``, ``fail2ban`` or ``drift``.
    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it; empty for all defaults.
    test
        True to report what would change, and change nothing.
    saltenv
        Where to find the template.

    Returns ``{"changes": {thing: {"old", "new"}}, "notes": [line, ...]}``; the notes are what an
    admin should know though nothing is changed for it. Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.apply saslauthd test=True
    """
    if part not in postfix_sasl_parts.PARTS:
        raise CommandExecutionError(
            f"part: got {part!r}; it takes one of {', '.join(postfix_sasl_parts.PARTS)}"
        )
    with _pillar(saltenv) as pillar:
        checked = pillar.checked(settings)
    with shown(part):
        return _done(postfix_sasl_parts.part(part, checked, _host(saltenv)), test)


def remove_(settings=PILLAR, test=False, saltenv="base", part=None):
    """
    Take the formula off this host: parameters and entries back to what Debian ships, files,
    services and registrations of the formula gone. Packages stay, and Postfix goes on running.
    Or take off one part, and leave the rest.

    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it: it tells which parameters and entries were declared. Without it this
        host's pillar.
    test
        True to report what would change, and change nothing.
    saltenv
        Where to find the template.
    part
        ``fetchmail``, ``fail2ban`` or ``drift``; all of the formula without it.

    Returns what ``postfix_sasl.apply`` returns. Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.remove test=True
        salt '*' postfix_sasl.remove part=fetchmail
    """
    if part not in (None, *postfix_sasl_clean.PARTS):
        raise CommandExecutionError(
            f"part: got {part!r}; it takes one of {', '.join(postfix_sasl_clean.PARTS)}"
        )
    with _pillar(saltenv) as pillar:
        checked = pillar.checked(settings)
    with shown("remove"):
        if part is None:
            removal = postfix_sasl_clean.removal(checked, _host(saltenv))
        else:
            removal = postfix_sasl_clean.part_removal(part, checked, _host(saltenv))
        return _done(removal, test)


def show(name=None, settings=PILLAR, saltenv="base"):
    """
    Show what the formula wants of this host, and where each value comes from; change nothing.

    name
        A parameter (``smtpd_tls_security_level``), a service entry (``submission/inet``), a path,
        or another name in the answer, to see that alone and in full; or a key of the pillar
        (``tls:profile``), to see what depends on it; everything without it.
    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it. Without it this host's pillar, as it is now.
    saltenv
        Where to find the template.

    Returns ``{"release", "postfix", "main.cf": {parameter: one}, "master.cf": {service/type:
    {"entry": one, "fields": {name: one}, "options": {name: one}}}, "files": {path: one}, ...,
    "report": text}``. What ``one`` stands for has

    ``value``
        What it should be; None for what should not be there. Secrets are ``(hidden)``.
    ``origin``
        ``pillar``: the value of a key that the pillar gives; ``default``: of a key that it does
        not give, or the formula's own, which no key but ``main`` or ``master`` changes;
        ``release``: this Debian has it so; ``derived``: from one or more keys; ``host``: main.cf
        or master.cf has it, and nothing asks for another.
    ``keys``
        The keys it depends on, ``[{"key", "value", "given"}]``, those that the pillar gives first.
    ``why``
        The same in one line.

    Entries and parameters that stay as they are depend on the host; where there is no Postfix
    yet, on what Debian's package brings. Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt mail postfix_sasl.show
        salt mail postfix_sasl.show smtpd_tls_mandatory_protocols
        salt mail postfix_sasl.show settings='{"tls": {"mode": "encrypt"}}' --out=json
    """
    with _pillar(saltenv) as pillar:
        now = pillar.now(settings)
        postfix_sasl_settings.check(now)
    with shown("show"):
        return visible(postfix_sasl_show.show(now, _host(saltenv), name))


def drift(settings=PILLAR, saltenv="base", watched=False):
    """
    Say how this host differs from what its pillar, as it is now, asks for; change nothing.

    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it. Without it this host's pillar.
    saltenv
        Where to find the template.
    watched
        True to add, as ``watched``, the files and processes without a change of which the answer
        stays the same, see the beacon.

    Returns ``{"drifted": bool, "changes": {thing: {"old", "new"}}}``, with secrets hidden. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.drift
    """
    with _pillar(saltenv) as pillar:
        checked = pillar.checked_now(settings)
    changes, parts = _differences(checked, saltenv)
    found = {"drifted": bool(changes), "changes": visible(changes)}
    return {**found, "watched": postfix_sasl_watched.by(parts)} if watched else found


def watch(mode="report", saltenv=None):
    """
    Look for drift once, and send the master an event ``postfix_sasl/drift`` if there is any. This
    is what the schedule calls that ``drift:mode`` in the pillar asks for.

    mode
        ``report`` for a dry run of the formula; ``enforce`` to apply it where that finds
        something.
    saltenv
        The environment to apply the formula from; the minion's own by default.

    Returns the event's data: ``minion``, ``mode``, ``drifted``, ``changes`` (``{thing: {"old",
    "new", "since"}}``, secrets hidden), ``errors``, ``notes`` and, in ``enforce``, ``corrected``;
    or ``{"skipped": why}`` while another state run is at work. Raises CommandExecutionError for
    another mode; what goes wrong later is in ``errors``.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.watch
        salt '*' postfix_sasl.watch enforce
    """
    if mode not in postfix_sasl_drift.MODES:
        raise CommandExecutionError(
            f"mode: got {mode!r}; it takes one of {', '.join(postfix_sasl_drift.MODES)}"
        )
    memory = postfix_sasl_drift.Memory(postfix_sasl_drift.memory_path(__opts__))
    data = postfix_sasl_drift.watch(mode, __opts__["id"], __salt__, memory, saltenv)
    # Asked by hand, or by a job that has just been taken away, it remembers nothing.
    if postfix_sasl_schedule.saved(postfix_sasl_schedule.saved_path(__opts__)):
        memory.save()
    return data


def status(settings=PILLAR, saltenv="base"):
    """
    Say in brief how this host's mail server is; change nothing. ``salt-run postfix_sasl.report``
    asks this of every host.

    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it. Without it this host's pillar.
    saltenv
        Where to find the template.

    Returns, after 15 seconds at most, a dictionary:

    ``release``, ``debian``
        The release's name, such as ``trixie``; the point release, such as ``13.2``.
    ``postfix``
        Its version; None where Postfix is not installed, and then all that follows is empty.
    ``running``
        Whether Postfix runs.
    ``listeners``
        A list with, for each smtpd of master.cf: ``name``, ``port``, ``open``, ``auth`` (what
        is offered, after TLS where there is TLS), ``tls`` (version) and ``certificate``
        (``name``, ``days_left``, ``not_after``, ``self_signed``; None where there is none).
    ``wrong``
        What does not answer as it is configured, a list of sentences.
    ``drift``
        ``drifted``, ``things`` (names of what differs from the pillar), ``error`` (why that
        can't be told, or None).

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.status
    """

    def prepare():
        with _pillar(saltenv) as pillar:
            checked = pillar.checked_now(settings)
        return lambda: _differences(checked, saltenv)[0]

    return visible(postfix_sasl_status.of_this_host(__salt__, prepare))


def doctor():
    """
    Follow a login from the client to the password and back, and say where it breaks, why, and
    what to type. Nothing is changed but the logs, where two failed logins are seen. Neither the
    pillar nor the formula's own hand in this host is needed.

    Returns ``{"healthy": bool, "checks": [{"name", "ok", "detail", "remedy"}], "report": text}``.
    The checks are in the order of causes. ``ok`` is False for what breaks logins, and None for
    what was not looked at, or only fails because of another check, which ``detail`` names.
    ``remedy`` is a command where one is enough, else a sentence; with ``ok`` True it makes a
    warning, which leaves the host healthy. ``report`` is the same for people.

    The exit status is 1 where the host is not healthy. Raises CommandExecutionError for what keeps
    it from looking at all.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.doctor
        salt '*' postfix_sasl.doctor --out=json
    """
    with shown("doctor"):
        found = postfix_sasl_doctor.examine()
    if not found["healthy"]:
        __context__["retcode"] = 1
    return found


def export():
    """
    Give the pillar that would make another host of this Debian release what this one is now,
    whoever configured it.

    What differs from what the formula makes of an empty pillar is in it: in the keys made for it
    where there are such, in ``main`` and ``master`` otherwise. Passwords are not: where fetchmail
    runs, add the section ``fetchmail`` by hand. Nor is what other files hold, such as
    certificates and tables.

    Returns ``{"postfix_sasl": {...}}``. Raises CommandExecutionError for a host without Postfix,
    and for a configuration that the formula refuses, naming what it refuses.

    CLI Example:

    .. code-block:: bash

        salt mail postfix_sasl.export --out=yaml
    """
    with shown("export"):
        return {"postfix_sasl": postfix_sasl_export.pillar_of_this_host()}


def _differences(checked, saltenv):
    """Return what every part of this host would change for *checked* settings, and the parts."""
    changes, parts = {}, []
    for name in postfix_sasl_parts.PARTS:
        with shown(name):
            parts.append(postfix_sasl_parts.part(name, checked, _host(saltenv)))
            changes.update(parts[-1].changes())
    return changes, parts


def _host(saltenv):
    return postfix_sasl_parts.Host(__salt__, __context__, __opts__, saltenv)


@contextlib.contextmanager
def _pillar(saltenv):
    """Give the Source of the pillar; a pillar that can't be used is an error of Salt's."""
    try:
        yield postfix_sasl_pillar.Source(_host(saltenv), __grains__)
    except postfix_sasl_settings.BadPillar as bad:
        raise CommandExecutionError(str(bad)) from None


def _done(part, test):
    """Return what a Part changed, or would change, and its notes."""
    changes = part.changes() if test else part.apply()
    return visible({"changes": changes, "notes": part.notes()})
