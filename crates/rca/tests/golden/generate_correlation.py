"""Golden values of the correlation statistics.

Requirements: Python 3.11, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1,
causal-learn 0.1.4.0.

Run beside this file: python generate_correlation.py
"""

import json
import pathlib
import warnings

import numpy as np
from causallearn.search.ConstraintBased.PC import pc
from scipy import stats
from sklearn.feature_selection import _mutual_info
from statsmodels.tsa.stattools import ccf, grangercausalitytests

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240)


def pairs():
    n = 60
    x = rng.normal(size=n)
    yield "independent", x, rng.normal(size=n)
    yield "dependent", x, 0.6 * x + rng.normal(size=n)
    yield "lagged", x, np.roll(x, 4) + 0.3 * rng.normal(size=n)
    yield "ties", rng.poisson(2.0, n).astype(float), rng.poisson(2.0, n).astype(float)
    yield "outlier", np.append(x[:-1], 1e6), np.append(rng.normal(size=n - 1), -3e5)
    yield "huge", 1e12 + 1e6 * x, 1e12 - 1e6 * x + 1e5 * rng.normal(size=n)
    yield "tiny", 1e-12 * x, 1e-12 * (x**2 + rng.normal(size=n))
    yield "short", x[:10], x[:10] + 0.5 * rng.normal(size=10)
    yield "exact", np.arange(40.0), 3.0 - 2.0 * np.arange(40.0) ** 3
    yield "near_one", x, x + 1e-4 * rng.normal(size=n)


def partial(x, y, others):
    matrix = np.corrcoef(np.vstack([x, y, *others]))
    inverse = np.linalg.inv(matrix)
    r = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    freedom = len(x) - 2 - len(others)
    t = abs(r) * np.sqrt(freedom / ((1 - r) * (1 + r)))
    return r, 2 * stats.t.sf(t, freedom)


def mutual(x, y, k):
    x = (x - x.mean()) / x.std()
    y = (y - y.mean()) / y.std()
    return _mutual_info._compute_mi_cc(x, y, k)


out = {"pairs": []}
for name, x, y in pairs():
    pearson, spearman = stats.pearsonr(x, y), stats.spearmanr(x, y)
    lags = min(6, len(x) - 1)
    forward, back = ccf(y, x, adjusted=False)[: lags + 1], ccf(x, y, adjusted=False)[1 : lags + 1]
    third = np.sin(np.arange(len(x))) + 0.3 * (x - x.mean()) / x.std()
    case = {
        "name": name,
        "x": list(x),
        "y": list(y),
        "third": list(third),
        "pearson": [pearson.statistic, pearson.pvalue],
        "spearman": [spearman.statistic, spearman.pvalue],
        "ccf": list(back[::-1]) + list(forward),
        "partial": list(partial(x, y, [third])),
    }
    case["mutual_information"] = [mutual(x, y, k) for k in (1, 3, 5)]
    if name not in ("exact", "near_one"):
        case["granger"] = []
        for lag in (1, 2):
            test = grangercausalitytests(np.column_stack([y, x]), [lag])
            case["granger"].append(list(test[lag][0]["ssr_ftest"][:2]))
    out["pairs"].append(case)

p = np.sort(rng.uniform(size=20)) ** 3
out["false_discovery"] = {"p": list(p), "adjusted": list(stats.false_discovery_control(p))}


def dag(edges, size, n, seed):
    g = np.random.default_rng(seed)
    data = g.normal(size=(n, size))
    for parent, child, weight in edges:
        data[:, child] += weight * data[:, parent]
    return data


out["graphs"] = []
for name, edges, size, n, seed in [
    ("collider", [(0, 2, 1.0), (1, 2, 1.0), (2, 3, 1.0)], 4, 120, 1),
    ("chain", [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)], 4, 120, 2),
    ("fork", [(0, 1, 1.0), (0, 2, 0.8), (0, 3, -0.9), (3, 4, 1.0)], 5, 120, 3),
    ("kite", [(0, 1, 1.0), (0, 2, 1.0), (1, 3, 1.0), (2, 3, 1.0), (0, 3, 0.7)], 4, 150, 4),
    ("dense", [(0, 2, 0.8), (1, 2, 0.7), (2, 4, 0.9), (3, 4, 0.8), (4, 5, 1.0), (1, 5, 0.5), (3, 6, 1.0), (5, 6, 0.6)], 7, 150, 5),
    ("weak", [(0, 1, 0.2), (1, 2, 0.25), (2, 3, 0.2), (0, 3, 0.2), (3, 4, 0.3)], 5, 100, 6),
]:
    data = np.round(dag(edges, size, n, seed), 6)
    graph = pc(data, 0.05, show_progress=False).G.graph
    out["graphs"].append({"name": name, "data": data.T.tolist(), "graph": graph.astype(int).tolist()})

path = pathlib.Path(__file__).with_name("correlation.json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
