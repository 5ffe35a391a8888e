"""The mark by which a minion knows that its modules are current."""

VERSION = "dec9b4600c8921df"
