"""Kill a process at the n-th thing it does, and apply the formula's parts without Salt.

This runs inside a host. As a module it kills salt-call, which loads it, see faults.py. As a
program it kills an apply at every step there is, told how by a plan (see Enumeration):

    killing.py < plan.json > reports.json

Salt takes a second to start, a fork of a process that has the formula's modules loaded takes none.
"""

import contextlib
import glob
import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

FORMULA_UTILS = "/srv/postfix_sasl/_utils"
READ_BY_POSTFIX = ("/etc/postfix/main.cf", "/etc/postfix/master.cf", "/etc/postfix/sasl/smtpd.conf")
ON_PURPOSE = "found wrong on purpose"
DELAYS = (0.01, 0.05, 0.2)  # seconds into a command that the process has started
STEPS = {
    "fcntl.flock",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.setxattr",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "socket.connect",
    "subprocess.Popen",
}
CHANGES_FILES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Steps:
    """Count what this process does to the host from now on, and end it at a step.

    at
        The number of the step; the process is killed just before it. None never kills.
    delay
        Seconds to wait at that step, which goes on meanwhile.
    only
        Count only what names such a path, as part of it; every step without it.
    log
        An open file for a line about each step.
    """

    def __init__(self, at=None, delay=None, only=None, log=None):
        self.at, self.delay, self.only, self.log = at, delay, only, log
        self.count = 0
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if event == "open":
            if not isinstance(arguments[2], int) or not arguments[2] & CHANGES_FILES:
                return
        elif event not in STEPS:
            return
        text = f"{event} {arguments!r}"
        if self.only and self.only not in text:
            return
        self.count += 1
        if self.log is not None:
            os.write(self.log, f"{text}\n".encode(errors="replace"))
        if self.count == self.at:
            if not self.delay:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Timer(self.delay, os.kill, (os.getpid(), signal.SIGKILL)).start()


def from_file(path):
    """Kill this process as the file says, a JSON dictionary of Steps' arguments, if it is there."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        Steps(**json.load(file))


# -- what Salt would do ---------------------------------------------------------------------------


def _systemctl(*words):
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return True


def _add_to_group(group, user):
    return subprocess.run(["gpasswd", "-a", user, group], capture_output=True).returncode == 0


SALT = {
    **{
        f"service.{action}": lambda name, action=action: _systemctl(action, name)
        for action in ("start", "stop", "restart", "enable")
    },
    "service.systemctl_reload": lambda: _systemctl("daemon-reload"),
    "group.adduser": _add_to_group,
}


class Formula:
    """The formula's parts for some settings, as a run of Salt would have them."""

    def __init__(self, part, pillar):
        sys.path[:0] = [FORMULA_UTILS]
        import postfix_sasl_parts as parts
        import postfix_sasl_settings as settings

        self._parts, self.part, self.settings = parts, part, settings.check(pillar)

    def work(self):
        return self._parts.part(self.part, self.settings, self._parts.Host(SALT, {}))


# -- one run in a process of its own --------------------------------------------------------------


def run(formula, test=False, fails=False, **steps):
    """Apply; return {"killed", "changes", "error", "steps"}.

    test
        Whether it is a dry run.
    fails
        Whether the listeners are to be found wrong, once, so that the change is taken back.
    """
    reading, writing = os.pipe()
    log = os.memfd_create("steps")
    child = os.fork()
    if not child:
        try:
            os.setsid()
            work = formula.work()
            if fails:
                _find_fault_once()
            Steps(log=log, **steps)
            result = {"changes": work.changes() if test else work.apply(), "error": None}
        except BaseException as error:
            result = {"changes": {}, "error": f"{type(error).__name__}: {error}"}
        os.write(writing, json.dumps(result, default=str).encode()[:60000])
        # Threads of the run may still be at work; nobody waits for them.
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read()
    status = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(status)
    os.lseek(log, 0, os.SEEK_SET)
    with open(log, encoding="utf-8") as lines:
        done = lines.read().splitlines()
    result = {"changes": {}, "error": None} if killed or not text else json.loads(text)
    return {**result, "killed": killed, "steps": done}


def _find_fault_once():
    import postfix_sasl_verify

    real, calls = postfix_sasl_verify.mismatches, []

    def mismatches(*arguments, **named):
        calls.append(True)
        return [ON_PURPOSE] if len(calls) == 1 else real(*arguments, **named)

    postfix_sasl_verify.mismatches = mismatches


# -- what can be seen from outside ----------------------------------------------------------------


def texts(paths=READ_BY_POSTFIX):
    """Return what a reader of these files gets, None where there is none."""
    found = {}
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                found[path] = file.read()
        except FileNotFoundError:
            found[path] = None
    return found


def answers(port=25, seconds=5.0):
    """Return whether Postfix greets within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 2) as connection,
        ):
            if connection.recv(100).startswith(b"220"):
                return True
        time.sleep(0.02)
    return False


def login(user, password, port=587):
    """Return the answer to AUTH on a listener with STARTTLS, or why there is none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with smtplib.SMTP("127.0.0.1", port, "client.example.com", timeout=20) as smtp:
            smtp.starttls(context=context)
            smtp.ehlo()
            return smtp.login(user, password)[0]
    except smtplib.SMTPAuthenticationError as error:
        return error.smtp_code
    except (OSError, smtplib.SMTPException) as error:
        return str(error)


def send(user, subject):
    """Have a message for a local user accepted; raise OSError where it is not."""
    with smtplib.SMTP("127.0.0.1", 25, "client.example.com", timeout=20) as smtp:
        smtp.sendmail("s@example.net", [f"{user}@localhost"], f"Subject: {subject}\n\nHello.\n")


def journal(since):
    """Return what the services have logged since a time."""
    command = ["journalctl", "-q", "--no-pager", "-o", "short-precise", f"--since=@{since:.3f}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout[-6000:]


def litter():
    """Return files that a killed run has left over, but for what the next one cleans up."""
    patterns = ("/etc/**/.*postfix_sasl*", "/etc/postfix/**/.*", "/run/postfix_sasl*")
    return sorted({path for each in patterns for path in glob.glob(each, recursive=True)})


# -- the enumeration ------------------------------------------------------------------------------


class Enumeration:
    """Every step of a change of the host.

    plan
        part: the formula's part to apply;
        pillars: one, or two to change between; the applies of the first one are killed,
        back: and those of the second one;
        fails: whether to take the change back, see run;
        reset: a shell script to run before each apply that is to be killed;
        begin, end: texts in the first and the last step at which to kill;
        checks: for each pillar a shell script that has to succeed after the next apply;
        user, password, port: who shall be able to log in then, and where;
        answers: whether port 25 has to answer at any time.
    """

    def __init__(self, plan):
        self.plan = plan
        self.formulas = [Formula(plan["part"], pillar) for pillar in plan["pillars"]]
        self.reports = []
        self.sent = []

    def run(self):
        """Kill at every point there is; return the reports."""
        killed = range(len(self.formulas) if self.plan.get("back") else 1)
        points = [self._steps(which) for which in killed]
        for number in range(max(map(len, points))):
            for which, own in enumerate(points):
                if number < len(own):
                    self.reports.append(self._point(which, *own[number]))
        return self.reports

    def _steps(self, which):
        """Return the points (step, delay, text) at which to kill an apply of this formula."""
        self._reset(which)
        done = run(self.formulas[which], fails=self.plan.get("fails"))
        if done["error"] and not (self.plan.get("fails") and ON_PURPOSE in done["error"]):
            raise SystemExit(f"the apply does not work without any kill: {done['error']}")
        begin, points = not self.plan.get("begin"), []
        for number, text in enumerate(done["steps"], 1):
            begin = begin or self.plan["begin"] in text
            if begin:
                points.append((number, None, text))
                if text.startswith("subprocess.Popen"):
                    points += [(number, delay, text) for delay in DELAYS]
            if begin and self.plan.get("end") and self.plan["end"] in text:
                break
        return points

    def _reset(self, which):
        if len(self.formulas) > 1:
            run(self.formulas[which - 1])
        if self.plan.get("reset"):
            command = ["sh", "-ec", self.plan["reset"]]
            subprocess.run(command, check=True, stdout=sys.stderr, timeout=60)

    def _point(self, which, step, delay, text):
        problems, since = [], time.time()
        formula = self.formulas[which]
        self._reset(which)
        old = texts()
        subject = f"point {len(self.reports)}"
        try:
            send(self.plan["user"], subject)
            self.sent.append(subject)
        except (OSError, smtplib.SMTPException) as error:
            problems.append(f"mail is not accepted: {error}")
        first = run(formula, at=step, delay=delay, fails=self.plan.get("fails"))
        after = texts()
        if first["error"] and ON_PURPOSE not in first["error"]:
            problems.append(f"the run that was to be killed says {first['error']}")
        if self.plan["answers"] and not answers():
            problems.append("port 25 does not answer after the kill")
        again = run(formula)
        new = texts()
        if after not in (old, new):
            problems.append("what Postfix reads is neither the old nor the new files")
        if again["error"]:
            problems.append(f"the next apply fails: {again['error']}")
        dry = run(formula, test=True)
        if dry["changes"] or dry["error"]:
            problems.append(f"then a dry run still says {dry['changes']} {dry['error']}")
        problems += [f"left over: {path}" for path in litter()]
        if not answers():
            problems.append("port 25 does not answer after the next apply")
        if self.plan.get("port"):
            answer = login(self.plan["user"], self.plan["password"], self.plan["port"])
            if answer != 235:
                problems.append(f"AUTH is answered with {answer}")
        for script in [self.plan["checks"][which]] if self.plan.get("checks") else []:
            done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60)
            if done.returncode:
                problems.append(f"{script}: {done.stdout}{done.stderr}")
        if problems:
            problems.append(journal(since))
        return {
            "step": step,
            "delay": delay,
            "text": text,
            "killed": first["killed"],
            "in place": "new" if after == new else "old",
            "problems": problems,
        }


def main():
    """Read the plan, run it, print the reports and the subjects of the messages sent."""
    enumeration = Enumeration(json.load(sys.stdin))
    reports = enumeration.run()
    json.dump({"reports": reports, "sent": enumeration.sent}, sys.stdout)


if __name__ == "__main__":
    main()
