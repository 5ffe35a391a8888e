"""The mark by which a minion knows that its modules are current."""

VERSION = "0fcd4374aeab3a27"
