"""The mark by which a minion knows that its modules are current."""

VERSION = "4eea9b15fe254a30"
