"""The mark by which a minion knows that its modules are current."""

VERSION = "ec3355d08a4e5d8b"
