"""The formula's saltcheck tests, run on a host as an admin runs them."""

from __future__ import annotations

from .host import Host

SLS = "postfix_sasl"


def results(host: Host, pillar: dict | None = None) -> dict[str, str]:
    """Run them; return ``{test: "Pass", "Fail", ...}``, with the reason where Salt has one."""
    *tests, totals = host.salt("saltcheck.run_state_tests", SLS, pillar=pillar)
    assert totals["TEST RESULTS"]["Missing Tests"] == 0
    return {name: test["status"] for each in tests for name, test in each[SLS].items()}


def failed(host: Host, pillar: dict | None = None) -> set[str]:
    """Run them; return the names of those that do not pass, without the formula's."""
    return {
        name.removeprefix(f"{SLS}-")
        for name, status in results(host, pillar).items()
        if status != "Pass"
    }
