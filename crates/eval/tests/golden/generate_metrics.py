"""Golden values of the measures.

Requirements: numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, TSB-AD 1.5, vus 0.0.6, prts 1.0.0.3
(the last three with `pip install --no-deps`). TSB-AD ships `affiliation-metrics-py`.
The NAB cases come from a direct transcription of its rules into one loop a threshold.

    python generate_metrics.py > metrics.json
"""

import contextlib
import io
import json
import math
import sys

import numpy as np
from scipy import stats
from sklearn import metrics as sk

with contextlib.redirect_stdout(io.StringIO()):
    import prts
    from TSB_AD.evaluation.affiliation.generics import convert_vector_to_events
    from TSB_AD.evaluation.affiliation.metrics import pr_from_events
    from TSB_AD.evaluation.basic_metrics import basic_metricor, generate_curve
    from vus.utils.metrics import metricor


def cases():
    """Scores and labels, awkward ones among them."""
    rng = np.random.default_rng(7)

    def labelled(n, *ranges):
        label = np.zeros(n, int)
        for start, end in ranges:
            label[start:end] = 1
        return label

    label = labelled(400, (50, 70), (200, 201), (300, 340))
    yield "noise", rng.normal(size=400) + 0.7 * label, label
    label = labelled(300, (0, 12), (100, 130), (138, 140), (141, 142), (144, 150), (290, 300))
    yield "events at both ends and near each other", rng.normal(size=300) + label, label
    yield "ties", np.round(rng.normal(size=300) + label), label
    yield "constant scores", np.zeros(300), label
    yield "perfect", label.astype(float), label
    yield "inverted", -label.astype(float), label
    yield "huge", (rng.normal(size=300) + label) * 1e300, label
    yield "tiny", (rng.normal(size=300) + label) * 1e-300, label
    label = labelled(6, (2, 4))
    yield "six rows", np.array([0.1, 0.3, 0.2, 0.9, 0.9, 0.0]), label
    label = (rng.random(500) < 0.3).astype(int)
    label[0], label[-1] = 0, 0
    yield "scattered", rng.normal(size=500) + 0.5 * label, label
    label = labelled(1200, (600, 601))
    yield "one row", rng.normal(size=1200), label
    label = labelled(200, (0, 199))
    yield "almost all", rng.normal(size=200) + label, label


def measures(score, label):
    grader = basic_metricor()
    out = {"roc_auc": sk.roc_auc_score(label, score), "pr_auc": sk.average_precision_score(label, score)}
    precision, recall, thresholds = sk.precision_recall_curve(label, score)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    out["best_f1"] = f1.max()
    out["vus"] = []
    for window in (0, 1, 7, 100):
        curve = generate_curve(label, score, window, "opt", 250)
        other = metricor().RangeAUC_volume_opt(label, score, window)
        assert abs(curve[6] - other[4]) < 1e-12 and abs(curve[7] - other[5]) < 1e-12
        out["vus"].append([window, curve[6], curve[7]])
    threshold = np.sort(score)[int(len(score) * 0.85)]
    alarm = (score >= threshold).astype(int)
    out["threshold"] = threshold
    out["confusion"] = [int(x) for x in sk.confusion_matrix(label, alarm).ravel()]
    p, r, f, _ = sk.precision_recall_fscore_support(label, alarm, average="binary", zero_division=0)
    out["precision"], out["recall"], out["f1"] = p, r, f
    existence = grader.range_recall_new(label, alarm, 0.2)[0]
    range_precision = grader.range_recall_new(alarm, label, 0)[0]
    # TSB-AD finds no range where every row is one.
    if alarm.all() or alarm.sum() == 0:
        return out
    out["range_tsb"] = [range_precision, existence]
    out["range_prts"] = []
    for bias in ("flat", "front", "middle", "back"):
        for cardinality in ("one", "reciprocal"):
            for alpha in (0.0, 0.3):
                out["range_prts"].append([
                    bias, cardinality, alpha,
                    float(prts.ts_precision(label, alarm, 0.0, cardinality, bias)),
                    float(prts.ts_recall(label, alarm, alpha, cardinality, bias)),
                ])
    found = pr_from_events(convert_vector_to_events(alarm), convert_vector_to_events(label), (0, len(label)))
    out["affiliation"] = [found["Affiliation_Precision"], found["Affiliation_Recall"]]
    # TSB-AD never adjusts the first row, so its value is another one where an event starts there.
    if label[0] == 0:
        out["point_adjusted_f1"] = grader.metric_PointF1PA(label, score, preds=alarm)
    return out


def nab():
    rng = np.random.default_rng(11)
    series = []
    for n, windows in [(200, [(60, 80), (150, 151)]), (6000, [(700, 740), (760, 900), (5990, 6000)]),
                       (120, []), (40, [(0, 5), (30, 40)]), (100, [(5, 15)])]:
        score = np.round(rng.random(n), 2)
        for start, end in windows:
            if rng.random() < 0.7:
                score[rng.integers(start, end)] = 0.995
        series.append((score, windows))

    def sigmoid(x):
        return -1.0 if x >= 3 else 2 / (1 + math.exp(5 * x)) - 1

    def total(threshold, weight):
        raw = 0.0
        for score, windows in series:
            n = len(score)
            probation = min(math.floor(0.15 * n), 750)
            for start, end in windows:
                if end <= probation:
                    continue
                hits = [i for i in range(max(start, probation), end) if score[i] >= threshold]
                worth = [sigmoid(-(end - i) / (end - start)) / sigmoid(-1) for i in hits]
                raw += max(worth) if worth else -weight["fn"]
            for i in range(probation, n):
                if score[i] < threshold or any(s <= i < e for s, e in windows):
                    continue
                before = [(s, e) for s, e in windows if e <= i]
                if not before:
                    raw -= weight["fp"]
                    continue
                s, e = before[-1]
                distance = (i + 1 - e) / (e - s - 1) if e - s > 1 else math.inf
                raw += weight["fp"] * sigmoid(distance)
        return raw

    out = {"series": [[list(score), windows] for score, windows in series], "profiles": []}
    for fp, fn in [(0.11, 1.0), (0.22, 1.0), (0.11, 2.0)]:
        weight = {"fp": fp, "fn": fn}
        values = sorted({x for score, _ in series for x in score} | {2.0}, reverse=True)
        raws = [total(t, weight) for t in values]
        best = int(np.argmax(raws))
        none = raws[0]
        perfect = sum(len(w) for _, w in series)
        out["profiles"].append([fp, fn, values[best], raws[best], 100 * (raws[best] - none) / (perfect - none),
                                total(0.9, weight)])
    return out


def ranks():
    rng = np.random.default_rng(3)
    out = []
    for n, k in [(10, 4), (3, 2), (58, 21), (6, 3)]:
        table = np.round(rng.random((n, k)) + np.linspace(0, 0.3, k), 1)
        rank = np.array([stats.rankdata(-row) for row in table]).mean(axis=0)
        # SciPy's test needs three methods.
        if k > 2:
            found = stats.friedmanchisquare(*table.T)
            statistic, p = found.statistic, found.pvalue
        else:
            statistic = p = None
        q = stats.studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2)
        out.append([table.tolist(), rank.tolist(), statistic, p, q * math.sqrt(k * (k + 1) / (6 * n))])
    return out


def exact(value):
    """Shorter numbers, the same floats."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


found = []
for name, score, label in cases():
    # Few digits, so that the file stays small.
    score = np.array([float(f"{x:.6g}") for x in score])
    case = {"name": name, "score": list(score), "label": list(label)}
    found.append(case | measures(score, label))
json.dump(exact({"cases": found, "nab": nab(), "ranks": ranks()}), sys.stdout, separators=(",", ":"))
