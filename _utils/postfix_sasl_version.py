"""The mark by which a minion knows that its modules are current."""

VERSION = "e82219acf75a43e9"
