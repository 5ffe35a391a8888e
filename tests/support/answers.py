"""What hosts might answer to `postfix_sasl.status`: the usual, and anything at all."""

import datetime

import postfix_sasl_report as report
from hypothesis import strategies as st

MOMENT = datetime.datetime(2026, 11, 24, 12, 30, tzinfo=datetime.timezone.utc)
TEXTS = st.text() | st.sampled_from(["<script>", "\x1b[31m", "\u202e", "x" * 1000, "", "None"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ANYTHING = st.recursive(
    SCALARS,
    lambda each: st.lists(each, max_size=2) | st.dictionaries(TEXTS, each, max_size=2),
    max_leaves=4,
)
CERTIFICATES = st.fixed_dictionaries(
    {},
    optional={
        "name": ANYTHING,
        "days_left": st.integers(-9, 99) | ANYTHING,
        "not_after": ANYTHING,
        "self_signed": ANYTHING,
    },
)
LISTENERS = st.fixed_dictionaries(
    {},
    optional={
        "name": ANYTHING,
        "port": st.integers() | ANYTHING,
        "open": ANYTHING,
        "auth": st.lists(TEXTS) | ANYTHING,
        "tls": ANYTHING,
        "certificate": CERTIFICATES | ANYTHING,
    },
)
# What a host that means harm might say where it is expected to say something.
ANSWERS = ANYTHING | st.fixed_dictionaries(
    {"postfix": TEXTS | ANYTHING},
    optional={
        "release": ANYTHING,
        "debian": ANYTHING,
        "listeners": st.lists(LISTENERS | ANYTHING, max_size=2) | ANYTHING,
        "wrong": st.lists(TEXTS) | ANYTHING,
        "drift": st.fixed_dictionaries(
            {"drifted": ANYTHING}, optional={"things": st.lists(TEXTS), "error": ANYTHING}
        )
        | ANYTHING,
    },
)


def listener(days=3649, port=587, **given):
    certificate = {"name": "mail", "days_left": days, "not_after": "2027-01-02T00:00:00+00:00"}
    return {
        "name": "submission/inet",
        "port": port,
        "open": True,
        "auth": ["PLAIN"],
        "tls": "TLSv1.3",
        "certificate": {**certificate, "self_signed": False},
        **given,
    }


def answer(days=3649, **given):
    return {
        "release": "trixie",
        "debian": "13.2",
        "postfix": "3.10.13",
        "listeners": [listener(days)],
        "wrong": [],
        "drift": {"drifted": False, "things": [], "error": None},
        **given,
    }


def made(answers, silent=(), page=None):
    return report.report([*answers, *silent], answers, MOMENT, page)
