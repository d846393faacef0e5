"""Groups computed member by member with another, and the room that their arrays need."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import llvm_runner, register_fusion, workspace
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction

pytest.importorskip("llvmlite")


def nest(name: str, expression, *accesses: Access, n: int = 4, terms: int = 1, to: int = 0) -> LoopNest:
    return LoopNest(name, (n,), [Reduction(1, expression, terms, list(accesses))], Access(name, to, (1,)))


def at(name: str, base: int = 0, stride: int = 1, along: int = 0) -> Access:
    return Access(name, base, (stride,), along)


LEAF, PRODUCT = ("leaf", 0), ("mul", ("leaf", 0), ("leaf", 1))


def layer() -> list[LoopNest]:
    """A layer of four neurons with a square, as its bias and its next layer see it."""
    return [
        nest("A0", PRODUCT, at("P", stride=3, along=1), at("X", stride=0, along=1), terms=3),
        nest("A1", ("mul", LEAF, LEAF), at("A0")),
        nest("A2", LEAF, at("A1", stride=0, along=1), terms=4, n=4),
        nest("out", LEAF, at("A1"), to=1),
    ]


def plan(nests: list[LoopNest]) -> Plan:
    return Plan(nests, {g.target.array: g.iterations for g in nests if g.target.array != "out"}, [], {"X"}, 0)


def names(steps: list[register_fusion.Step]) -> list[list[str]]:
    return [[g.target.array for g in step.nests] for step in steps]


def test_what_reads_its_own_member_alone_joins_and_what_nobody_else_reads_is_not_written():
    steps = register_fusion.steps(plan(layer()), 8)

    assert names(steps) == [["A0", "A1", "out"], ["A2"]]
    assert [step.kept for step in steps] == [{"A1"}, set()]


def test_a_neighbour_s_number_a_kernel_or_other_members_keep_a_group_apart():
    first = layer()[0]
    for other in (
        nest("A1", LEAF, at("A0", base=1)),
        nest("A1", ("tanh", LEAF), at("A0")),
        nest("A1", LEAF, at("A0"), n=3),
        nest("A1", LEAF, at("A0", along=1), terms=2),
    ):
        assert names(register_fusion.steps(plan([first, other]), 8)) == [["A0"], ["A1"]]


def test_a_group_does_not_overtake_what_it_reads():
    first, *_ = layer()
    later = nest("A2", ("exp", LEAF), at("X"))
    both = nest("A3", PRODUCT, at("A0"), at("A2"))

    assert names(register_fusion.steps(plan([first, later, both]), 8)) == [["A0"], ["A2", "A3"]]
    assert names(register_fusion.steps(plan([later, first, both]), 8)) == [["A2"], ["A0", "A3"]]


def overlaps(steps: list[register_fusion.Step], sizes: dict[str, int], places: dict[str, int]) -> list[str]:
    """Run the steps member by member on names in the place of numbers; what was read but no longer stood there."""
    memory: dict[int, tuple[str, int]] = {}
    wrong = []
    for step in steps:
        for i in range(max(g.iterations for g in step.nests)):
            mine = {}
            for g in step.nests:
                for run in g.reductions if i < g.iterations else ():
                    for access in run.accesses:
                        for t in range(run.terms):
                            entry = access.base + i * access.strides[0] + t * access.term_stride
                            if access.array not in places or (access.array, entry) in mine:
                                continue
                            if memory.get(places[access.array] + entry) != (access.array, entry):
                                wrong.append(f"{access.array}[{entry}]")
                name = g.target.array
                mine[name, i] = True
                if name in places and i < g.iterations:
                    memory[places[name] + i] = name, i
    return wrong


def long_chain() -> list[LoopNest]:
    """Layers, each of which reads all of the last and its own member of the one before that."""
    sizes = [6, 6, 3, 6, 6, 6, 5]
    found = [nest("A0", LEAF, at("X"), n=6)]
    for k, n in enumerate(sizes[1:], start=1):
        accesses = [at(f"A{k - 1}", stride=0, along=1)]
        found.append(nest(f"A{k}", LEAF, *accesses, n=n, terms=sizes[k - 1]))
        if k % 2:
            found.append(nest(f"B{k}", ("exp", LEAF), at(f"A{k}"), n=n))
            found.append(nest(f"C{k}", ("exp", PRODUCT), at(f"B{k}"), at(f"A{k}"), n=n))
    return [*found, nest("out", LEAF, at("A6"), n=5), nest("out", LEAF, at("C1"), n=6, to=5)]


@pytest.mark.parametrize("nests", [layer(), long_chain()])
def test_no_array_lies_where_one_is_that_is_still_needed(nests):
    p = plan(nests)
    steps = register_fusion.steps(p, 8)
    places, room = workspace.shared(steps, p.sizes)

    assert not overlaps(steps, p.sizes, places)
    assert room <= sum(p.sizes.values())


def test_the_check_above_finds_arrays_that_overlap():
    p = plan(long_chain())
    steps = register_fusion.steps(p, 8)
    places, _ = workspace.shared(steps, p.sizes)

    assert overlaps(steps, p.sizes, dict.fromkeys(places, 0))


def test_a_long_chain_needs_little_room():
    p = plan(long_chain())
    _, room = workspace.shared(register_fusion.steps(p, 8), p.sizes)

    assert room < sum(p.sizes.values()) / 2


def test_a_block_has_fewer_vectors_where_four_of_them_stay_in_the_first_cache():
    assert llvm_runner.unroll(1000, 8, numbers=llvm_runner.FITS // 256) == 4
    assert llvm_runner.unroll(1000, 8, numbers=llvm_runner.FITS // 256 + 1) == 5
    assert [llvm_runner.unroll(rows, 8, 10**6) for rows in (8, 9, 17, 25, 500)] == [1, 2, 2, 4, 4]


def test_code_for_many_rows_is_of_another_kind_than_code_for_few():
    assert llvm_runner.kind(32, 8) == llvm_runner.kind(100, 8)
    assert llvm_runner.kind(600, 8) == llvm_runner.kind(10**6, 8)
    assert len({llvm_runner.kind(rows, 8) for rows in (8, 16, 32, 600)}) == 4


@pytest.mark.parametrize("rows", [3, 20, 77])
def test_joined_groups_give_what_the_plain_tape_gives(rows):
    def loss(w, x, y):
        h = [tg.dot(w[4 * j : 4 * j + 3], x, w[4 * j + 3]) for j in range(9)]
        h = [a * a - 0.3 * a for a in h]
        z = [tg.dot(w[36 + 9 * j : 45 + 9 * j], h) for j in range(5)]
        return tg.sum([(a - y).relu() * a for a in z])

    chance = np.random.default_rng(2)
    w, x, y = chance.normal(size=81), chance.normal(size=(rows, 3)), chance.normal(size=rows)
    found, slopes = tg.compile(loss, batch=("x", "y"), backend="llvm").value_and_grad(w, x, y)
    right, exact = tg.compile(loss, batch=("x", "y"), backend="tape").value_and_grad(w, x, y)

    assert found == pytest.approx(right, rel=1e-12)
    assert np.allclose(slopes, exact, rtol=0, atol=1e-12 * np.abs(exact).max())
