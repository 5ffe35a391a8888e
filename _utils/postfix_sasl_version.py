"""The mark by which a minion knows that its modules are current."""

VERSION = "64733201bee23d92"
