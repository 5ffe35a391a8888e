"""The mark by which a minion knows that its modules are current."""

VERSION = "ed11ffa3cc972382"
