"""A recording holds what an ordinary tape holds, however long it grows."""

import random
from array import array

import pytest

from tinygrad_lite.compiler.ir import recording
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.engine import ops


def filled(tape, n, seed=0):
    """The same n ops on any kind of tape, with one to five operands."""
    choose = random.Random(seed)
    refs = [tape.input("x"), tape.input("y"), tape.constant(2.5)]
    for _ in range(n):
        op = choose.choice([ops.mul, ops.add, ops.exp, ops.sum])
        count = op.arity or choose.randrange(1, 6)
        args = tuple(choose.choices(refs, k=count))
        as_pair = count == 2 and isinstance(tape, Recording)
        refs.append(tape.pair(op, *args) if as_pair else tape.node(op, args))
    tape.outputs = refs[-2:]
    return refs[3:]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_recording_reads_like_the_tape_written_op_by_op(monkeypatch, chunk):
    monkeypatch.setattr(recording, "CHUNK", chunk)
    plain, columns = Tape(), Recording()

    assert filled(columns, 100) == filled(plain, 100) == list(range(100))
    assert len(columns) == len(plain) == 100
    assert columns.op == plain.op
    assert columns.args == plain.args
    assert str(columns) == str(plain)


def test_columns_stand_for_the_ops_in_order(monkeypatch):
    monkeypatch.setattr(recording, "CHUNK", 16)
    tape = Recording()
    filled(tape, 50)
    kind, operands = tape.columns()

    assert isinstance(kind, array)
    assert [tape.kinds[k] for k in kind] == [(op, len(args)) for op, args in zip(tape.op, tape.args, strict=True)]
    assert list(operands) == [ref for args in tape.args for ref in args]
    assert len(set(tape.kinds)) == len(tape.kinds)


def test_more_may_be_written_after_the_columns_were_read():
    tape, whole = Recording(), Recording()
    x = tape.input("x")
    whole.input("x")
    for _ in range(2):
        tape.columns()
        assert tape.node(ops.exp, (x,)) == whole.node(ops.exp, (x,))
    assert tape.columns() == whole.columns()


def test_an_op_of_millions_costs_a_dozen_bytes():
    tape = Recording()
    x = tape.input("x")
    for _ in range(3 * recording.CHUNK):
        x = tape.pair(ops.mul, x, x)
    kind, operands = tape.columns()

    assert (len(kind) * kind.itemsize + len(operands) * operands.itemsize) / len(tape) == 12.0
    assert not {"op", "args"} & vars(tape).keys()  # the lists are not made unless asked for
