"""The mark by which a minion knows that its modules are current."""

VERSION = "5fde575886b12f0b"
