"""Where boxes and arrows stand. Read `graph.py` first: what an engine is given, and what it gives back."""
