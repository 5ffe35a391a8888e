"""The mark by which a minion knows that its modules are current."""

VERSION = "c2a9866016a9c2da"
