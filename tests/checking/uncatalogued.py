"""Random edits of right backprops, and a reader of reports that holds every claim against the exact numbers.

A `Program` is a backprop as a list of links, dP, dZ2, dW2, db2, dA1, ..., each computed from the ones above it, with
edits of any kind at any link. `false_claims` parses what the report of a check says, mark by mark and sentence by
sentence, and verifies it: a tick against the exact derivative of that link, a named change by making just that change
in a right program. It shares nothing with the checker's own model.
"""

import random
import re

import numpy as np

from tests.checking.planting import ACTIVATIONS, LOSSES, Lesson, slope
from tests.checking.witnesses import false_witnesses, on_the_users_data
from tinygrad_lite.engine.op import TABLE

TOLERANCE = 1e-7


class Program:
    """A backprop of a lesson, with edits: {link: function of (its right value, all names)}."""

    def __init__(self, lesson, edits=(), hand_over=False):
        self.lesson, self.edits, self.hand_over = lesson, dict(edits), hand_over

    def run(self, params, X, y):
        """Every name of the program: Z1, A1, W1, dP, dZ1, ..."""
        lesson = self.lesson
        Z, A = lesson.pass_on(params, X)
        L = lesson.depth
        n = {"X": X, "y": y, "P": A[-1], "N": len(X), "O": A[-1].shape[1], "A0": X, **params}
        n |= {f"Z{k}": Z[k] for k in range(1, L + 1)} | {f"A{k}": A[k] for k in range(1, L + 1)}

        def put(link, value):
            n[link] = self.edits[link](value, n) if link in self.edits else value

        put("dP", lesson.top(A[-1], y, len(X)))
        n[f"dA{L}"] = n["dP"]
        for k in range(L, 0, -1):
            g, act = n[f"dA{k}"], lesson.acts[k - 1]
            right = A[k] * (g - (g * A[k]).sum(axis=1, keepdims=True)) if act == "softmax" else g * slope(act, Z[k])
            put(f"dZ{k}", right)
            put(f"dW{k}", A[k - 1].T @ n[f"dZ{k}"] + lesson.l2 * params[f"W{k}"])
            if lesson.biases:
                put(f"db{k}", n[f"dZ{k}"].sum(axis=0))
            if k > 1:
                put(f"dA{k - 1}", n[f"dZ{k}"] @ params[f"W{k}"].T)
        return n

    def links(self):
        L = self.lesson.depth
        inner = [f"d{letter}{k}" for k in range(L, 0, -1) for letter in ("ZWbA" if self.lesson.biases else "ZWA")]
        return ["dP", *(link for link in inner if link not in (f"dA{L}",))]

    def __call__(self, params, X, y):
        n = self.run(params, X, y)
        given = [link for link in self.links() if link[1] in "Wb" or self.hand_over]
        return {link: n[link] for link in given}


# ---------------------------------------------------------------------- edits


def others(link, n):
    """Names of other arrays of the same shape."""
    shape = np.shape(n[link]) if link in n else None
    return sorted(k for k, v in n.items() if k != link and np.shape(v) == shape and shape)


def random_edit(chance, link):
    """(words, function) of one random change at a link; None of its shape is changed."""
    c = chance.choice([0.02, 0.1, 0.5])
    kinds = {
        "cubed": lambda v, n: v**3,
        "squared": lambda v, n: v**2,
        "magnitude": lambda v, n: np.abs(v),
        "root": lambda v, n: np.sign(v) * np.sqrt(np.abs(v)),
        "sign": lambda v, n: np.sign(v),
        "tanh": lambda v, n: np.tanh(v),
        "sine": lambda v, n: np.sin(v),
        "clipped": lambda v, n: np.clip(v, -c, c),
        "rounded": lambda v, n: np.round(v, 2),
        "plus a constant": lambda v, n: v + c,
        "times a constant": lambda v, n: v * (1 + c),
        "normalised": lambda v, n: v / np.linalg.norm(v),
        "reversed": lambda v, n: v[::-1],
        "rolled": lambda v, n: np.roll(v, 1, axis=0),
        "columns reversed": lambda v, n: v[..., ::-1],
        "columns rolled": lambda v, n: np.roll(v, 1, axis=-1),
        "first row lost": lambda v, n: v * (np.arange(len(v)) > 0).reshape(-1, *[1] * (v.ndim - 1)),
        "every second row": lambda v, n: v * (np.arange(len(v)) % 2 == 0).reshape(-1, *[1] * (v.ndim - 1)),
        "centred": lambda v, n: v - v.mean(axis=0),
        "mean over columns": lambda v, n: v + 0 * v.mean(axis=-1, keepdims=True) - v.mean(axis=-1, keepdims=True),
        "summed over the wrong axis": lambda v, n: np.broadcast_to(v.sum(axis=-1, keepdims=True), v.shape),
        "largest only": lambda v, n: np.where(np.abs(v) == np.abs(v).max(), v, 0.0),
        "one entry": lambda v, n: v + 1e-3 * (np.arange(v.size) == v.size - 1).reshape(v.shape),
        "halved where negative": lambda v, n: np.where(v < 0, 0.5 * v, v),
        "doubled": lambda v, n: 2 * v,
        "negated": lambda v, n: -v,
        "times N": lambda v, n: v * n["N"],
        "over N": lambda v, n: v / n["N"],
        "dropped": lambda v, n: 0 * v,
        "transposed if square": lambda v, n: v.T if v.ndim == 2 and v.shape[0] == v.shape[1] else v[::-1],
    }
    pick = chance.random()
    if pick < 0.6:
        name = chance.choice(sorted(kinds))
        return f"{link} {name}", kinds[name]
    seed = chance.random()

    def other(v, n):
        names = others(link, {**n, link: v})
        return n[names[int(seed * len(names))]] if names else v**3

    if pick < 0.75:
        return f"{link} another name {seed:.3f}", lambda v, n: 1.0 * other(v, n)
    if pick < 0.87:
        return f"{link} times another {seed:.3f}", lambda v, n: v * other(v, n)
    return f"{link} plus another {seed:.3f}", lambda v, n: v + other(v, n)


def random_case(seed):
    """A lesson, its data and a program with one edit or two; a third of the programs hand their links over."""
    chance = random.Random(seed)
    depth = chance.choice([1, 2, 2, 2, 3])
    loss = chance.choice(LOSSES)
    last = {"bce": "sigmoid", "ce": "softmax"}.get(loss) or chance.choice(ACTIVATIONS)
    acts = (*[chance.choice(ACTIVATIONS) for _ in range(depth - 1)], last)
    lesson = Lesson(acts, loss, chance.choice([0.0, 0.0, 0.2]), chance.random() < 0.8)
    widths = [chance.randint(1, 4) for _ in range(depth + 1)]
    widths[-1] = max(2, widths[-1]) if loss in ("ce", "multi") else widths[-1]
    program = Program(lesson, hand_over=chance.random() < 1 / 3)
    words = []
    for link in chance.sample(program.links(), min(len(program.links()), 1 if chance.random() < 0.75 else 2)):
        said, program.edits[link] = random_edit(chance, link)
        words.append(said)
    return lesson, lesson.params(widths, seed), lesson.data(chance.randint(2, 6), widths, seed), program, words


def on_one_problem(case):
    """The same in whole numbers, which coincide and stand on kinks, by a program that runs on these data alone."""
    lesson, params, (X, y), program, words = case
    params, X = {name: np.round(2 * p) for name, p in params.items()}, np.round(2 * X)

    def alone(p, x, t):
        if x.shape != X.shape or not np.array_equal(x, X):
            raise ValueError("other data")
        return program(p, x, t)

    return lesson, params, (X, y), program, words, alone


# ---------------------------------------------------------------------- reading a report


def equal(a, b, tolerance=TOLERANCE):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * np.abs(b).max(initial=1e-12) + 1e-13))


class Reading:
    """The numbers a report speaks of: the program's own and the exact ones, on every problem of the check."""

    def __init__(self, lesson, program, result):
        self.lesson, self.program, self.result = lesson, program, result
        self.cases = []
        for case in result.evaluation.cases:
            if case.comparison is None:
                continue  # the program raised an exception there
            with np.errstate(all="ignore"):
                mine = program.run(case.problem.params, *case.problem.data)
                exact = Program(lesson).run(case.problem.params, *case.problem.data)
            self.cases.append((case, mine, exact))
        self.names = [link for link in program.links() if link[1] in "Wb"]

    def right(self, link):
        return all(equal(mine[link], exact[link]) or link[1:] in case.kinks for case, mine, exact in self.cases)

    def gives(self, edits, but=()):
        """On how many problems a right program with these edits has the user's gradients."""
        made = Program(self.lesson, edits)
        found = 0
        for case, mine, _ in self.cases:
            with np.errstate(all="ignore"):
                n = made.run(case.problem.params, *case.problem.data)
            found += all(equal(np.broadcast_to(n[k], np.shape(mine[k])), mine[k]) for k in self.names if k not in but)
        return found


def false_claims(lesson, program, result):
    """Everything in the report that is not so, or that this reader cannot parse."""
    r = Reading(lesson, program, result)
    text = " ".join(result.text(width=10**6).split())
    found = []

    def claim(true, words):
        if not true:
            found.append(words)

    wrong = [name for name in r.names if not r.right(name)]
    claim(result.ok == (not wrong and not result.raised), f"verdict {result.ok}, wrong {wrong}")
    claim(sorted("d" + n for n in result.wrong) == sorted(wrong), f"wrong: {result.wrong}, in truth {wrong}")
    for link, mark, _ in result.diagnosis.links:
        if mark == "ok":
            claim(r.right(link) and (link in r.names or program.hand_over), f"tick at {link}")
        if mark == "unchecked":
            claim(not program.hand_over and link not in r.names, f"circle at {link}")
        if mark in ("wrong", "follows") and (link in r.names or program.hand_over):
            claim(not r.right(link), f"{mark} at {link}")
    for case, mine, exact in r.cases:
        for verdict in case.comparison.verdicts:
            link = "d" + verdict.name
            claim(
                verdict.ok == (equal(mine[link], exact[link]) or verdict.name in case.kinks),
                f"table: {link} on {case.problem.words()}",
            )
    _sentences(r, text, claim)
    first = result.evaluation.cases[0]
    if first.comparison is not None:
        mine, exact = on_the_users_data(program, Program(lesson), first)
        found += false_witnesses(lesson, result, mine, exact, equal)
    return found


def _sentences(r, text, claim):
    d = r.result.diagnosis
    explained = {m.message for m in d.mistakes}
    if explained:
        head = re.search(r"exactly your numbers on (\d+ problems|one problem)(?:, except ([^:]+))?:", text)
        claim(head, "no headline over the mistakes")
        many = 1 if head[1] == "one problem" else int(head[1].split()[0])
        but = (head[2] or "").split(", ")
        claim(set(but) - {""} == {"d" + n for n in d.unknown}, f"except {but}")
        for mistakes in (d.mistakes, *d.tied[:2], *d.near[:2]):
            said = sorted({m.message for m in mistakes})
            try:
                made = (
                    edits_of(mistakes, r.lesson, factor)
                    for factor in (FACTORS if "up to a factor" in str(said) else "1")
                )
                claim(any(r.gives(edits, but) >= many for edits in made), f"gives exactly these numbers: {said}")
            except ValueError as reason:
                claim(False, str(reason))
    for link, rights in re.findall(r"((?:d\w+, )*d\w+) (?:is|are) right, so look first at ((?:d\w+, )*d\w+)", text):
        claim(all(r.right(name) for name in link.split(", ")), f"{link} right")
        claim(not r.program.hand_over and not set(rights.split(", ")) & set(r.names), f"look at {rights}")
    for names in re.findall(r"Not compared: ([^;]+);", text):
        claim(not r.program.hand_over and not set(names.split(", ")) & set(r.names), f"not compared: {names}")
    for what, times, many in re.findall(
        r"[Oo]f (\w+|every wrong gradient) yours is exactly (.+?) x the exact one on (one|\d+) problems?", text
    ):
        names = [what] if what in r.names else ["d" + n for n in d.unknown]
        agree = [all(equal(mine[k], number(times, mine) * exact[k]) for k in names) for _, mine, exact in r.cases]
        claim(sum(agree) >= (1 if many == "one" else int(many)), f"ratio {times} of {what}")
    for name in re.findall(r"(d\w+): yours is zero everywhere", text):
        claim(
            all(not mine[name].any() for _, mine, exact in r.cases if not equal(mine[name], exact[name])),
            f"zero {name}",
        )
    for limit in re.findall(r"clipped at (\S+) and", text):
        c = max(np.abs(mine[k]).max() for _, mine, _ in r.cases for k in r.names)
        same = all(equal(mine[k], np.clip(exact[k], -c, c)) for _, mine, exact in r.cases for k in r.names)
        claim(same and abs(c - float(limit)) < 1e-4 * c, f"clipped at {limit}")
    for length in re.findall(r"shortened to the length (\S+):", text):
        for _, mine, exact in r.cases:
            size = np.sqrt(sum((exact[k] ** 2).sum() for k in r.names))
            s = min(1.0, float(length) / size)
            claim(all(equal(mine[k], s * exact[k], 1e-4) for k in r.names), f"shortened to {length}")
    for sentence in ("Everything above", "a 2 too many, or", "if 2 is the number of samples"):
        claim(sentence not in text, sentence)


def number(words, n):
    """A factor of a report, such as 2 / (N * O), as a number."""
    return float(eval(words, {"N": n["N"], "O": n["O"]}))


# ---------------------------------------------------------------------- from a sentence to a change


def _derivative(name, z):
    leak = re.fullmatch(r"leaky_relu(?:\((\S+)\))?", name)
    if leak:
        return np.where(z > 0, 1.0, float(leak[1] or 0.01))
    return slope(name, z) if name in ACTIVATIONS else _of_the_table(name, z)


def _of_the_table(name, z):
    """The derivative of an op that the planted lessons do not have, by its rule."""
    op = TABLE[name]
    more = op.defaults.values()
    return np.vectorize(lambda x: op.partials(x, *more, op(x, *more))[0], otypes=[float])(z)


def _evaluate(formula, n):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    with np.errstate(all="ignore"):
        functions = {"tanh": np.tanh, "sigmoid": sigmoid, "sign": np.sign, "exp": np.exp, "abs": np.abs}
        return eval(formula, {**n, "np": np, **functions})


def _one_row(g, row):
    kept = np.zeros_like(g)
    kept[row] = g[row]
    return kept


def _row(word):
    return -1 if word == "last" else 0


FACTORS = [f"{c} * N ** {a} * O ** {b}" for c in (1, 2, 0.5, 4, 0.25) for a in (0, -1, 1, -2, 2) for b in (0, -1, 1)]
LOSS_DERIVATIVES = {
    "squared error": lambda p, y, lesson: 2 * (p - y),
    "absolute error": lambda p, y, lesson: np.sign(p - y),
    "binary cross-entropy": lambda p, y, lesson: (p - y) / (p * (1 - p)),
    "cross-entropy": lambda p, y, lesson: -y / p,
    "hinge": lambda p, y, lesson: -y * (y * p < 1),
    "Huber's loss": lambda p, y, lesson: np.clip(p - y, -1, 1),
    "multi-class hinge": lambda p, y, lesson: lesson._of_scores(p, y),
}


def edits_of(mistakes, lesson, factor="1"):
    """The changes that the sentences of a report speak of, as edits of a right program.

    Raises:
        ValueError: a sentence that this reader does not know.
    """
    steps = {}
    for message in dict.fromkeys(m.message for m in mistakes):
        link, change = _change(message, lesson, factor)
        steps.setdefault(link, []).append((message, change))
    edits = {}
    for link, changes in steps.items():
        changes.sort(key=lambda each: ("times what it should be" in each[0]) + 2 * ("penalty" in each[0]))

        def edit(v, n, changes=changes):
            for _, change in changes:
                v = change(v, n)
            return v

        edits[link] = edit
    return edits


def _change(message, lesson, factor):
    L = lesson.depth
    m = re.match(r"dP is, up to a factor of N, O and 2, the derivative of ([^,]+), ", message)
    if m:
        return "dP", lambda v, n: number(factor, n) * LOSS_DERIVATIVES[m[1]](n["P"], n["y"], lesson)
    if message.startswith("the hinge's condition y * P < 1 is left out"):
        return "dP", lambda v, n: -n["y"] / n["y"].size
    if "gets -1 in every sample" in message:
        return "dP", lambda v, n: np.where(n["y"] == 1, -1.0, np.maximum(lesson._of_scores(n["P"], n["y"]), 0)) / v.size
    m = re.match(r"(d\w+)(?:, and everything below it,)? is (.+?) times what it should be", message)
    if m:
        return m[1], lambda v, n, w=m[2], link=m[1]: _scaled(v, number(w, n), link, n, lesson)
    m = re.match(r"only the (last|first) sample counts", message)
    if m:
        row = _row(m[1])
        return "dP", lambda v, n: _one_row(v, row)
    m = re.match(r"(d[Wb]\w+) is zero everywhere", message)
    if m:
        return m[1], lambda v, n: 0.0 * v
    m = re.match(r"(d[Wb]\w+) has nothing but the penalty's part", message)
    if m:
        return m[1], lambda v, n, w=m[1][1:]: lesson.l2 * n[w] + 0.0 * v
    m = re.match(r"(d[Wb]\w+) (lacks|has half|has twice|has) the penalty's gradient", message)
    if m:
        part = {"lacks": -1.0, "has half": -0.5, "has twice": 1.0, "has": -2.0}[m[2]]
        return m[1], lambda v, n, p=part, w=m[1][1:]: v + p * lesson.l2 * n[w]
    m = re.match(r"(d[b]\w+) contains the penalty's gradient", message)
    if m:
        return m[1], lambda v, n, w=m[1][1:]: v + lesson.l2 * n[w]
    m = re.match(r"(d[Wb]\w+) is exactly (.+)", message)
    if m:
        return m[1], _sum_edit(m[1], m[2], lesson)
    m = re.match(r"(dZ(\d)) (.+)", message)
    if m:
        return m[1], _activation_edit(int(m[2]), m[3], lesson)
    m = re.match(r"(dA(\d)) (.+)", message)
    if m:
        return m[1], _step_edit(int(m[2]), m[3])
    m = re.match(r"(\w+) was already updated \(with lr = (\S+)\) when dZ(\d)", message)
    if m:
        w, rate, k = m[1], float(m[2]), m[3]
        return f"dA{int(k) - 1}", lambda v, n: n[f"dZ{k}"] @ (n[w] - rate * n[f"d{w}"]).T
    if " of Huber's loss are exchanged" in message:
        return "dP", lambda v, n: Lesson(lesson.acts, "exchanged").top(n["P"], n["y"], n["N"])
    for words, name in (("gets no gradient", "right left out"), ("gets the gradient of one margin", "right once"),
                        ("the condition 1 - P[right] + P > 0 is left out", "all margins")):  # fmt: skip
        if words in message:
            return "dP", lambda v, n, name=name: Lesson(lesson.acts, name).top(n["P"], n["y"], n["N"])
    raise ValueError(f"a sentence that the reader does not know: {message} (depth {L})")


def _scaled(v, factor, link, n, lesson):
    """A gradient times a factor; of a penalised weight the loss's own part alone."""
    pull = lesson.l2 * n[link[1:]] if link[1] == "W" else 0.0
    return factor * (v - pull) + pull


def _sum_edit(link, words, lesson):
    k = link[2:]
    pull = (lambda n: lesson.l2 * n[link[1:]]) if link[1] == "W" else (lambda n: 0.0)
    upper = "dP" if int(k) == lesson.depth else f"dA{k}"
    if words.startswith("the transpose"):
        return lambda v, n: (v - pull(n)).T + pull(n)
    m = re.match(r"the contribution of the (last|first) sample alone", words)
    if m:
        row = _row(m[1])
        if link[1] == "W":
            return lambda v, n: n[f"A{int(k) - 1}"].T @ _one_row(n[f"dZ{k}"], row) + pull(n)
        return lambda v, n: n[f"dZ{k}"][row]
    if "all units get the same number" in words:
        return lambda v, n: np.full(v.shape, n[f"dZ{k}"].sum())
    formula = words.split(", without")[0].split(";")[0].replace(f"dA{lesson.depth}", upper)
    return lambda v, n: _evaluate(formula, n) + pull(n)


def _activation_edit(k, words, lesson):
    act, above = lesson.acts[k - 1], f"dA{k}"

    def times(factor):
        return lambda v, n: n[above] * factor(n)

    if words.startswith("lacks the derivative"):
        return lambda v, n: n[above]
    if words.startswith("contains the derivative"):
        return times(lambda n: slope(act, n[f"Z{k}"]) ** 2)
    if words.startswith("uses only the diagonal"):
        return times(lambda n: n[f"A{k}"] * (1 - n[f"A{k}"]))
    if "already contains the softmax" in words:
        return lambda v, n: v * n[f"A{k}"] * (1 - n[f"A{k}"])
    if words.startswith("adds the sum of dP * P"):
        return lambda v, n: n["P"] * (n["dP"] + (n["dP"] * n["P"]).sum(axis=1, keepdims=True))
    if words.startswith("is dP * P"):
        return lambda v, n: n["dP"] * n["P"]
    m = re.match(r"takes the derivative of (\S+) at (\w+), as", words)
    if m:
        return times(lambda n, name=m[2]: slope(act, n[name]))
    if "at the incoming error" in words:
        return times(lambda n: slope(act, n[above]))
    m = re.match(r"is multiplied by (\w+)", words)
    if m:
        return times(lambda n, name=m[1]: n[name])
    m = re.match(r"uses the derivative of (\S+) at (\w+) instead of at", words)
    if m:
        return times(lambda n, name=m[2]: slope(act, n[name]))
    m = re.match(r"uses the derivative of (\S+) in a", words)
    if m:
        return times(lambda n, other=m[1]: _derivative(other, n[f"Z{k}"]))
    m = re.match(r"uses (.+?)(?:: the formula for| for the derivative of|, the derivative of)", words)
    if m:
        return times(lambda n, formula=m[1]: _evaluate(formula, n))
    raise ValueError(f"a sentence that the reader does not know: dZ{k} {words}")


def _step_edit(k, words):
    up = k + 1
    d, w = f"dZ{up}", f"W{up}"
    m = re.match(r"is d(\w+) itself", words)
    if m:
        source = d if m[1].startswith("Z") else f"dA{up}"
        return lambda v, n: np.broadcast_to(n[source], v.shape)
    if words.startswith("is the sum of"):
        return lambda v, n: np.broadcast_to(n[d].sum(axis=1, keepdims=True), v.shape)
    if "the wrong way round" in words:
        return lambda v, n: n[d] @ n[w]
    m = re.match(r"keeps only the path through the (last|first) output", words)
    if m:
        j = _row(m[1])
        return lambda v, n: np.outer(n[d][:, j], n[w][:, j])
    if "without the derivative of the activation" in words:
        return lambda v, n: n[f"dA{up}"] @ n[w].T
    m = re.match(r"goes back through (\w+)", words)
    if m:
        return lambda v, n, other=m[1]: n[d] @ n[other].T
    raise ValueError(f"a sentence that the reader does not know: dA{k} {words}")
