"""How long BARO's and N-Sigma's rankings take in Python on 200 metrics x 3,600 moments.

Requirements: Python 3.11, numpy 2.4.6, pandas 2.3.3, scikit-learn 1.9.1; the package fse-baro 0.2.2
where it is installed, else its formula.

Run: python benches/peers/rca.py; ours: cargo run --release -p bongsu-rca --example speed
"""

import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from sklearn.preprocessing import RobustScaler, StandardScaler

rng = np.random.default_rng(1)
noise = rng.normal(size=(3600, 200))
for i in range(1, len(noise)):
    noise[i] += 0.7 * noise[i - 1]
data = pd.DataFrame(10 + noise, columns=[f"s{m // 5}_m{m % 5}" for m in range(200)])
data.iloc[2700:, :5] += 8
data.insert(0, "time", np.arange(3600))


def formula(scaler):
    normal, incident = data[data["time"] < 2700], data[data["time"] >= 2700]
    ranks = []
    for name in data.columns[1:]:
        fitted = scaler().fit(normal[[name]].to_numpy())
        ranks.append((name, fitted.transform(incident[[name]].to_numpy()).max()))
    return sorted(ranks, key=lambda rank: rank[1], reverse=True)


def clock(name, run):
    run()
    times = []
    for _ in range(9):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    print(f"{name:38} {statistics.median(times):8.2f} ms (best {min(times):.2f})")


try:
    from baro.root_cause_analysis import robust_scorer

    clock("fse-baro robust_scorer", lambda: robust_scorer(data.copy(), inject_time=2700, dataset="x"))
except ImportError as missing:
    print(f"fse-baro is not installed ({missing}); its formula instead")
clock("BARO's formula, scikit-learn", lambda: formula(RobustScaler))
clock("N-Sigma's formula, scikit-learn", lambda: formula(StandardScaler))
values = data.to_numpy()[:, 1:]
clock("numpy.corrcoef, lag 0 only", lambda: np.corrcoef(values.T))
