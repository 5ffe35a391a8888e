"""The mark by which a minion knows that its modules are current."""

VERSION = "7f57f27d4d47bd93"
