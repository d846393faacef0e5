"""Loop nests made to run.

    choice.py      which back end runs a program here; the plain tape
    runners.py     what all of them have in common
    llvm/          machine code
    numpy/         NumPy calls
    python.py      the tape as Python; c_source.py: loop nests as C, for looking at

In: a program. Out: a runner, which takes parameters and data and gives the loss and its gradient.
"""
