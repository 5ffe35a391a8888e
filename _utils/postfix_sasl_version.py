"""The mark by which a minion knows that its modules are current."""

VERSION = "4c36b370d7ed2f62"
