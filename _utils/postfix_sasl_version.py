"""The mark by which a minion knows that its modules are current."""

VERSION = "8414033939767ca9"
