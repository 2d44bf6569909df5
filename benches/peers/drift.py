"""Drift detectors, against river, which is imported where it runs: it needs Python 3.12."""

from functools import partial

import numpy as np

from peer import Case


def build(name):
    from river import drift

    return getattr(drift, name, None) or getattr(drift.binary, name)


def marks(name, x, **parameters):
    """1 where there is drift, 0.5 where there is a warning, else 0."""
    detector, out = build(name)(**parameters), np.zeros(len(x))
    for i, value in enumerate(x.tolist()):
        detector.update(value)
        if detector.drift_detected:
            out[i] = 1.0
        elif getattr(detector, "warning_detected", False):
            out[i] = 0.5
    return out


def window(name, x, **parameters):
    """As `marks`, without looking for warnings, which ADWIN does not have."""
    detector, out = build(name)(**parameters), np.zeros(len(x))
    update = detector.update
    for i, value in enumerate(x.tolist()):
        update(value)
        if detector._drift_detected:
            out[i] = 1.0
    return out


def differing(ours, theirs):
    """The share of values at which the two say something else."""
    return float(np.mean(ours != theirs))


def errors(n):
    """Errors at a rate that changes twice."""
    rng = np.random.default_rng(5)
    rate = np.repeat([0.2, 0.25, 0.6], [n // 2, n // 4, n - n // 2 - n // 4])
    return [(rng.random(n) < rate).astype(float)]


def case(name, theirs, n, goal, run=marks, tolerance=0.0, **parameters):
    return Case(
        name=name,
        reference=f"river `{theirs}`",
        size=f"{n:,} values",
        inputs=partial(errors, n),
        theirs=partial(run, theirs, **parameters),
        crate="bongsu-stream",
        example="peer_drift",
        method=name,
        parameters=parameters,
        goal=goal,
        difference=differing,
        difference_is="share of values judged otherwise",
        tolerance=tolerance,
    )


CASES = [
    case("adwin", "ADWIN", 1_000_000, 5, run=window, delta=0.002),
    case("ddm", "DDM", 100_000, 20),
    case("eddm", "EDDM", 100_000, 20),
    case("hddm-a", "HDDMA", 100_000, 20),
    case("hddm-w", "HDDMW", 20_000, 20),
    case("page-hinkley", "PageHinkley", 100_000, 20),
    # Its draws are river's only when they are injected, as the tests do.
    case("kswin", "KSWIN", 1_000, 20, tolerance=None, alpha=0.005),
]
