"""How often the wrong line of a hand-written backward is named and mended, on programs, mistakes and sizes of its own.

    python tests/benchmarks/checking/mends.py [--kind single|pair|right] [--every N] [--program NAME] [--public]

`derivations/` holds right programs in many styles; mistakes that people make are planted in them, one or two at a
time, with a fixed seed; `public_mistakes.py` has mistakes told in public issues and forums, written anew. A mend
counts if with it every gradient is exact on the case's data, on four further seeds and at other sizes. Times are
processor time.
"""

from __future__ import annotations

import argparse
import ast
import collections
import copy
import importlib.util
import random
import sys
import tempfile
import textwrap
import time
import warnings
from pathlib import Path

import numpy as np
from public_mistakes import ROWS

import tinygrad_lite as tg
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.trial.submission import Submission

HERE = Path(__file__).parent / "derivations"
PROGRAMS = sorted(path.stem for path in HERE.glob("*.py"))
SEEDS = (0, 901, 902, 903, 904)
SINGLES, PAIRS = 400, 80


# ------------------------------------------------------------------ mistakes that people make


def load(name):
    return ast.Name(name, ast.Load())


def forget_factor(n):
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult):
        yield from (n.left, n.right)
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div):
        yield n.left


def forget_term(n):
    if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub)):
        yield n.left
        yield n.right


def wrong_sign(n):
    if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub) and not isinstance(n.operand, ast.Constant):
        yield n.operand
    if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub)):
        yield ast.BinOp(n.left, ast.Sub() if isinstance(n.op, ast.Add) else ast.Add(), n.right)
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub):
        yield ast.BinOp(n.right, ast.Sub(), n.left)


def transposed_wrongly(n):
    if isinstance(n, ast.Attribute) and n.attr == "T":
        yield n.value
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult):
        yield ast.BinOp(n.right, ast.MatMult(), n.left)
        if isinstance(n.right, ast.Name):
            yield ast.BinOp(n.left, ast.MatMult(), ast.Attribute(n.right, "T", ast.Load()))
    if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "outer":
        yield ast.Call(n.func, n.args[::-1], [])


def wrong_axis(n):
    if not (isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("sum", "mean", "max")):
        return
    for i, k in enumerate(n.keywords):
        others = n.keywords[:i] + n.keywords[i + 1 :]
        yield ast.Call(n.func, n.args, others)  # the axis, or keepdims, forgotten
        if k.arg == "axis" and isinstance(k.value, ast.Constant):
            yield ast.Call(n.func, n.args, [*others, ast.keyword("axis", ast.Constant(0 if k.value.value else 1))])


def sum_forgotten_or_mean(n):
    if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("sum", "mean"):
        yield n.args[0] if isinstance(n.func.value, ast.Name) and n.func.value.id == "np" else n.func.value
        f = ast.Attribute(n.func.value, "mean" if n.func.attr == "sum" else "sum", ast.Load())
        yield ast.Call(f, n.args, n.keywords)


def one_step_off(n):
    if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load):
        if isinstance(n.slice, ast.Name):
            yield ast.Subscript(n.value, ast.BinOp(n.slice, ast.Add(), ast.Constant(1)), ast.Load())
        if isinstance(n.slice, ast.BinOp) and isinstance(n.slice.left, ast.Name):
            yield ast.Subscript(n.value, n.slice.left, ast.Load())


def wrong_number(n):
    if isinstance(n, ast.Constant) and type(n.value) in (int, float) and n.value:
        yield ast.Constant(n.value * 2)
        yield ast.Constant(n.value + 1)


def derivative_of_another(n):
    """`1 - h**2` for `h * (1 - h)` and the other way round; sin for cos; the power forgotten."""
    if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow):
        yield n.left
    if (
        isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr in ("exp", "log", "sqrt", "sin", "cos")
    ):
        other = {"sin": "cos", "cos": "sin", "exp": "log", "log": "exp", "sqrt": "abs"}[n.func.attr]
        yield ast.Call(ast.Attribute(n.func.value, other, ast.Load()), n.args, n.keywords)
        yield n.args[0] if n.args else n
    if isinstance(n, ast.Compare) and isinstance(n.ops[0], (ast.Gt, ast.GtE)):
        yield ast.Compare(n.left, [ast.Lt()], n.comparators)


KINDS = (
    forget_factor, forget_term, wrong_sign, transposed_wrongly, wrong_axis, sum_forgotten_or_mean, one_step_off,
    wrong_number, derivative_of_another,
)  # fmt: skip


def stale_names(n, names):
    if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in names:
        yield from (load(other) for other in names if other != n.id)


def replaced(stmt, old, new):
    class Swap(ast.NodeTransformer):
        def visit(self, n):
            return copy.deepcopy(new) if n is old else self.generic_visit(n)

    memo: dict[int, object] = {}
    made = copy.deepcopy(stmt, memo)
    old = memo[id(old)]
    return Swap().visit(made)


def planted(text, functions):
    """(kind, line, new text) of every mistake that can be planted in these functions."""
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        wanted = isinstance(node, ast.FunctionDef) and any(q.split(".")[-1] == node.name for q in functions)
        for stmt in [s for s in ast.walk(node) if isinstance(s, ast.stmt) and s is not node] if wanted else ():
            if stmt.lineno != stmt.end_lineno or isinstance(stmt, (ast.For, ast.If, ast.FunctionDef)):
                continue
            names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
            indent = lines[stmt.lineno - 1][: stmt.col_offset]

            def put(kind, new, stmt=stmt, indent=indent):
                said = ast.unparse(ast.fix_missing_locations(new))
                changed = list(lines)
                changed[stmt.lineno - 1] = indent + said
                return kind, stmt.lineno, "\n".join(changed), lines[stmt.lineno - 1].strip(), said

            for n in [n for n in ast.walk(stmt) if isinstance(n, ast.expr)]:
                if isinstance(getattr(n, "ctx", None), ast.Store):
                    continue
                for kind in KINDS:
                    for new in kind(n):
                        yield put(kind.__name__, replaced(stmt, n, new))
                for new in stale_names(n, names):
                    yield put("stale_name", replaced(stmt, n, new))
            if isinstance(stmt, ast.AugAssign):
                yield put("overwritten", ast.Assign([stmt.target], stmt.value))
                yield put("left_out", ast.Pass())
            if isinstance(stmt, ast.Assign) and isinstance(stmt.value, ast.BinOp):
                doubled = ast.BinOp(ast.Constant(2), ast.Mult(), stmt.value)
                yield put("factor", ast.Assign(stmt.targets, doubled))


# ------------------------------------------------------------------ cases


def module_of(text, folder, name):
    path = Path(folder) / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def truths(module):
    found = []
    for seed in SEEDS:
        params, data = module.make(seed)
        problem = Problem("", {n: np.asarray(x, float) for n, x in params.items()}, data)
        kinds = {n: "list" if isinstance(x, list) else "array" if np.ndim(x) else "number" for n, x in params.items()}
        submission = Submission(module.loss, module.backprop, list(params), len(data), False, None, 5.0, kinds)
        found.append((problem, kinds, submission.exact(problem)))
    return found


def state_of(module, backprop, known):
    """right, wrong or raises: on every seed."""
    state = "right"
    for problem, kinds, exact in known:
        names = list(problem.params)
        submission = Submission(module.loss, backprop, names, len(problem.data), False, None, 5.0, kinds)
        answer = submission.answer(problem)
        if answer.error:
            return "raises"
        for n in names:
            g = answer.gradients.get(n)
            if (
                g is None
                or g.shape != exact[n].shape
                or not np.allclose(g.numbers, exact[n].numbers, rtol=1e-7, atol=1e-9)
            ):
                state = "wrong"
    return state


def cases(kind, folder, program=None):
    """The cases of a kind: (name, lines, kinds of mistakes, module, truths)."""
    each = -(-(SINGLES if kind == "single" else PAIRS) // len(PROGRAMS))
    for name in [p for p in PROGRAMS if program in (None, p)]:
        text = (HERE / f"{name}.py").read_text()
        right = module_of(text, folder, name)
        known = truths(right)
        if kind == "right":
            yield name, [], [], right, known, ""
            continue
        chance = random.Random(name)
        made: list = []
        pool = sorted(planted(text, right.BACKWARD), key=lambda c: (c[0], c[1], c[4]))
        by_kind = collections.defaultdict(list)
        for c in pool:
            by_kind[c[0]].append(c)
        seen = set()
        while len(made) < each and any(by_kind.values()):
            c = (
                by_kind[key].pop(chance.randrange(len(by_kind[key])))
                if (key := chance.choice([k for k, v in by_kind.items() if v]))
                else None
            )
            lines, kinds, new, said = [c[1]], [c[0]], c[2], c[4]
            if kind == "pair":
                others = [o for o in planted(new, right.BACKWARD) if o[1] != c[1]]
                if not others:
                    continue
                o = chance.choice(others)
                lines, kinds, new, said = [c[1], o[1]], [c[0], o[0]], o[2], f"{c[4]} | {o[4]}"
            if new in seen:
                continue
            seen.add(new)
            number = f"{name}_{kind}{len(made)}"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module = module_of(new, folder, number)
                    state = state_of(module, module.backprop, known)
            except (Exception, SystemExit):
                continue
            if state != "right":
                made.append(number)
                yield number, sorted(lines), kinds, module, known, said


def public(folder):
    """The mistakes told in public."""
    for number, (told, what, program, right, wrong) in enumerate(ROWS):
        text = (HERE / f"{program}.py").read_text()
        before, _, after = text.rpartition(right)  # the loss may say the same further up
        known = truths(module_of(text, folder, program))
        module = module_of(before + wrong + after, folder, f"{program}_public{number}")
        line = before.count("\n") + 1
        yield f"{program}_public{number}", [line], [what], module, known, f"{wrong} ({told})"


def judged(case):
    """One case asked of `tg.check`, and what it said judged."""
    name, lines, kinds, module, known, said = case
    params, data = module.make(0)
    began = time.process_time()
    result = tg.check(module.loss, module.backprop, params, *data)
    got = [line.number for line in result.lines if line.mark == "wrong"]
    got = got or [line.number for line in result.lines if line.mark == "off"]
    mends = result.mends
    seconds = time.process_time() - began
    out = {
        "case": name,
        "want": lines,
        "got": got[:4],
        "kinds": kinds,
        "said": said,
        "seconds": seconds,
        "ok": result.ok,
    }
    out["line"] = bool(got) and any(abs(got[0] - w) <= ("left_out" in kinds) for w in lines)
    out["claimed"] = bool(mends)
    out["mend"] = bool(mends) and state_of(module, mends[0].function, known) == "right"
    return out


def table(results):
    n = len(results)
    times = sorted(r["seconds"] for r in results)
    share = {key: sum(r[key] for r in results) / n for key in ("line", "mend")}
    false = sum(r["claimed"] and not r["mend"] for r in results)
    print(
        f"n {n}: line {share['line']:.1%}, mend {share['mend']:.1%}, claimed but false {false}, "
        f"seconds median {times[n // 2]:.2f}, 95 % {times[int(n * 0.95)]:.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__))
    parser.add_argument("--kind", default="single", choices=("single", "pair", "right"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--program")
    parser.add_argument("--public", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        chosen = public(folder) if options.public else cases(options.kind, folder, options.program)
        for i, case in enumerate(chosen):
            if i % options.every != options.start:
                continue
            r = judged(case)
            results.append(r)
            if options.kind == "right":
                print(r["case"], "left in peace" if r["ok"] else "ACCUSED")
            elif not (r["line"] and r["mend"]):
                print(
                    r["case"],
                    r["want"],
                    r["got"],
                    r["kinds"],
                    f"mend {r['mend']}, {r['seconds']:.1f} s:",
                    r["said"],
                    flush=True,
                )
    table(results)


if __name__ == "__main__":
    main()
