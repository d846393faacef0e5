"""What happens between the last layer's sums Z and the loss: recognised by exact numbers, never guessed.

Each kind of loss finds its target from Z, the loss and d(loss)/dZ. It is accepted only if with that target it gives
back the loss itself and every entry of d(loss)/dZ. If none fits, the code begins with d(loss)/dZ as the graph has it.
NumPy is imported here at the moment of use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tinygrad_lite.analysis.elementwise import Steps, derivative_code, forward_code, simplest
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NotLayered

Array = Any
_SAME = 1e-9


class Given(NamedTuple):
    """What is known about the last layer and the loss."""

    z: Array  # (N, O): the last layer's sums ...
    dz: Array  # ... and the gradient of the loss w.r.t. them
    loss: float
    nodes: list[list[Any]]  # those sums in the graph ...
    order: list[Value]  # ... and all of it
    adjoint: dict[Value, Any]  # d(loss)/d(node) of every node
    zn: str  # what Z and dZ are called in the code
    dzn: str


class Head(NamedTuple):
    """A loss as code.

    `forward` and `backward` are lines in Z, dZ (the last layer's) and T, the target; what they need is in `arrays`.
    """

    name: str
    forward: list[str]
    backward: list[str]
    arrays: dict[str, Array]


def recognise(given: Given) -> Head:
    """The loss, as code."""
    head = _known(given) or _known_behind_an_activation(given)
    if head is not None:
        return head
    return Head("not recognised", [], [f"# {given.dzn} is given: the gradient that the loss hands to {given.zn}"], {})


def _known(given: Given) -> Head | None:
    """The first kind of loss that fits. Where all is 0, everything would fit, so nothing is said."""
    import numpy as np

    finite = np.isfinite(given.loss) and np.isfinite(given.z).all() and np.isfinite(given.dz).all()
    if not finite or not given.dz.any():
        return None
    return _of_differences(given) or _of_scores(given)


def _known_behind_an_activation(given: Given) -> Head | None:
    """A loss of A = activation(Z), where every sum has the same row of the table for its only user."""
    import numpy as np

    users = _users(given.order)
    above = [[users.get(node, []) for node in row] for row in given.nodes]
    rows = {user.op for row in above for found in row for user in found}
    if len(rows) != 1 or any(len(found) != 1 for row in above for found in row) or (op := rows.pop()).arity != 1:
        return None
    activated = [[found[0] for found in row] for row in above]
    a, da = (np.array([[what(node) for node in row] for row in activated]) for what in (_data, given.adjoint.get))
    an, steps = given.zn.replace("Z", "A"), ((op, ("z",)),)
    head = _known(given._replace(z=a, dz=da, nodes=activated, zn=an, dzn=f"d{an}"))
    if head is None:
        return None
    try:
        forward, inner = forward_code(steps, given.zn), derivative_code(steps, given.zn, an)
    except NotLayered:
        return None
    back = f"{given.dzn} = d{an} * {inner}"
    return head._replace(forward=[f"{an} = {forward}", *head.forward], backward=[*head.backward, back])


def _data(node: Value) -> float:
    return node.data


def _users(order: list[Value]) -> dict[Value, list[Value]]:
    """The nodes that each node is an operand of."""
    users: dict[Value, list[Value]] = {}
    for node in order:
        for operand in dict.fromkeys(x for x in node.parents if isinstance(x, Value)):
            users.setdefault(operand, []).append(node)
    return users


def factor_words(c: float, n: int, o: int) -> tuple[str, str] | None:
    """A factor in front of a sum over n samples and o outputs, as code behind it, and in words.

    >>> factor_words(1 / 12, 4, 3), factor_words(0.5, 4, 3), factor_words(0.123, 4, 3)
    ((' / 12', 'mean over all entries'), (' / 2', 'half the sum'), None)
    >>> factor_words(1.0, 1, 1)[1]
    'sum or mean (the same over one sample)'
    """
    known = [
        (1.0, "", "sum"),
        (1 / (n * o), f" / {n * o}", "mean over all entries" if o > 1 else "mean"),
        *([(1 / n, f" / {n}", "mean over samples")] if o > 1 else []),
        (0.5, " / 2", "half the sum"),
        (0.5 / (n * o), f" / {2 * n * o}", "half the mean"),
        *([(0.5 / n, f" / {2 * n}", "half the mean over samples")] if o > 1 else []),
        *([(1 / o, f" / {o}", "mean over outputs")] if o > 1 and n > 1 else []),
    ]
    found = [(code, words) for value, code, words in known if abs(c - value) <= _SAME * value]
    if not found:
        return None
    if n > 1 or len(found) == 1:
        return found[0]
    return found[0][0], f"{' or '.join(words for _, words in found)} (the same over one sample)"


def _fits(given: Given, loss: float, dz: Array) -> bool:
    import numpy as np

    scale = float(np.abs(given.dz).max())
    same_loss = abs(given.loss - loss) <= _SAME * max(abs(given.loss), 1e-6)
    return bool(same_loss and np.abs(given.dz - dz).max() <= _SAME * scale)


def _of_differences(given: Given) -> Head | None:
    """c times the sum of a function of P - T, where P is Z or an activation of it, and T stands in the graph."""
    import numpy as np

    from tinygrad_lite.analysis.losses import ABSOLUTE, HUBER, HUBERS, SQUARE

    found = _differences(given.nodes, given.order)
    if found is None or not (found[1] - found[2]).any():
        return None
    steps, p, t = found
    try:
        inner = derivative_code(steps, given.zn, "P")
        forward = [f"P = {forward_code(steps, given.zn)}"] if steps else []
    except NotLayered:
        return None
    outer = eval(inner, {"np": np, given.zn: given.z, "P": p})  # the text is ours, from the table
    hubers = "np.where(np.abs({e}) <= {d}, ({e})**2 / 2, {d} * (np.abs({e}) - {d} / 2))"
    kinds = {SQUARE: "({e})**2", ABSOLUTE: "np.abs({e})", **dict.fromkeys((HUBER, *HUBERS), hubers)}
    for kind, term in kinds.items():
        c = given.loss / (float(kind.terms(p, t).sum()) or np.nan)
        if not _fits(given, given.loss, c * kind.derivative(p, t) * outer):
            continue
        n, o = given.z.shape
        code, words = factor_words(c, n, o) or (f" * {c!r}", f"{c:.6g} times the sum")
        e = f"{'P' if steps else given.zn} - T"
        halved = factor_words(2 * c, n, o) if words.startswith("half") and kind is SQUARE else None
        derivative = kind.written.replace("sign", "np.sign").replace("P - y", e) + code
        gradient = f"({e}){halved[0]}" if halved else derivative  # the 2 of the square cancels
        forward.append(f"loss = np.sum({term.format(e=e, d=f'{kind.delta:g}')}){code}")
        backward = [f"dP = {gradient}", f"{given.dzn} = dP * {inner}"] if steps else [f"{given.dzn} = {gradient}"]
        return Head(f"{kind.name}, {words}", forward, backward, {"T": t})
    return None


def _differences(nodes: list[list[Any]], order: list[Value]) -> tuple[Steps, Array, Array] | None:
    """From each sum along its only use: an activation perhaps, then the difference from a constant or a leaf."""
    import numpy as np

    users = _users(order)
    found = [[_difference(node, users) for node in row] for row in nodes]
    flat = [entry for row in found for entry in row]
    if None in flat or len({entry[0] for entry in flat if entry}) > 1 or flat[0] is None:
        return None
    p, t = (np.array([[entry[k] for entry in row if entry] for row in found]) for k in (1, 2))
    return simplest(flat[0][0]), p, t


def _difference(node: Value, users: dict[Value, list[Value]]) -> tuple[Steps, float, float] | None:
    """The steps from one sum to its prediction, the prediction, and what it is compared with."""
    steps: list[Any] = []
    while len(users.get(node, [])) == 1 and len(steps) <= 8:
        user = users[node][0]
        others = [x for x in user.parents if x is not node]
        if user.op is ops.sub and len(others) == 1 and (others[0].__class__ is float or not others[0].parents):
            return tuple(steps), node.data, others[0] if others[0].__class__ is float else others[0].data
        if any(x.__class__ is not float for x in others):
            return None
        place = len(steps) - 1 if steps else "z"
        steps.append((user.op, tuple([place if x is node else x for x in user.parents])))
        node = user
    return None


def _of_scores(given: Given) -> Head | None:
    """c times a loss of the scores Z themselves, whose target follows from its derivative: it stands nowhere."""
    import numpy as np

    z, name = given.z, given.zn
    log_p = z - z.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    soft, share = np.exp(log_p), np.exp(-np.logaddexp(0.0, -z))
    sides = np.where(given.dz != 0, -np.sign(given.dz), np.where(z > 0, 1.0, -1.0))
    softmax = (
        "softmax and cross-entropy",
        lambda c: _target(soft - given.dz / c),
        lambda t: -(t * log_p).sum(),
        lambda t: soft - t,
        [
            "# the softmax, the largest moved to 0 first, so that exp cannot overflow",
            f"logP = {name} - {name}.max(axis=1, keepdims=True)",
            "logP = logP - np.log(np.exp(logP).sum(axis=1, keepdims=True))",
            "P = np.exp(logP)",
            "loss = -np.sum(T * logP)",
        ],
        "(P - T)",
    )
    sigmoid = (
        "sigmoid and binary cross-entropy",
        lambda c: _target(share - given.dz / c),
        lambda t: (np.logaddexp(0.0, z) - t * z).sum(),
        lambda t: share - t,
        [
            f"P = 1 / (1 + np.exp(-{name}))",
            "# -T log P - (1 - T) log(1 - P), in a form that is stable",
            f"loss = np.sum(np.logaddexp(0, {name}) - T * {name})",
        ],
        "(P - T)",
    )
    hinge = (
        "hinge",
        lambda c: sides,
        lambda t: np.maximum(0.0, 1.0 - t * z).sum(),
        lambda t: -t * (t * z < 1),
        [f"loss = np.sum(np.maximum(0, 1 - T * {name}))"],
        f"-T * (T * {name} < 1)",
    )
    heads: list[Any] = [softmax, sigmoid, hinge]
    for kind, target, loss, derivative, forward, back in heads[z.shape[1] < 2 :]:
        for c, code, words in _factors(*z.shape):
            t = target(c)
            if t is not None and _fits(given, c * float(loss(t)), c * derivative(t)):
                lines = [*forward[:-1], forward[-1] + code]
                return Head(f"{kind}, {words}", lines, [f"{given.dzn} = {back}{code}"], {"T": t})
    return None


def _target(t: Array) -> Array | None:
    """A matrix of probabilities with 0 and 1 made exact, or None if it is none."""
    import numpy as np

    whole = np.round(t)
    t = np.where(np.abs(t - whole) < _SAME, whole, t)
    return t if (t >= 0).all() and (t <= 1).all() else None


def _factors(n: int, o: int) -> Iterator[tuple[float, str, str]]:
    for c in dict.fromkeys((1.0, 1 / n, 1 / (n * o), 0.5, 0.5 / n, 1 / o)):
        found = factor_words(c, n, o)
        if found is not None:
            yield c, *found
