"""Ways to take a computation elsewhere: JSON, source for NumPy, PyTorch and JAX, and whole training scripts.

source.py           tg.to_numpy, tg.to_torch, tg.to_jax; follow a function through the files it names
program.py          what is exported: planning.py, blocks.py, and the engine's numbers to compare with
text.py             the text of a function: reads.py, operands.py, nest_expressions.py, arrays.py; steps.py, scan.py
op_tape.py          the same of a program that was not folded into loops: a tape of ops
verified.py         every source is run when it is made, and by checking/check_export.py
expression.py       expressions as text, for both: a template with expressions in the place of its names
backward_pass/      tg.backward_source: the backward pass of a NumPy function as NumPy
scripts/            tg.export.train_script: a script for all devices there are
graph_json.py       tg.to_json, tg.from_json
"""

from __future__ import annotations

from tinygrad_lite.hints import Any


def __getattr__(name: str) -> Any:
    """Open the file of `train_script` at its first use."""
    if name == "train_script":
        from tinygrad_lite.export.scripts.script import train_script

        return train_script
    raise AttributeError(f"tinygrad_lite.export has no name {name!r}")
