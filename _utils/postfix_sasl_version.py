"""The mark by which a minion knows that its modules are current."""

VERSION = "933b7e20a88c705e"
