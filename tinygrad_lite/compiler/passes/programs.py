"""What a back end is given: a program.

In: a tape (a loss of samples: samples.py; neighbours: stencil.py; or neither, here). Out: tapes, in which the passes
`hoist` and `differentiate` then do their work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinygrad_lite.compiler.ir.tape import Builder, Ref, Tape
from tinygrad_lite.compiler.passes.adjoint import gradient, tidied
from tinygrad_lite.compiler.passes.samples import AFTER, SampleProgram
from tinygrad_lite.compiler.passes.stencil import StencilProgram


class PlainProgram:
    """A tape without samples in the form of a sample program: all of it is epilogue."""

    def __init__(self, tape: Tape, wrt: Sequence[Ref] | None) -> None:
        self.tape, self.wrt = tape, wrt
        self.parameters: int = len(tape.inputs)
        self.columns = 0
        self.sample: Builder | None = None
        self.sample_arrays: dict[Ref, tuple[str, int]] = {}
        self.prologue: Builder = Builder()

    def hoist(self) -> None:
        """No samples share anything."""

    def differentiate(self) -> Tape:
        self.epilogue = epilogue = tidied(self.tape)
        guards = [guard.flag for guard in epilogue.guards]
        if self.wrt is not None:
            position = {ref: i for i, ref in enumerate(self.tape.inputs)}
            gradient(epilogue, [epilogue.inputs[position[ref]] for ref in self.wrt])
        epilogue.outputs += guards  # flags: the caller compares them with what they were
        epilogue.guards = []
        self.epilogue_arrays: dict[Ref, tuple[str, int]] = {ref: ("P", i) for i, ref in enumerate(epilogue.inputs)}
        self.outputs: int = len(epilogue.outputs)
        return epilogue

    def tapes(self) -> Mapping[str, Builder]:
        return {AFTER: self.epilogue}

    def arrays(self, title: str) -> Sequence[tuple[str, int]]:
        """Where the inputs of a tape live."""
        return [self.epilogue_arrays[ref] for ref in self.epilogue.inputs]


Program = SampleProgram | PlainProgram | StencilProgram
