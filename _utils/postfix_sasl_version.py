"""The mark by which a minion knows that its modules are current."""

VERSION = "8ee14215d7d80f2a"
