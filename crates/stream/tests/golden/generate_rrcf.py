"""Writes rrcf.json beside this script: random cut trees of the package rrcf and displacements in them.

Requirements (pinned):
    rrcf==0.4.4
    setuptools==80.9.0 (rrcf needs its pkg_resources)
    numpy==2.4.6

Run: python generate_rrcf.py
"""

import json
from pathlib import Path

import numpy as np
import rrcf

HERE = Path(__file__).parent


def export(tree):
    """Leaves by number, and branches (feature, cut, left, right), children first."""
    leaves, branches = [], []

    def leaf_number(leaf):
        leaves.append(leaf)
        return len(leaves) - 1

    def walk(node):
        if isinstance(node, rrcf.Leaf):
            return ("leaf", leaf_number(node))
        left, right = walk(node.l), walk(node.r)
        branches.append([int(node.q), float(node.p), left, right])
        return ("branch", len(branches) - 1)

    walk(tree.root)
    number = {"leaf": lambda i: i, "branch": lambda i: len(leaves) + i}
    for branch in branches:
        branch[2:] = [number[kind](i) for kind, i in branch[2:]]
    return leaves, branches


def case(x, new, rng, repeats=3000):
    tree = rrcf.RCTree(random_state=np.random.RandomState(rng.integers(2**31)))
    for i, point in enumerate(x):
        tree.insert_point(point, index=i)
    # Some go again, so that the tree has seen deletions.
    for i in range(0, len(x), 5):
        tree.forget_point(i)
    leaves, branches = export(tree)
    fresh = []
    for point in new:
        displacements = []
        for _ in range(repeats):
            tree.insert_point(point, index="new")
            displacements.append(tree.codisp("new"))
            tree.forget_point("new")
        error = np.std(displacements, ddof=1) / repeats**0.5
        fresh.append(
            {"point": list(point), "mean": float(np.mean(displacements)), "error": float(error)}
        )
    return {
        "points": [leaf.x.tolist() for leaf in leaves],
        "masses": [int(leaf.n) for leaf in leaves],
        "branches": branches,
        "codisp": [float(tree.codisp(leaf)) for leaf in leaves],
        "new": fresh,
    }


def main():
    rng = np.random.default_rng(8)
    line = rng.normal(size=(40, 1))
    cloud = rng.normal(size=(80, 3))
    copies = np.round(rng.normal(size=(60, 2)) * 2) / 2
    golden = {
        "line": case(line, [[0.0], [9.0]], rng),
        "cloud": case(cloud, [[0.0, 0.0, 0.0], [0.0, 6.0, 0.0], [2.0, -2.0, 3.0]], rng),
        "copies": case(copies, [[0.25, 0.25], [7.0, 7.0]], rng),
    }
    (HERE / "rrcf.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
