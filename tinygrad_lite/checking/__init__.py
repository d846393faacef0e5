"""Is my derivation right? Read `compare.py` first."""
