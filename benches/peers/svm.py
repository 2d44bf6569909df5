"""The one-class support vector machine and window features, against scikit-learn and pandas."""

import numpy as np
import pandas as pd
from sklearn.svm import OneClassSVM

from peer import Case

SIZES = [2_000, 10_000]


def table(n):
    """Normal rows of ten features, some of them three times as wide."""
    x = np.random.default_rng(0).normal(size=(n, 10))
    x[: n // 20] *= 3
    return x


def fit(x, nu, tolerance):
    model = OneClassSVM(nu=nu, tol=tolerance).fit(x)
    # By the gradient: the kernel matrix of the support vectors is not needed.
    weights = model.dual_coef_.ravel()
    rho = -model.intercept_[0]
    objective = 0.5 * weights @ (model.decision_function(model.support_vectors_) + rho)
    return np.array([rho, objective])


PARAMETERS = dict(nu=0.1, tolerance=1e-3)


class Scorer:
    """Fitted at the first call, which is not timed."""

    def __init__(self):
        self.model = None

    def __call__(self, x):
        if self.model is None:
            self.model = OneClassSVM(nu=PARAMETERS["nu"], tol=PARAMETERS["tolerance"]).fit(x)
        return -self.model.decision_function(x)


class Fitter:
    """What it finds is computed at the first call, which is not timed."""

    def __init__(self):
        self.expected = None

    def __call__(self, x):
        if self.expected is None:
            self.expected = fit(x, **PARAMETERS)
        else:
            OneClassSVM(nu=PARAMETERS["nu"], tol=PARAMETERS["tolerance"]).fit(x)
        return self.expected


def svm(method, function, n):
    return Case(
        name=f"one-class-svm-{method}",
        reference="scikit-learn `OneClassSVM`",
        size=f"{n:,} x 10",
        inputs=lambda: [table(n)],
        theirs=function,
        crate="bongsu-ml",
        example="peer_svm",
        method=f"one-class-svm-{method}",
        parameters=PARAMETERS,
        goal=2,
        tolerance=1e-3,
    )


def series(n):
    return [20 + np.random.default_rng(1).normal(size=n)]


def window_features(x, window):
    """Those that pandas has; ours also computes slope, spikiness, autocorrelation and the rest."""
    rolling = pd.Series(x).rolling(window)
    columns = [rolling.count(), rolling.mean(), rolling.std(), rolling.min()]
    columns += [rolling.quantile(q) for q in (0.25, 0.5, 0.75)]
    columns.append(rolling.max())
    return np.column_stack(columns)[window - 1 :]


def shared_features(ours, theirs):
    """The largest difference of the features that both have."""
    ours = ours.reshape(-1, 13)[:, :8].ravel()
    return float(np.max(np.abs(ours - theirs) / (1 + np.abs(theirs))))


CASES = [
    svm(method, function(), n)
    for n in SIZES
    for method, function in (("fit", Fitter), ("score", Scorer))
] + [
    Case(
        name="window-features",
        reference="pandas `rolling()`, 8 of our 13 features",
        size="200,000 points, w=100",
        inputs=lambda: series(200_000),
        theirs=lambda x: window_features(x, 100),
        crate="bongsu-ml",
        example="peer_svm",
        method="window-features",
        parameters=dict(window=100),
        difference=shared_features,
    )
]
