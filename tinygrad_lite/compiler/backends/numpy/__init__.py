"""Plans as NumPy calls.

    numpy_backend.py    a plan made ready to run; text.py: as text
    nodes.py            the expressions of a plan; expressions.py, sums.py, dense.py, layers.py: they as calls
    reads.py            views of what is there; calls.py: names, and room for what lies between

In: plans. Out: one Python function, which calls NumPy on whole arrays. Begin with `numpy_backend.py`.
"""
