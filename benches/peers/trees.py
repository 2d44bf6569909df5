"""Detectors of several features, against river and rrcf.

Both are imported where they run: river needs Python 3.12, and rrcf 0.4.4 needs setuptools below 81.
"""

from functools import lru_cache, partial

import numpy as np

from peer import Case

HEIGHT, TREES = 8, 25


def points(n, features):
    """Two clusters in the unit cube, and a point anywhere now and then."""
    rng = np.random.default_rng(7)
    centre = np.where(rng.random(n) < 0.7, 0.3, 0.7)[:, None]
    x = centre + rng.normal(0.0, 0.05, (n, features))
    x[::50] = rng.random((len(x[::50]), features))
    return x


def river(x):
    """Scores of river, one by one, 0 in the first window."""
    from river import anomaly

    model, scores = anomaly.HalfSpaceTrees(n_trees=TREES, height=HEIGHT, seed=1), []
    for row in x.tolist():
        row = dict(enumerate(row))
        scores.append(model.score_one(row))
        model.learn_one(row)
    return np.array(scores), model


@lru_cache
def tables(n, features):
    """The points, and river's trees: features and thresholds in turn, depth by depth."""
    x = points(n, features)
    out = []
    for tree in river(x[:1])[1].trees:
        level, row = [tree], []
        for _ in range(HEIGHT):
            row += [number for node in level for number in (node.feature, node.threshold)]
            level = [child for node in level for child in node.children]
        out.append(row)
    return [x, np.array(out, dtype=float)]


def rrcf_scores(x, trees, sample=256):
    """Collusive displacements of rrcf over the last points, as its documentation streams them."""
    import rrcf

    forest = [rrcf.RCTree() for _ in range(trees)]
    scores = np.zeros(len(x))
    for i, row in enumerate(x):
        for tree in forest:
            if len(tree.leaves) >= sample:
                tree.forget_point(i - sample)
            tree.insert_point(row, index=i)
            scores[i] += tree.codisp(i) / trees
    return scores


def case(name, n, features, inputs, tolerance, goal=100):
    return Case(
        name=name,
        reference="river `HalfSpaceTrees`",
        size=f"{n:,} points x {features}",
        inputs=inputs,
        theirs=lambda x, *_: river(x)[0],
        crate="bongsu-stream",
        example="peer_trees",
        method=name,
        parameters={"height": HEIGHT},
        goal=goal,
        tolerance=tolerance,
        repeats=1,
    )


CASES = [
    # The same trees: every score is the same.
    case("half-space-trees", 20_000, 10, partial(tables, 20_000, 10), 1e-12),
    case("half-space-trees-own", 20_000, 10, lambda: [points(20_000, 10)], None),
    # 10 trees of height 6 against river's 25 of height 8: what a series costs with little memory.
    case("half-space-trees-small", 20_000, 5, lambda: [points(20_000, 5)], None, None),
    # river has no such methods: this is what its users have for several features.
    case("micro-clusters", 20_000, 5, lambda: [points(20_000, 5)], None, None),
    case("loda", 20_000, 5, lambda: [points(20_000, 5)], None, None),
    # Its sample is the last points where ours is one that fades, so that scores differ.
    Case(
        name="random-cut-forest",
        reference="rrcf `RCTree`, 10 trees",
        size="1,000 points x 10",
        inputs=lambda: [points(1000, 10)],
        theirs=partial(rrcf_scores, trees=10),
        crate="bongsu-stream",
        example="peer_trees",
        method="random-cut-forest",
        parameters={"trees": 10},
        tolerance=None,
        repeats=1,
    ),
]
