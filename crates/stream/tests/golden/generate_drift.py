"""Writes drift.json beside this script: streams by their recipe, and what river's detectors say.

Requirements (pinned):
    river==0.26.0
    numpy==2.4.6
    scipy==1.17.1

Run: python generate_drift.py
The Rust tests read the file and never need Python. A recipe uses a linear congruential generator and
exactly rounded operations only, so that both languages get the same values to the last bit.
"""

import json
import math
import random
from pathlib import Path

from river import drift
from river._river_rust.drift import AdaptiveWindowing

HERE = Path(__file__).parent


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) * 2.0**-53


def values(recipe):
    """Each part: how many values, their kind, a level that moves from `a` to `b`, and a scale."""
    rng, out = Lcg(recipe["seed"]), []
    for n, kind, a, b, scale in recipe["parts"]:
        for i in range(n):
            level = a + (b - a) * (i / n)
            if kind == "constant":
                x = level
            elif kind == "uniform":
                x = level + scale * (rng.uniform() - 0.5)
            elif kind == "normal":
                total = 0.0
                for _ in range(12):
                    total += rng.uniform()
                x = level + scale * (total - 6.0)
            elif kind == "latency":
                x = level + scale / (1.0 - 0.999 * rng.uniform())
            elif kind == "integer":
                x = level + float(math.floor(scale * rng.uniform()))
            else:
                x = 1.0 if rng.uniform() < level else 0.0
            out.append(x)
    return out


def real():
    return {
        "stationary": [[3000, "uniform", 0.5, 0.5, 1.0]],
        "abrupt": [[1000, "normal", 0.2, 0.2, 0.1], [1000, "normal", 0.6, 0.6, 0.1]],
        "abrupt_small": [[1500, "normal", 0.50, 0.50, 0.1], [1500, "normal", 0.55, 0.55, 0.1]],
        "gradual": [
            [1000, "uniform", 0.2, 0.2, 0.3],
            [1000, "uniform", 0.2, 0.8, 0.3],
            [700, "uniform", 0.8, 0.8, 0.3],
        ],
        "variance_only": [[1200, "normal", 0.0, 0.0, 0.2], [1200, "normal", 0.0, 0.0, 1.5]],
        "spread_falls": [[1000, "normal", 3.0, 3.0, 2.0], [1000, "normal", 3.0, 3.0, 0.1]],
        "constant": [[1500, "constant", 3.7, 3.7, 0.0]],
        "constant_step": [[700, "constant", 1.0, 1.0, 0.0], [700, "constant", 2.0, 2.0, 0.0]],
        "tiny": [[800, "normal", 1e-12, 1e-12, 1e-12], [800, "normal", 9e-12, 9e-12, 1e-12]],
        "huge": [[800, "normal", 1e12, 1e12, 1e11], [800, "normal", 3e12, 3e12, 1e11]],
        "offset": [[800, "normal", 1e9, 1e9, 1.0], [800, "normal", 1e9 + 4, 1e9 + 4, 1.0]],
        "up_and_down": [[600, "normal", m, m, 1.0] for m in (0.0, 3.0, 0.0, -3.0, 0.0)],
        "latency": [[2000, "latency", 0.02, 0.02, 0.004], [1000, "latency", 0.05, 0.05, 0.006]],
        "latency_tail": [[1500, "latency", 0.1, 0.1, 0.002], [1500, "latency", 0.1, 0.1, 0.02]],
        "counts": [[1200, "integer", 0.0, 0.0, 8.0], [1200, "integer", 2.0, 2.0, 9.0]],
        "ties": [[900, "integer", 0.0, 0.0, 2.0], [900, "integer", 0.0, 0.0, 3.0]],
        "one_outlier": [
            [900, "normal", 0.0, 0.0, 1.0],
            [1, "constant", 1e6, 1e6, 0.0],
            [900, "normal", 0.0, 0.0, 1.0],
        ],
        "ramp": [[2500, "uniform", 0.0, 5.0, 0.2]],
        "short": [[9, "uniform", 0.5, 0.5, 1.0]],
        "bits": [[1500, "bernoulli", 0.1, 0.1, 0.0], [1500, "bernoulli", 0.35, 0.35, 0.0]],
    }


def errors():
    def rates(*parts):
        return [[n, "bernoulli", a, b, 0.0] for n, a, b in parts]

    out = {
        "never": rates((1500, 0.0, 0.0)),
        "always": rates((1500, 1.0, 1.0)),
        "never_then_always": rates((500, 0.0, 0.0), (500, 1.0, 1.0)),
        "always_then_never": rates((500, 1.0, 1.0), (500, 0.0, 0.0)),
        "rare": rates((3000, 0.01, 0.01)),
        "rare_then_more": rates((2000, 0.01, 0.01), (1500, 0.06, 0.06)),
        "half": rates((3000, 0.5, 0.5)),
        "half_then_more": rates((1200, 0.5, 0.5), (1200, 0.7, 0.7)),
        "half_then_less": rates((1200, 0.5, 0.5), (1200, 0.2, 0.2)),
        "abrupt": rates((1000, 0.1, 0.1), (1000, 0.4, 0.4)),
        "abrupt_back": rates((800, 0.1, 0.1), (800, 0.4, 0.4), (800, 0.1, 0.1), (800, 0.6, 0.6)),
        "gradual": rates((1000, 0.05, 0.05), (1500, 0.05, 0.5), (500, 0.5, 0.5)),
        "gradual_fall": rates((1000, 0.6, 0.6), (1500, 0.6, 0.1), (500, 0.1, 0.1)),
        "ramp": rates((3000, 0.0, 1.0)),
        "small": rates((1500, 0.20, 0.20), (1500, 0.25, 0.25)),
        "burst": rates((1000, 0.05, 0.05), (60, 0.9, 0.9), (1000, 0.05, 0.05)),
        "many": rates(*[(250, rate, rate) for rate in (0.1, 0.5, 0.2, 0.8, 0.1, 0.9, 0.3, 0.7)]),
        "mostly": rates((1500, 0.95, 0.95), (1000, 0.99, 0.99)),
        "late": rates((2900, 0.02, 0.02), (300, 0.5, 0.5)),
        "short": rates((9, 0.5, 0.5)),
    }
    return out


def recipes(parts_by_name, first_seed):
    return {
        name: {"seed": first_seed + i, "parts": parts}
        for i, (name, parts) in enumerate(parts_by_name.items())
    }


def marks(detector, x):
    """Where there is drift, and the stretches [from, to) of warnings without it."""
    found, warned = [], []
    for i, value in enumerate(x):
        detector.update(value)
        if detector.drift_detected:
            found.append(i)
        elif getattr(detector, "warning_detected", False):
            if warned and warned[-1][1] == i:
                warned[-1][1] = i + 1
            else:
                warned.append([i, i + 1])
    return {"drift": found, "warning": warned}


def adwin(x, restart, **parameters):
    """Drifts, and width, mean and variance at each and at every 211th value."""
    names = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
    detector = drift.ADWIN(**parameters)
    window = AdaptiveWindowing(**{name: getattr(detector, name) for name in names})
    found, states = [], []
    for i, value in enumerate(x):
        if restart:
            detector.update(value)
            window, drifted = detector._helper, detector.drift_detected
        else:
            drifted = window.update(value)
        if drifted:
            found.append(i)
        if drifted or i % 211 == 0:
            width = window.get_width()
            states += [int(width), window.get_total() / width, window.get_variance() / width]
    return {"drift": found, "states": " ".join(map(repr, states))}


def kswin(x, **parameters):
    return marks(drift.KSWIN(seed=42, **parameters), x)


def main():
    binary = drift.binary
    on_real = {
        "adwin": (adwin, dict(restart=True)),
        "adwin_keep": (adwin, dict(restart=False)),
        "adwin_fine": (
            adwin,
            dict(
                restart=True,
                delta=0.05,
                clock=1,
                max_buckets=2,
                min_window_length=1,
                grace_period=2,
            ),
        ),
        "adwin_coarse": (
            adwin,
            dict(
                restart=False,
                delta=0.3,
                clock=7,
                max_buckets=11,
                min_window_length=17,
                grace_period=100,
            ),
        ),
        "page_hinkley": (lambda x: marks(drift.PageHinkley(), x), {}),
        "page_hinkley_up": (
            lambda x: marks(
                drift.PageHinkley(
                    min_instances=10, delta=0.05, threshold=3.0, alpha=0.99, mode="up"
                ),
                x,
            ),
            {},
        ),
        "page_hinkley_down": (
            lambda x: marks(drift.PageHinkley(delta=0.0, threshold=5.0, alpha=1.0, mode="down"), x),
            {},
        ),
        "kswin": (kswin, {}),
        "kswin_wide": (kswin, dict(alpha=0.0005, window_size=260, stat_size=70)),
    }
    on_errors = {
        "ddm": lambda: binary.DDM(),
        "ddm_quick": lambda: binary.DDM(warm_start=5, warning_threshold=1.5, drift_threshold=2.2),
        "eddm": lambda: binary.EDDM(),
        "eddm_strict": lambda: binary.EDDM(warm_start=10, alpha=0.8, beta=0.7),
        "hddm_a": lambda: binary.HDDMA(),
        "hddm_a_two_sided": lambda: binary.HDDMA(
            drift_confidence=0.01, warning_confidence=0.05, two_sided_test=True
        ),
        "hddm_w": lambda: binary.HDDMW(),
        "hddm_w_two_sided": lambda: binary.HDDMW(
            drift_confidence=0.01, warning_confidence=0.05, lambda_val=0.1, two_sided_test=True
        ),
    }
    real_recipes, error_recipes = recipes(real(), 100), recipes(errors(), 200)
    golden = {"real": real_recipes, "errors": error_recipes, "checks": {}, "expected": {}}
    for kind, recipe_set in (("real", real_recipes), ("errors", error_recipes)):
        for name, recipe in recipe_set.items():
            x = values(recipe)
            # The sum in order tells whether the reader got the same values.
            total = 0.0
            for value in x:
                total += value
            golden["checks"][f"{kind}/{name}"] = [len(x), repr(total)]
            runs = (
                {key: run(x, **settings) for key, (run, settings) in on_real.items()}
                if kind == "real"
                else {key: marks(build(), x) for key, build in on_errors.items()}
            )
            for key, result in runs.items():
                golden["expected"].setdefault(key, {})[name] = result
    rng = random.Random(42)
    golden["sample"] = [rng.sample(range(70), 30) for _ in range(2)]
    golden["sample"] += [rng.sample(range(190), 70)]
    text = json.dumps(golden, separators=(",", ":"))
    (HERE / "drift.json").write_text(text.replace('"expected"', '\n"expected"') + "\n")
    for key, by_name in golden["expected"].items():
        print(key, sum(len(r["drift"]) for r in by_name.values()))


if __name__ == "__main__":
    main()
