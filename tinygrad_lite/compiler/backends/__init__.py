"""Loop nests made to run.

    choice.py      which back end runs a program here
    runners.py     what all of them have in common
    llvm/          machine code
    numpy/         NumPy calls
    python.py      the tape as Python

In: a program. Out: a runner, which takes parameters and data and gives the loss and its gradient.
"""
