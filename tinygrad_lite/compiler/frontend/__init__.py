"""A function becomes a tape.

    trace.py             running a function on tracers, which write one
    paths.py             every way through its branches
    arguments.py         arguments as numbers in chunks; batch_arguments.py: with samples

In: a function of numbers, and its arguments. Out: a tape, and structures. Begin with `trace.py`.
"""
