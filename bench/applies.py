"""First apply, second apply, one parameter changed: three contenders, taking turns."""

import time

from support.host import Host

from . import contenders, tables
from .contenders import FLOOR, NAMES, OURS, PLAIN, RELEASE

FIRST_ROUNDS, SECOND_ROUNDS, CHANGE_ROUNDS = 3, 9, 5
PARAMETER = "message_size_limit"


def measure():
    """Return the section of the results."""
    costs = {"first apply": {}, "second apply": {}, "one parameter changed": {}}
    with contenders.image() as image:
        data = _recipe(image)
        for _ in range(FIRST_ROUNDS):
            for sls in (FLOOR, OURS, PLAIN):
                with _host(image, data) as host:
                    _note(costs["first apply"], sls, contenders.apply(host, sls))
        with _host(image, data) as ours, _host(image, data) as plain:
            contenders.apply(ours, OURS)
            contenders.apply(plain, PLAIN)
            hosts = {FLOOR: ours, OURS: ours, PLAIN: plain}
            for _ in range(SECOND_ROUNDS):
                for sls, host in hosts.items():
                    cost, changes = contenders.apply(host, sls)
                    assert not changes, (sls, changes)
                    _note(costs["second apply"], sls, (cost, changes))
            for turn in range(CHANGE_ROUNDS):
                _change(ours, plain, data, turn)
                time.sleep(3)  # main.cf of the round before is cold: in favour of the plain SLS
                for sls, host in hosts.items():
                    cost, changes = contenders.apply(host, sls)
                    assert bool(changes) == (sls != FLOOR), (sls, changes)
                    _note(costs["one parameter changed"], sls, (cost, changes))
    return _report(costs, data)


def _host(image, data):
    host = Host.boot(RELEASE, layers=image)
    contenders.give_recipe(host, data)
    return host


def _recipe(image):
    with Host.boot(RELEASE, layers=image) as host:
        _, changes = contenders.apply(host, OURS)
        return contenders.recipe(host, changes)


def _change(ours, plain, data, turn):
    value = str(20000000 + turn)
    ours.set_pillar({"main": {PARAMETER: value}})
    contenders.give_recipe(plain, {**data, "main": {**data["main"], PARAMETER: value}})


def _note(costs, sls, run):
    costs.setdefault(sls, []).append(run[0])


def _report(costs, data):
    wall = {
        what: {sls: tables.median(cost.wall for cost in each) for sls, each in by_sls.items()}
        for what, by_sls in costs.items()
    }
    rows = [
        (
            f"{what}: {NAMES[sls]}",
            f"{wall[what][sls]:.2f}",
            f"{tables.median(cost.cpu for cost in each):.2f}",
            f"{wall[what][sls] / wall[what][FLOOR]:.2f}",
            f"{wall[what][sls] / wall[what][OURS]:.2f}",
        )
        for what, by_sls in costs.items()
        for sls, each in by_sls.items()
    ]
    header = ("what", "seconds", "of them processor", "times the floor", "times ours")
    first, second, change = wall.values()
    bars = [
        tables.verdict("second apply, times the floor", second[OURS] / second[FLOOR], 1.35),
        tables.verdict("first apply, times as fast", first[PLAIN] / first[OURS], 5, most=False),
        tables.verdict("one change, times as fast", change[PLAIN] / change[OURS], 2, most=False),
    ]
    beyond = change[OURS] - change[FLOOR]
    bars.append(tables.verdict("no stall in it, seconds beyond the floor", beyond, 2))
    size = (
        f"Both do {len(data['main'])} parameters, {len(data['master'])} service entries, "
        f"{len(data['files'])} files and 2 services. The packages are there; the formula's first "
        "apply brings its own modules to the minion."
    )
    return "\n".join([size, "", tables.table(header, rows), "", *bars])
