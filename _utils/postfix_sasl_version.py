"""The mark by which a minion knows that its modules are current."""

VERSION = "aa8aff0fee176b56"
