"""The mark by which a minion knows that its modules are current."""

VERSION = "d2ca47ce9f13f91a"
