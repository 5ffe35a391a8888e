"""The mark by which a minion knows that its modules are current."""

VERSION = "7de5587b13101a0d"
