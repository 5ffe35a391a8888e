"""The mark by which a minion knows that its modules are current."""

VERSION = "1eb5b797f06f8525"
