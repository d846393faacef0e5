"""Ways to take a graph elsewhere: source code for other libraries, JSON."""
