"""Random graphs for the tests of pictures, and labels that try to break out of them."""

from __future__ import annotations

import random

import tinygrad_lite as tg
from tinygrad_lite import Value

HOSTILE = [
    'a "quoted" label',
    "it's",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "]]><!-- --><![CDATA[",
    "{record|with|{fields}}",
    "<port> a | b",
    "back\\slash \\n \\l \\N \\G \\",
    "line\nbreak\r\nand\ttab",
    "a & b &amp; &lt;b&gt; &#60; &nosuch;",
    "null\x00, bell\x07, escape\x1b[31m, delete\x7f",
    "\ufffe\uffff\ud800",
    "emoji 🙂👩‍👩‍👧 flag 🇫🇷",
    "עברית العربية",
    "\u202eturned around\u202c",
    "漢字かな",
    "é" + "\u0301" * 50,
    "x" * 10_000,
    "<" * 10_000,
    " ",
    "javascript:alert(1)",
    "[a](javascript:alert(1)) `code` **bold** | # $x$",
    'end"]; click v0 "javascript:alert(1)"; x["',
    "%%{init: {'securityLevel': 'loose'}}%%",
    'v0" [URL="javascript:alert(1)"]; "',
    "--> subgraph end",
    "${alert(1)} {{7*7}} #123; #quot;",
]


def random_graph(seed: int, *, size: int | None = None, hostile: bool = False) -> Value:
    """A graph of up to 30 ops on shared operands; with numbers that stay finite."""
    rng = random.Random(seed)

    def label() -> str:
        return rng.choice(HOSTILE) if hostile and rng.random() < 0.8 else ""

    nodes = [Value(rng.uniform(-2, 2), label=label() or f"x{i}") for i in range(rng.randint(1, 5))]
    for _ in range(size or rng.randint(1, 30)):
        a, b = rng.choice(nodes), rng.choice(nodes[-6:])
        made = rng.choice(
            [
                lambda a, b: a * b,
                lambda a, b: a + b,
                lambda a, b: a - 2.5,
                lambda a, b: a * a,
                lambda a, b: a.tanh(),
                lambda a, b: b.sigmoid(),
                lambda a, b: tg.sum([a, b, a, 1.0]),
                lambda a, b: tg.dot([a, b], [b, 3.0], a),
                lambda a, b: tg.maximum(a, b),
            ]
        )(a, b).tanh()
        made.label = label() if rng.random() < 0.3 else ""
        nodes.append(made)
    root = tg.sum(nodes[-3:])
    root.backward()
    return root
