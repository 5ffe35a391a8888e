"""The mark by which a minion knows that its modules are current."""

VERSION = "cf7155405f843ea8"
