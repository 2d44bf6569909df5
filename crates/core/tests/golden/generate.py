"""Writes genpareto.txt beside this script: excesses and the generalised Pareto fit that SciPy gives.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1

Run: python generate.py
The Rust tests read the file and never need Python. One line a case: its name, SciPy's shape, scale
and log-likelihood (location 0), then the excesses.
"""

from pathlib import Path

import numpy as np
from scipy import optimize, stats


def fit(y):
    best = None
    for start in (-0.3, 0.0, 0.1, 0.5, 1.0):
        tight = lambda f, x0, args, disp: optimize.fmin(
            f, x0, args=args, disp=False, xtol=1e-10, ftol=1e-12, maxiter=5000, maxfun=5000
        )
        try:
            shape, _, scale = stats.genpareto.fit(y, start, floc=0, optimizer=tight)
        except Exception:  # a start from which the optimiser fails
            continue
        value = stats.genpareto.logpdf(y, shape, 0, scale).sum()
        # Below -1 the likelihood has no maximum.
        if np.isfinite(value) and shape > -1 and (best is None or value > best[2]):
            best = (shape, scale, value)
    return best


def main():
    rng = np.random.default_rng(7)
    cases = {
        f"shape_{shape}_n_{n}": stats.genpareto.rvs(shape, scale=2.5, size=n, random_state=rng)
        for shape in (-0.4, -0.2, 0.0, 0.2, 0.5, 1.0)
        for n in (20, 200)
    }
    cases["tiny_unit"] = 1e-12 * stats.genpareto.rvs(0.2, size=50, random_state=rng)
    cases["huge_unit"] = 1e12 * stats.genpareto.rvs(0.2, size=50, random_state=rng)
    cases["rounded"] = np.ceil(4 * rng.exponential(size=80)) / 4
    cases["normal_tail"] = (lambda z: z[z > 2] - 2)(rng.normal(size=4000))
    lines = []
    for name, y in cases.items():
        numbers = [*fit(y), *y]
        lines.append(" ".join([name, *(repr(float(v)) for v in numbers)]))
    (Path(__file__).parent / "genpareto.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
