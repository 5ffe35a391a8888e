"""Our own code with 10, 100 and 1,000 parameters: time, and processes started."""

import json

from support import images
from support.host import Host

from . import contenders, tables
from .contenders import RELEASE

ROUNDS = 9
INSIDE = "/srv/postfix_sasl/bench/growth_inside.py"


def measure():
    """Return the section of the results."""
    with contenders.image() as image, Host.boot(RELEASE, layers=image) as host:
        contenders.prepare(host)
        python = f"{images.SALT_HOME}/bin/python"
        done = host.run(python, INSIDE, "/srv/salt/_utils", ROUNDS, timeout=600)
    found = {(each["parameters"], each["change"]): each for each in json.loads(done.stdout)}
    rows = [
        (
            f"{each['parameters']} parameters, {each['entries']} entries; {each['change']} changed",
            f"{each['seconds'] * 1000:.1f}",
            f"{each['best'] * 1000:.1f}",
            f"{each['seconds'] / found[(10, change)]['seconds']:.1f}",
            each["processes"],
        )
        for (_, change), each in found.items()
    ]
    nothing, everything = found[(1000, "none")], found[(1000, "all")]
    growth = max(
        found[(1000, change)]["seconds"] / found[(100, change)]["seconds"]
        for change in ("none", "one", "all")
    )
    bars = [
        tables.verdict("1,000 parameters, none changed", nothing["best"] * 1000, 50, unit=" ms"),
        tables.verdict("the same, processes", nothing["processes"], 0),
        tables.verdict("1,000 parameters, all changed", everything["best"] * 1000, 300, unit=" ms"),
        tables.verdict("100 to 1,000 parameters, times the time", growth, 10),
    ]
    header = ("pillar", "milliseconds", "in the best round", "times that of 10", "processes")
    text = (
        "From the rendered pillar to the moment when Postfix would be told: the pillar is checked, "
        "main.cf and master.cf are read and compared, the new files are written and in place. Half "
        "of the entries are listeners. The bars in milliseconds are for the best round: what other "
        "programs on the machine take is not ours."
    )
    return "\n".join([text, "", tables.table(header, rows), "", *bars])
