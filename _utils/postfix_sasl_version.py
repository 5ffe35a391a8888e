"""The mark by which a minion knows that its modules are current."""

VERSION = "aa0788111cff1632"
