"""Where the pages are, and deliveries come in."""

LISTEN = "127.0.0.1:8484"
"""Where it listens unless told otherwise."""
