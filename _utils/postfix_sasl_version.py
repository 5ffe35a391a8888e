"""The mark by which a minion knows that its modules are current."""

VERSION = "0d20f017ca3ff7b3"
