"""How many messages people get with and without suppression, and whether any truth is lost.

Requirements (pinned): numpy==2.4.6, pandas==2.3.3.

Run: BONGSU_DATA=FOLDER python benches/peers/noise.py --bongsu target/release/bongsu

Each file of NAB, and each server of ASD with all its metrics (the test part), is judged by a service
of its own with the given detector at its defaults (`bongsu run --once` on the CSV). The recording of
`bongsu demo` is judged by the demo's own configuration, replayed at 120 times its speed; a day of it
has ten minutes, and an injected fault counts as told up to a minute after its end. A web hook at the top level hears every alert that fires; a
receiver behind `alerting` with its defaults gets messages. Counted a day: anomalous points, alerts
that fired, messages with something new that fires, and all messages (ends and repetitions
included). A labelled window counts as told when an alert that was told overlaps it.
"""

import argparse
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
from datetime import datetime

import numpy as np
import pandas as pd

DAY = 86_400.0
ROOT = pathlib.Path(__file__).parents[2] / "crates" / "engine"


class Hook:
    """A server that keeps what it is told, by path."""

    def __init__(self):
        told = self.told = {"/alerts": [], "/messages": []}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told[self.path].append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:{}".format(self.server.server_address[1])

    def take(self, path):
        told, self.told[path][:] = list(self.told[path]), []
        return told


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def span(alert):
    """From the first anomalous point to the end, or to the worst point so far."""
    end = alert["resolved_at"] or alert["peak"]["at"]
    return moment(alert["starts_at"]), moment(end)


def found(windows, spans):
    return sum(any(a <= end and start <= b for a, b in spans) for start, end in windows)


def nab(data):
    """The name of each series, its table with times in seconds, and its labelled windows."""
    folder = data / "nab"
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for path in sorted((folder / "data").rglob("*.csv")):
        table = pd.read_csv(path, parse_dates=["timestamp"]).drop_duplicates("timestamp")
        table["timestamp"] = table.timestamp.to_numpy("datetime64[s]").astype(int)
        windows = labels[str(path.relative_to(folder / "data"))]
        yield table, [tuple(pd.Timestamp(t).timestamp() for t in window) for window in windows]


def asd(data):
    for path in sorted((data / "asd" / "test").glob("*.csv*")):
        table = pd.read_csv(path)
        labelled = table.label.to_numpy() > 0
        table = table.drop(columns=["label", "timestamp"], errors="ignore")
        table.insert(0, "timestamp", 300 * np.arange(len(table)))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], labelled, [False]]).astype(int)))
        yield table, [(300 * a, 300 * (b - 1)) for a, b in edges.reshape(-1, 2)]


def demo(_):
    labels = json.loads((ROOT / "recordings" / "demo.labels.json").read_text())
    faults = [incident for incident in labels["incidents"] if incident["fault"]]
    windows = [(fault["from"] / 1e3, fault["to"] / 1e3 + 60) for fault in faults]
    yield None, windows


SETS = {"nab": nab, "asd": asd, "demo": demo}


def judge(binary, hook, folder, table, detector):
    """Alerts that fired, messages, and the number of anomalous points."""
    path, verdicts = folder / "metrics.csv", folder / "verdicts.csv"
    verdicts.unlink(missing_ok=True)
    config = folder / "bongsu.yaml"
    if table is None:
        recording = ROOT / "recordings" / "demo.jsonl.gz"
        text = (ROOT / "src" / "demo" / "demo.yaml").read_text()
        source = f"source: {{type: replay, path: {recording}, speed: 120}}"
        what = "\n".join(
            source if line.startswith("source:") else line for line in text.splitlines()
        )
        how = []
    else:
        table.to_csv(path, index=False)
        step = max(1, int(np.median(np.diff(table.timestamp))))
        what = (
            f"source: {{type: csv, path: {path}}}\n"
            f"queries: [{{name: data, expr: '*', step: {step}s, detector: {detector}}}]"
        )
        how = ["--once"]
    config.write_text(
        f"{what}\n"
        f"sinks: [{{type: webhook, url: '{hook.url}/alerts'}}]\n"
        "alerting: {routing: {route: {receiver: people}, receivers: "
        f"[{{name: people, sinks: [{{type: webhook, url: '{hook.url}/messages'}}]}}]}}}}\n"
        f"output: {{verdicts: {verdicts}, anomalous_only: true}}\n"
    )
    command = [binary, "--quiet", "run", *how, "--config", config]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with verdicts.open() as file:
        anomalous = max(0, sum(1 for _ in file) - 1)
    return hook.take("/alerts"), hook.take("/messages"), anomalous


def identity(alert):
    return alert["fingerprint"], alert["starts_at"]


def measure(binary, series, detector):
    """A row of the table."""
    hook = Hook()
    days = total = points = alerts = fresh = messages = by_alerts = by_messages = 0
    with tempfile.TemporaryDirectory() as name:
        for table, windows in series:
            told, pages, anomalous = judge(binary, hook, pathlib.Path(name), table, detector)
            if table is None:
                labels = json.loads((ROOT / "recordings" / "demo.labels.json").read_text())
                days += (labels["end"] - labels["start"]) / 1e3 / labels["day_seconds"]
            else:
                days += (table.timestamp.iloc[-1] - table.timestamp.iloc[0]) / DAY
            points += anomalous
            # The newest word on each alert tells how long it lasted.
            newest = {identity(a): a for message in told for a in message["alerts"]}
            alerts += len(newest)
            known = set()
            for page in pages:
                firing = {identity(a) for a in page["alerts"] if a["status"] == "firing"}
                fresh += bool(firing - known)
                known |= {identity(a) for a in page["alerts"]}
            messages += len(pages)
            total += len(windows)
            by_alerts += found(windows, [span(a) for a in newest.values()])
            by_messages += found(windows, [span(newest[key]) for key in known if key in newest])
    a_day = [points / days, alerts / days, fresh / days, messages / days]
    return [f"{count:.2f}" for count in a_day] + [total, by_alerts, by_messages]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bongsu", default="target/release/bongsu")
    parser.add_argument("--detector", action="append")
    parser.add_argument("--only", action="append", choices=SETS)
    options = parser.parse_args()
    data = pathlib.Path(os.environ.get("BONGSU_DATA", "."))
    print(
        "| data | detector | anomalous points | alerts | messages that fire | all messages "
        "| windows | told by alerts | told by messages |"
    )
    print("|" + "---|" * 9)
    for name in options.only or SETS:
        series = SETS[name]
        detectors = ["its own"] if name == "demo" else options.detector
        for detector in detectors or ["ewma", "online-mad"]:
            row = measure(options.bongsu, series(data), detector)
            shown = detector if name == "demo" else f"`{detector}`"
            print(f"| {name} | {shown} | " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
