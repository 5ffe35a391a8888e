"""The postfix_sasl formula on one host: check its pillar, apply a part of it, see what it does."""

import json
import subprocess

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_parts
import postfix_sasl_probe
import postfix_sasl_settings
from salt.exceptions import CommandExecutionError

__virtualname__ = "postfix_sasl"
__func_alias__ = {"apply_": "apply"}

PORTS = (25, 587, 465)
FETCHMAIL_PORT = 40025


def __virtual__():
    return __virtualname__


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

    Raises ValueError for arguments that make no sense; what goes wrong with the peer is in
    the answer's ``error``.

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


def check(settings=None, saltenv="base"):
    """
    Check the pillar without looking at the host.

    settings
        The pillar ``postfix_sasl`` as a dictionary, or the ``salt://`` URL of a template that
        renders to it; empty for all defaults.
    saltenv
        Where to find the template.

    Returns every key with its value, defaults filled in, as ``{"tls:mode": "may", ...}``.
    Raises CommandExecutionError with one line for each problem.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.check settings='{"tls": {"mode": "encrypt"}}'
    """
    return _checked(settings, saltenv)


def apply_(part, settings=None, test=False, saltenv="base"):
    """
    Make one part of this host as the settings ask.

    part
        ``package``, ``saslauthd``, ``pam``, ``tls``, ``config`` or ``fetchmail``.
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
    checked = _checked(settings, saltenv)
    try:
        work = postfix_sasl_parts.part(
            part, checked, postfix_sasl_parts.Host(__salt__, __context__)
        )
        changes = work.changes() if test else work.apply()
        return {"changes": changes, "notes": work.notes()}
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        raise CommandExecutionError(f"{part}: {error}") from error


def _checked(settings, saltenv):
    """Return the checked settings; in a state run a template is rendered and checked only once.

    The context of a state run ends with it, and is known by the file client that Salt keeps
    there. Any other context lives as long as a minion that does not fork.
    """
    if not isinstance(settings, str):
        return _valid(settings)
    kept = __context__ if "fileclient" in __context__ else {}
    key = f"postfix_sasl.settings {saltenv} {settings}"
    if key not in kept:
        kept[key] = _valid(_rendered(settings, saltenv))
    return kept[key]


def _valid(pillar):
    try:
        return postfix_sasl_settings.check(pillar)
    except postfix_sasl_settings.BadPillar as bad:
        raise CommandExecutionError(str(bad)) from None


def _rendered(url, saltenv):
    """Return the data that the template of the URL *url* renders to."""
    text = __salt__["cp.get_file_str"](url, saltenv=saltenv)
    if not text:
        raise CommandExecutionError(f"settings: there is no file {url}")
    rendered = __salt__["file.apply_template_on_contents"](
        text, template="jinja", context={}, defaults={}, saltenv=saltenv
    )
    try:
        return json.loads(rendered)
    except (TypeError, ValueError) as error:
        raise CommandExecutionError(f"settings: {url} does not render to JSON: {error}") from None
