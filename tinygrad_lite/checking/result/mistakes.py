"""The catalogue of mistakes: each code with what it means, and the `Mistake` that a diagnosis names.

The codes are stable: tests, graders and lessons may rely on them.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_lite.report.language import say

CATALOGUE = {
    "FACTOR_2": "a factor 2 is missing or too many",
    "MEAN_N": "the samples are summed where the loss takes their mean",
    "MEAN_NO": "samples and outputs are summed where the loss takes the mean over both",
    "MEAN_O": "the number of outputs enters once too often or not at all",
    "DOUBLE_MEAN": "divided by the number of samples twice, or where the loss takes a sum",
    "SIGN": "the sign is flipped",
    "RATIO": "one constant factor in front of every entry",
    "BIAS_MEAN": "the bias gradient is averaged over the batch while the loss's own factor is in it already",
    "NO_ACT_DERIV": "the derivative of the activation is missing",
    "MASK_FROM_INPUT": "the activation's derivative is taken at the layer's input, or at X, instead of at Z",
    "MASK_FROM_ERROR": "the activation's derivative is taken at the incoming error",
    "MASK_IS_VALUE": "multiplied by the activation's value instead of by its derivative",
    "WRONG_ACT_DERIV": "the derivative of another activation",
    "DERIV_OF_DERIV_ARG": "the right formula for the derivative with the wrong one of z and a put in",
    "EXTRA_ACT_DERIV": "the derivative of the activation is multiplied in twice",
    "SOFTMAX_DIAG_ONLY": "only the diagonal s(1-s) of the softmax's Jacobian is used",
    "INPUT_FOR_HIDDEN": "the weight gradient uses X where the hidden activation belongs",
    "PREACT_FOR_ACT": "the weight gradient uses Z where the activation A belongs",
    "WRONG_OPERAND": "another matrix of fitting shape is used",
    "TRANSPOSED": "a matrix is transposed, or not transposed where it should be",
    "NO_W2": "the weights are left out when going back through a layer",
    "UPDATED_TOO_EARLY": "the weights were already updated when the error was taken back through them",
    "LAST_SAMPLE_ONLY": "one sample's contribution is kept where all should be added",
    "PATHS_NOT_SUMMED": "one path's contribution is kept where all should be added",
    "WRONG_LOSS": "the gradient of another loss",
    "REG_MISSING": "the penalty's gradient is missing",
    "REG_ON_BIAS": "the penalty is applied to a bias that the loss does not penalise",
    "REG_FACTOR": "the penalty's gradient has a wrong factor",
    "ZERO": "the gradient is zero: the whole path is left out",
    "SUM_AXIS": "the bias gradient is summed over the wrong axis, over both, or not at all",
    "DROPPED_PATH": "one of the paths from the node to the loss is left out",
    "DROPPED_FACTOR": "a local derivative is left out of the chain",
    "DOUBLED_FACTOR": "a local derivative is multiplied in twice",
    "WRONG_INDEX": "an index stands where another one belongs",
    "WRONG_POWER": "an exponent is wrong, as after a power rule half done",
    "PRODUCT_RULE": "the product rule or the quotient rule is not what was applied",
    "SWAPPED": "the gradients of two variables are swapped",
    "STALE_VALUE": "a local derivative uses another value than the one of this forward pass",
    "SHAPE": "the shape is not that of the parameter",
    "SHAPE_GREW": "the gradient is larger than the parameter and would make it grow",
    "SILENT_BROADCAST": "the gradient is smaller than the parameter and would be stretched over it",
    "TARGET_SHAPE": "(N, 1) minus (N,) made an N x N table of errors",
    "INT_TRUNCATION": "whole numbers cut off the decimals",
    "CLIPPED": "the gradients are clipped; every derivative is right",
    "FLOAT32": "numbers of about 7 digits, which cannot be judged to 9",
    "NAN": "NaN or infinite entries",
    "NAME": "a gradient is missing, or nobody asked for it",
    "KINK": "exactly on a kink: several answers are right",
    "DEAD_UNIT": "a unit is off for the whole batch: its zero gradient verifies nothing",
    "MUTATED": "an argument was changed in place",
    "EPSILON": "the gradient of the loss without the small number that guards its logarithm; accepted",
    "SIZE": "the data is too large for a scalar engine, so a part of it was tried",
    "ENGINE": "the loss cannot be run on Values, so the exact gradients come from elsewhere",
    "SIZES": "what could not be tried at other sizes",
    "UPDATES": "updated weights in the place of gradients, recognised and read as such",
    "LEARNING_RATE": "backprop's learning rate is not the one that was said",
    "RANDOM": "the loss draws random numbers; every call was made to see the same ones",
    "FAULT": "a part of the report failed, which is a fault of this package",
    "WARNED": "the function caused a warning, such as one of an overflow",
    "RAISED": "the function raised an exception or ran out of time",
}
"""Every code with its meaning."""


class Mistake(NamedTuple):
    """One change to the chain rule that the numbers show.

    Attributes:
        code: its name in the `CATALOGUE`.
        place: where: "loss", or a derivative such as dZ2, dA1, dW2, db1.
        message: what was done and what is right, as a sentence without a full stop.
        right: what belongs there, as the user would write it; "" if the sentence says it all.
    """

    code: str
    place: str
    message: str
    right: str = ""

    def __repr__(self) -> str:
        return f"{self.code} at {self.place}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mistake) and self[:3] == other[:3]

    def __hash__(self) -> int:
        return hash(self[:3])

    def sentence(self) -> str:
        """What was done, and what is right."""
        return say("{0}; it must be {1}.", self.message, self.right) if self.right else say("{0}.", self.message)

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "place": self.place, "sentence": self.sentence()}


Mistakes = tuple[Mistake, ...]
