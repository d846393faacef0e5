"""A network found in a recorded graph: its layers, activations and loss, told from the graph alone.

What the matrix form writes down, what pictures close into boxes, what a checkup looks at and what a check diagnoses
is found here, and only here. Read `layers.py` first; `activations.py` and `loss_head.py` are what stands between
and behind the layers.
"""
