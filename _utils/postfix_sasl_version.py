"""The mark by which a minion knows that its modules are current."""

VERSION = "32d31c01eb8f64af"
