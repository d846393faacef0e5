"""The same rows as tinygrad_lite, with nodes in Python."""

import os

os.environ["TINYGRAD_LITE_PURE"] = "1"

from peers.tinygrad_lite import DISTS, IMPORT, ROWS
from peers.tinygrad_lite import chain as the_chain


def chain(n):
    return the_chain(n)


__all__ = ["DISTS", "IMPORT", "ROWS", "chain"]
