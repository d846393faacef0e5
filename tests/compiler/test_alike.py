"""Rows that perform the same ops: the longest sum, what belongs to each of its terms, and which terms are alike."""

import random
from operator import mul

import pytest

from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import LESS, Guard
from tinygrad_lite.engine import ops

np = pytest.importorskip("numpy")
from tinygrad_lite.compiler.ir.columns import Columns  # noqa: E402
from tinygrad_lite.compiler.passes import alike  # noqa: E402

NO_FLAGS = np.zeros(0, np.int64)


def loop(seed, odd=0.0):
    """A tape that sums rows of the same few random ops; now and then a row of other ops. Some take away a term each."""
    taken = seed % 5 == 3
    choose = random.Random(seed)
    tape = Recording()
    xs = [tape.input(f"x{i}") for i in range(6)]
    shared = tape.node(ops.tanh, (xs[0],))
    rows = [
        [
            (choose.choice([ops.add, ops.mul, ops.sub, ops.tanh, ops.sum]), [choose.random() for _ in range(4)])
            for _ in range(choose.randrange(1, 7))
        ]
        for _ in range(2)
    ]
    total = tape.constant(0.0)
    for k in range(choose.randrange(9, 40)):
        local = [xs[1], xs[2 + k % 4], shared, tape.constant(choose.random())]
        for op, picks in rows[choose.random() < odd]:
            args = [local[int(p * len(local))] for p in picks[: op.arity or len(picks)]]
            local.append(tape.node(op, tuple(args)))
        total = tape.node(ops.add, (total, local[-1]) if choose.random() < 0.9 else (local[-1], total))
        if taken:
            total = tape.node(ops.sub, (total, tape.node(ops.mul, (xs[k % 3], xs[5]))))
    tape.outputs = [tape.node(ops.mul, (total, shared))]
    return tape


@pytest.mark.parametrize("seed", range(60))
def test_the_longest_sum_is_the_sum_of_its_terms_and_no_addition_spans_more(seed):
    tape = loop(seed, odd=0.2)
    chain, terms, signs = alike.longest_sum(Columns(tape), NO_FLAGS)
    numbers = [0.1, 0.7, -0.4, 0.3, 0.9, -0.2]
    values = tape.values(numbers, [*terms, chain[-1]])

    assert sum(map(mul, signs, values)) == pytest.approx(values[-1], rel=1e-12)
    assert chain == sorted(chain)
    assert all(tape.op[i] in (ops.add, ops.sub, ops.sum) for i in chain)
    assert chain[-1] == tape.args[tape.outputs[0]][0]  # in these tapes the sum over the rows is the longest


def belongs(tape, chain, samples):
    """The definition, node by node: a term's sample, or that of everything that uses the node."""
    users = [set() for _ in range(len(tape))]
    own = [set() for _ in range(len(tape))]
    for k, group in enumerate(samples):
        for ref in group:
            if ref >= 0:
                own[ref].add(k)
    flags = {guard.flag for guard in tape.guards}
    for i, args in enumerate(tape.args):
        for ref in args:
            if ref >= 0 and i not in chain and i not in flags:
                users[ref].add(i)
    found = [alike.SHARED] * len(tape)
    for i in reversed(range(len(tape))):
        claims = own[i] | {found[u] for u in users[i]}
        found[i] = alike.CHAIN if i in chain else claims.pop() if len(claims) == 1 else alike.SHARED
    for flag in flags:
        claims = {found[ref] for ref in tape.args[flag] if ref >= 0} - {alike.SHARED}
        found[flag] = claims.pop() if claims else alike.SHARED
    return found


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("size", [1, 2])
def test_a_node_belongs_to_the_sample_that_alone_uses_it(seed, size):
    tape = loop(seed, odd=0.3)
    columns = Columns(tape)
    chain, terms, _ = alike.longest_sum(columns, NO_FLAGS)
    samples = [terms[k : k + size] for k in range(0, len(terms), size)]

    owner = alike.owners(columns, NO_FLAGS, chain, samples)

    assert owner.tolist() == belongs(tape, chain, samples)


def test_a_comparison_belongs_to_the_row_that_it_looks_at():
    tape = Recording()
    x = tape.input("x")
    total = tape.constant(0.0)
    for k in range(10):
        y = tape.node(ops.mul, (x, tape.constant(k + 0.5)))
        tape.guards.append(Guard(tape.node(LESS, (y, tape.constant(3.0))), k < 5, ""))
        total = tape.node(ops.add, (total, tape.node(ops.exp, (y,))))
    tape.outputs = [total]
    flags = np.array([guard.flag for guard in tape.guards])
    columns = Columns(tape)
    chain, terms, _ = alike.longest_sum(columns, flags)
    samples = [[term] for term in terms]

    assert alike.owners(columns, flags, chain, samples).tolist() == belongs(tape, chain, samples)
    found = alike.alike(tape)
    assert found is None  # five rows took each branch, and so few are not worth a batch


def test_a_comparison_between_rows_leaves_no_batch():
    tape = Recording()
    x = tape.input("x")
    terms = [tape.node(ops.exp, (tape.node(ops.mul, (x, tape.constant(float(k + 2)))),)) for k in range(20)]
    tape.guards.append(Guard(tape.node(LESS, (terms[0], terms[9])), True, ""))
    tape.outputs = [tape.node(ops.sum, tuple(terms))]

    assert alike.alike(tape) is None
    tape.guards.clear()
    assert alike.alike(tape) is not None


def test_a_tape_may_have_more_sources_than_ops():
    tape = Recording()
    xs = [tape.input(f"x{i}") for i in range(100)]
    total = xs[-1]
    for x in xs[-40:]:
        total = tape.node(ops.add, (total, x))
    tape.outputs = [total]

    assert alike.alike(tape) is None


def test_rows_with_other_ops_are_left_out():
    tape = loop(24)
    assert len(alike.alike(tape).numbers) == len(alike.alike(tape).samples) - 1  # the sum begins with a constant
    assert alike.alike(tape).left == 0

    mixed = [alike.alike(loop(seed, odd=0.15)) for seed in range(30)]
    found = [rows for rows in mixed if rows is not None]
    assert any(rows.left for rows in found)
    for rows in found:
        kinds = {tuple(rows.columns.kind[line].tolist()) for line in rows.nodes}
        assert len(kinds) == 1
        assert (rows.owner[rows.nodes] == rows.numbers[:, None]).all()


def test_rows_deeper_than_can_be_compiled_are_not_looked_for(monkeypatch):
    assert alike.alike(loop(24)) is not None
    monkeypatch.setattr(alike, "DEEPEST", 1)
    assert alike.alike(loop(24)) is None


def test_terms_that_are_more_constants_than_the_tape_has_nodes_do_not_matter():
    tape = Recording()
    x = tape.input("x")
    total = tape.node(ops.tanh, (x,))
    for k in range(40):
        total = tape.node(ops.add, (total, tape.constant(k + 0.5)))
    tape.outputs = [total]

    assert alike.alike(tape) is None


def test_a_large_term_of_a_small_sum_is_not_its_row():
    """Forty squares and one term of more nodes than all of them: the squares are the rows."""
    tape = Recording()
    xs = [tape.input(f"x{i}") for i in range(40)]
    total = large = xs[0]
    for x in xs:
        square = tape.node(ops.mul, (x, x))
        total = tape.node(ops.add, (total, tape.node(ops.mul, (square, xs[0]))))
        large = tape.node(ops.mul, (tape.node(ops.tanh, (large,)), tape.node(ops.tanh, (x,))))
    tape.outputs = [tape.node(ops.add, (total, large))]

    found = alike.alike(tape)
    assert found is not None
    assert found.nodes.shape == (40, 2)
    assert found.left == 1


def test_terms_left_over_stand_alone():
    """Two terms for each sample, and one more at the end."""
    tape = Recording()
    xs = [tape.input(f"x{i}") for i in range(21)]
    total = tape.constant(0.0)
    for x in xs[:-1]:
        total = tape.node(ops.add, (total, tape.node(ops.mul, (x, x))))
        total = tape.node(ops.add, (total, tape.node(ops.tanh, (x,))))
    tape.outputs = [tape.node(ops.add, (total, tape.node(ops.exp, (xs[-1],))))]

    found = alike.alike(tape)
    assert found is not None
    assert found.nodes.shape == (20, 2)
    assert found.left == 1
