"""From tape to tape, and from tape to loop nests.

    alike.py         the parts of a long sum that perform the same ops; batching.py: these as one sample and its data
    samples.py       a loss over samples as prologue, sample and epilogue
    stencil.py       sums over neighbouring inputs; widening.py: the plan of one made the plan of all
    adjoint.py       the gradient of a tape, as more tape
    transforms.py    jacobian, jvp, hvp; nested.py: tg.grad and the others inside a traced function
    lowering.py      ops of the table written in ops that have a kernel; reciprocals.py: fewer divisions
    reroll.py        the loops of a tape found again; affine.py: what they read
    programs.py      what a back end is given

Begin with `adjoint.py`.
"""
