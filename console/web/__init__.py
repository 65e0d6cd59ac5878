"""What is served over HTTP: deliveries of platforms come in. Run by `earshot serve`, and by `up` and `demo`."""
