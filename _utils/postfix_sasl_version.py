"""The mark by which a minion knows that its modules are current."""

VERSION = "95827861ea725731"
