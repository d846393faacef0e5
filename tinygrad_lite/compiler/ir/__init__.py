"""What the passes read and write.

    tape.py         the flat tape, and the builder that keeps it tidy
    recording.py    a tape while it is written; columns.py: one as NumPy arrays
    spelling.py     an op as code
    loop_nest.py    a plan: the tape as a few loops, the form all fast back ends share

Begin with `tape.py`.
"""
