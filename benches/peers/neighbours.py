"""Neighbours of rows and of subsequences, against scikit-learn, PyOD and stumpy."""

from functools import partial

import numpy as np
import stumpy
from pyod.models.knn import KNN
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from peer import Case


def normal(n, d):
    return [np.random.default_rng(d).normal(size=(n, d))]


def correlated(n, d):
    """Features that follow four common causes, as those of one service do."""
    rng = np.random.default_rng(d)
    return [rng.normal(size=(n, 4)) @ rng.normal(size=(4, d)) + 0.1 * rng.normal(size=(n, d))]


def nearest(x, neighbours):
    return NearestNeighbors(n_neighbors=neighbours).fit(x).kneighbors()[0]


def lof(x, neighbours):
    return -LocalOutlierFactor(n_neighbors=neighbours).fit(x).negative_outlier_factor_


def knn(x, neighbours):
    return KNN(n_neighbors=neighbours).fit(x).decision_scores_


def wave(n):
    rng = np.random.default_rng(3)
    return [np.sin(np.arange(n) / 15) + np.cumsum(0.02 * rng.normal(size=n)) + 0.1 * rng.normal(size=n)]


def matrix_profile(x, window):
    return stumpy.stump(x, window)[:, 0].astype(float)


def profile_case(n, window):
    return Case(
        name="matrix-profile",
        reference="stumpy `stump`",
        size=f"{n:,} points, m={window}",
        inputs=partial(wave, n),
        theirs=partial(matrix_profile, window=window),
        crate="bongsu-ml",
        example="peer_neighbours",
        method="matrix-profile",
        parameters={"window": window},
        goal=1,
        tolerance=1e-6,
        repeats=2,
    )


def case(name, reference, function, n, d, neighbours, goal=None, inputs=normal):
    return Case(
        name=name,
        reference=reference,
        size=f"{n:,} x {d}{', 4 causes' if inputs is correlated else ''}, k={neighbours}",
        inputs=partial(inputs, n, d),
        theirs=partial(function, neighbours=neighbours),
        crate="bongsu-ml",
        example="peer_neighbours",
        method=name,
        parameters={"neighbors": neighbours},
        goal=goal,
    )


SKLEARN_LOF = "scikit-learn `LocalOutlierFactor`"
SKLEARN_NEAREST = "scikit-learn `NearestNeighbors`"

CASES = [
    case("lof", SKLEARN_LOF, lof, 10_000, 10, 20, goal=5),
    case("lof", SKLEARN_LOF, lof, 10_000, 10, 20, goal=5, inputs=correlated),
    case("knn", "PyOD `KNN`", knn, 10_000, 10, 5, goal=5),
    case("nearest", SKLEARN_NEAREST, nearest, 10_000, 3, 20),
    case("nearest", SKLEARN_NEAREST, nearest, 10_000, 30, 20),
    case("nearest", SKLEARN_NEAREST, nearest, 10_000, 100, 20),
    profile_case(16_384, 100),
    profile_case(65_536, 100),
]
