"""The mark by which a minion knows that its modules are current."""

VERSION = "5e223ccd618d8426"
