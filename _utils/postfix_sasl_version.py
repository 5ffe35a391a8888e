"""The mark by which a minion knows that its modules are current."""

VERSION = "f4f7150e0f3e08b3"
