"""The mark by which a minion knows that its modules are current."""

VERSION = "f33dc20ec224cd07"
