"""The mark by which a minion knows that its modules are current."""

VERSION = "e3334e358bca2889"
