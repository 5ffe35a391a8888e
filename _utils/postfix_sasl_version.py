"""The mark by which a minion knows that its modules are current."""

VERSION = "98153b033e2907c8"
