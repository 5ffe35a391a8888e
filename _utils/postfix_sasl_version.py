"""The mark by which a minion knows that its modules are current."""

VERSION = "e75d3186026e0174"
