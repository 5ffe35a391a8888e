"""The mark by which a minion knows that its modules are current."""

VERSION = "9b79ecd80446b68e"
