"""The mark by which a minion knows that its modules are current."""

VERSION = "4bcd027899bdd46c"
