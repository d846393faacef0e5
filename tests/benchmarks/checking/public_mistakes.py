"""Mistakes told in public issues and forums, written anew in the programs of `derivations/`: no code of theirs is here.

Each row: where it was told, what was wrong there, the program, the right line, and the line with the mistake in it.
"""

NEON = "github.com/NervanaSystems/neon/issues/111"
NOTES = "github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10"
BRAIN = "github.com/benoitfragit/libBrain/issues/78"
MNIST = "github.com/louisjc/mnist-neural-network/issues/1"
NNH = "github.com/tsoding/nn.h/issues/18"
GROKKING = "github.com/iamtrask/Grokking-Deep-Learning/issues/56"
SQUARED = "github.com/ADGEfficiency/teaching-monolith/issues/1"
RUBIX = "github.com/RubixML/ML/pull/423"
STAX = "github.com/jax-ml/jax/issues/442"
SOFTMAX = "ai.stackexchange.com/questions/35741"
SCRIBBLES = "github.com/wangtong106/scribbles"
TT_METAL = "github.com/tenstorrent/tt-metal/issues/53204"
FLAG_GEMS = "github.com/flagos-ai/FlagGems/pull/59"
CS231N = "github.com/wjbKimberly/cs231n_spring_2017_assignment/issues/7"
ONEFLOW = "github.com/Oneflow-Inc/oneflow/pull/6149"
CNN = "github.com/riccardoandreoni0/CNN-from-scratch/issues/1"
WINDOWS = "github.com/ghosert/cmd-editor/issues/2058"
TANGERMEME = "github.com/jmschrei/tangermeme/pull/95"

ROWS = [
    (NEON, "the wrong index on the left of a convolution's sum", "conv",
     "image[:, :, i : i + k, j : j + k] += patches[:, at].reshape(n, c, k, k)",
     "image[:, :, j : j + k, i : i + k] += patches[:, at].reshape(n, c, k, k)"),
    (NOTES, "a factor 2 left in one weight's gradient", "vae",
     "grad_Wm = hid.T @ grad_mu", "grad_Wm = 2 * hid.T @ grad_mu"),
    (NOTES, "a factor 4 left in one bias's gradient", "conv",
     "d_offset = d_maps.sum(axis=(0, 1))", "d_offset = 4 * d_maps.sum(axis=(0, 1))"),
    (BRAIN, "the derivative of the activation at the activation itself", "graphconv",
     "return G * np.where(self.H > 0, 1.0, self.slope)", "return G * np.where(G > 0, 1.0, self.slope)"),
    (MNIST, "the derivative of the output's activation forgotten", "lstm",
     "go = gh * tc * o * (1 - o)", "go = gh * tc"),
    (MNIST, "the derivative of the hidden activation forgotten", "vae",
     "grad_We = data.T @ (grad_hid * (1 - hid * hid))", "grad_We = data.T @ grad_hid"),
    (NNH, "the derivative's formula given the wrong one of z and a", "mdn",
     "dW = X.T @ (dH * (1 - H**2))", "dW = X.T @ (dH * (1 - np.tanh(H) ** 2))"),
    (GROKKING, "the same for another activation", "gru",
     "dcpre = ds * zs[k] * (1 - cs[k] ** 2)", "dcpre = ds * zs[k] * cs[k] * (1 - cs[k])"),
    (SQUARED, "the squared error's derivative with its sign turned", "lstm",
     "gh = 2 * (hidden - goal)", "gh = 2 * (goal - hidden)"),
    (SQUARED, "the squared error's 2 forgotten", "conv",
     "d_active = 2 * (active - target) / active.size", "d_active = (active - target) / active.size"),
    (RUBIX, "divided by the number of features where the batch belongs", "layernorm",
     "gradOutput = (output - labels) / rows", "gradOutput = (output - labels) / features"),
    (STAX, "the square where the square root belongs", "layernorm",
     "rstd = 1 / np.sqrt(variance + 1e-3)", "rstd = 1 / (variance + 1e-3) ** 2"),
    (SOFTMAX, "the softmax's Jacobian by its diagonal alone", "multihead",
     "return p * (dp - np.sum(p * dp, axis=1, keepdims=True))", "return p * dp * (1 - p)"),
    (SCRIBBLES, "the recurrence left out of the gradient over time", "gru",
     'carry += params["Uz"].T @ dzpre + params["Ur"].T @ drpre', 'carry += params["Uz"].T @ dzpre'),
    (TT_METAL, "the mean subtracted twice", "layernorm",
     "inner = gradNormal - gradNormal.mean(axis=1, keepdims=True)",
     "inner = gradNormal - 2 * gradNormal.mean(axis=1, keepdims=True)"),
    (FLAG_GEMS, "summed over everything where each row has its own sum", "layernorm",
     "normal * (gradNormal * normal).mean(axis=1, keepdims=True)", "normal * (gradNormal * normal).mean()"),
    (CS231N, "the mean of what must be summed over the batch", "layernorm",
     "gradGain = np.sum(gradOutput * normal, axis=0)", "gradGain = np.mean(gradOutput * normal, axis=0)"),
    (ONEFLOW, "the gradients of gain and shift handed back in each other's place", "layernorm",
     "return gradWeight, gradGain, gradShift", "return gradWeight, gradShift, gradGain"),
    (CNN, "the return indented into the loop", "pooling",
     "    return [dfilt, dhead]", "        return [dfilt, dhead]"),
    (WINDOWS, "assigned where windows add up", "pooling",
     "dfilt += series[:, k : k + width].T @ dconv[:, k]", "dfilt = series[:, k : k + width].T @ dconv[:, k]"),
    (WINDOWS, "the same in two dimensions", "conv",
     "image[:, :, i : i + k, j : j + k] += patches[:, at].reshape(n, c, k, k)",
     "image[:, :, i : i + k, j : j + k] = patches[:, at].reshape(n, c, k, k)"),
    (TANGERMEME, "assigned by index, so that repeated ones are lost", "skipgram",
     "np.add.at(ginner, centre, gv)", "ginner[centre] = gv"),
]  # fmt: skip
