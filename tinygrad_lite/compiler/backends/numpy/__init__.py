"""Loop nests as NumPy calls: text.py writes them, runner.py runs them.

In: plans. Out: one Python function, which calls NumPy on whole arrays. Begin with `text.py`.
"""
