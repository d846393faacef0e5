"""Samples that perform the same ops: the first three steps of finding a batch (batching.py says all four).

In: a tape, as it was traced. Out: the terms of its longest sum in groups, one a sample; the nodes that belong to each;
and the samples whose nodes perform the same ops in the same order.

A tape may have millions of nodes, so they are looked at together, in NumPy arrays: all additions at once, all nodes
whose users are done at once, all samples at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tinygrad_lite.compiler.ir.columns import Columns
from tinygrad_lite.compiler.ir.tape import Ref, Tape
from tinygrad_lite.engine import ops

FEWEST = 8
"""Samples that are worth a batch."""

SHARE = 8
"""The samples must be one part of the tape in so many."""

MOST_TERMS = 4
"""Terms that one sample may add to the sum."""

LAST = 4
"""Terms at the end of a sum of which one is a sample that shows what a sample ends in."""

DEEPEST = 20_000
"""Levels of nodes that a sample may have; the text of a deeper one would be too long to be compiled."""

SHARED, CHAIN = -1, -3
"""Marks of nodes that belong to no sample: several use it, or it is an addition of the sum over the samples."""


class Alike(NamedTuple):
    """Samples that perform the same ops; whether what they read can be brought together is not known yet."""

    columns: Columns
    chain: set[Ref]
    """The additions of the sum over the samples."""
    samples: list[list[Ref]]
    """The terms of each sample."""
    signs: list[list[int]]
    """1 for a term that is added, -1 for one that is taken away."""
    owner: Any
    """For each node the sample it belongs to, or a negative mark."""
    numbers: Any
    """The samples that are alike."""
    nodes: Any
    """Their nodes, a line for each."""
    left: int
    """Samples that are not."""


def alike(tape: Tape) -> Alike | None:
    """The samples of a tape, if it has any."""
    if len(tape.outputs) != 1 or len(tape) < 4 * FEWEST:
        return None
    import numpy as np

    columns = Columns(tape)
    flags = np.array([guard.flag for guard in tape.guards if guard.flag >= 0], np.int64)
    chain, terms, signs = longest_sum(columns, flags)
    if len(terms) < FEWEST:
        return None
    kind = columns.kind.copy()
    for guard in tape.guards:  # samples that took different branches are not alike
        if guard.flag >= 0:
            kind[guard.flag] = -1 - guard.outcome
    best: Alike | None = None
    for size in range(1, MOST_TERMS + 1):
        groups = _samples(terms, size)
        samples = [[terms[i] for i in group] for group in groups]
        owner = owners(columns, flags, chain, samples) if _recur(kind, terms, size) else None
        if owner is None:
            continue
        numbers, nodes = _same_samples(kind, owner, len(samples))
        inner = [[t for t in group if t >= 0] for group in samples]
        left = sum(1 for group in inner if group and max(owner[t] for t in group) >= 0) - len(numbers)
        if best is None or left < best.left:
            signed = [[signs[i] for i in group] for group in groups]
            best = Alike(columns, set(chain), samples, signed, owner, numbers, nodes, left)
        if 4 * left <= len(numbers):
            break
    if best is None or len(best.numbers) < FEWEST or SHARE * best.nodes.size < len(tape):
        return None
    if best.left:  # what belongs to a sample that is not alike is like what belongs to none
        best.owner[(best.owner >= 0) & ~np.isin(best.owner, best.numbers)] = SHARED
    return best


def _recur(kind: Any, terms: list[Ref], size: int) -> bool:
    """Whether most terms are made by the same op as those so many places before."""
    import numpy as np

    refs = np.array(terms)
    last = np.where(refs >= 0, kind[np.maximum(refs, 0)], -1)
    return bool(2 * (last[size:] == last[:-size]).sum() >= len(terms) - size)


def _samples(terms: list[Ref], size: int) -> list[list[int]]:
    """The places of the terms in groups of that size, a group for each sample.

    A constant that begins the sum stands alone, and so do the last terms if they are too few for a group.
    """
    start = 0
    while size > 1 and start < len(terms) and terms[start] < 0:
        start += 1
    stop = len(terms) - (len(terms) - start) % size
    places = [*range(len(terms))]
    groups = [[k] for k in places[:start]] + [places[k : k + size] for k in range(start, stop, size)]
    return groups + [[k] for k in places[stop:]]


def longest_sum(c: Columns, flags: Any) -> tuple[list[Ref], list[Ref], list[int]]:
    """The chain of additions that spans most of the tape: its nodes, and its terms in order with their signs.

    An addition continues the chain of an operand that nothing else uses: the longer one, if there are two. A
    subtraction continues that of its first operand. A mean is a sum that is divided in the end: none continues it.
    """
    import numpy as np

    adds = c.of((ops.add, 2), (ops.sub, 2))
    minus = np.isin(adds, c.of((ops.sub, 2)))
    fused = [(op, n) for op, n in c.kinds if op is ops.sum and n > 2]
    means = [(op, n) for op, n in c.kinds if op is ops.mean and n > 2]
    nodes = c.of((ops.add, 2), (ops.sub, 2), *fused, *means)  # from here on counted by their place in this list
    m = len(nodes)
    if not m:
        return [], [], []
    where: Any = np.full(len(c), -1)
    where[nodes] = np.arange(m)
    uses = np.bincount(c.operands[c.operands >= 0], minlength=len(c))
    for_flags, _ = c.reads(flags)
    np.subtract.at(uses, for_flags[for_flags >= 0], 1)  # a flag is a use of nothing

    ends: Any = where.copy()
    ends[c.of(*means)] = -1

    def continued(operand: Any) -> Any:
        """The chain that ends in an operand and may be continued, or -1."""
        node = np.maximum(operand, 0)
        return np.where((operand >= 0) & (uses[node] == 1), ends[node], -1)

    before: Any = np.arange(m)  # the addition whose chain each one continues; itself if it begins one
    x, y = (continued(c.operands[c.start[adds] + k]) for k in (0, 1))
    y[minus] = -1
    mine = where[adds]
    before[mine] = np.where((x >= 0) & (y < 0), x, np.where((y >= 0) & (x < 0), y, mine))

    first, steps = _beginnings(before)
    terms = np.where(before == np.arange(m), c.count[nodes], 0)  # of the chain that begins here
    begins: Any = np.arange(m)
    both = (x >= 0) & (y >= 0)
    for i, p, q in zip(mine[both].tolist(), x[both].tolist(), y[both].tolist(), strict=True):
        long_p, long_q = (int(terms[first[v]] + steps[v]) for v in (p, q))
        before[i] = q if long_q > long_p else p
        terms[i] = max(long_p, long_q) + 1
        begins[i] = begins[first[before[i]]]
    first_of_all = begins[first]

    refs, reader = c.reads(nodes)
    links = nodes[before][reader]
    own = (refs >= 0) & ((refs != links) | (before[reader] == reader))  # a term, not the chain so far
    count = np.bincount(first_of_all[reader[own]], minlength=m)
    lowest: Any = np.full(m, len(c))
    np.minimum.at(lowest, first_of_all[reader[own]], refs[own])
    last: Any = np.zeros(m, np.int64)
    np.maximum.at(last, first_of_all, nodes)
    width = np.where(count >= FEWEST, last - lowest, -1)
    if width.max() < 0:
        return [], [], []
    widest = np.flatnonzero(width == width.max())
    members = np.flatnonzero(first_of_all == widest[last[widest].argmin()])
    chain: list[Ref] = nodes[members].tolist()
    p, q = (c.operands[c.start[nodes[members[1:]]] + k] for k in (0, 1))
    found = [*c.args(chain[0]), *np.where(p == nodes[before[members[1:]]], q, p).tolist()]
    takes = [k for k, (op, _) in enumerate(c.kinds) if op is ops.sub]
    signs = [1] * (len(found) - len(chain)) + np.where(np.isin(c.kind[chain], takes), -1, 1).tolist()

    rows = [ends[ref] for ref in found[: -LAST - 1 : -1] if ref >= 0 and uses[ref] == 1 and ends[ref] >= 0]
    for end in rows:
        own = nodes[first_of_all == first_of_all[end]]  # a sample ends in additions itself ...
        k = len(own)
        if k < len(chain) and (c.kind[own] == c.kind[chain[:k]]).all():  # ... and the first seemed to begin the chain
            of_sample = c.count[own[0]] + k - 1
            return chain[k:], [chain[k - 1], *found[of_sample:]], [1, *signs[of_sample:]]
    return chain, found, signs


def _beginnings(before: Any) -> tuple[Any, Any]:
    """For each member of the chains where its chain begins, and in how many steps back that is.

    In each round everybody asks the one it points at where that one points: twice as far as before.
    """
    import numpy as np

    first: Any = before.copy()
    steps = (before != np.arange(len(before))).astype(np.int64)
    asking = np.flatnonzero(steps)
    while len(asking):
        pointed = first[asking]
        further, more = first[pointed], steps[pointed]
        on = further != pointed
        asking = asking[on]
        first[asking] = further[on]
        steps[asking] += more[on]
    return first, steps


def owners(c: Columns, flags: Any, chain: list[Ref], samples: list[list[Ref]]) -> Any:
    """For each node the number of the sample it belongs to, or a negative mark; None if there are no such samples.

    A node belongs to a sample if it is one of its terms or if everything that uses it belongs to it.
    """
    import numpy as np

    n = len(c)
    lowest: Any = np.full(n, len(samples))  # of the samples its users belong to, as far as these are known
    highest: Any = np.full(n, SHARED)
    group: Any = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
    terms = np.array([ref for sample in samples for ref in sample])
    np.minimum.at(lowest, terms[terms >= 0], group[terms >= 0])
    np.maximum.at(highest, terms[terms >= 0], group[terms >= 0])
    owner: Any = np.full(n, SHARED)
    owner[chain] = CHAIN
    counts = owner != CHAIN  # whether what a node reads is in use by it
    counts[flags] = False
    used: Any = np.repeat(counts, c.count)
    waiting = np.bincount(c.operands[used & (c.operands >= 0)], minlength=n)  # users that are not known yet
    ready = np.flatnonzero(counts & (waiting == 0))
    slot: Any = np.empty(n, np.int64)
    for _ in range(DEEPEST):
        if not len(ready):
            break
        agree = lowest[ready] == highest[ready]
        owner[ready] = np.where(agree, lowest[ready], SHARED)
        refs, reader = c.reads(ready)
        inner = refs >= 0
        refs, belongs = refs[inner], owner[ready[reader[inner]]]
        np.minimum.at(lowest, refs, belongs)
        np.maximum.at(highest, refs, belongs)
        np.subtract.at(waiting, refs, 1)
        refs = refs[(waiting[refs] == 0) & counts[refs]]
        slot[refs] = np.arange(len(refs))
        ready = refs[slot[refs] == np.arange(len(refs))]  # each once
    else:
        return None
    for flag in flags.tolist():
        found = {int(owner[ref]) for ref in c.args(flag) if ref >= 0} - {SHARED}
        if len(found) > 1 or CHAIN in found:
            return None  # a comparison between two samples
        owner[flag] = found.pop() if found else SHARED
    return owner


def _same_samples(kind: Any, owner: Any, n: int) -> tuple[Any, Any]:
    """The largest set of samples with the same ops in the same order: their numbers, and the nodes of each."""
    import numpy as np

    nodes = np.flatnonzero(owner >= 0)
    nodes = nodes[np.argsort(owner[nodes], kind="stable")]
    ends = np.cumsum(np.bincount(owner[nodes], minlength=n))
    classes: dict[bytes, list[int]] = {}
    begun = 0
    for k, end in enumerate(ends.tolist()):
        if end > begun:
            classes.setdefault(kind[nodes[begun:end]].tobytes(), []).append(k)
        begun = end
    if not classes:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    sizes = {key: (len(rows) >= FEWEST, len(key) * len(rows)) for key, rows in classes.items()}
    numbers = np.array(classes[max(sizes, key=lambda key: sizes[key])])
    mine = np.isin(owner[nodes], numbers)
    return numbers, nodes[mine].reshape(len(numbers), -1)
