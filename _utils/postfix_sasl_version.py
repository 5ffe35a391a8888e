"""The mark by which a minion knows that its modules are current."""

VERSION = "19edc5b1165a69be"
