"""The mark by which a minion knows that its modules are current."""

VERSION = "efd435929db259bb"
