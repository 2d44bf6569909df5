"""Writes sequences.json beside this script: segmentations, run lengths and saliencies.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    ruptures==1.1.10

Run: python generate_sequences.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.

Segmentations: ruptures' `Pelt(jump=1)` and `Binseg(jump=1)`. Its pruning is exact only when every
segment may have one point, so the reference is the cheaper one of it and of dynamic programming
without pruning. Changes of a Poisson rate are by dynamic programming alone.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import ruptures
from scipy import stats
from scipy.special import gammaln, logsumexp

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in values)


def inputs():
    rng = np.random.default_rng(7)
    noise = rng.normal(size=240)
    steps = np.repeat([0.0, 5.0, 4.0, -2.0, 0.5], [60, 30, 70, 20, 60])
    spread = np.repeat([1.0, 4.0, 0.3], [90, 70, 80])
    outlier = noise.copy()
    outlier[100] += 60
    slopes = np.r_[np.linspace(0, 40, 120), np.linspace(20, 10, 120)]
    return {
        "noise": noise,
        "steps": steps + noise,
        "spread": spread * noise,
        "one_outlier": outlier,
        "slopes": slopes + noise,
        "counts": rng.poisson(np.repeat([3, 12, 5], [80, 60, 100])).astype(float),
        "constant": np.full(40, 3.7),
        "noiseless": np.repeat([1.0, 4.0, 2.0], [15, 20, 9]),
        "short": np.array([0.0, 0.1, 9.0, 9.2]),
        "huge": 1e12 * (steps + noise),
        "tiny": 1e-12 * (steps + noise),
        "offset": 1e9 + 1e-3 * (steps + noise),
    }


def poisson_cost(x, a, b):
    s = x[a:b].sum()
    return -2 * s * np.log(s / (b - a)) if s > 0 else 0.0


def exact(cost, n, penalty, least):
    """Dynamic programming without pruning: the cost and the breakpoints."""
    best, last = np.full(n + 1, np.inf), np.zeros(n + 1, int)
    best[0] = -penalty
    for t in range(least, n + 1):
        starts = [s for s in range(t - least + 1) if np.isfinite(best[s])]
        totals = [best[s] + cost(s, t) + penalty for s in starts]
        i = int(np.argmin(totals))
        best[t], last[t] = totals[i], starts[i]
    found, t = [], n
    while last[t] > 0:
        found.append(int(last[t]))
        t = last[t]
    return best[n], found[::-1]


COSTS = {"mean": "l2", "median": "l1", "normal": "normal", "trend": "linear", "rank": "rank"}
LEAST = {"mean": 1, "median": 1, "normal": 2, "trend": 3, "rank": 1, "poisson": 1}


def segmentations():
    cases = []
    for name, x in inputs().items():
        # In units in which the costs of ruptures are well conditioned.
        scale = {"huge": 1e12, "tiny": 1e-12, "offset": 1e-3}.get(name, 1.0)
        shifted = x - (1e9 if name == "offset" else 0.0)
        n = len(x)
        for ours, theirs in [*COSTS.items(), ("poisson", None)]:
            if name == "constant" and ours == "rank":
                continue  # 0 / 0 in ruptures
            if ours == "poisson" and not (name in ("counts", "constant", "noiseless", "short")):
                continue
            if ours == "normal" and name in ("constant", "noiseless", "short", "counts"):
                continue  # segments without variance: the small term of ruptures is absolute
            power = {"mean": 2, "trend": 2, "median": 1}.get(ours, 0)
            for least in (2, 5):
                m = max(least, LEAST[ours])
                if 2 * m > n or (ours == "normal" and least == 2):
                    continue  # two values can be so close that the small term decides
                column = shifted / (scale if power or ours == "normal" else 1.0)
                if ours == "poisson":
                    cost = lambda a, b: poisson_cost(x, a, b)
                else:
                    parameters = {"add_small_diag": False} if ours == "normal" else {}
                    signal = column
                    if ours == "trend":
                        signal = np.column_stack([column, np.ones(n), np.arange(n)])
                    c = ruptures.costs.cost_factory(model=theirs, **parameters).fit(signal)
                    rounded = lambda a, b: float(np.asarray(c.error(a, b)).squeeze())
                    table = {}
                    cost = lambda a, b: table.setdefault((a, b), rounded(a, b))
                for penalty in (2 * np.log(n), 8 * np.log(n)):
                    if ours == "trend" and name in ("constant", "noiseless", "short"):
                        continue  # residuals of exact fits are empty in NumPy
                    total, found = exact(cost, n, penalty, m)
                    row = {"input": name, "cost": ours, "min_size": m}
                    row["penalty"] = repr(float(penalty * scale**power))
                    row["breakpoints"] = found
                    bounds = [0, *found, n]
                    row["total"] = repr(float(sum(cost(a, b) for a, b in zip(bounds, bounds[1:]))))
                    row["unit"] = repr(float(scale**power))
                    if theirs is not None:
                        pelt = ruptures.Pelt(custom_cost=c, min_size=m, jump=1)
                        pelt.fit(signal)
                        row["pelt"] = [int(b) for b in pelt.predict(pen=penalty)[:-1]]
                        binseg = ruptures.Binseg(custom_cost=c, min_size=m, jump=1)
                        binseg.fit(signal)
                        row["binary"] = [int(b) for b in binseg.predict(pen=penalty)[:-1]]
                    cases.append(row)
    return cases


def bocpd(x, hazard, mean, strength, shape, scale):
    """Equations of the paper in the log domain, nothing pruned."""
    mu, kappa, alpha, beta = (np.array([v]) for v in (mean, strength, shape, scale))
    weights, evidence, likely = np.array([0.0]), [], []
    for v in x:
        width = np.sqrt(beta * (kappa + 1) / (alpha * kappa))
        predicted = stats.t.logpdf(v, 2 * alpha, mu, width)
        joint = weights + predicted
        total = logsumexp(joint)
        evidence.append(total)
        weights = np.r_[np.log(hazard), joint - total + np.log1p(-hazard)]
        likely.append(int(np.argmax(weights)))
        mu, kappa, alpha, beta = (
            np.r_[mean, (kappa * mu + v) / (kappa + 1)],
            np.r_[strength, kappa + 1],
            np.r_[shape, alpha + 0.5],
            np.r_[scale, beta + kappa * (v - mu) ** 2 / (2 * (kappa + 1))],
        )
    # Of the value after the last one: both tails.
    width = np.sqrt(beta * (kappa + 1) / (alpha * kappa))
    probe = np.array([mean - 3 * scale, mean, mean + 2.5 * scale, mean + 40 * scale])
    lower = [np.exp(weights) @ stats.t.cdf(p, 2 * alpha, mu, width) for p in probe]
    upper = [np.exp(weights) @ stats.t.sf(p, 2 * alpha, mu, width) for p in probe]
    score = -np.log10(np.minimum(2 * np.minimum(lower, upper), 1))
    return weights, evidence, likely, probe, score


def poisson_bocpd(x, hazard, shape, rate):
    a, b, weights, evidence = np.array([shape]), np.array([rate]), np.array([0.0]), []
    for v in x:
        joint = weights + (gammaln(a + v) - gammaln(a) - gammaln(v + 1)
                           - a * np.log1p(1 / b) - v * np.log1p(b))
        total = logsumexp(joint)
        evidence.append(total)
        weights = np.r_[np.log(hazard), joint - total + np.log1p(-hazard)]
        a, b = np.r_[shape, a + v], np.r_[rate, b + 1]
    probe = np.array([0.0, 4.0, 12.0, 40.0])
    lower = [np.exp(weights) @ stats.nbinom.cdf(p, a, b / (b + 1)) for p in probe]
    upper = [np.exp(weights) @ stats.nbinom.sf(p - 1, a, b / (b + 1)) for p in probe]
    score = -np.log10(np.minimum(2 * np.minimum(lower, upper), 1))
    return weights, probe, score


def runs():
    cases = {}
    for name, x in inputs().items():
        if name == "noiseless" or name == "constant":
            level, spread = 2.0, 1.0
        else:
            level = float(np.median(x))
            spread = float(np.median(np.abs(np.diff(x)))) or 1.0
        hazard, strength, shape = 0.01, 0.3, 1.5
        weights, _, likely, probe, score = bocpd(
            (x - level) / spread, hazard, 0.0, strength, shape, shape)
        cases[name] = {
            "level": repr(level), "spread": repr(spread),
            "probabilities": encode(np.exp(weights)[:60]), "likely": likely,
            "probe": encode(level + spread * probe), "score": encode(score),
        }
    x = inputs()["counts"]
    weights, probe, score = poisson_bocpd(x, 0.01, 1.5, 1.5 / 4.0)
    cases["counts"]["poisson"] = {
        "probabilities": encode(np.exp(weights)[:60]), "probe": encode(probe),
        "score": encode(score),
    }
    return cases


def fast_length(n):
    """The least even number of at least `n` without prime factors above 5."""
    return next(k for k in range(n + n % 2, 4 * n, 2) if 30**20 % k == 0)


def saliency(x, smoothing, extension):
    """The paper's formula, with complex exponentials and phases, and a bridge to a quick length."""
    n, m = len(x), 5
    if extension:
        e = n - 2
        g = np.mean([(x[e] - x[e - i]) / i for i in range(1, m + 1)])
        estimated = x[e - m + 1] + g * m
        length = fast_length(n + extension)
        bridge = np.linspace(estimated, x[0], length - n - extension + 2)[1:-1]
        x = np.r_[x, np.full(extension, estimated), bridge]
    x = x - x[0]  # a constant is then exactly 0
    x = x - x.mean()
    if not np.any(np.abs(x) > 0):
        return np.zeros(n)
    transform = np.fft.fft(x)
    amplitude, phase = np.abs(transform), np.angle(transform)
    amplitude[0] = amplitude[1]
    log = np.log(np.maximum(amplitude, 1e-8 * amplitude.max()))
    half = smoothing // 2
    average = sum(np.roll(log, k) for k in range(-half, half + 1)) / smoothing
    residual = np.exp(np.log(np.maximum(np.abs(transform), 1e-300)) - average)
    residual[0] = 0
    return np.abs(np.fft.ifft(residual * np.exp(1j * phase)))[:n]


def saliencies():
    cases = {}
    for name, x in inputs().items():
        if len(x) < 12:
            continue
        # The offset costs NumPy's transform digits; without it the series is the same.
        column = x - 1e9 if name == "offset" else x
        cases[name] = {
            "plain": encode(saliency(column, 3, 5)[-80:]),
            "wide": encode(saliency(column, 7, 0)[:30]),
        }
        plain = saliency(column, 3, 5)
        mean = np.array([plain[max(i - 21, 0) : i].mean() if i else plain.mean()
                         for i in range(len(x))])
        cases[name]["local"] = encode(np.where(mean > 0, plain / np.where(mean > 0, mean, 1) - 1, 0)[:30])
    return cases


def main():
    warnings.simplefilter("ignore")
    document = {
        "inputs": {name: encode(x) for name, x in inputs().items()},
        "segmentations": segmentations(),
        "runs": runs(),
        "saliencies": saliencies(),
    }
    text = json.dumps(document, separators=(",", ":"))
    text = text.replace('{"input"', '\n{"input"').replace('},"', '},\n"')
    (HERE / "sequences.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
