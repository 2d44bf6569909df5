"""VUS-PR, the volume under the surface of precision and recall."""

import numpy as np

THRESHOLDS = 250  # of a curve


def vus_pr(scores, labels, longest):
    """Volume under the surface of precision and recall, Paparrizos et al. 2022: the mean over
    buffers of 0 to `longest` points around the labels of the area under the range-aware curve."""
    n, total = len(labels), labels.sum()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    starts, ends = edges[::2], edges[1::2] - 1
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    thresholds = ranked[np.linspace(0, n - 1, THRESHOLDS).astype(int)]
    flagged = np.searchsorted(-ranked, -thresholds, side="right")
    ordered_labels = labels[order]
    true = np.cumsum(ordered_labels)[flagged - 1]
    areas = []
    for buffer in range(longest + 1):
        half = buffer // 2
        weights = labels.astype(float)
        for start, end in zip(starts, ends):
            after = np.arange(end + 1, min(end + half + 1, n))
            before = np.arange(max(start - half, 0), start)
            if half:
                weights[after] += np.sqrt(1 - (after - end) / buffer)
                weights[before] += np.sqrt(1 - (start - before) / buffer)
        weights = np.minimum(weights, 1.0)[order] * (1 - ordered_labels)
        near = np.cumsum(weights)[flagged - 1]
        apart = np.flatnonzero(ends[:-1] + half < starts[1:] - half)
        lows = np.maximum(starts[np.concatenate([[0], apart + 1])] - half, 0)
        highs = np.minimum(ends[np.concatenate([apart, [len(ends) - 1]])] + half, n - 1)
        peaks = np.array([scores[low : high + 1].max() for low, high in zip(lows, highs)])
        seen = (peaks[:, None] >= thresholds).mean(axis=0)
        hits = true + near
        recall = np.minimum(hits / (total + near / 2), 1) * seen
        areas.append(np.dot(np.diff(recall, prepend=0), hits / flagged))
    return float(np.mean(areas))
