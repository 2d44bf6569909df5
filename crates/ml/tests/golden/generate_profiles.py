"""Writes profiles.json beside this script: tables and what the references make of them.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    scikit-learn==1.9.1
    pyod==3.6.7

Run: python generate_profiles.py
The Rust tests read the file and never need Python. Numbers are text with as many digits as it
takes to be exact.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from pyod.models.cblof import CBLOF
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.pca import PCA
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.asarray(values, dtype=float).ravel())


def tables():
    """Pairs: a table to learn from and one to judge."""
    rng = np.random.default_rng(20240229)
    mixing = rng.normal(size=(5, 5))

    def mixed(n):
        return rng.normal(size=(n, 5)) * [3, 2, 1, 0.5, 0.3] @ mixing

    noise, new = mixed(40), mixed(12)
    outlier = noise.copy()
    outlier[30, 2] = 1e4
    constant = noise.copy()
    constant[:, 3] = 3.7
    constant_new = new.copy()
    constant_new[:, 3] = 3.7
    constant_new[4, 3] = 3.9
    counts = rng.poisson(3, size=(40, 4)).astype(float)
    counts_new = rng.poisson(4, size=(12, 4)).astype(float)
    duplicates = np.repeat(mixed(6), 7, axis=0)
    return {
        "noise": (noise, new),
        "one_outlier": (outlier, new),
        "constant_column": (constant, constant_new),
        "counts": (counts, counts_new),
        "duplicates": (duplicates, np.r_[duplicates[:3], new[:5]]),
        "tiny": (noise * 1e-12, new * 1e-12),
        "huge": (noise * 1e12, new * 1e12),
        "offset": (1e6 + noise, 1e6 + new),
        "skewed": (rng.lognormal(size=(40, 3)), rng.lognormal(size=(12, 3)) * 2),
        "few_rows": (mixed(3), new[:4]),
        "one_column": (noise[:, :1], new[:, :1]),
    }


def pca(x, new):
    scaler = StandardScaler().fit(x)
    z = scaler.transform(x)
    reference = SklearnPCA(svd_solver="full").fit(z)
    solid = reference.explained_variance_ > 1e-10 * reference.explained_variance_[0]
    rank = int(solid.sum())
    out = {
        "rank": rank,
        "explained_variance": encode(reference.explained_variance_[:rank]),
        "ratio": encode(reference.explained_variance_ratio_[:rank]),
        "components": encode(reference.components_[:rank]),
    }
    kept = reference.components_[: max(rank - 1, 0)]
    for name, rows in (("train", z), ("new", scaler.transform(new))):
        residual = rows - rows @ kept.T @ kept
        out[f"reconstruction_{name}"] = encode((residual**2).sum(axis=1))
    if rank == x.shape[1]:
        detector = PCA().fit(x)
        out["weighted_train"] = encode(detector.decision_scores_)
        out["weighted_new"] = encode(detector.decision_function(new))
        out["threshold"] = repr(float(detector.threshold_))
        along = reference.transform(scaler.transform(new))
        out["mahalanobis_new"] = encode((along**2 / reference.explained_variance_).sum(axis=1))
    return out


def signs(x):
    return np.sign(np.nan_to_num(stats.skew(x, axis=0)))


def one_by_one(build, x, new):
    """PyOD's score of each new row as if it were the only one.

    NaN where the row turns the sign of a column's skewness, which in Bongsu stays that of the
    training rows.
    """
    scores = []
    for row in new:
        same = (signs(x) == signs(np.r_[x, row[None, :]])).all()
        scores.append(build().fit(x).decision_function(row[None, :])[0] if same else np.nan)
    return scores


def tails(build, x, new):
    detector = build().fit(x)
    return {
        "train": encode(detector.decision_scores_),
        "threshold": repr(float(detector.threshold_)),
        "new": encode(one_by_one(build, x, new)),
    }


def hbos(x, new, bins):
    detector = HBOS(n_bins=bins).fit(x)
    return {
        "train": encode(detector.decision_scores_),
        "new": encode(detector.decision_function(new)),
        "threshold": repr(float(detector.threshold_)),
    }


class Given(KMeans):
    """k-means that keeps the centres it is given."""

    def __init__(self, centers=None):
        super().__init__(n_clusters=len(centers) if centers is not None else 1)
        self.centers = centers

    def fit(self, X, y=None):
        super().__init__(n_clusters=len(self.centers), init=self.centers, n_init=1, max_iter=300)
        return KMeans.fit(self, X)


def cblof(x, new):
    k = min(4, len(np.unique(x, axis=0)))
    start = np.unique(x, axis=0)[:k]
    out = {"k": k, "start": encode(start)}
    clusters = Given(start).fit(x)
    # A further round of Lloyd's algorithm changes nothing: these are means of their own rows.
    out["centers"] = encode(clusters.cluster_centers_)
    out["inertia"] = repr(float(clusters.inertia_))
    out["labels"] = encode(clusters.labels_)
    for weights in (False, True):
        detector = CBLOF(n_clusters=k, clustering_estimator=Given(start), use_weights=weights)
        try:
            detector.fit(x)
        except ValueError:
            continue
        name = "weighted" if weights else "plain"
        out[f"{name}_train"] = encode(detector.decision_scores_)
        out[f"{name}_new"] = encode(detector.decision_function(new))
        out["large"] = encode(sorted(detector.large_cluster_labels_))
    return out


def main():
    cases = {}
    for name, (x, new) in tables().items():
        case = {"columns": x.shape[1], "x": encode(x), "new": encode(new)}
        case["pca"] = pca(x, new)
        case["hbos"] = hbos(x, new, 10)
        case["hbos_auto"] = hbos(x, new, "auto")
        case["ecod"] = tails(ECOD, x, new)
        case["copod"] = tails(COPOD, x, new)
        case["cblof"] = cblof(x, new)
        cases[name] = case
    (HERE / "profiles.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
