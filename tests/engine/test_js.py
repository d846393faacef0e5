"""The column of JavaScript computes what the op computes, in a real JavaScript engine."""

import json
import math
import shutil
import subprocess

import pytest

from tinygrad_lite.engine.op import TABLE

WRITTEN = [op for op in TABLE.values() if op.arity != 0 and op.js]


def test_few_ops_have_no_javascript():
    assert {op.name for op in TABLE.values() if op.arity != 0 and not op.js} <= {"erf", "erfc", "gelu"}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_javascript_computes_the_same():
    lines, expected = [], []
    for op in WRITTEN:
        for point in [*op.points(), *([(-1000.0,), (1000.0,)] if op.activation and op.arity == 1 else [])]:
            names = [f"({x!r})" for x in point]
            try:
                out = op.evaluate(*point)
            except ArithmeticError:
                continue
            lines.append(op.js.format(**dict(zip("xyz", names, strict=False)), xs=", ".join(names)))
            expected.append((op.name, point, out))
    program = f"console.log(JSON.stringify([{','.join(lines)}].map(x => String(x))))"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    found = [float(x.replace("Infinity", "inf")) for x in json.loads(done.stdout)]

    wrong = [
        (where, x) for where, x in zip(expected, found, strict=True)
        if not math.isclose(x, where[2], rel_tol=1e-12, abs_tol=1e-14)
    ]  # fmt: skip
    assert wrong == []
    assert len(found) > 300
