"""The mark by which a minion knows that its modules are current."""

VERSION = "63adeca3c1a8f923"
