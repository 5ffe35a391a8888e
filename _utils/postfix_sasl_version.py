"""The mark by which a minion knows that its modules are current."""

VERSION = "6c0034a13bcef0ca"
