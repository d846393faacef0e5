"""Is my derivation right? Numbers derived by hand, held against the exact ones.

Reading order: `compare.py` (which names, which entries, by how much), `witness.py` (two
witnesses that know nothing of our rules), `check.py` (a whole backprop function, tried on problems
of our own), then `network.py` and `diagnose.py` (which mistake produces exactly these numbers).
"""
