"""The mark by which a minion knows that its modules are current."""

VERSION = "155cd99de1192f0f"
