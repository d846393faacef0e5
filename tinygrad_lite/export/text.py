"""The text of one exported function: its head, its loop nests as expressions, and what it returns.

In: an `ArrayProgram` and a spelling. Out: the source.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tinygrad_lite.calculus.pytree import Structure, size
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction
from tinygrad_lite.export import op_tape, scan, steps
from tinygrad_lite.export.arrays import FEW, ArrayWriter
from tinygrad_lite.export.blocks import Block, shape_of
from tinygrad_lite.export.expression import Term, put, simple, word
from tinygrad_lite.export.program import ArrayProgram
from tinygrad_lite.export.reads import Read, Region, S, gathered, region, viewed
from tinygrad_lite.export.spelling import Spelling


class Text:
    """The text of one function."""

    def __init__(self, spelling: Spelling, found: ArrayProgram, name: str) -> None:
        self.spelling: Spelling = spelling
        self.found: ArrayProgram = found
        taken = {name, *found.parameters, "np", "jax", "jnp", "torch", "math", "step", "carry", "row", "taken"}
        self.batched: bool = any(block.samples for block in found.blocks)
        self.locals: dict[str, str] = {}
        head = self._unpacked(taken)
        first = next((b for b in found.blocks if b.samples), None)
        self.count: str = f"{self.locals.get(first.path, first.path)}.shape[0]" if first else ""
        parts = steps.folded(found.plan)
        self.writer = writer = ArrayWriter(spelling, found.plan, taken, self.count, found.names)
        for array in ("P", "X"):
            writer.regions[array] = [
                region(Term(self.locals.get(b.path, b.path)), b.base, b.shape, b.samples)
                for b in found.blocks
                if b.samples == (array == "X")
            ]
        if parts is None:
            self._tape()
        else:
            self._nests(parts)
        result = self._returned()
        body = [*head, *writer.lines, *result]
        shapes = self._shapes()
        defined = [
            f"def {name}({', '.join(found.parameters)}):",
            *[f"    {line}".rstrip() for line in [*shapes, *body]],
        ]
        everything = "\n".join(defined)
        constants = [f"{k} = {text}" for k, text in writer.constants.items() if re.search(rf"\b{k}\b", everything)]
        text = "\n".join(
            [*constants, *([""] * 2 if constants else []), *([spelling.note] if spelling.note else []), *defined]
        )
        used = text.replace(spelling.note, "")
        imports = [line for line in spelling.head if re.search(rf"\b{re.escape(_bound(line))}\b\.(?!numpy)", used)]
        if "_erf" in text:  # NumPy has none
            own = [f"_{word} = np.vectorize(math.{word})" for word in ("erf", "erfc")]
            text = "\n".join([*own, "", "", text])
            imports = ["import math", *imports]
        self.code: str = "\n".join([*imports, "", "", text])

    def _unpacked(self, taken: set[str]) -> list[str]:
        """Names for the arrays inside of the arguments, and arrays in the place of lists."""
        names: list[tuple[str, Block]] = []
        for block in self.found.blocks:
            inner = not block.path.isidentifier()
            if not inner and not block.listed:
                continue
            name = block.path
            if inner:
                words = re.findall(r"\w+", block.path)
                name = words[-1] if not words[-1][0].isdigit() else "_".join(words)
                name = self.locals[block.path] = word(name, taken)
            names.append((name, block))
        lines = []
        for k in range(0, len(names), 6):
            some = names[k : k + 6]
            left, paths = ", ".join(name for name, _ in some), ", ".join(block.path for _, block in some)
            if not any(block.listed for _, block in some):
                lines.append(f"{left} = {paths}")
            elif len(some) == 1:
                lines.append(f"{left} = {self.spelling.as_array(paths)}")
            else:
                lines.append(f"{left} = ({self.spelling.as_array('v')} for v in ({paths}))")
        return lines

    def _shapes(self) -> list[str]:
        """What the arguments are, as a comment."""
        known = [
            f"{self.locals.get(b.path, b.path)} ({', '.join([*(['n'] if b.samples else []), *map(str, b.shape)])})"
            for b in self.found.blocks
            if b.shape or b.samples
        ]
        return [f"# {', '.join(known[k : k + 6])}" for k in range(0, len(known), 6)]

    def _nests(self, parts: list[LoopNest | steps.Steps]) -> None:
        writer = self.writer
        writer.uses = scan.counted(parts)
        for part in parts:
            if isinstance(part, steps.Steps):
                scan.write(writer, part)
            elif part.target.array == "out":
                self._out(part)
            else:
                writer.store(part, writer.nest(part))

    def _tape(self) -> None:
        """The program op by op."""
        import numpy as np

        tape, writer, lib = self.found.unrolled(), self.writer, self.spelling.lib
        writer.constants |= op_tape.constants_of(self.spelling, tape)
        data, given = [], []
        for block in self.found.blocks:
            name = self.locals.get(block.path, block.path)
            if block.samples:
                data.append(f"{name}.reshape({self.count}, -1).T")
            else:
                one = f"{lib}.stack([{name}])" if not block.shape else name
                given.append(one if len(block.shape) < 2 else f"{name}.reshape(-1)")
        if tape.constants:
            given.append(writer.constant(np.array(tape.constants)))
        writer.lines += op_tape.lines_of(self.spelling, tape, data, given, self.count)
        values = len(self.found.value)
        gradients = sum(block.size for block in self.found.gradients or ())
        ends = [0, values, values + gradients, len(tape.outputs)]
        writer.regions["out"] = []
        for (first, last), over in zip(pairwise(ends), (False, True, False), strict=True):
            if first == last:
                continue
            places = tape.outputs[first:last]
            x = f"v[{places[0] if places[1:] == [] else writer.constant(np.array(places))}]"
            if self.batched and over:
                x = f"{x}.sum({int(len(places) > 1)})"
            elif self.batched and len(places) > 1:
                x = f"{x}.T"
            shape = [len(places)] if len(places) > 1 else []
            sampled = self.batched and not over
            term = Term(x, (*([S] if sampled else []), *range(len(shape))))
            writer.regions["out"].append(region(term, first, shape, sampled))

    def _out(self, nest: LoopNest) -> None:
        """A part of the result, or of the gradients."""
        values = len(self.found.value)
        gradient = self.found.gradients is not None and nest.target.base >= values and self.batched
        ragged = any(run.starts is not None for run in nest.reductions)
        small = 1 < nest.iterations <= FEW and nest.target.table is None and not ragged
        if small and not all(self.writer.plain(run, nest) for run in nest.reductions):
            for m in range(nest.iterations):
                self._out(_alone(nest, m))
            return
        nest = self.writer.refined(nest)
        target, term = nest.target, self.writer.nest(nest, over=gradient)
        shape = tuple(n for n in nest.dims if n > 1)
        strides = tuple(s for n, s in zip(nest.dims, target.strides or (0,) * len(nest.dims), strict=False) if n > 1)
        places = () if target.table is None else tuple(target.table.reshape(-1).tolist())
        made = Region(term, target.base, shape, strides or tuple(0 for _ in shape), S in term.axes, places)
        self.writer.regions.setdefault("out", []).append(made)

    # ------------------------------------------------------------------ results

    def _array(self, base: int, shape: tuple[int, ...]) -> Term:
        """An array of the results."""
        writer, n = self.writer, 1
        for length in shape:
            n *= length
        writer.lengths = {axis: length for axis, length in enumerate(shape) if length > 1}
        strides, at = {}, 1
        for axis in reversed(range(len(shape))):
            strides[axis] = at
            at *= shape[axis]
        read = Read("out", base, {axis: strides[axis] for axis in writer.lengths})
        found = viewed(self.spelling, writer.regions["out"], read, writer.lengths)
        if found is None:
            for k, one in enumerate(writer.regions["out"]):
                if not simple(one.term.text) or len(one.term.text) > 40:
                    writer.regions["out"][k] = one._replace(term=writer.assigned(one.term))
            index = [base + i for i in range(n)]
            import numpy as np

            table = np.array(index).reshape([length for length in shape if length > 1])
            found = gathered(self.spelling, writer.regions["out"], table, tuple(writer.lengths), writer.constant)
        found = writer.ordered(found)
        if len(writer.lengths) < len(shape) and shape:
            found = Term(put(f"x.reshape({', '.join(map(str, shape))})", x=found.text), found.axes)
        return found

    def _returned(self) -> list[str]:
        found = self.found
        text = self._mean() if self.batched else self._result(found.result, [0])
        lines: list[str] = []
        if found.guards:
            lines, text = self._guarded(text)
        if found.gradients is None:
            return [*lines, f"return {text}"]
        at, pairs = len(found.value), []
        for block in found.gradients:
            derivative = self._array(at, block.shape)
            at += block.size
            written = put("x / n", x=derivative.text, n=self.count) if self.batched else derivative.text
            name = self.locals.get(block.path, block.path)
            if len(found.gradients) > 1 and len(written) > 30 and f"d{name}" not in self.writer.taken:
                self.writer.taken.add(f"d{name}")
                lines.append(f"d{name} = {written}")
                written = f"d{name}"
            pairs.append(f'"{name}": {written}')
        return [*lines, f"return {text}, {{{', '.join(pairs)}}}"]

    def _mean(self) -> str:
        """The mean over the samples."""
        found = self._array(0, ())
        return self.spelling.reduction("mean", found.text, None) if S in found.axes else found.text

    def _result(self, structure: Structure, at: list[int]) -> str:
        """What the function returns, built as the user's was."""
        shape = shape_of(structure)
        if shape is not None:
            found = self._array(at[0], shape)
            at[0] += size(structure)
            return found.text
        if structure[0] == "static":
            return repr(structure[1])
        parts = [self._result(part, at) for part in structure[-1]]
        if structure[0] is dict:
            return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(structure[1], parts, strict=True)) + "}"
        inside = ", ".join(parts)
        return f"[{inside}]" if structure[0] is list else f"({inside}{',' * (len(parts) == 1)})"

    def _guarded(self, text: str) -> tuple[list[str], str]:
        """The checks that every branch comes out as it did."""
        import numpy as np

        found, lib = self.found, self.spelling.lib
        first = len(found.value) + sum(block.size for block in found.gradients or ())
        flags = self._array(first, (len(found.guards),))
        expected = np.array([float(outcome) for outcome, _ in found.guards])
        if len(found.guards) == 1:
            condition = f"{flags.text} == {expected[0]}"
        else:
            condition = f"{lib}.all({flags.text} == {self.writer.constant(expected)})"
        lines = sorted({line.strip() for _, line in found.guards if line})
        message = "another branch is taken than when this was written" + (f" ({', '.join(lines[:3])})" if lines else "")
        made = self.spelling.refuse(condition, message.replace('"', "'").replace("\n", " "))
        return made, f"{lib}.where(taken, {text}, {lib}.nan)" if made[0].startswith("taken") else text


def _alone(nest: LoopNest, m: int) -> LoopNest:
    """One iteration of the nest."""

    def one(a: Access, terms: int) -> Access:
        if a.literal is not None:
            return a
        if a.table is None:
            return Access(a.array, a.entry(nest.dims, m), (0,), a.term_stride)
        table = a.table.reshape(nest.iterations, -1)[m]
        return Access(a.array, table=table) if terms > 1 else Access(a.array, int(table[0]), (0,))

    runs = [Reduction(r.sign, r.expression, r.terms, [one(a, r.terms) for a in r.accesses]) for r in nest.reductions]
    return LoopNest(nest.name, (1,), runs, one(nest.target, 1))


def _bound(line: str) -> str:
    return line.split()[-1]
