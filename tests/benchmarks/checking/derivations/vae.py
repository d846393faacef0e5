"""A variational autoencoder with a given noise: reconstruction and KL divergence."""

import numpy as np

BACKWARD = ["elbo_grad"]


def elbo_loss(We, Wm, Ws, Wd, data, noise):
    hid = np.tanh(data @ We)
    mu = hid @ Wm
    logvar = hid @ Ws
    std = np.exp(0.5 * logvar)
    latent = mu + std * noise
    recon = latent @ Wd
    rec = 0.5 * ((recon - data) ** 2).sum()
    kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()
    return (rec + kl) / len(data)


def elbo_grad(We, Wm, Ws, Wd, data, noise):
    batch = len(data)
    hid = np.tanh(data @ We)
    mu = hid @ Wm
    logvar = hid @ Ws
    std = np.exp(0.5 * logvar)
    latent = mu + std * noise
    recon = latent @ Wd
    grad_recon = (recon - data) / batch
    grad_Wd = latent.T @ grad_recon
    grad_latent = grad_recon @ Wd.T
    grad_mu = grad_latent + mu / batch
    grad_logvar = 0.5 * grad_latent * std * noise
    grad_logvar += 0.5 * (np.exp(logvar) - 1) / batch
    grad_Wm = hid.T @ grad_mu
    grad_Ws = hid.T @ grad_logvar
    grad_hid = grad_mu @ Wm.T + grad_logvar @ Ws.T
    grad_We = data.T @ (grad_hid * (1 - hid * hid))
    return {"We": grad_We, "Wm": grad_Wm, "Ws": grad_Ws, "Wd": grad_Wd}


loss, backprop = elbo_loss, elbo_grad


def make(seed):
    r = np.random.default_rng(seed)
    p = {
        "We": r.normal(size=(3, 4)),
        "Wm": r.normal(size=(4, 2)),
        "Ws": 0.3 * r.normal(size=(4, 2)),
        "Wd": r.normal(size=(2, 3)),
    }
    return p, (r.normal(size=(5, 3)), r.normal(size=(5, 2)))
