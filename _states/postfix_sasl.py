"""The parts of a submission server, each compared and changed as a whole."""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_ret
from salt.exceptions import SaltException


def checked(name, settings=None):
    """Check the pillar, and fail with one line for each problem; change nothing.

    name
        Any label.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it.

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
        ``package``, ``saslauthd``, ``pam``, ``tls``, ``config`` or ``fetchmail``.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it: it
        is rendered when the state runs, so that no password of the pillar gets into the log.

    .. code-block:: yaml

        postfix_sasl-saslauthd-applied:
          postfix_sasl.applied:
            - part: saslauthd
            - settings: salt://postfix_sasl/files/settings.json.jinja
    """
    return _called(name, part, "postfix_sasl.apply", part, settings=settings)


def removed(name, settings=None):
    """Take the formula off the host: what Debian ships comes back, and the packages stay.

    name
        Any label.
    settings
        The pillar ``postfix_sasl``, or the ``salt://`` URL of a template that renders to it: it
        tells which parameters and entries were declared.

    .. code-block:: yaml

        postfix_sasl-clean-removed:
          postfix_sasl.removed:
            - settings: salt://postfix_sasl/files/settings.json.jinja
    """
    return _called(name, "clean", "postfix_sasl.remove", settings=settings)


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
