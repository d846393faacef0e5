"""An interpreter of plans, as slow and plain as can be: what every back end must agree with."""

import math

import numpy as np

FUNCTIONS = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y,
    "neg": lambda x: -x, "less": lambda x, y: float(x < y), "select": lambda c, x, y: x if c else y,
    "max": max, "min": min, "relu": lambda x: max(x, 0.0), "exp": math.exp, "log": math.log, "tanh": math.tanh,
    "sqrt": math.sqrt, "abs": abs, "sin": math.sin, "cos": math.cos, "pow": math.pow,
}  # fmt: skip


def place(access, nest, run, iteration, term, first):
    """Which entry of its array an access reads."""
    if access.table is not None:
        return int(np.asarray(access.table).reshape(-1)[first + term])
    found, rest = access.base + access.term_stride * term, iteration
    for n, stride in zip(reversed(nest.dims), reversed(access.strides), strict=True):
        found, rest = found + rest % n * stride, rest // n
    return found


def computed(expression, leaves):
    if expression[0] == "leaf":
        return leaves[expression[1]]
    return FUNCTIONS[expression[0]](*[computed(part, leaves) for part in expression[1:]])


def interpreted(plan, arrays, rows=None):
    """Every array that the plan makes, by name; `arrays` are those it is given, X as one line for each row.

    In a plan for rows an array is a list with one array for each row, and `out` is summed over the rows.
    """
    made = {name: np.zeros(size) if rows is None else np.zeros((rows, size)) for name, size in plan.sizes.items()}
    made |= {"K": np.array(plan.constants)} | arrays
    for nest in plan.nests:
        for row in range(1 if rows is None else rows):
            lines = {name: a[row] if name in plan.samples else a for name, a in made.items()}
            for iteration in range(nest.iterations):
                total = 0.0
                for run in nest.reductions:
                    starts = run.starts
                    terms = run.terms if starts is None else int(starts[iteration + 1] - starts[iteration])
                    first = iteration * terms if starts is None else int(starts[iteration])
                    for term in range(terms):
                        leaves = [
                            a.literal
                            if a.literal is not None
                            else lines[a.array][place(a, nest, run, iteration, term, first)]
                            for a in run.accesses
                        ]
                        total += run.sign * computed(run.expression, leaves)
                target = lines[nest.target.array]
                where = place(nest.target, nest, None, iteration, 0, iteration)
                if rows is not None and nest.target.array == "out":
                    target[where] += total
                else:
                    target[where] = total
    return made
