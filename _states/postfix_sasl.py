"""The parts of a submission server, each compared and changed as a whole."""

import sys

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_minions
import postfix_sasl_ret
import postfix_sasl_rollout
import postfix_sasl_rollout_plan
from salt.exceptions import SaltException


def checked(name, settings=None):
    """Check the pillar, and fail with one line for each problem; change nothing.

    name
        Any label.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it.

    Returns a state return, without changes.

    .. code-block:: yaml

        postfix_sasl-check-pillar:
          postfix_sasl.checked:
            - settings: salt://postfix_sasl/files/settings.json.jinja
    """
    try:
        __salt__["postfix_sasl.check"](settings=settings, saltenv=__env__)
    except SaltException as error:
        return postfix_sasl_ret.failed(name, str(error))
    return postfix_sasl_ret.unchanged(name, "the pillar is valid")


def applied(name, part, settings=None):
    """Make one part of the host as the pillar asks.

    name
        Any label.
    part
        ``package``, ``saslauthd`` (whoever checks passwords), ``pam``, ``tls``, ``config``,
        ``fetchmail``, ``fail2ban`` or ``drift``.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it: it
        is rendered when the state runs, so that no password of the pillar gets into the log.

    Returns a state return; its comment has the notes of ``postfix_sasl.apply``, too.

    .. code-block:: yaml

        postfix_sasl-saslauthd-applied:
          postfix_sasl.applied:
            - part: saslauthd
            - settings: salt://postfix_sasl/files/settings.json.jinja
    """
    return _called(name, part, "postfix_sasl.apply", part, settings=settings)


def removed(name, settings=None, part=None):
    """Take the formula off the host: what Debian ships comes back, and the packages stay.

    Or take off one part, and leave the rest; where the pillar still asks for it, the next apply
    brings it back, and the comment says so.

    name
        Any label.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it: it
        tells which parameters and entries were declared.
    part
        ``fetchmail``, ``fail2ban`` or ``drift``; all of the formula without it.

    Returns a state return; its comment has the notes of ``postfix_sasl.remove``, too.

    .. code-block:: yaml

        postfix_sasl-clean-removed:
          postfix_sasl.removed:
            - settings: salt://postfix_sasl/files/settings.json.jinja
    """
    return _called(name, part or "clean", "postfix_sasl.remove", settings=settings, part=part)


def rolled_out(name, options=None):
    """Bring the formula to a fleet: canaries first, then batches; stop where a host fails.

    Each host is applied, and then another one logs in there. Only for ``salt-run
    state.orchestrate``, which runs on the master.

    name
        Any label.
    options
        A dictionary, everything in it optional: ``target`` and ``tgt_type`` as ``salt`` takes
        them (all minions); ``canary``, how many hosts go first, or their names (1); ``batch``,
        how many hosts at once, or a share of them (25%); ``verify``, whether to log in (true), on
        which ``port`` (587) and with which ``tls``, see ``postfix_sasl.try_login``; ``verifier``,
        the minion that logs in (one that is done already); ``address``, the grain that says
        where a host is reached (the first address of its network cards); ``timeout``, seconds
        for a batch (900); ``skip_silent``, whether to go on without minions that do not answer
        (false).

    Returns a state return: a change for each host that was, or would be, changed; its comment is
    the report, host by host.

    .. code-block:: yaml

        mail-servers:
          postfix_sasl.rolled_out:
            - options: {target: 'mail*', canary: mail1, batch: 10%}
    """
    test = __opts__["test"]
    if __opts__.get("__role") != "master":
        return postfix_sasl_ret.failed(
            name, "this runs on the master: salt-run state.orchestrate postfix_sasl.orch.rollout"
        )
    try:
        checked = postfix_sasl_rollout_plan.check(options)
        minions = postfix_sasl_minions.Minions(__opts__)
        rollout = postfix_sasl_rollout.Rollout(checked, minions, test, _say)
        rollout.run()
    except (postfix_sasl_rollout_plan.BadRollout, postfix_sasl_minions.NotAsked) as error:
        return postfix_sasl_ret.failed(name, error)
    changes = rollout.changes()
    ret = postfix_sasl_ret.result(name, changes, test, "rollout")
    if rollout.failed():
        ret["result"] = False
    return {**ret, "comment": "\n".join(rollout.report())}


def _say(line):
    """Show a line to whoever waits at a terminal, since the states show theirs at the end."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


def _called(name, what, function, *args, **kwargs):
    """Call an execution function that returns changes and notes; return the state's return."""
    test = __opts__["test"]
    try:
        done = __salt__[function](*args, **kwargs, test=test, saltenv=__env__)
    except SaltException as error:
        return postfix_sasl_ret.failed(name, str(error))
    ret = postfix_sasl_ret.result(name, done["changes"], test, what)
    ret["comment"] = "\n".join([ret["comment"], *done["notes"]])
    return ret
