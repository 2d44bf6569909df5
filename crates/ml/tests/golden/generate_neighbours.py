"""Writes neighbours.json beside this script: inputs and the scores that the references give.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    scikit-learn==1.9.1
    pyod==3.6.7

Run: python generate_neighbours.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from pyod.models.knn import KNN
from scipy.spatial.distance import cdist
from sklearn.neighbors import LocalOutlierFactor

HERE = Path(__file__).parent


class OrderedLof(LocalOutlierFactor):
    """scikit-learn's factor, where of neighbours at the same distance the earlier row comes first.

    scikit-learn leaves the choice to the algorithm of the search, and its trees and its comparison
    with all rows choose differently.
    """

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        queries = self._fit_X if X is None else X
        metric = {"manhattan": "cityblock"}.get(self.metric, self.metric)
        distances = cdist(queries, self._fit_X, metric)
        if X is None:
            np.fill_diagonal(distances, np.inf)
        order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        return np.take_along_axis(distances, order, axis=1), order


def inputs():
    rng = np.random.default_rng(20260105)
    noise = rng.normal(size=(50, 3))
    outlier = noise.copy()
    outlier[30] = [40, -3, 0]
    wide = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 24)) + 0.1 * rng.normal(size=(50, 24))
    return {
        "noise": noise,
        "one_outlier": outlier,
        "constant_column": np.c_[noise[:, :2], np.full(50, 3.7)],
        "constant": np.full((40, 2), 3.7),
        "duplicates": np.r_[np.tile([[1.0, 2.0]], (30, 1)), noise[:20, :2], [[9.0, 9.0]]],
        "counts": rng.poisson(2, size=(50, 2)).astype(float),
        "few": noise[:4],
        "two": noise[:2],
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "offset": 1e9 + np.round(noise, 3),
        "wide": wide,
        "one_column": rng.lognormal(size=(50, 1)),
    }


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(float(v)) for v in np.ravel(values))


def lof(x, new, k, metric, contamination):
    ordered = OrderedLof(n_neighbors=k, metric=metric, contamination=contamination, novelty=True)
    ordered.fit(x)
    own = LocalOutlierFactor(n_neighbors=k, metric=metric, contamination=contamination).fit(x)
    same = np.allclose(own.negative_outlier_factor_, ordered.negative_outlier_factor_, rtol=1e-9)
    return {
        "scores": encode(-ordered.negative_outlier_factor_),
        "novelty": encode(-ordered.score_samples(new)),
        "threshold": repr(float(-ordered.offset_)),
    }, same


def main():
    cases = {}
    for name, x in inputs().items():
        new = np.r_[x[:2], x.mean(axis=0, keepdims=True), x[-1:] * 1.5 + 0.25 * (x.std() + 1e-12)]
        case = {"shape": list(x.shape), "x": encode(x), "new": encode(new), "lof": [], "knn": []}
        for k, metric, contamination in [
            (5, "euclidean", "auto"),
            (20, "euclidean", 0.1),
            (3, "manhattan", 0.25),
            (4, "chebyshev", "auto"),
        ]:
            scores, same = lof(x, new, k, metric, contamination)
            # Where there are no ties, scikit-learn itself gives the same.
            if name in ("noise", "one_outlier", "few", "two", "wide", "one_column", "huge"):
                assert same, (name, k)
            share = None if contamination == "auto" else contamination
            case["lof"].append({"k": k, "metric": metric, "contamination": share, **scores})
        for k, method, metric in [
            (5, "largest", "euclidean"),
            (4, "mean", "manhattan"),
            (4, "median", "euclidean"),
            (3, "median", "chebyshev"),
        ]:
            if k >= len(x):
                continue
            knn = KNN(n_neighbors=k, method=method, metric=metric, contamination=0.2).fit(x)
            case["knn"].append({
                "k": k,
                "method": method,
                "metric": metric,
                "scores": encode(knn.decision_scores_),
                "novelty": encode(knn.decision_function(new)),
                "threshold": repr(float(knn.threshold_)),
            })
        cases[name] = case
    (HERE / "neighbours.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
