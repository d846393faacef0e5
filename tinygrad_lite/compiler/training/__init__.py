"""Whole steps of training: what `nn.compile_step` gives.

    step.py       what a user calls
    code.py       the optimizer's rule behind the gradient, as machine code; machine.py runs it

In: a model, a loss and an optimizer. Out: a step, which takes samples, gives the loss and moves the parameters.
Begin with `step.py`.
"""
