"""The mark by which a minion knows that its modules are current."""

VERSION = "8ca009effecaf02e"
