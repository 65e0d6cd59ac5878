"""What is served over HTTP: the pages of the console, and deliveries of platforms. Run by `earshot serve`, and by `up` and `demo`."""
