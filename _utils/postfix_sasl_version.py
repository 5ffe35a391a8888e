"""The mark by which a minion knows that its modules are current."""

VERSION = "3255f5f65d096d9e"
