"""A network as NumPy code: `layers.py` finds it, `loss_head.py` its loss, `program.py` writes and runs the code."""
