"""Ways to run a computation again, fast. Read `trace.py` first."""
