"""Loop nests as NumPy calls: calls.py prepares them, runner.py runs them.

In: plans. Out: calls on whole arrays, with all operands in place. Begin with `calls.py`.
"""
