"""The mark by which a minion knows that its modules are current."""

VERSION = "eedebe66c42fe669"
