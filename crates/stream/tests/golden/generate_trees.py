"""Writes half_space_trees.json beside this script: river's trees, and the scores of a stream.

Requirements (pinned):
    river==0.26.0
    numpy==2.4.6

Run: python generate_trees.py
The stream follows a recipe of exactly rounded operations, which the Rust test follows too.
"""

import json
from pathlib import Path

from river import anomaly

HERE = Path(__file__).parent


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) * 2.0**-53


def points(n, features, seed):
    """Two clusters; one point in 50 is anywhere, and some values are outside of [0, 1]."""
    rng, out = Lcg(seed), []
    for i in range(n):
        centre = 0.3 if rng.uniform() < 0.7 else 0.7
        anywhere = i % 50 == 49
        row = []
        for _ in range(features):
            u = rng.uniform()
            row.append(1.4 * u - 0.2 if anywhere else centre + 0.2 * (u - 0.5) * u)
        out.append(row)
    return out


def splits(tree, height):
    """The splits, the root first, then depth by depth from left to right."""
    level, out = [tree], []
    for _ in range(height):
        out += [[node.feature, node.threshold] for node in level]
        level = [child for node in level for child in node.children]
    return out


def case(n, features, **parameters):
    model = anomaly.HalfSpaceTrees(**parameters)
    most = model._max_score
    masses = []
    for row in points(n, features, 11):
        x = dict(enumerate(row))
        score = model.score_one(x)
        # The sum of masses is whole, so that this loses nothing.
        mass = round((1 - score) * most)
        assert score in (0, 1 - mass / most)
        masses.append(mass)
        model.learn_one(x)
    trees = [splits(tree, model.height) for tree in model.trees]
    text = [" ".join(f"{f}:{t!r}" for f, t in tree) for tree in trees]
    return {
        "features": features,
        "height": model.height,
        "window": model.window_size,
        "most": most,
        "trees": text,
        "masses": " ".join(map(str, masses)),
    }


def main():
    golden = {
        "defaults": case(5000, 5, n_trees=10, height=6, window_size=250, seed=3),
        "tiny": case(300, 1, n_trees=3, height=3, window_size=7, seed=4),
        "long": case(1300, 2, n_trees=4, height=9, window_size=400, seed=5),
    }
    (HERE / "half_space_trees.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
