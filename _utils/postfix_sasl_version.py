"""The mark by which a minion knows that its modules are current."""

VERSION = "9bec9ce026a98109"
