"""The mark by which a minion knows that its modules are current."""

VERSION = "77a14ff54afc5760"
