"""Layer norm after a linear map, camel case, everything in one long function."""

import numpy as np

BACKWARD = ["layerNormBackward"]


def layerNormLoss(weight, gain, shift, tokens, labels):
    hidden = tokens @ weight
    mean = hidden.mean(axis=1, keepdims=True)
    centred = hidden - mean
    variance = (centred * centred).mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(variance + 1e-3)
    normal = centred * rstd
    output = normal * gain + shift
    return ((output - labels) ** 2).sum() / (2 * len(tokens))


def layerNormBackward(weight, gain, shift, tokens, labels):
    rows, features = len(tokens), weight.shape[1]
    hidden = tokens @ weight
    mean = hidden.mean(axis=1, keepdims=True)
    centred = hidden - mean
    variance = (centred * centred).mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(variance + 1e-3)
    normal = centred * rstd
    output = normal * gain + shift
    gradOutput = (output - labels) / rows
    gradGain = np.sum(gradOutput * normal, axis=0)
    gradShift = np.sum(gradOutput, axis=0)
    gradNormal = gradOutput * gain
    inner = gradNormal - gradNormal.mean(axis=1, keepdims=True)
    inner = inner - normal * (gradNormal * normal).mean(axis=1, keepdims=True)
    gradHidden = rstd * inner
    gradWeight = tokens.T @ gradHidden
    return gradWeight, gradGain, gradShift


loss, backprop = layerNormLoss, layerNormBackward


def make(seed):
    r = np.random.default_rng(seed)
    return {"weight": r.normal(size=(3, 4)), "gain": r.normal(size=4), "shift": r.normal(size=4)}, (
        r.normal(size=(5, 3)),
        r.normal(size=(5, 4)),
    )
