"""The work grows with what there is to look at, and no faster: counted in lines of our code."""

import os
import subprocess
import sys
from pathlib import Path

import postfix_sasl_config
import postfix_sasl_maincf
import postfix_sasl_mastercf
import postfix_sasl_masterentry
import postfix_sasl_packages
import postfix_sasl_purge
import postfix_sasl_sasl
import postfix_sasl_settings
import pytest

OURS = str(Path(postfix_sasl_maincf.__file__).parent)
FEW, MANY = 40, 320
# What grows with the square is eight times above this, what has a constant share is below.
LIMIT = 1.2 * MANY / FEW


def steps(function, *arguments):
    """Return how many lines of our modules one call runs."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count


def assert_grows_evenly(function, arguments):
    few, many = steps(function, *arguments(FEW)), steps(function, *arguments(MANY))
    assert many <= LIMIT * few, f"{few} steps for {FEW}, {many} for {MANY}"


def main_cf(count):
    """A main.cf with every third parameter there twice, and folded."""
    lines = []
    for number in range(count):
        lines.append(f"slow{number}_destination_rate_delay = 1s\n# comment\n")
        if number % 3 == 0:
            lines.append(f"slow{number}_destination_rate_delay = 1s,\n # comment\n  2s\n")
    return "".join(lines)


def parameters(count, value):
    return {f"slow{number}_destination_rate_delay": value for number in range(count)}


def master_cf(count):
    return "".join(
        f"slow{number} unix - - n - 1 smtp\n  -o {{ smtp_helo_name = a b }}\n"
        f"  -o smtp_bind_address=192.0.2.1\n# comment\n"
        for number in range(count)
    )


def entries(count, limit):
    fields = {"command": "smtp", "process_limit": limit, "options": {"smtp_helo_name": "a b"}}
    return {f"slow{number}/unix": fields for number in range(count)}


MAIN_CHANGES = {
    "nothing declared": lambda count: (main_cf(count), {}),
    "every value changed": lambda count: (main_cf(count), parameters(count, "3s")),
    "every parameter removed": lambda count: (main_cf(count), parameters(count, None)),
    "every parameter new": lambda count: ("", parameters(count, "3s")),
    "nothing changed": lambda count: (
        postfix_sasl_maincf.plan("", parameters(count, "3s"))[1],
        parameters(count, "3s"),
    ),
}
MASTER_CHANGES = {
    "nothing declared": lambda count: (master_cf(count), {}),
    "every entry changed": lambda count: (master_cf(count), entries(count, 2)),
    "every entry removed": lambda count: (master_cf(count), dict.fromkeys(entries(count, 1))),
    "every entry new": lambda count: ("", entries(count, 2)),
    "nothing changed": lambda count: (master_cf(count), entries(count, 1)),
}


@pytest.mark.parametrize("arguments", MAIN_CHANGES.values(), ids=MAIN_CHANGES)
def test_main_cf(arguments):
    assert_grows_evenly(postfix_sasl_maincf.plan, arguments)


@pytest.mark.parametrize("arguments", MASTER_CHANGES.values(), ids=MASTER_CHANGES)
def test_master_cf(arguments):
    assert_grows_evenly(postfix_sasl_mastercf.plan, arguments)


def test_purge():
    def arguments(count):
        main = postfix_sasl_maincf.MainCf.parse(main_cf(count)).as_dict()
        services = postfix_sasl_mastercf.MasterCf.parse(master_cf(count)).entries()
        return main, services, parameters(count, "1s"), entries(count, 1)

    assert_grows_evenly(postfix_sasl_purge.undeclared, arguments)


def test_each_entry_that_does_not_change_is_taken_apart_once_to_compare_and_once_to_report(
    monkeypatch,
):
    taken_apart = []
    real = postfix_sasl_masterentry.Entry.__init__
    monkeypatch.setattr(
        postfix_sasl_masterentry.Entry,
        "__init__",
        lambda self, line: taken_apart.append(line) or real(self, line),
    )
    postfix_sasl_mastercf.plan(master_cf(MANY), entries(MANY, 1))
    assert len(taken_apart) <= 2 * MANY


class Running:
    def changes(self):
        return {}


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """A function that compares a host that has so many parameters with the pillar's same ones."""

    def make(count):
        pillar = {"main": parameters(count, "3s"), "master": entries(10, 1), "verify": False}
        settings = postfix_sasl_settings.check(pillar)
        # This machine need not have any of them.
        monkeypatch.setattr(postfix_sasl_sasl, "smtpd_conf_files", lambda *_: {})
        monkeypatch.setattr(postfix_sasl_config, "MAIN_CF", str(tmp_path / "main.cf"))
        monkeypatch.setattr(postfix_sasl_config, "MASTER_CF", str(tmp_path / "master.cf"))
        (tmp_path / "main.cf").write_text("")
        (tmp_path / "master.cf").write_text("smtp inet n - y - - smtpd\n")
        for _ in range(2):  # the entries that are there decide on some of the others
            texts = postfix_sasl_config.Configuration(settings, {}).new_texts()
            for name in ("main.cf", "master.cf"):
                (tmp_path / name).write_text(texts[str(tmp_path / name)])
        return (pillar,)

    return make


def compare(pillar):
    configuration = postfix_sasl_config.Configuration(postfix_sasl_settings.check(pillar), {})
    configuration.running = Running()
    assert configuration.changes() == {}


def test_the_whole_comparison(configure):
    assert_grows_evenly(compare, configure)


def test_a_comparison_starts_no_process(configure, monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("a process was started")

    (pillar,) = configure(FEW)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    for name in ("fork", "posix_spawn", "system"):
        monkeypatch.setattr(os, name, refuse)
    compare(pillar)
    packages = postfix_sasl_packages.Packages(["postfix"], {"pkg.list_pkgs": refuse}, refuse)
    if postfix_sasl_packages.installed() is not None:
        packages.changes()
