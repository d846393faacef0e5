"""A network found in a recorded graph: its layers, activations and loss, told from the graph alone.

What the matrix form writes down, what pictures close into boxes, what a checkup looks at and what a check diagnoses
is found here, and only here. Read `sums.py` (what a neuron is before its activation) and `layers.py` (rows and columns
of them) first; `elementwise.py` writes what stands between two layers as code, `activations.py` makes functions of
arrays of it; `losses.py` are the losses that are known, `loss_head.py` finds which of them ends a graph.
"""
