"""A function becomes a tape.

    tape.py         the flat tape, and the builder that keeps it tidy
    trace.py        running a function on tracers, which write one; paths.py: every way through its branches
    recording.py    a tape as it is written; columns.py: as NumPy arrays

In: a function of numbers. Out: columns of ops. Begin with `tape.py`.
"""
