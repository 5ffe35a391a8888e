"""The mark by which a minion knows that its modules are current."""

VERSION = "074be4d116e2a27d"
