"""The doctor's logins: a name that nobody has, which must be refused, tried by both ways.

They are what the doctor leaves behind: two failed logins in the logs.
"""

import secrets
import threading
import time

import postfix_sasl_login
import postfix_sasl_mux
from postfix_sasl_doctor_host import Finding, control, several, where_saslauthd_is_asked

SECONDS = 9
# Listeners that reach the passwords in the same way need not all be asked.
_MOST = 3


def attempts(host, wanted):
    """Return what to try, as two dictionaries of functions.

    host
        The Host.
    wanted
        What clients should see, see ``postfix_sasl_doctor_smtp.wanted_of``.

    The keys are sockets with their service, and ports; the functions give what
    ``postfix_sasl_mux.ask`` does, and the code and text of the answer to AUTH.
    """
    # Nobody's name, and nobody's password.
    user, password = f"nobody-{secrets.token_hex(5)}", secrets.token_hex(12)
    places = dict.fromkeys((one.socket, one.service) for one in host.saslauthd_logins)
    at_socket = {
        place: _later(postfix_sasl_mux.ask, place[0], user, password, place[1])
        for place in list(places)[:_MOST]
    }
    at_port, ways = {}, set()
    logins = {login.key: login for login in host.logins}
    for key, address, port, tls, _expected in wanted:
        login = logins.get(key)
        if login:
            way = (login.is_chrooted, login.conf_path, login.socket, login.service)
        elif host.is_yes("smtpd_sasl_auth_enable", host.entries[key]["options"]):
            way = host.value("smtpd_sasl_path", host.entries[key]["options"])
        else:
            continue
        if way not in ways and len(ways) < _MOST:
            ways.add(way)
            place = port if port not in at_port else f"{address} {port}"
            at_port[place] = _later(_by_smtp, address, port, tls, user, password)
    return at_socket, at_port


def _by_smtp(*words, timeout):
    result = postfix_sasl_login.attempt(*words, timeout=timeout)
    return result["code"], result["error"] or result["text"]


def _later(function, *words):
    return lambda: function(*words, timeout=SECONDS)


@where_saslauthd_is_asked
def at_saslauthd(seen):
    """Saslauthd itself answers, and refuses a name that nobody has."""
    restart = control("restart", seen.saslauthd.unit())
    for (socket, _service), (is_good, said) in seen.at_socket().items():
        if is_good is None:
            return Finding(False, f"{socket}: {said}", restart)
        if is_good:
            text = f"{socket}: lets in a name that nobody has, with any password"
            return Finding(False, text, "see what /etc/pam.d says, and MECHANISMS of saslauthd")
    return Finding(True, "it answers, and refuses a name that nobody has")


def at_smtp(seen):
    """SMTP AUTH answers 535 to a name that nobody has; 454 means that it could not tell."""
    answers = seen.at_port()
    if not answers:
        return Finding(None, "not looked at: no listener with AUTH can be asked from this machine")
    wrong = []
    for port, (code, said) in answers.items():
        if code == 535:
            continue
        if code is None:
            wrong.append(f"port {port}: {said}")
        elif code == 235:
            wrong.append(f"port {port}: lets in a name that nobody has, with any password")
        else:
            wrong.append(f"port {port}: AUTH was answered with {code} {said}; expected 535")
    if wrong:
        return Finding(False, several(wrong) + seen.log_says(), seen.host.mail_log())
    ports = ", ".join(map(str, answers))
    return Finding(True, f"a name that nobody has is refused as it should be (535, port {ports})")


class Background:
    """Calls that go on at the same time.

    calls
        ``{key: function without arguments}``.
    """

    def __init__(self, calls):
        self._results = {}
        # A thread that hangs must not keep the program alive.
        self._threads = {
            key: threading.Thread(target=self._run, args=(key, call), daemon=True)
            for key, call in calls.items()
        }
        for thread in self._threads.values():
            thread.start()

    def _run(self, key, call):
        self._results[key] = call()

    def results(self, seconds, missing=(None, "no answer in time")):
        """Return ``{key: result}`` after at most so many seconds."""
        end = time.monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))
        return {key: self._results.get(key, missing) for key in self._threads}
