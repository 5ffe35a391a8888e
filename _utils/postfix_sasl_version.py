"""The mark by which a minion knows that its modules are current."""

VERSION = "12c59c23e0fc6ce3"
