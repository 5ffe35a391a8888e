"""The mark by which a minion knows that its modules are current."""

VERSION = "fa6ba3353fc6a4f6"
