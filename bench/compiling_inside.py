"""Render and compile SLS files in this process; run by compiling.py on a host.

usage: compiling_inside.py SALT_CONFIG ROUNDS SLS ...

Prints as JSON what each took in the median: {SLS: {"seconds", "states"}}.
"""

import json
import statistics
import sys
import time

import salt.client
import salt.config


def main(config, rounds, *files):
    """Measure and print."""
    opts = salt.config.minion_config(f"{config}/minion")
    opts["file_client"] = "local"
    caller = salt.client.Caller(mopts=opts)
    found = {name: [] for name in files}
    states = {}
    for turn in range(int(rounds) + 1):
        for name in files:
            started = time.perf_counter()
            low = caller.cmd("state.show_low_sls", name)
            if turn:  # the first one fills caches
                found[name].append(time.perf_counter() - started)
            if not all(isinstance(chunk, dict) for chunk in low):
                sys.exit(f"{name}: {low}")
            states[name] = len(low)
    print(
        json.dumps(
            {
                name: {"seconds": statistics.median(each), "states": states[name]}
                for name, each in found.items()
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
