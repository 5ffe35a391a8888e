"""The mark by which a minion knows that its modules are current."""

VERSION = "f0d6acbd560fe256"
