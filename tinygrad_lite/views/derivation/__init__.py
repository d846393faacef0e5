"""The chain rule written out. `chain.py` finds the facts, `sections.py` orders them, `explain.py` is the door."""
