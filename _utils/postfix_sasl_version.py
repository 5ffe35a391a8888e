"""The mark by which a minion knows that its modules are current."""

VERSION = "56f717371e2aec81"
