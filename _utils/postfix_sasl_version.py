"""The mark by which a minion knows that its modules are current."""

VERSION = "91c6caf9a19242e3"
