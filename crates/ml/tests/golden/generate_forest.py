"""Writes forest.json, random_forest.json and extended_forest.json beside this script.

The first has isolation trees that scikit-learn grew, and the scores it gives; the second tables,
and what its random forests make of them; the third mean scores of many extended isolation trees,
grown here with NumPy as the paper says (doi 10.1109/TKDE.2019.2947676).

Requirements (pinned):
    numpy==2.4.6
    scikit-learn==1.9.1

Run: python generate_forest.py
The Rust tests read the files and never need Python. Lists of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.inspection import permutation_importance

HERE = Path(__file__).parent


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(v) for v in np.asarray(values).ravel().tolist())


def tables():
    rng = np.random.default_rng(20240229)
    noise = rng.normal(size=(150, 3))
    one_outlier = noise.copy()
    one_outlier[30, 1] = 1e6
    with_constant = noise.copy()
    with_constant[:, 1] = 3.7
    return {
        "noise": (noise, {}),
        "auto": (noise, {"max_samples": "auto"}),
        "share_and_contamination": (noise, {"max_samples": 0.3, "contamination": 0.07}),
        "half_of_the_features": (rng.normal(size=(120, 6)), {"max_features": 0.5}),
        "bootstrap": (noise, {"bootstrap": True}),
        "one_outlier": (one_outlier, {"contamination": 0.5}),
        "constant_column": (with_constant, {}),
        "all_constant": (np.full((40, 2), 3.7), {}),
        "one_row": (noise[:1], {}),
        "two_rows": (noise[:2], {"contamination": 0.1}),
        "counts": (rng.poisson(2, size=(150, 2)).astype(float), {}),
        "huge": (noise * 1e12, {}),
        "tiny": (noise * 1e-12, {}),
        "small": (noise * 1e-5, {}),
        "offset": (1e6 + noise, {}),
    }


def case(x, parameters):
    defaults = {"n_estimators": 4, "max_samples": 64, "random_state": 0}
    forest = IsolationForest(**{**defaults, **parameters})
    forest.fit(x)
    trees, thresholds = [], []
    for estimator, features in zip(forest.estimators_, forest.estimators_features_):
        tree = estimator.tree_
        inner = tree.children_left >= 0
        feature = np.where(inner, np.asarray(features)[tree.feature * inner], -1)
        thresholds += [(f, t) for f, t in zip(feature[inner], tree.threshold[inner])]
        trees.append(
            {
                "feature": encode(feature),
                "threshold": encode(np.where(inner, tree.threshold, 0.0)),
                "left": encode(tree.children_left),
                "right": encode(tree.children_right),
                "samples": encode(tree.n_node_samples),
            }
        )
    # Rows like the training rows, far from them, and next to thresholds.
    probes = [x[:20], x[:5] * 10 + 1, -x[:5] * 1e3]
    for f, t in thresholds[:8]:
        for value in [t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), t * (1 + 1e-8)]:
            row = x[0].copy()
            row[f] = value
            probes.append(row[None])
    probes = np.concatenate(probes)
    return {
        "columns": x.shape[1],
        "subsample": int(forest.max_samples_),
        "trees": trees,
        "threshold": float(-forest.offset_),
        "contamination": parameters.get("contamination"),
        "train": encode(x) if "contamination" in parameters else None,
        "rows": encode(probes),
        "scores": encode(-forest.score_samples(probes)),
        "outlier": encode((forest.predict(probes) < 0).astype(int)),
    }


def regressions():
    rng = np.random.default_rng(20240301)
    # Multiples of 2^-10: single precision, in which scikit-learn compares, then loses nothing.
    x = np.round(rng.uniform(size=(180, 7)) * 1024) / 1024
    friedman1 = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    friedman1 += 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=180)
    a, b, c, d = 100 * x[:, 0], 40 * np.pi + 520 * np.pi * x[:, 1], x[:, 2], 1 + 10 * x[:, 3]
    friedman2 = np.hypot(a, b * c - 1 / (b * d)) + 100 * rng.normal(size=180)
    friedman3 = np.arctan((b * c - 1 / (b * d)) / (a + 1)) + 0.2 * rng.normal(size=180)
    counts = rng.poisson(3, size=(180, 4)).astype(float)
    counts[:, 3] = 5.0
    per_count = 2 * counts[:, 0] + (counts[:, 1] > 3) + rng.normal(size=180)
    return {
        "friedman1": (x, friedman1),
        "friedman2": (x, friedman2),
        "friedman3": (x, friedman3),
        "counts": (counts, per_count),
        "few_rows": (x[:30], friedman1[:30]),
        "noise": (x[:, :3], rng.normal(size=180)),
        "huge": (x * 2.0**40, friedman1 * 1e12),
        "tiny_target": (x, friedman1 * 1e-6 + 5e-4),
    }


def regression(x, y):
    y = np.array([float(f"{value:.9g}") for value in y])
    seeds = range(40)
    out_of_bag, importances, roots = [], [], []
    for seed in seeds:
        forest = RandomForestRegressor(random_state=seed, oob_score=True).fit(x, y)
        out_of_bag.append(forest.oob_score_)
        importances.append(forest.feature_importances_)
        forest.set_params(max_features="sqrt").fit(x, y)
        roots.append(forest.oob_score_)
    # Without chance: one tree on all rows, with leaves so large that no two splits tie.
    tree = RandomForestRegressor(1, bootstrap=False, min_samples_leaf=8, random_state=0)
    tree.fit(x, y)
    shuffled = permutation_importance(tree, x, y, n_repeats=30, random_state=0)
    probes = np.round((x[:40] * 0.9 + x[::-1][:40] * 0.1) * 1024) / 1024
    return {
        "columns": x.shape[1],
        "x": encode(x),
        "y": encode(y),
        "out_of_bag": float(np.mean(out_of_bag)),
        "out_of_bag_sqrt": float(np.mean(roots)),
        "importances": encode(np.mean(importances, axis=0)),
        "tree": {
            "probes": encode(probes),
            "predictions": encode(tree.predict(probes)),
            "importances": encode(tree.feature_importances_),
            "permutation": encode(shuffled.importances_mean),
        },
    }


def average_path_length(n):
    if n <= 2:
        return float(n == 2)
    return 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n


def extended_lengths(x, probes, extension, depth, limit, rng):
    """Path lengths of the probes in one random tree, which is grown as they descend."""
    if depth >= limit or len(x) <= 1 or len(probes) == 0:
        return np.full(len(probes), depth + average_path_length(len(x)))
    normal = rng.normal(size=x.shape[1])
    normal[rng.choice(x.shape[1], x.shape[1] - extension - 1, replace=False)] = 0
    point = rng.uniform(x.min(axis=0), x.max(axis=0))
    rows, probed = (x - point) @ normal < 0, (probes - point) @ normal < 0
    lengths = np.empty(len(probes))
    for side in [True, False]:
        lengths[probed == side] = extended_lengths(
            x[rows == side], probes[probed == side], extension, depth + 1, limit, rng
        )
    return lengths


def extended():
    rng = np.random.default_rng(20240302)
    psi, trees = 64, 2000
    x = np.round(np.r_[rng.normal(size=(100, 3)), rng.normal([6, 0, 2], 0.5, (100, 3))], 6)
    probes = np.array([[0, 0, 0], [6, 0, 2], [3, 0, 1], [9, 9, 9], [0, 0, 5], [6, 3, 2.0]])
    limit = int(np.ceil(np.log2(psi)))
    scores = {}
    for extension in range(3):
        total = np.zeros(len(probes))
        for _ in range(trees):
            sample = x[rng.choice(len(x), psi, replace=False)]
            total += extended_lengths(sample, probes, extension, 0, limit, rng)
        scores[extension] = encode(2 ** (-total / trees / average_path_length(psi)))
    return {
        "columns": 3,
        "subsample": psi,
        "x": encode(x),
        "probes": encode(probes),
        "scores": scores,
    }


def write(name, content):
    path = HERE / name
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size:,} bytes")


def main():
    cases = {name: case(*table) for name, table in tables().items()}
    write("forest.json", {"isolation_forest": cases})
    write("extended_forest.json", extended())
    write("random_forest.json", {name: regression(*t) for name, t in regressions().items()})


if __name__ == "__main__":
    main()
