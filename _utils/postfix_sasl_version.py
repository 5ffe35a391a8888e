"""The mark by which a minion knows that its modules are current."""

VERSION = "77fe3c49a2851974"
