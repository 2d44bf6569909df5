"""Golden values for the statistics of streams.

Written with Python 3.12, river 0.26.0 and numpy 2.4. Run from anywhere:

    pip install river==0.26.0 'numpy==2.4.*'
    python generate_sketches.py

The values of a recipe come from a linear congruential generator, which the test follows too, so
that only the expected results are stored.
"""

import json
import pathlib

import numpy as np
from river import stats

MASK = (1 << 64) - 1


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 11) / (1 << 53)

    def normal(self):
        # One by one: since Python 3.12 `sum` carries the rounding errors along.
        total = 0.0
        for _ in range(12):
            total += self.uniform()
        return total - 6.0


def values(parts, seed):
    rng = Lcg(seed)
    out = []
    for n, kind, level, scale in parts:
        for _ in range(n):
            if kind == "constant":
                out.append(level)
            elif kind == "uniform":
                out.append(level + scale * (rng.uniform() - 0.5))
            elif kind == "normal":
                out.append(level + scale * rng.normal())
            elif kind == "latency":
                out.append(level + scale / (1.0 - 0.999 * rng.uniform()))
            else:
                assert kind == "integer"
                out.append(level + float(np.floor(scale * rng.uniform())))
    return out


RECIPES = {
    "normal": [[500, "normal", 0.0, 1.0]],
    "uniform": [[300, "uniform", 5.0, 2.0]],
    "skewed": [[500, "latency", 0.0, 3.0]],
    "ties": [[400, "integer", 0.0, 6.0]],
    "constant": [[60, "constant", 7.25, 0.0]],
    "one outlier": [[100, "normal", 10.0, 0.5], [1, "constant", 1e6, 0.0], [100, "normal", 10.0, 0.5]],
    "huge": [[200, "normal", 1e12, 1e9]],
    "tiny": [[200, "normal", 1e-12, 1e-15]],
    "offset": [[200, "normal", 1e9, 1e-2]],
    "six": [[6, "uniform", 0.0, 1.0]],
    "shift": [[250, "normal", 0.0, 1.0], [250, "normal", 50.0, 1.0]],
}
QUANTILES = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]


def case(parts, seed):
    x = values(parts, seed)
    result = {"seed": seed, "parts": [[n, kind, a, a, s] for n, kind, a, s in parts]}
    result["mean"] = float(np.mean(x))
    result["std"] = [float(np.std(x, ddof=ddof)) for ddof in (0, 1)]
    river = stats.Var()
    for value in x:
        river.update(value)
    result["river_variance"] = river.get()
    result["extremes"] = [min(x), max(x)]
    result["exponential"] = []
    for alpha in (0.5, 0.05):
        mean, variance = stats.EWMean(alpha), stats.EWVar(alpha)
        for value in x:
            mean.update(value)
            variance.update(value)
        result["exponential"].append([alpha, mean.get(), variance.get()])
    result["p2"] = []
    for q in (0.05, 0.5, 0.9, 0.99):
        estimate = stats.Quantile(q)
        path = []
        for i, value in enumerate(x, 1):
            estimate.update(value)
            if i > 5 and (i == len(x) or i % 40 == 0 or i < 9):
                path.append([i, estimate.get()])
        result["p2"].append([q, path])
    result["few"] = [float(np.quantile(x[:n], 0.9)) for n in range(1, 6)]
    result["hazen"] = [[q, float(np.quantile(x[:150], q, method="hazen"))] for q in QUANTILES]
    return result


if __name__ == "__main__":
    golden = {name: case(parts, i + 1) for i, (name, parts) in enumerate(RECIPES.items())}
    path = pathlib.Path(__file__).with_name("sketches.json")
    path.write_text(json.dumps(golden) + "\n")
