"""A new configuration brought to a fleet: canaries first, then batches, and no further than that
if a host fails.

Each host is applied, and then another one logs in there. A host where the new configuration does
not work has put its old one back by itself, see ``postfix_sasl_transaction``.
"""

import postfix_sasl_answers
import postfix_sasl_login
import postfix_sasl_rollout_plan

STATES = "postfix_sasl"
CREDENTIALS = "salt://postfix_sasl/files/login.json.jinja"
MASTER = "the master"
LOOK_SECONDS = 60
SYNC_SECONDS = 120
LOGIN_SECONDS = 30


class Host:
    """One host of a rollout, and how far it has come."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.verdict = None  # see postfix_sasl_answers; None: not reached
        self.login = ""  # who logged in there, and what came of it

    @property
    def failed(self):
        """Whether it was reached and is not as wanted."""
        return self.verdict is not None and not self.verdict.ok

    @property
    def done(self):
        """Whether it was reached and is as wanted."""
        return self.verdict is not None and self.verdict.ok


class Rollout:
    """The work of one rollout.

    options
        As ``postfix_sasl_rollout_plan.check`` returns them.
    minions
        Those of the master, see ``postfix_sasl_minions``.
    test
        Whether to only say what would be done.
    say
        Called with a line for each step, as it is done.
    """

    def __init__(self, options, minions, test=False, say=lambda line: None):
        self.options, self.minions, self.test, self.say = options, minions, test, say
        self.batches = []
        self.silent = []
        self.prepared = set()  # those that can log in elsewhere

    @property
    def hosts(self):
        """All hosts, in the order of the plan."""
        return [host for batch in self.batches for host in batch]

    def run(self):
        """Do it; raise BadRollout, or NotAsked, where it can't even begin."""
        self._look()
        for number, batch in enumerate(self.batches):
            try:
                self._apply(number, batch)
                if self.options["verify"] and not self.test:
                    self._verify([host for host in batch if host.done])
            except RuntimeError as error:  # what went well so far is still to be reported
                for host in batch:
                    host.verdict = _failure(str(error))
            for host in batch:
                self.say(f"{host.name}: {'ok' if host.done else 'FAILED'}")
            # A dry run changes nothing, so it may as well look at all hosts.
            if not self.test and any(host.failed for host in batch):
                break

    def changes(self):
        """Return what was changed, or would be, as ``{host: {"old", "new"}}``."""
        new = "would be as its pillar says" if self.test else "as its pillar says"
        return {
            host.name: {
                "old": _counted(len(host.verdict.changes), "thing", "to change"),
                "new": "FAILED" if host.failed else new,
            }
            for host in self.hosts
            if host.verdict and host.verdict.changes
        }

    def failed(self):
        """Return whether any host failed."""
        return any(host.failed for host in self.hosts)

    def report(self):
        """Return what happened, as lines for people."""
        found = [self._headline()]
        for number, batch in enumerate(self.batches):
            reached = [host for host in batch if host.verdict]
            if reached:
                found.append(batch_name(number))
            for host in reached:
                found += [f"  {line}" for line in self._of(host)]
        for names, what in (
            ([host.name for host in self.hosts if not host.verdict], "not touched"),
            (self.silent, "silent, left out"),
        ):
            if names:
                found.append(f"{what}: {', '.join(names)}")
        if self.test:
            found += self._predicted()
        return [*found, *self._next()]

    def _headline(self):
        failed = [host.name for host in self.hosts if host.failed]
        hosts = _counted(len(self.hosts), "host")
        if self.test:
            would = f"{_listed(failed)} would fail" if failed else "none would fail"
            return f"Dry run on {hosts}, nothing was touched: {would}."
        done = f"{sum(host.done for host in self.hosts)} of {hosts}"
        if failed:
            return f"Stopped, since {_listed(failed)} failed; {done} are done."
        return f"Rolled out to {done}."

    def _of(self, host):
        """Return the lines about one host that was reached."""
        count = (
            _counted(len(host.verdict.changes), "change")
            if host.verdict.changes
            else "nothing to change"
        )
        if host.done:
            return ["; ".join(filter(None, (f"{host.name}  {count}", host.login)))]
        reasons = list(host.verdict.reason)
        if host.verdict.changes and not self.test:
            reasons.append(f"other parts changed before that: {_listed(host.verdict.changes)}")
        return [f"{host.name}  FAILED", *(f"  {line}" for line in reasons)]

    def _predicted(self):
        """Return what a dry run found, hosts that are alike together."""
        alike = {}
        for host in self.hosts:
            if host.verdict and host.verdict.changes:
                alike.setdefault(host.verdict.changes, []).append(host.name)
        return [
            f"would change on {', '.join(names)}: {', '.join(changes)}"
            for changes, names in alike.items()
        ]

    def _next(self):
        """Return what to type next, if there is anything to do."""
        failed = [host.name for host in self.hosts if host.failed]
        if not failed:
            return []
        return [
            f"Next: salt {failed[0]} state.apply {STATES} test=True  shows what is due there.",
            "When it is mended, type the same command again: hosts that are done stay as they are.",
        ]

    def _look(self):
        """Find the hosts, see that all of them answer, and make the plan."""
        options = self.options
        grains = ["ip_interfaces", *([options["address"]] if options["address"] else [])]
        expected, answers = self.minions.ask(
            options["target"],
            "grains.item",
            grains,
            seconds=LOOK_SECONDS,
            tgt_type=options["tgt_type"],
        )
        if not expected:
            raise postfix_sasl_rollout_plan.BadRollout(
                f"rollout:target: no minion matches {options['target']!r}, or the master does not "
                "run; `salt-key -L` lists the minions"
            )
        self.silent = [name for name in expected if name not in answers]
        if self.silent and not (options["skip_silent"] and answers):
            raise postfix_sasl_rollout_plan.BadRollout(
                f"{_listed(self.silent)} did not answer within {LOOK_SECONDS} s, and nothing was "
                "changed anywhere. Start the minion there and try again; or leave out who is "
                'silent: pillar=\'{"rollout": {"skip_silent": true}}\''
            )
        names = postfix_sasl_rollout_plan.plan(answers, options["canary"], options["batch"])
        found = {name: _dictionary(answer) for name, answer in answers.items()}
        self.batches = [
            [
                Host(name, postfix_sasl_rollout_plan.address(found[name], options["address"]))
                for name in batch
            ]
            for batch in names
        ]
        sizes = ", ".join(str(len(batch)) for batch in names)
        self.say(f"{len(answers)} hosts, in batches of {sizes}")

    def _apply(self, number, batch):
        names = [host.name for host in batch]
        self.say(f"{batch_name(number)}: {_listed(names)}")
        seconds = self.options["timeout"]
        test = {"test": True} if self.test else {}
        _, answers = self.minions.ask(names, "state.apply", [STATES], test, seconds)
        for host in batch:
            if host.name in answers:
                host.verdict = postfix_sasl_answers.judge(answers[host.name], self.test)
            else:
                host.verdict = _failure(
                    f"no answer within {seconds} s. If `salt {host.name} saltutil.running` shows "
                    "that it is at work, wait for it; else start its minion. The change is all "
                    "there or not at all: the next run finishes, or takes back, what was begun."
                )

    def _verify(self, hosts):
        """Have others log in to these hosts, and note what came of it."""
        by_verifier = {}
        for host in hosts:
            if host.address is None:
                where = self.options["address"] or "ip_interfaces"
                text = f"its grain {where} has no address for others; rollout:address names another"
                host.verdict = self._unverified(host, text)
            else:
                by_verifier.setdefault(self._verifier(host), []).append(host)
        for verifier, visited in by_verifier.items():
            addresses = [host.address for host in visited]
            results, trouble = self._logins(verifier, addresses)
            for host in visited:
                result = results.get(host.address)
                if result is None:
                    host.verdict = self._unverified(host, f"no login from {verifier}: {trouble}")
                elif result["wrong"]:
                    text = f"login from {verifier} to {host.address}, port {result['wrong']}"
                    host.verdict = self._unverified(host, text)
                else:
                    host.login = f"login from {verifier}: {result['code']}, as it should be"

    def _verifier(self, host):
        """Return the name of another host that can log in to this one.

        One that is done is taken before one of the same batch, and that before the one whose
        turn is next: so far nobody else has the modules.
        """
        if self.options["verifier"] not in (None, host.name):
            return self.options["verifier"]
        others = [each for each in self.hosts if each is not host and not each.failed]
        others.sort(key=lambda each: (not each.login, each.verdict is None))
        return others[0].name if others else MASTER

    def _logins(self, verifier, addresses):
        """Return ({address: result}, what went wrong if some are missing)."""
        port, tls = self.options["port"], self.options["tls"]
        if verifier == MASTER:
            return postfix_sasl_login.visit(addresses, port, tls, timeout=LOGIN_SECONDS), ""
        if not self._prepare(verifier):
            return {}, f"it did not answer within {SYNC_SECONDS} s"
        named = {"port": port, "tls": tls, "credentials": CREDENTIALS, "timeout": LOGIN_SECONDS}
        seconds = 2 * LOGIN_SECONDS
        _, answers = self.minions.ask(
            [verifier], "postfix_sasl.try_login", [addresses], named, seconds
        )
        if verifier not in answers:
            return {}, f"it did not answer within {seconds} s"
        answer = answers[verifier]
        results = {each: _result(_dictionary(answer).get(each)) for each in addresses}
        missing = {} if isinstance(answer, dict) else postfix_sasl_answers.lines(answer)
        return {key: value for key, value in results.items() if value}, " ".join(missing)

    def _prepare(self, verifier):
        """See that a minion has the modules, and the account of its pillar; return whether so."""
        if verifier in self.prepared:
            return True
        jobs = [("saltutil.refresh_pillar", {"wait": True})]
        if not any(each.name == verifier and each.done for each in self.hosts):
            jobs.insert(0, ("saltutil.sync_all", {}))
        for function, named in jobs:
            _, answers = self.minions.ask([verifier], function, (), named, SYNC_SECONDS)
            if verifier not in answers:
                return False
        self.prepared.add(verifier)
        return True

    def _unverified(self, host, text):
        """Return the verdict on a host that is applied, but does not do what it should."""
        return host.verdict._replace(
            ok=False,
            reason=(
                *postfix_sasl_answers.lines(text),
                "Its own check found nothing wrong, so its new configuration is in force.",
            ),
        )


def batch_name(number):
    """Return what the batch of that number is called; 0 are the canaries."""
    return f"batch {number}" if number else "canary"


def _failure(text):
    return postfix_sasl_answers.Verdict(False, reason=(text,))


def _result(value):
    """Return what a minion says of one login if that is what it should be, else None."""
    if not isinstance(value, dict) or "wrong" not in value or "code" not in value:
        return None
    wrong = value["wrong"]
    return {
        "code": str(value["code"])[:3],
        "wrong": wrong and " ".join(postfix_sasl_answers.lines(wrong)),
    }


def _dictionary(value):
    return value if isinstance(value, dict) else {}


def _listed(names, limit=8):
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _counted(number, noun, rest=""):
    return f"{number} {noun}{'' if number == 1 else 's'} {rest}".rstrip()
