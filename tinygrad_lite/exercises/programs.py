"""What is asked about: the programs, the easiest first, each with the mistakes that people make in its backward."""

from __future__ import annotations

from tinygrad_lite.exercises.program import Program

PROGRAMS = [
    Program(
        "a weighted sum and a squared error",
        1,
        {"w": (), "b": ()},
        {"x": (), "y": ()},
        """
        z = w * x + b
        L = (z - y) ** 2
        """,
        """
        dz = 2 * (z - y)
        dw = dz * x
        db = dz
        """,
        {
            "FACTOR_2": {"dz": "z - y"},
            "SIGN": {"dz": "2 * (y - z)"},
            "DROPPED_FACTOR": {"dw": "dz"},
            "WRONG_POWER": {"dz": "2 * (z - y) ** 2"},
            "WRONG_OPERAND": {"dw": "dz * w"},
            "ZERO": {"db": "0 * dz"},
        },
    ),
    Program(
        "a variable that is used twice",
        1,
        {"a": (), "b": ()},
        {"c": ()},
        """
        u = a * b
        L = u * c + a
        """,
        """
        du = c
        da = du * b + 1
        db = du * a
        """,
        {
            "DROPPED_PATH": {"da": "du * b"},
            "DOUBLED_FACTOR": {"db": "du * a * a"},
            "DROPPED_FACTOR": {"db": "du"},
            "SWAPPED": {"da": "du * a", "db": "du * b + 1"},
        },
    ),
    Program(
        "a neuron with ReLU and a penalty",
        2,
        {"w": (), "b": ()},
        {"x": (), "y": ()},
        """
        z = w * x + b
        a = relu(z)
        L = (a - y) ** 2 + 3 * w ** 2
        """,
        """
        da = 2 * (a - y)
        dz = da * (z > 0)
        dw = dz * x + 6 * w
        db = dz
        """,
        {
            "NO_ACT_DERIV": {"dz": "da"},
            "MASK_FROM_INPUT": {"dz": "da * (x > 0)"},
            "MASK_FROM_ERROR": {"dz": "da * (da > 0)"},
            "MASK_IS_VALUE": {"dz": "da * a"},
            "FACTOR_2": {"da": "a - y"},
            "REG_MISSING": {"dw": "dz * x"},
            "REG_FACTOR": {"dw": "dz * x + 3 * w"},
            "REG_ON_BIAS": {"db": "dz + 6 * b"},
        },
    ),
    Program(
        "a quotient, a power and a product",
        2,
        {"a": (), "b": ()},
        {"t": ()},
        """
        q = a / b
        p = q ** 3
        L = p * a - t
        """,
        """
        dp = a
        dq = dp * 3 * q ** 2
        da = dq / b + p
        db = -dq * a / b ** 2
        """,
        {
            "DROPPED_PATH": {"da": "dq / b"},
            "WRONG_POWER": {"dq": "dp * q ** 2"},
            "STALE_VALUE": {"dq": "dp * 3 * p ** 2"},
            "PRODUCT_RULE": {"db": "-dq * a / b"},
            "SIGN": {"db": "dq * a / b ** 2"},
            "DROPPED_FACTOR": {"da": "dq + p"},
        },
    ),
    Program(
        "two layers, one number each",
        3,
        {"w1": (), "b1": (), "w2": (), "b2": ()},
        {"x": (), "y": ()},
        """
        z1 = w1 * x + b1
        a1 = z1 ** 2
        z2 = w2 * a1 + b2
        L = (z2 - y) ** 2
        """,
        """
        dz2 = 2 * (z2 - y)
        dw2 = dz2 * a1
        db2 = dz2
        da1 = dz2 * w2
        dz1 = da1 * 2 * z1
        dw1 = dz1 * x
        db1 = dz1
        """,
        {
            "NO_W2": {"da1": "dz2"},
            "INPUT_FOR_HIDDEN": {"dw2": "dz2 * x"},
            "PREACT_FOR_ACT": {"dw2": "dz2 * z1"},
            "NO_ACT_DERIV": {"dz1": "da1"},
            "MASK_IS_VALUE": {"dz1": "da1 * a1"},
            "EXTRA_ACT_DERIV": {"dz1": "da1 * (2 * z1) ** 2"},
            "DERIV_OF_DERIV_ARG": {"dz1": "da1 * 2 * a1"},
            "WRONG_ACT_DERIV": {"dz1": "da1 * (z1 > 0)"},
            "UPDATED_TOO_EARLY": {"da1": "dz2 * (w2 - dw2 / 10)"},
            "WRONG_LOSS": {"dz2": "(z2 > y) * 1 - (z2 < y) * 1"},
            "RATIO": {"dz2": "3 * (z2 - y)"},
        },
    ),
    Program(
        "a batch of two samples in matrices",
        4,
        {"W1": (2, 2), "b1": (2,), "W2": (2, 2), "b2": (2,)},
        {"X": (2, 2), "Y": (2, 2)},
        """
        Z1 = X @ W1 + b1
        A1 = relu(Z1)
        P = A1 @ W2 + b2
        L = ((P - Y) ** 2).sum() / 4
        """,
        """
        dP = 2 * (P - Y) / 4
        dW2 = A1.T @ dP
        db2 = dP.sum(axis=0)
        dA1 = dP @ W2.T
        dZ1 = dA1 * (Z1 > 0)
        dW1 = X.T @ dZ1
        db1 = dZ1.sum(axis=0)
        """,
        {
            "MEAN_N": {"dP": "2 * (P - Y) / 2"},
            "MEAN_NO": {"dP": "2 * (P - Y)"},
            "DOUBLE_MEAN": {"dW1": "X.T @ dZ1 / 2"},
            "BIAS_MEAN": {"db1": "dZ1.sum(axis=0) / 2"},
            "SUM_AXIS": {"db1": "dZ1.sum(axis=1)"},
            "SILENT_BROADCAST": {"db2": "dP.sum()"},
            "SHAPE_GREW": {"db2": "dP"},
            "TRANSPOSED": {"dA1": "dP @ W2"},
            "LAST_SAMPLE_ONLY": {"db2": "dP[-1]"},
            "PATHS_NOT_SUMMED": {"dA1": "dP[:, :1] @ W2.T[:1]"},
            "WRONG_INDEX": {"dW2": "A1.T @ dP[:, ::-1]"},
            "SHAPE": {"dW2": "(A1.T @ dP).ravel()"},
            "INT_TRUNCATION": {"db2": "dP.sum(axis=0) // 1"},
        },
    ),
    Program(
        "a softmax and a squared error",
        4,
        {"z": (3,)},
        {"y": (3,)},
        """
        e = exp(z)
        p = e / e.sum()
        L = ((p - y) ** 2).sum()
        """,
        """
        dp = 2 * (p - y)
        dz = p * (dp - (dp * p).sum())
        """,
        {
            "SOFTMAX_DIAG_ONLY": {"dz": "dp * p * (1 - p)"},
            "NO_ACT_DERIV": {"dz": "dp"},
            "MASK_IS_VALUE": {"dz": "dp * p"},
            "TARGET_SHAPE": {"dp": "2 * (p - y[:, None])"},
            "WRONG_LOSS": {"dz": "p - y"},
        },
    ),
]
"""All programs, the easiest first."""
