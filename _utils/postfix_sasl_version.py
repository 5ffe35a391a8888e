"""The mark by which a minion knows that its modules are current."""

VERSION = "8f9622450363e798"
