"""The wrong line and its mend: found, verified, written in the user's own text, with nothing of the user's changed."""

import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg

EPS = 1e-5


def norm_loss(x, gamma, beta, w):
    mu = x.mean(axis=0)
    xc = x - mu
    std = np.sqrt((xc**2).mean(axis=0) + EPS)
    xhat = xc / std
    out = gamma * xhat + beta
    return (out**2 * w).sum()


def norm_backprop(x, gamma, beta, w):
    N = x.shape[0]
    mu = x.mean(axis=0)
    xc = x - mu
    std = np.sqrt((xc**2).mean(axis=0) + EPS)
    xhat = xc / std
    out = gamma * xhat + beta
    dout = 2 * out * w
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dstd = -(dxhat * xc).sum() / std**2  # WRONG
    dxc = dxhat / std + xc * dstd / std / N
    dx = dxc - dxc.sum(axis=0) / N
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def norm_problem(seed=0):
    chance = np.random.default_rng(seed)
    params = {"x": chance.normal(size=(5, 3)) * 2 + 1, "gamma": chance.normal(size=3), "beta": chance.normal(size=3)}
    return params, chance.normal(size=(5, 3))


def line_of(function, text):
    """The number of the line of a function's file that holds some text."""
    first = function.__code__.co_firstlineno
    lines = Path(function.__code__.co_filename).read_text().splitlines()
    return next(n for n in range(first, len(lines)) if text in lines[n - 1])


@pytest.fixture(scope="module")
def norm():
    params, w = norm_problem()
    return tg.check(norm_loss, norm_backprop, params, w)


def test_the_wrong_line_is_named_and_all_marks_are_facts(norm):
    wrong = line_of(norm_backprop, "# WRONG")
    marks = {line.number: line.mark for line in norm.lines}

    assert [n for n, mark in marks.items() if mark == "wrong"] == [wrong]
    assert all(marks[n] in ("ok", "") for n in marks if n < wrong)
    assert marks[wrong + 1] == marks[wrong + 2] == "follows"


def test_the_mend_is_exact_on_other_data_and_leaves_the_function_alone(norm):
    params, w = norm_problem(7)
    mended = norm.mends[0].function(**params, w=w)
    again = tg.check(norm_loss, norm.mends[0].function, params, w, mend=False)

    assert again.ok
    assert norm_backprop(**params, w=w)["dx"] != pytest.approx(mended["dx"])
    assert norm.mends[0].problems >= 5
    assert list(norm.mends[0].sources) == ["norm_backprop"]


def test_the_diff_is_of_the_users_text_and_patch_takes_it(norm, tmp_path):
    lines = Path(__file__).read_text()
    (tmp_path / "test_lines.py").write_text(lines)
    diff = norm.mends[0].diff
    for command in (["patch", "--dry-run"], ["patch", "-p1", "--dry-run"], ["git", "apply"]):
        done = subprocess.run(command, input=diff, text=True, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    before, after = lines.splitlines(), (tmp_path / "test_lines.py").read_text().splitlines()

    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [norm.mends[0].edits[0].line]
    assert after[norm.mends[0].edits[0].line - 1].endswith("# WRONG")


def test_the_report_says_which_line_and_how(norm):
    text = norm.text()

    assert "With this change every gradient is exact on" in text
    assert "      mend    + " in text
    assert max(map(len, text.splitlines())) <= 80
    assert "<ins" in norm.html()


def defined(source, **names):
    """A function from source that Python knows the text of, as in a notebook."""
    import linecache

    defined.count = getattr(defined, "count", 0) + 1
    name = f"<cell {defined.count}>"
    text = textwrap.dedent(source)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space = {"np": np, **names}
    exec(compile(text, name, "exec"), space)
    return space


STYLES = {
    "a lambda": """
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        backprop = lambda w, X, y: {"w": X.T @ (X @ w - y)}
        """,
    "a closure": """
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        def made(factor):
            def backprop(w, X, y):
                e = X @ w - y
                return {"w": factor * (X.T @ e) + 0 * factor}
            return backprop
        backprop = made(1.0)
        """,
    "a nested function": """
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        def backprop(w, X, y):
            def error(a, b):
                return a - b
            e = error(X @ w, y)
            return {"w": X.T @ e}
        """,
    "a class with a cache": """
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        class Net:
            def __init__(self, w):
                self.w, self.cache = w, {}
            def forward(self, X):
                self.cache["X"] = X
                return X @ self.w
            def backward(self, e):
                return {"w": self.cache["X"].T @ e}
        def backprop(w, X, y):
            net = Net(w)
            return net.backward(net.forward(X) - y)
        """,
    "a decorated function": """
        import functools
        def plain(f):
            @functools.wraps(f)
            def inner(*args):
                return f(*args)
            return inner
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        @plain
        def backprop(w, X, y):
            e = X @ w - y
            return {"w": X.T @ e}
        """,
    "a loop in place": """
        def loss(w, X, y):
            return ((X @ w - y) ** 2).sum()
        def backprop(w, X, y):
            dw = np.zeros_like(w)
            for i in range(len(X)):
                e = X[i] @ w - y[i]
                dw += e * X[i]
            return {"w": dw}
        """,
    "a sum forgotten in a loop, beside a loop before it": """
        def loss(w, X, y):
            total = 0.0
            for x, t in zip(X, y):
                total = total + (x @ w - t) ** 2
            return total
        def backprop(w, X, y):
            errors = []
            for x, t in zip(X, y):
                errors.append(x @ w - t)
            out = {"w": np.zeros(len(w))}
            for x, e in zip(X, errors):
                g = 2 * e * x
            return out
        """,
    "two mistakes": """
        def loss(w, X, y):
            h = np.tanh(X @ w)
            return ((h - y) ** 2).sum()
        def backprop(w, X, y):
            h = np.tanh(X @ w)
            dh = h - y
            dz = dh * (1 - h)
            return {"w": X.T @ dz}
        """,
}


@pytest.mark.few(3)
@pytest.mark.parametrize("style", STYLES)
def test_a_mend_is_found_in_every_style(style):
    space = defined(STYLES[style])
    chance = np.random.default_rng(3)
    params, X, y = {"w": chance.normal(size=3)}, chance.normal(size=(6, 3)), chance.normal(size=6)
    codes = {name: f.__code__ for name, f in space.items() if hasattr(f, "__code__")}
    names = set(space)
    result = tg.check(space["loss"], space["backprop"], params, X, y)

    assert result.mends
    assert tg.check(space["loss"], result.mends[0].function, params, X[:4], y[:4], mend=False).ok
    assert {name: f.__code__ for name, f in space.items() if hasattr(f, "__code__")} == codes
    assert set(space) == names


def test_without_source_nothing_is_claimed():
    space = {"np": np}
    exec("def backprop(w, X, y):\n    return {'w': X.T @ (X @ w - y)}", space)
    X, y = np.arange(6.0).reshape(3, 2), np.ones(3)
    result = tg.check(lambda w, X, y: ((X @ w - y) ** 2).sum(), space["backprop"], {"w": np.ones(2)}, X, y)

    assert not result.ok
    assert result.lines == result.mends == []
    assert "No line is named: the source of backprop cannot be had." in " ".join(result.text().split())


FIT = """
    def loss(w, X, y):
        return ((X @ w - y) ** 2).sum()
    """


def fitted(source, **names):
    """A check of a backprop for `FIT`, and the namespace it lives in."""
    space = defined(textwrap.dedent(FIT) + textwrap.dedent(source), **names)
    chance = np.random.default_rng(3)
    data = chance.normal(size=(6, 3)), chance.normal(size=6)
    return tg.check(space["loss"], space["backprop"], {"w": chance.normal(size=3)}, *data), space


def test_what_reaches_outside_is_not_repeated(tmp_path):
    seen = []
    result, _ = fitted(
        """
        def backprop(w, X, y):
            seen.append(1)
            open(path, "a").write("x")
            return {"w": X.T @ (X @ w - y)}
        """,
        seen=seen,
        path=tmp_path / "log",
    )
    before = len(seen), (tmp_path / "log").read_text()

    assert result.mends == []
    assert (len(seen), (tmp_path / "log").read_text()) == before
    assert "calls open, which is not to be repeated" in " ".join(result.text().split())


def test_statements_that_print_or_draw_are_never_edited(capsys):
    result, _ = fitted(
        """
        def backprop(w, X, y):
            e = X @ w - y
            print("error", (e * e).sum())
            noise = np.random.normal(size=3)
            return {"w": X.T @ e + 0 * noise}
        """
    )

    assert result.mends
    assert all("print" not in e.old and "random" not in e.old for m in result.mends for e in m.edits)
    assert capsys.readouterr().out == ""


def test_a_search_leaves_random_states_caches_and_limits_alone():
    import random
    import sys

    cache = {"calls": 0, "last": np.zeros(3)}
    result, space = fitted(
        """
        def backprop(w, X, y):
            cache["calls"] += 1
            cache["last"][:] = X.T @ (X @ w - y)
            return {"w": cache["last"].copy()}
        """,
        cache=cache,
    )
    np.random.seed(5)
    random.seed(5)
    kept = {"calls": cache["calls"], "last": cache["last"].copy()}
    states = np.random.get_state()[1].copy(), random.getstate(), sys.getrecursionlimit(), dict(space)

    assert result.mends
    assert kept["calls"] == cache["calls"]
    assert np.array_equal(kept["last"], cache["last"])
    assert np.array_equal(states[0], np.random.get_state()[1])
    assert (random.getstate(), sys.getrecursionlimit(), dict(space)) == states[1:]


def test_changes_that_never_end_or_never_return_are_given_up():
    result, _ = fitted(
        """
        def down(k):
            return 0.0 if k == 0 else down(k - 1)
        def backprop(w, X, y):
            i, e = 0, X @ w - y
            while i < 3:
                i += 1
            return {"w": X.T @ e + down(3)}
        """
    )

    assert result.mends


@pytest.mark.long
def test_ctrl_c_ends_the_search_and_leaves_nothing_changed(monkeypatch):
    import sys

    result, space = fitted("def backprop(w, X, y):\n    return {'w': X.T @ (X @ w - y)}\n")
    code, names, deepest = space["backprop"].__code__, set(space), sys.getrecursionlimit()
    runs = [0]

    def interrupted(self, k, codes):
        runs[0] += 1
        if runs[0] == 9:
            raise KeyboardInterrupt
        return plain(self, k, codes)

    from tinygrad_lite.checking.lines import bench

    plain = bench.Bench.gradients
    monkeypatch.setattr(bench.Bench, "gradients", interrupted)
    with pytest.raises(KeyboardInterrupt):
        result.mends

    assert (space["backprop"].__code__, set(space), sys.getrecursionlimit()) == (code, names, deepest)


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("line", "mended", "code"),
    [
        ("dW = X.T @ dz", "dW = X @ dz", "TRANSPOSED"),
        ("db = dz.sum(axis=0)", "db = dz.sum()", "SUM_AXIS"),
        ("dz = dh * (1 - h**2)", "dz = dh", "DROPPED_FACTOR"),
        ("dh = 2 * (h - y) / n", "dh = 2 * (y - h) / n", "SIGN"),
        ("dh = 2 * (h - y) / n", "dh = 2 * (h - y)", "MEAN_N"),
    ],
)
def test_the_edit_tells_the_code(line, mended, code):
    source = """
        def loss(W, b, X, y):
            h = np.tanh(X @ W + b)
            return ((h - y) ** 2).sum() / len(X)
        def backprop(W, b, X, y):
            n = len(X)
            h = np.tanh(X @ W + b)
            dh = 2 * (h - y) / n
            dz = dh * (1 - h**2)
            dW = X.T @ dz
            db = dz.sum(axis=0)
            return {"dW": dW, "db": db}
        """.replace(line, mended)
    space = defined(source)
    chance = np.random.default_rng(0)
    params = {"W": chance.normal(size=(3, 2)), "b": chance.normal(size=2)}
    result = tg.check(space["loss"], space["backprop"], params, chance.normal(size=(5, 3)), chance.normal(size=(5, 2)))

    assert result.mends[0].edits[0].old.strip() == mended
    assert [reason.code for reason in result.mends[0].reasons] == [code]


def test_every_change_has_a_sentence_and_no_comment_of_the_users_is_quoted():
    source = """
        def loss(W, b, X, y):
            h = np.tanh(X @ W + b)  # the hidden layer
            return ((h - y) ** 2).sum()  # summed, "not" averaged
        def backprop(W, b, X, y):
            out = np.tanh(X @ W + b)
            pull = (out - y) * (1 - out**2)
            return {"dW": X.T @ pull, "db": pull.sum()}
        """
    space = defined(source)
    chance = np.random.default_rng(0)
    params = {"W": chance.normal(size=(3, 2)), "b": chance.normal(size=2)}
    result = tg.check(space["loss"], space["backprop"], params, chance.normal(size=(5, 3)), chance.normal(size=(5, 2)))
    sentences = [reason.sentence for reason in result.mends[0].reasons]

    assert len(sentences) == 2
    assert all(sentences)
    assert "#" not in "".join(sentences)
    assert "stands where" in sentences[0]


@pytest.mark.long
def test_large_data_are_cut_to_a_few_samples_for_the_search():
    def loss(W, b, v, X, y):
        h = np.tanh(X @ W + b) @ v
        return ((h - y) ** 2).mean() + 0.01 * np.sqrt((W**2).sum())

    space = defined(
        """
        def backprop(W, b, v, X, y):
            h = np.tanh(X @ W + b)
            d = 2 * (h @ v - y) / len(y)
            dv = h.T @ d
            dz = np.outer(d, v) * (1 - h)
            dW = X.T @ dz + 0.01 * W / np.sqrt((W**2).sum())
            return {"dW": dW, "db": dz.sum(axis=0), "dv": dv}
        """
    )
    chance = np.random.default_rng(0)
    params = {"W": chance.normal(size=(50, 4)) / 5, "b": chance.normal(size=4), "v": chance.normal(size=4)}
    X, y = chance.normal(size=(1000, 50)), chance.normal(size=1000)
    result = tg.check(loss, space["backprop"], params, X, y)
    mended = result.mends[0].function(**params, X=X, y=y)
    step = chance.normal(size=(50, 4)) * 1e-6
    there, back = (loss(params["W"] + s * step, params["b"], params["v"], X, y) for s in (1, -1))

    assert [e.old.strip() for e in result.mends[0].edits] == ["dz = np.outer(d, v) * (1 - h)"]
    assert (mended["dW"] * step).sum() == pytest.approx((there - back) / 2, rel=1e-5)


def test_large_data_are_varied_by_their_first_samples_alone():
    """The graph of a loss on all of them takes seconds; it is recorded for the user's own data only."""

    def loss(W, X, y):
        return ((np.tanh(X @ W).sum(axis=1) - y) ** 2).mean() + 0.01 * np.sqrt((W**2).sum())

    def backprop(W, X, y):
        h = np.tanh(X @ W)
        d = 2 * (h.sum(axis=1) - y) / len(y)
        return {"dW": X.T @ (d[:, None] * (1 - h)) + 0.01 * W / np.sqrt((W**2).sum())}

    chance = np.random.default_rng(0)
    X, y = chance.normal(size=(1000, 50)), chance.normal(size=1000)
    result = tg.check(loss, backprop, {"W": chance.normal(size=(50, 4)) / 7}, X, y, mend=False)
    said = " ".join(str(result).split())

    assert not result.ok
    assert "Only the first samples of your data were varied, as the loss is large for the engine." in said


DERIVATIONS = Path(__file__).parents[1] / "benchmarks/checking/derivations"


def mended(program, *changes):
    """The text of the lines that are mended in a derivation with some of its lines changed; the mend is right."""
    text = (DERIVATIONS / f"{program}.py").read_text()
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    space = defined(text)
    params, data = space["make"](0)
    mend = tg.check(space["loss"], space["backprop"], params, *data).mends[0]

    assert tg.check(space["loss"], mend.function, params, *data, mend=False).ok
    return [e.old.strip() for e in mend.edits]


@pytest.mark.long
def test_a_factor_forgotten_in_a_recurrence_is_found_by_the_first_step():
    """Later steps go on from a wrong gradient, so only the first tells what is missing."""
    right, wrong = "go = gh * tc * o * (1 - o)", "go = gh * tc"

    assert mended("lstm", (right, wrong)) == [wrong]


@pytest.mark.long
def test_a_sum_left_out_of_a_loop_is_missed_beside_the_other_sums():
    before = (DERIVATIONS / "lstm.py").read_text().splitlines()
    space = defined("\n".join(before).replace("        gbias += gpre", "        pass"))
    params, data = space["make"](0)
    mend = tg.check(space["loss"], space["backprop"], params, *data).mends[0]

    assert abs(mend.edits[0].line - before.index("        gbias += gpre") - 1) <= 1


TOLD = {  # in public, each written anew in a derivation of ours: the program, what is right, what was written
    "the indices of two axes in each other's place": (
        "conv",
        "image[:, :, i : i + k, j : j + k] += patches[:, at].reshape(n, c, k, k)",
        "image[:, :, j : j + k, i : i + k] += patches[:, at].reshape(n, c, k, k)",
    ),
    "softmax by the diagonal of its Jacobian alone": (
        "multihead",
        "return p * (dp - np.sum(p * dp, axis=1, keepdims=True))",
        "return p * dp * (1 - p)",
    ),
    "a return indented too far": ("pooling", "    return [dfilt, dhead]", "        return [dfilt, dhead]"),
    "repeated indices lost": ("skipgram", "np.add.at(ginner, centre, gv)", "ginner[centre] = gv"),
    "two gradients handed back in each other's place": (
        "layernorm",
        "return gradWeight, gradGain, gradShift",
        "return gradWeight, gradShift, gradGain",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", TOLD)
def test_mistakes_told_in_public_are_mended_where_they_stand(name):
    program, right, wrong = TOLD[name]

    assert wrong.strip() in mended(program, (right, wrong))


@pytest.mark.long
def test_what_stops_a_program_is_mended_beside_what_is_only_wrong():
    wrong = ["d_maps = d_active * (maps < 0)", "d_patches = d_kernel @ flat"]

    assert mended("conv", ("(maps > 0)", "(maps < 0)"), ("= d_maps @ flat", "= d_kernel @ flat")) == wrong


@pytest.mark.long
def test_two_mistakes_each_of_which_stops_the_program_are_found():
    wrong = ["prob = np.exp(score - score.max(axis=2, keepdims=True))", "prob /= prob.sum(axis=2, keepdims=True)"]

    assert mended("bilinear", *((line.replace("axis=2", "axis=1"), line) for line in wrong)) == wrong


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "right", "wrong"),
    [
        ("graphconv", "G = layer.backward(G)", "G = G.backward(G)"),  # a layer, no number
        ("graphconv", "G = 2 * (H - Y) / Y.size", "G = 4 * (H - Y) / Y.size"),  # not where a layer goes on from it
        ("skipgram", "gpos[:, None] * u + (gneg[:, :, None] * w).sum(axis=1)", "(gneg[:, :, None] * w).sum(axis=1)"),
        ("poisson", "eta = b + o\n        for j", "eta = o\n        for j"),  # under an exponential
        ("skipgram", "(v * u).sum(axis=1)", "v.sum(axis=1)"),  # the same
        ("bilinear", "prob = np.exp(score - score.max(axis=1,", "prob = (score - score.max(axis=1,"),
    ],
)
def test_the_line_that_was_written_wrong_is_named_before_those_that_only_follow(program, right, wrong):
    """Of lines that could be mended as well, the one in which something is missing or another thing stands."""
    text = (DERIVATIONS / f"{program}.py").read_text()
    before = text.rpartition(right)[0]
    space = defined(before + wrong + text.rpartition(right)[2])
    params, data = space["make"](0)
    mend = tg.check(space["loss"], space["backprop"], params, *data).mends[0]

    assert [e.line for e in mend.edits] == [before.count("\n") + 1]
    assert tg.check(space["loss"], mend.function, params, *data, mend=False).ok


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "changes"),
    [
        ("conv", [("2 * (active - ", "2 * 2 * (active - "), ("(d_maps, patches,", "(d_maps, k,")]),
        (
            "gru",
            [("ds = carry + ", "ds = carry - "), ("= np.zeros((steps, width)), np", "= np.zeros((steps, dcpre)), np")],
        ),
        ("graphconv", [("(G @ self.W.T)", "(self.W.T @ G)"), ("net[2].dW", "H[2].dW")]),
        ("factors", [("pull = 2 * e", "pull = 4 * e"), ("pull * Q[i]", "pull * Q[GP]")]),
    ],
)
def test_a_mistake_that_stops_the_program_hides_no_other(program, changes):
    """Of what gets it further, the search goes on from what the loss computes and from what runs to its end."""
    assert len(mended(program, *changes)) == 2


LEFT_OUT = {
    "the labels taken off": (
        """
        def loss(W, X, labels):
            z = X @ W
            z = z - z.max(axis=1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            return -np.log(p[np.arange(len(labels)), labels]).mean()
        def backprop(W, X, labels):
            z = X @ W
            e = np.exp(z - z.max(axis=1, keepdims=True))
            d = e / e.sum(axis=1, keepdims=True)
            return {"W": X.T @ d / len(labels)}
        """,
        lambda chance: ({"W": chance.normal(size=(3, 4))}, (chance.normal(size=(6, 3)), np.array([0, 3, 1, 1, 2, 0]))),
        "np.eye(",
    ),
    "a sum into one row of a table": (
        """
        def loss(P, Q, users, items, stars):
            total = 0.0
            for u, i, y in zip(users, items, stars):
                total = total + (P[u] @ Q[i] - y) ** 2
            return total
        def backprop(P, Q, users, items, stars):
            GP, GQ = np.zeros_like(P), np.zeros_like(Q)
            for u, i, y in zip(users, items, stars):
                pull = 2 * (P[u] @ Q[i] - y)
                GQ[i] += pull * P[u]
            return GP, GQ
        """,
        lambda chance: (
            {"P": chance.normal(size=(4, 2)), "Q": chance.normal(size=(3, 2))},
            (np.array([0, 1, 2, 3, 0, 1]), np.array([0, 1, 2, 0, 1, 2]), chance.normal(size=6)),
        ),
        "GP[u] += ",
    ),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_was_left_out_is_put_in(name):
    source, made, words = LEFT_OUT[name]
    space = defined(source)
    params, data = made(np.random.default_rng(2))
    result = tg.check(space["loss"], space["backprop"], params, *data)
    again = tg.check(space["loss"], result.mends[0].function, params, *data, mend=False)

    assert again.ok
    assert words in "\n".join(e.new for e in result.mends[0].edits)


@pytest.mark.long
def test_what_only_returns_a_name_does_not_use_it():
    def forward(K, X):
        C = X @ K
        P = np.maximum(C, 0)
        return C, P

    def loss(K, W, X):
        _, P = forward(K, X)
        return np.sum((P @ W) ** 2)

    def back(K, W, X):
        _, P = forward(K, X)
        e = 2 * (P @ W)
        dP = 2 * e @ W.T
        return {"K": X.T @ (dP * (P > 0)), "W": P.T @ e}

    rng = np.random.default_rng(1)
    K, W, X = (rng.normal(size=size) for size in ((3, 4), (4, 2), (6, 3)))
    found = tg.check(loss, back, {"K": K, "W": W}, X)

    assert "The loss uses P in line" in str(found)
    assert "return C, P" not in str(found).partition("def back")[0]
