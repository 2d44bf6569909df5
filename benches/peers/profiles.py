"""PCA, HBOS, ECOD, COPOD, k-means, CBLOF and Sub-PCA, against PyOD and scikit-learn."""

from functools import partial

import numpy as np
from pyod.models.cblof import CBLOF
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.pca import PCA
from scipy.stats import rankdata
from sklearn.cluster import KMeans

from peer import Case


def mixed(n, d):
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(d, d))
    return [rng.normal(size=(n, d)) * np.geomspace(3, 0.3, d) @ mixing]


def grouped(n, d, shares):
    rng = np.random.default_rng(1)
    group = rng.choice(len(shares), n, p=np.divide(shares, sum(shares)))
    return [rng.normal(size=(n, d)) + 6 * rng.normal(size=(len(shares), d))[group]]


def series(n):
    rng = np.random.default_rng(1)
    return [np.sin(np.arange(n) / 15) + 0.3 * rng.normal(size=n)]


def fit(build, x):
    return build().fit(x).decision_scores_


def kmeans(x, clusters):
    model = KMeans(clusters, n_init=1, random_state=0).fit(x)
    return np.array([model.inertia_])


def sub_pca(x, window):
    """Windows by PyOD; before the end of the first one, the median as in Bongsu."""
    windows = np.lib.stride_tricks.sliding_window_view(x, window)
    scores = PCA().fit(windows).decision_scores_
    return np.r_[np.full(window - 1, np.median(scores)), scores]


def worse(ours, theirs):
    """By which share our inertia is above the reference's; 0 when it is below."""
    return max(float(ours[0] / theirs[0] - 1), 0.0)


def order(ours, theirs):
    """One minus the rank correlation of the scores: the clusters are not the same."""
    return 1 - float(np.corrcoef(rankdata(ours), rankdata(theirs))[0, 1])


def case(name, reference, inputs, theirs, size, **more):
    return Case(
        name=name,
        reference=reference,
        size=size,
        inputs=inputs,
        theirs=theirs,
        crate="bongsu-ml",
        example="peer_profiles",
        method=name,
        **more,
    )


TABLE = "10,000 x 20"

CASES = [
    case("pca", "PyOD `PCA`", partial(mixed, 10_000, 20), partial(fit, PCA), TABLE),
    case("hbos", "PyOD `HBOS`", partial(mixed, 10_000, 20), partial(fit, HBOS), TABLE),
    case("ecod", "PyOD `ECOD`", partial(mixed, 10_000, 20), partial(fit, ECOD), TABLE),
    case("copod", "PyOD `COPOD`", partial(mixed, 10_000, 20), partial(fit, COPOD), TABLE),
    case(
        "kmeans",
        "scikit-learn `KMeans`, one run",
        partial(grouped, 10_000, 20, [1] * 20),
        partial(kmeans, clusters=20),
        TABLE + ", k=20",
        parameters={"clusters": 20},
        difference=worse,
        difference_is="share above the reference's inertia",
        tolerance=None,
    ),
    case(
        "cblof",
        "PyOD `CBLOF`",
        partial(grouped, 10_000, 20, [30, 25, 20, 20, 2, 1, 1, 1]),
        partial(fit, partial(CBLOF, random_state=0)),
        TABLE,
        difference=order,
        difference_is="one minus rank correlation",
        tolerance=None,
    ),
    case(
        "sub-pca",
        "PyOD `PCA` of sliding windows",
        partial(series, 20_000),
        partial(sub_pca, window=100),
        "20,000 points, w=100",
        parameters={"window": 100},
    ),
]
