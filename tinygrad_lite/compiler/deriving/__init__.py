"""From one tape to another: its slopes, and the same in simpler rows.

    adjoint.py       the gradient of a tape, as more tape
    transforms.py    jacobian, jvp, hvp
    nested.py        tg.grad and its kin inside a traced function
    lowering.py      rows of the table written in rows that have a kernel
    quotients.py     fewer divisions

In: a tape. Out: a tape. Begin with `adjoint.py`.
"""
