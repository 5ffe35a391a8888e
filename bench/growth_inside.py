"""Our own code on a host, with more and more parameters and entries; run by growth.py there.

usage: growth_inside.py MODULES ROUNDS

MODULES is the formula's _utils. Everything is done for real, up to the moment when Postfix would
be reloaded. Prints JSON: [{"parameters", "entries", "change", "seconds", "best",
"processes"}].
"""

import json
import statistics
import sys
import time

SIZES = ((10, 2), (100, 20), (1000, 200))
# Five numbers that qmgr(8) has for each transport: TRANSPORT_NAME.
NUMBERS = (
    "destination_concurrency_limit",
    "destination_recipient_limit",
    "initial_destination_concurrency",
    "extra_recipient_limit",
    "minimum_delivery_slots",
    "recipient_limit",
    "recipient_refill_limit",
    "delivery_slot_cost",
    "delivery_slot_discount",
    "delivery_slot_loan",
)
FIRST_PORT = 20001


def pillar(parameters, entries, value, first=None):
    """Return settings with so many of each, all numbers *value*, but *first* for the first one.

    Half of the entries are listeners, half transports with ten parameters each.
    """
    main, master = {}, {}
    for number in range(entries // 2):
        transport = f"transport{number}"
        main.update({f"{transport}_{name}": value for name in NUMBERS})
        master[f"{transport}/unix"] = {"command": "smtp", "process_limit": value}
        master[f"127.0.0.1:{FIRST_PORT + number}/inet"] = {
            "private": "n",
            "command": "smtpd",
            "process_limit": value,
            "options": {
                "smtpd_tls_security_level": "may",
                "smtpd_client_connection_count_limit": value,
            },
        }
    if first is not None:
        main[next(iter(main))] = first
    assert (len(main), len(master)) == (parameters, entries)
    return {"main": main, "master": master, "verify": False}


class Untold:
    """Postfix as a daemon that runs, and is not told anything: it notes when it would be."""

    def __init__(self):
        self.told_at = None

    def running(self):
        """Return True."""
        return True

    enabled = running

    def reload(self):
        """Note the moment."""
        self.told_at = time.perf_counter()

    restart = reload

    def has_child_before(self, _moment, _programs):
        """Return False: no process of it has an older certificate."""
        return False


class Processes:
    """Counts the processes that this Python starts."""

    _EVENTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system")

    def __init__(self):
        self.count = 0
        sys.addaudithook(self._hear)

    def _hear(self, event, _arguments):
        self.count += event in self._EVENTS


def measure(settings_of_pillar, processes):
    """Apply one pillar, and return (seconds until Postfix would be told, processes started)."""
    import postfix_sasl_config
    import postfix_sasl_settings

    before = processes.count
    started = time.perf_counter()
    settings = postfix_sasl_settings.check(settings_of_pillar)
    configuration = postfix_sasl_config.Configuration(settings, {})
    configuration.postfix = configuration.running.daemon = daemon = Untold()
    if configuration.changes():
        configuration.apply()
    ended = daemon.told_at or time.perf_counter()
    return ended - started, processes.count - before


def main(modules, rounds):
    """Measure every size and print the medians."""
    sys.path.insert(0, modules)
    processes = Processes()
    found = {}
    measure(pillar(10, 2, 1), processes)  # imports, and what Python compiles once
    for turn in range(2, 2 + int(rounds)):
        for size in SIZES:
            measure(pillar(*size, 1), processes)
            for change, wanted in (
                ("none", pillar(*size, 1)),
                ("one", pillar(*size, 1, first=turn)),
                ("all", pillar(*size, turn)),
            ):
                found.setdefault((*size, change), []).append(measure(wanted, processes))
    print(
        json.dumps(
            [
                {
                    "parameters": parameters,
                    "entries": entries,
                    "change": change,
                    "seconds": statistics.median(seconds for seconds, _ in runs),
                    "best": min(seconds for seconds, _ in runs),
                    "processes": max(count for _, count in runs),
                }
                for (parameters, entries, change), runs in found.items()
            ]
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
