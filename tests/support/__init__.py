"""How tests get real Debian hosts, and what they do with them."""
