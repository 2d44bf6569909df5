"""Changes of a series and the spectral residual, against ruptures, SciPy and NumPy.

Requirements (pinned):
    ruptures==1.1.10

Without ruptures the cases that compare with it are left out.
"""

import warnings
from functools import partial

import numpy as np
from scipy.special import gammaln

from peer import Case

try:
    import ruptures
except ImportError:
    ruptures = None


def steps(n, length):
    """Levels that change every `length` points, in noise of unit variance."""
    rng = np.random.default_rng(11)
    levels = rng.normal(size=n // length + 1) * 5
    return [np.repeat(levels, length)[:n] + rng.normal(size=n)]


def kernel(x, cost, penalty):
    """ruptures in C: KernelCPD with the linear kernel is the sum of squares about the mean."""
    found = ruptures.KernelCPD(kernel="linear", min_size=2).fit(x).predict(pen=penalty)
    return np.array(found[:-1], dtype=float)


MODELS = {"mean": "l2", "median": "l1", "normal": "normal"}


def pelt(x, cost, penalty):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ruptures.Pelt(model=MODELS[cost], min_size=2, jump=1).fit(x).predict(pen=penalty)
    return np.array(found[:-1], dtype=float)


def binary(x, cost, penalty):
    found = ruptures.Binseg(model=MODELS[cost], min_size=2, jump=1).fit(x).predict(pen=penalty)
    return np.array(found[:-1], dtype=float)


def bocpd(x, hazard, runs):
    """The equations of the paper in NumPy, in the log domain, for run lengths up to `runs`."""
    n = np.arange(runs + 1.0)
    kappa, alpha = 1 + n, 1 + n / 2
    constant = gammaln(alpha + 0.5) - gammaln(alpha) - 0.5 * np.log(2 * np.pi * (kappa + 1) / kappa)
    mu, beta, weights = np.zeros(1), np.ones(1), np.zeros(1)
    likely, longer, ends = np.empty(len(x)), np.log1p(-hazard), np.log(hazard)
    for i, v in enumerate(x):
        k = kappa[: len(mu)]
        d = v - mu
        grown = beta + 0.5 * k / (k + 1) * d * d
        a = alpha[: len(mu)]
        joint = weights + constant[: len(mu)] + a * np.log(beta) - (a + 0.5) * np.log(grown)
        largest = joint.max()
        joint -= largest + np.log(np.exp(joint - largest).sum())
        weights = np.concatenate(([ends], joint + longer))[:runs]
        mu = np.concatenate(([0.0], mu + d / (k + 1)))[:runs]
        beta = np.concatenate(([1.0], grown))[:runs]
        likely[i] = weights.argmax()
    return likely


def extended(x):
    last = x[..., -2]
    slope = sum((last - x[..., -2 - i]) / i for i in range(1, 6)) / 5
    point = x[..., -6] + 5 * slope
    n = x.shape[-1] + 5
    length = next(k for k in range(n + n % 2, 4 * n, 2) if 30**20 % k == 0)
    share = np.arange(1, length - n + 1) / (length - n + 1)
    bridge = point[..., None] * (1 - share) + x[..., :1] * share
    return np.concatenate([x, np.repeat(point[..., None], 5, axis=-1), bridge], axis=-1)


def saliency(x):
    n = x.shape[-1]
    x = extended(x)
    x = x - x.mean(axis=-1, keepdims=True)
    transform = np.fft.rfft(x)
    log = np.abs(transform)
    log[..., 0] = log[..., 1]
    log = np.log(np.maximum(log, 1e-8 * log.max(axis=-1, keepdims=True)))
    length = x.shape[-1]
    ends = log[..., [1]], log[..., [length - log.shape[-1]]]
    log = np.concatenate([ends[0], log, ends[1]], axis=-1)
    average = (log[..., :-2] + log[..., 1:-1] + log[..., 2:]) / 3
    transform = transform * np.exp(-average)
    transform[..., 0] = 0
    return np.abs(np.fft.irfft(transform, length))[..., :n]


def causal(x, window=251):
    """Windows in blocks that fit the cache."""
    out = np.full(len(x), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, window)
    for start in range(0, len(windows), 500):
        part = saliency(windows[start : start + 500])
        place = window - 1 + start
        out[place : place + len(part)] = part[:, -1] / part[:, :-1].mean(axis=1) - 1
    return out


def wave(n):
    rng = np.random.default_rng(3)
    return [np.sin(np.arange(n) / 20) + 0.3 * rng.normal(size=n)]


def different(ours, theirs):
    """The share of places at which the two differ."""
    if len(ours) != len(theirs):
        return 1.0
    return float(np.mean(ours != theirs)) if len(ours) else 0.0


def changes(name, reference, function, cost, n, length, goal):
    return Case(
        name=name,
        reference=reference,
        size=f"{cost}, {n:,} points" + (f", change every {length:,}" if length < n else ", no change"),
        inputs=partial(steps, n, length),
        theirs=partial(function, cost=cost, penalty=30.0),
        crate="bongsu-stats",
        example="peer_changepoints",
        method=name,
        parameters={"cost": cost, "penalty": 30.0},
        goal=goal,
        difference=different,
        difference_is="share of differing breakpoints",
        tolerance=0.0,
        repeats=1,
    )


def other(name, reference, function, size, inputs, goal, parameters=None, **rest):
    return Case(
        name=name,
        reference=reference,
        size=size,
        inputs=inputs,
        theirs=partial(function, **(parameters or {})),
        crate="bongsu-stats",
        example="peer_changepoints",
        method=name,
        parameters=parameters or {},
        goal=goal,
        **rest,
    )


KERNEL = "ruptures `KernelCPD` (C)"

CASES = [
    other("bocpd", "NumPy, runs up to 1,000", bocpd, "5,000 points, change every 200",
          partial(steps, 5_000, 200), 10, {"hazard": 0.005, "runs": 1_000},
          difference=different, difference_is="share of differing runs", tolerance=0.01),
    other("spectral-residual", "NumPy `rfft`", saliency, "100,000 points", partial(wave, 100_000), 1),
    other("spectral-residual", "NumPy `rfft`", saliency, "8,640 points", partial(wave, 8_640), 1),
    other("spectral-residual-causal", "NumPy, windows in blocks", causal, "20,000 points, w=251",
          partial(wave, 20_000), 1),
]

if ruptures is not None:
    CASES += [
        changes("pelt", KERNEL, kernel, "mean", 5_000, 500, 10),
        changes("pelt", KERNEL, kernel, "mean", 5_000, 5_000, 10),
        changes("pelt", KERNEL, kernel, "mean", 20_000, 1_000, 10),
        changes("pelt", KERNEL, kernel, "mean", 100_000, 1_000, 10),
        changes("pelt", "ruptures `Pelt`", pelt, "median", 500, 100, 10),
        changes("pelt", "ruptures `Pelt`", pelt, "normal", 500, 100, 10),
        changes("binary-segmentation", "ruptures `Binseg`", binary, "mean", 5_000, 500, 10),
    ]
