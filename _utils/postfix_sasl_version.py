"""The mark by which a minion knows that its modules are current."""

VERSION = "d514b4e67840937e"
