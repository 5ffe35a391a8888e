"""The mark by which a minion knows that its modules are current."""

VERSION = "8053c3d70c385b6c"
