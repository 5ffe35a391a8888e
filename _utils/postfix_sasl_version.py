"""The mark by which a minion knows that its modules are current."""

VERSION = "c4b6edd450b38f7a"
