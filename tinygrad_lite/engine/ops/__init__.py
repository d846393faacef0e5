"""The table of ops, in files by family. Read `arithmetic.py` first, then `activations.py`.

>>> from tinygrad_lite.engine import ops
>>> ops.mul.partials(3.0, 4.0, 12.0)        # out = x*y: the derivative w.r.t. x is y, w.r.t. y it is x
(4.0, 3.0)
"""

from tinygrad_lite.engine.op import TABLE as TABLE
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.ops import (
    activations,
    arithmetic,
    choices,
    exponential,
    gaussian,
    hyperbolic,
    powers,
    reductions,
    trigonometric,
)
from tinygrad_lite.hints import TYPE_CHECKING

if TYPE_CHECKING:  # a checker and an editor follow the star; a running program takes the ops alone
    from tinygrad_lite.engine.ops.activations import *
    from tinygrad_lite.engine.ops.arithmetic import *
    from tinygrad_lite.engine.ops.choices import *
    from tinygrad_lite.engine.ops.exponential import *
    from tinygrad_lite.engine.ops.gaussian import *
    from tinygrad_lite.engine.ops.hyperbolic import *
    from tinygrad_lite.engine.ops.powers import *
    from tinygrad_lite.engine.ops.reductions import *
    from tinygrad_lite.engine.ops.trigonometric import *
else:
    for _family in (
        *(arithmetic, powers, exponential, trigonometric, hyperbolic),
        *(activations, gaussian, choices, reductions),
    ):
        globals().update({name: op for name, op in vars(_family).items() if op.__class__ is Op})
