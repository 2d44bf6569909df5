"""Online detectors of one metric, against river, which is imported where it runs: it needs Python
3.12. Both score each value and then learn it. The scores are not those of the reference: the
detectors are others, and `online_accuracy.py` compares what they find."""

from functools import partial

import numpy as np

from peer import Case

POINTS = 100_000


def daily():
    """A level with a season of 288 points, noise and a few spikes."""
    rng = np.random.default_rng(11)
    i = np.arange(POINTS)
    values = 50 + 10 * np.sin(2 * np.pi * i / 288) + rng.normal(size=POINTS)
    values[rng.integers(POINTS, size=POINTS // 500)] += 15
    return [values]


def scores(name, x):
    from river import anomaly

    detector = getattr(anomaly, name)()
    out = np.zeros(len(x))
    for i, value in enumerate(x.tolist()):
        out[i] = detector.score_one(None, value)
        detector.learn_one(None, value)
    return out


def case(name, theirs, **parameters):
    return Case(
        name=f"{name} (online)",
        reference=f"river `{theirs}`",
        size=f"{POINTS:,} values",
        inputs=daily,
        theirs=partial(scores, theirs),
        crate="bongsu-stream",
        example="peer_online",
        method=name,
        parameters=parameters,
        difference=lambda ours, theirs: float("nan"),
        difference_is="other methods",
        tolerance=None,
    )


CASES = [
    case("ewma", "StandardAbsoluteDeviation"),
    case("online-mad", "StandardAbsoluteDeviation"),
    case("holt-winters", "GaussianScorer", period="auto"),
]
