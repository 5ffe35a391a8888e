"""The postfix_sasl formula on many hosts: how they are."""

import contextlib
import datetime
import io

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_report
import postfix_sasl_report_page
import salt.client
import salt.loader
from salt.exceptions import SaltException

__virtualname__ = "postfix_sasl"

_OUTPUTTER = "postfix_sasl"


def __virtual__():
    return __virtualname__


def report(tgt="*", tgt_type="glob", html=None, timeout=None):
    """
    Ask every minion once how its mail server is, and say what is wrong first.

    tgt, tgt_type
        Which minions; all of them without it.
    html
        A file to write a page to, for people who don't use a terminal. It is one file that
        needs no network. An older one is replaced; nothing is written where nobody was asked.
    timeout
        Seconds to wait for answers before minions are asked whether they are still at work;
        without it Salt's own ``timeout``. One that works on is waited for.

    Returns ``summary``, with the number of hosts for each level and ``page``, the path of the
    page; and ``hosts``, a dictionary of rows, what is wrong first, then by days left:

    ``level``
        ``wrong``: it did not answer, does not answer clients as configured, or a certificate has
        7 days left or fewer. ``attention``: a certificate has 21 days left or fewer, or the host
        is not as its pillar says. ``fine``. ``none``: there is no Postfix.
    ``problems``
        What is wrong, and what needs attention, a list of sentences.
    The rest
        ``answered``, ``release``, ``debian``, ``postfix``, ``listeners``, ``auth``, ``tls``,
        ``certificate``, ``days_left`` and ``drift``: what the minion said, see
        ``postfix_sasl.status``; the certificate is the one that expires first.

    The exit status is 1 where a host is wrong, else 0. What stops the report is in ``error``.

    CLI Example:

    .. code-block:: bash

        salt-run postfix_sasl.report
        salt-run postfix_sasl.report 'mail*' html=/srv/www/mail.html
        salt-run postfix_sasl.report --out=json
    """
    try:
        path = postfix_sasl_report_page.target(html) if html is not None else None
        expected, answers = _ask(tgt, tgt_type, timeout)
        now = datetime.datetime.now(datetime.timezone.utc)
        data = postfix_sasl_report.report(expected, answers, now, path)
        if path:
            postfix_sasl_report_page.write(path, postfix_sasl_report_page.page(data))
    except (OSError, ValueError, SaltException) as error:
        data = {"error": " ".join(str(error).split()), "retcode": 1}
    # Where only the runners were synced there is no such outputter, and Salt would complain.
    known = _OUTPUTTER in salt.loader.outputters(__opts__)
    return {"data": data, "outputter": _OUTPUTTER if known else "nested"}


def _ask(tgt, tgt_type, timeout):
    """Publish one job; return the minions it is for, and ``{minion: answer}``."""
    with salt.client.get_local_client(__opts__["conf_file"]) as client:
        # Salt prints why there is no job, which would spoil the output of --out=json.
        with contextlib.redirect_stdout(io.StringIO()) as said:
            job = client.run_job(
                tgt, "postfix_sasl.status", tgt_type=tgt_type, timeout=timeout, listen=True
            )
        if not job:
            why = " ".join(said.getvalue().split()) or "Salt sent no job"
            raise ValueError(f"{tgt_type} {tgt!r}: {why}")
        answers = {}
        for each in client.get_cli_event_returns(
            job["jid"], job["minions"], timeout=timeout, tgt=tgt, tgt_type=tgt_type
        ):
            for minion, answer in (each or {}).items():
                if answer.get("out") != "no_return":
                    answers[minion] = answer.get("ret")
    return sorted({*job["minions"], *answers}), answers
