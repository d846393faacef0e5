"""The rows in a tape: samples of a batch, or neighbours.

    rows.py        a loss of rows as prologue, row and finale
    alike.py       the parts of a long sum that perform the same ops
    batching.py    these as one row and its data
    stencil.py     sums over neighbouring inputs; lifting.py: the plan of one row made the plan of all

In: the tape of a loss over many samples. Out: the program of one row, and what the rows are. Begin with `rows.py`.
"""
