"""A plan as readable C, for looking at: what the machine code does, without its vectors and tiles.

In: the plans of a program. Out: the text of a C function; `gcc` compiles it (an index table is given as its name).
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction, written
from tinygrad_lite.compiler.ir.spelling import spelled

_NAMED = {"abs": "fabs", "max": "fmax", "min": "fmin"}


def c_source(prologue: Plan | None, samples: Plan | None, epilogue: Plan) -> str:
    """The function that computes the outputs from the parameters P and the samples X.

    >>> from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction
    >>> square = Reduction(1, ("mul", ("leaf", 0), ("leaf", 0)), 1, [Access("P", 0, (1,))])
    >>> plan = Plan([LoopNest("out", (3,), [square], Access("out", 0, (1,)))], {}, [], set(), 3)
    >>> print(c_source(None, None, plan))
    void run(const double *P, double *out) {
      for (int i0 = 0; i0 < 3; i0++)
        out[i0] = P[i0] * P[i0];
    }
    """
    head = "void run(const double *P, double *out) {"
    lines: list[str] = []
    if samples is not None:
        head = "void run(double *P, int n, const double (*data)[n], double *G, double *out) {"
    if prologue is not None:
        lines += ["  // once before the samples: more of P", *_plan(prologue, "  ", "P", "=")]
    if samples is not None:
        lines += ["  for (int s = 0; s < n; s++) {", "    const double *X = data[s];"]
        lines += [*_plan(samples, "    ", "G", "+="), "  }"]
        lines += ["  const double N[1] = {n};"]
    lines += _plan(epilogue, "  ", "out", "=")
    return "\n".join([head, *lines, "}"])


def _plan(plan: Plan, indent: str, output: str, assign: str) -> list[str]:
    lines: list[str] = []
    if plan.sizes:
        lines.append(f"{indent}double {', '.join(f'{name}[{size}]' for name, size in plan.sizes.items())};")
    if plan.constants:
        lines.append(f"{indent}const double K[] = {{{', '.join(map(repr, plan.constants))}}};")
    for nest in plan.nests:
        lines += _nest(nest, indent, output, assign)
    return lines


def _nest(nest: LoopNest, indent: str, output: str, assign: str) -> list[str]:
    lines = []
    for d, n in enumerate(nest.dims):
        if n > 1:
            lines.append(f"{indent}for (int i{d} = 0; i{d} < {n}; i{d}++)")
            indent += "  "
    ends = nest.target.array == "out"
    target = (output if ends else nest.name) + _index(nest.target, nest, 1)
    sign = assign if ends else "="
    single = [run for run in nest.reductions if run.starts is None and run.terms == 1]
    loops = [run for run in nest.reductions if run not in single]
    first = " ".join(("+ " if run.sign > 0 else "- ") + _expression(run, nest) for run in single)
    first = first.removeprefix("+ ") or "0"
    if not loops:
        return [*lines, f"{indent}{target} {sign} {first};"]
    inner = indent + "  "
    body = [f"{inner}double total = {first};"]
    for run in loops:
        if run.starts is not None:
            m = _iteration(nest)
            body.append(f"{inner}for (int t = starts[{m}]; t < starts[{m} + 1]; t++)")
        else:
            body.append(f"{inner}for (int t = 0; t < {run.terms}; t++)")
        body.append(f"{inner}  total {'+' if run.sign > 0 else '-'}= {_expression(run, nest)};")
    return [*lines, f"{indent}{{", *body, f"{inner}{target} {sign} total;", f"{indent}}}"]


def _iteration(nest: LoopNest) -> str:
    text = "0"
    for d, n in enumerate(nest.dims):
        text = f"i{d}" if text == "0" else f"({text}) * {n} + i{d}"
    return text if nest.iterations > 1 else "0"


def _index(access: Access, nest: LoopNest, terms: int) -> str:
    if access.table is not None:
        m = _iteration(nest)
        return f"[table[{'t' if terms == 0 else m if terms == 1 else f'({m}) * {terms} + t'}]]"
    counters = [*(f"i{d}" for d in range(len(nest.dims))), "t"]
    lengths = [*nest.dims, terms]
    parts = [
        counter if stride == 1 else f"{stride} * {counter}"
        for counter, stride, n in zip(counters, (*access.strides, access.term_stride), lengths, strict=True)
        if stride and n != 1
    ]
    return "[" + " + ".join(parts + ([str(access.base)] if access.base or not parts else [])).replace("+ -", "- ") + "]"


def _expression(run: Reduction, nest: LoopNest) -> str:
    leaves = [repr(a.literal) if a.literal is not None else a.array + _index(a, nest, run.terms) for a in run.accesses]
    return written(run.expression, leaves, _spelled)


def _spelled(name: str, parts: Sequence[str]) -> str:
    """One op in C."""
    if name == "neg":
        return f"-({parts[0]})"
    if name == "select":
        return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    return spelled(_NAMED.get(name, name), parts)
