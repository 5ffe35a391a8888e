"""The mark by which a minion knows that its modules are current."""

VERSION = "91889a5410947bda"
