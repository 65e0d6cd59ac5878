"""What is served over HTTP: deliveries of platforms come in. Run by `earshot serve`, and by `up` and `demo`."""

LISTEN = "127.0.0.1:8484"
"""Where it listens unless told otherwise."""
