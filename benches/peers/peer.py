"""What every comparison shares: a case, its timing, and the table of results."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
             "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import json
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def relative(ours, theirs):
    """The largest difference where the reference is finite, relative to one plus the value."""
    both = np.isfinite(theirs)
    return float(np.max(np.abs(ours[both] - theirs[both]) / (1 + np.abs(theirs[both])), initial=0))


@dataclass
class Case:
    """A method on one input, by the reference and by ours."""

    name: str
    reference: str  # the function of the reference, for the table
    size: str  # the input in words, for the table
    inputs: Callable[[], list]  # arrays that both read; at most two dimensions each
    theirs: Callable  # called with the inputs; returns an array
    crate: str  # the crate of the example that times ours
    example: str
    method: str
    parameters: dict = field(default_factory=dict)
    goal: float | None = None  # times faster than the reference
    difference: Callable = relative  # of ours and theirs: one number
    difference_is: str = "largest difference"
    tolerance: float | None = 1e-9  # on the difference; None where only accuracy is compared elsewhere
    repeats: int = 3  # scorings in a row in one process, before it is the other's turn


def write_table(path, array):
    array = np.asarray(array, dtype="<f8")
    table = array.reshape(len(array), -1)
    with open(path, "wb") as file:
        file.write(struct.pack("<QQ", *table.shape))
        file.write(table.tobytes())


def target_directory():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(json.loads(done.stdout)["target_directory"])


def build(cases):
    for crate, example in sorted({(case.crate, case.example) for case in cases}):
        command = ["cargo", "build", "--release", "-p", crate, "--example", example]
        subprocess.run(command, cwd=ROOT, check=True)


@dataclass
class Result:
    case: Case
    theirs: float  # seconds, median
    ours: float
    difference: float

    @property
    def ratio(self):
        return self.theirs / self.ours


def run(case, target, rounds):
    """Times reference and ours in turn; medians over all rounds."""
    with tempfile.TemporaryDirectory() as directory:
        arrays = case.inputs()
        sources = []
        for i, array in enumerate(arrays):
            sources.append(str(Path(directory, f"{i}.f64")))
            write_table(sources[-1], array)
        output = str(Path(directory, "out.f64"))
        settings = [f"{key}={value}" for key, value in case.parameters.items()]
        binary = str(target / "release" / "examples" / case.example)
        command = [binary, case.method, str(case.repeats), output, *sources, *settings]
        their_seconds, our_seconds = [], []
        theirs = case.theirs(*arrays)  # once to warm up, as ours does
        for _ in range(rounds):
            for _ in range(case.repeats):
                start = time.perf_counter()
                theirs = case.theirs(*arrays)
                their_seconds.append(time.perf_counter() - start)
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            our_seconds.extend(map(float, done.stdout.split()))
        ours = np.fromfile(output, "<f8")
    difference = case.difference(ours, np.asarray(theirs, dtype=float).ravel())
    return Result(case, statistics.median(their_seconds), statistics.median(our_seconds), difference)


def duration(seconds):
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
