"""The mark by which a minion knows that its modules are current."""

VERSION = "92dd30bdd84a1f90"
