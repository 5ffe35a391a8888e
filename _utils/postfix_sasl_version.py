"""The mark by which a minion knows that its modules are current."""

VERSION = "56470c56b1605b8e"
