"""Forests, against scikit-learn."""

from functools import cache

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestRegressor

from peer import Case


def table(rows, columns):
    return np.random.default_rng(1).normal(size=(rows, columns))


def isolation_fit(x):
    IsolationForest(random_state=0, n_jobs=1).fit(x)
    return np.array([100.0])


@cache
def grown():
    return IsolationForest(random_state=0, n_jobs=1).fit(table(10_000, 10))


def isolation_score(_, rows):
    return -grown().score_samples(rows)


def isolation_row(_, row):
    """One row as often as ours is asked to score it, so that a run is long enough to time."""
    return np.concatenate([-grown().score_samples(row) for _ in range(20)])[:1]


def regression():
    x = table(720, 9)
    return [x, 2 * x[:, 0] + np.sin(x[:, 1]) + 0.3 * np.random.default_rng(2).normal(size=720)]


def random_forest_fit(x, y):
    forest = RandomForestRegressor(random_state=0, n_jobs=1, oob_score=True).fit(x, y)
    return np.array([forest.oob_score_])


@cache
def regressor():
    return RandomForestRegressor(random_state=0, n_jobs=1).fit(*regression())


def random_forest_predict(_x, _y, rows):
    return regressor().predict(rows)


def example(**settings):
    return {"crate": "bongsu-ml", "example": "peer_forest", **settings}


CASES = [
    Case(
        **example(method="isolation-forest-fit", parameters={"seed": 0}),
        name="isolation-forest fit",
        reference="scikit-learn `IsolationForest.fit`",
        size="10,000 x 10, 100 trees",
        inputs=lambda: [table(10_000, 10)],
        theirs=isolation_fit,
        goal=10,
        difference_is="trees are random, only their number is compared",
    ),
    Case(
        **example(method="isolation-forest-score", parameters={"seed": 0, "times": 1}),
        name="isolation-forest score",
        reference="scikit-learn `score_samples`",
        size="10,000 x 10, 100 trees",
        inputs=lambda: [table(10_000, 10), table(10_000, 10)],
        theirs=isolation_score,
        goal=5,
        difference_is="each with its own trees",
        tolerance=0.1,
    ),
    Case(
        **example(method="isolation-forest-score", parameters={"seed": 0, "times": 20}),
        name="isolation-forest 20 x 1 row",
        reference="scikit-learn `score_samples`",
        size="1 x 10, 100 trees",
        inputs=lambda: [table(10_000, 10), table(10_000, 10)[:1]],
        theirs=isolation_row,
        goal=500,
        difference_is="each with its own trees",
        tolerance=0.05,
    ),
    Case(
        **example(method="random-forest-fit", parameters={"seed": 0, "out_of_bag": "true"}),
        name="random-forest fit",
        reference="scikit-learn `RandomForestRegressor.fit`, `oob_score`",
        size="720 x 9, 100 trees",
        inputs=regression,
        theirs=random_forest_fit,
        goal=10,
        difference_is="of the out-of-bag R2",
        tolerance=0.02,
    ),
    Case(
        **example(method="random-forest-predict"),
        name="random-forest predict",
        reference="scikit-learn `predict`",
        size="10,000 x 9, 100 trees",
        inputs=lambda: [*regression(), table(10_000, 9)],
        theirs=random_forest_predict,
        difference_is="each with its own trees",
        tolerance=0.5,
    ),
]
