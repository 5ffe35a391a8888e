"""Rendering and compiling the SLS, inside one Salt process."""

import json

from support import images
from support.host import Host
from support.places import SALT_CONFIG

from . import contenders, tables
from .contenders import FLOOR, NAMES, OURS, PLAIN, RELEASE

ROUNDS = 9
CONTENDERS = (FLOOR, OURS, PLAIN)
INSIDE = "/srv/postfix_sasl/bench/compiling_inside.py"


def measure():
    """Return the section of the results."""
    with contenders.image() as image, Host.boot(RELEASE, layers=image) as host:
        _, changes = contenders.apply(host, OURS)
        contenders.give_recipe(host, contenders.recipe(host, changes))
        python = f"{images.SALT_HOME}/bin/python"
        done = host.run(python, INSIDE, SALT_CONFIG, ROUNDS, *CONTENDERS, timeout=600)
    seconds = json.loads(done.stdout.splitlines()[-1])
    rows = [
        (
            NAMES[sls],
            seconds[sls]["states"],
            f"{seconds[sls]['seconds'] * 1000:.1f}",
            f"{(seconds[sls]['seconds'] - seconds[FLOOR]['seconds']) * 1000:.1f}",
        )
        for sls in CONTENDERS
    ]
    header = ("SLS", "states", "milliseconds", "beyond the floor")
    text = "state.show_low_sls in a process that has done it before."
    return "\n".join([text, "", tables.table(header, rows)])
