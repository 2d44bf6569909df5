"""A tick of the whole service beside pipelines of Python, on a real Prometheus.

    python benches/peers/service.py --bongsu target/release/bongsu [--series 20000] [--ticks 12]

An exporter shows `load{host="..."}` for every series; a Prometheus server (from the PATH) scrapes
it for five minutes. `bongsu run`, with its default detector unless --query names another, fetches,
judges and writes scores and bands back at every step of 5 seconds, with its state saved each time.
Its own metrics say how long fetching, judging and passing on took and, asked every 20 ms, when all of
a tick was written; the kernel how much processor time and memory. The query is also asked by a client that throws the answer
away: what that takes is the server's own work, which is part of every pipeline's tick.

The pipelines of Python do a tick each, as one would write them: `requests` for the query, `pandas`
for the answer, then for each series either a `river` scorer (its Gaussian one, which is the
cheapest, and half-space trees), which has seen the points before, or scikit-learn's isolation forest
fitted on the last 60 points (both timed on a sample of the series where they take minutes). They
write what the service does to the same server: score, expectation and two bounds of each series by
remote write 1.0, with Google's `protobuf` (its C runtime) and `python-snappy`, `--batch` samples a
request. The same pipeline is timed without it too.

Needs: requests, pandas, numpy, scikit-learn, protobuf, python-snappy; river in another interpreter,
which needs all but scikit-learn, is given with --river.
"""

import argparse
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import numpy as np

STEP = 5
# Points before the first tick that is timed: every detector has then warmed up.
HISTORY = 60


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def exporter(series):
    """An HTTP server whose values wander, and its port."""
    rng = np.random.default_rng(7)
    base = rng.uniform(10, 1000, series)
    names = [f'load{{host="h{i}",zone="z{i % 20}"}} ' for i in range(series)]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            values = base * (1 + 0.05 * rng.standard_normal(series))
            body = "".join(f"{n}{v:.4f}\n" for n, v in zip(names, values)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def prometheus(folder, target):
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {STEP}s, scrape_timeout: {STEP}s}}\n"
        f"scrape_configs: [{{job_name: fleet, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            shutil.which("prometheus") or "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]
    )
    return process, f"http://127.0.0.1:{port}"


def count(url, expr):
    query = urllib.parse.urlencode({"query": f"count({expr})"})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return 0
    return int(result[0]["value"][1]) if result else 0


def metrics(url):
    """The values of the service's own metrics by name and labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def peak_megabytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def service(binary, url, folder, series, ticks, more):
    port = free_port()
    config = folder / "bongsu.yaml"
    config.write_text(
        f"source: {{type: prometheus, url: '{url}'}}\n"
        f"queries: [{{name: load, expr: load, step: {STEP}s, window: {HISTORY * STEP}s, offset: 2s{more}}}]\n"
        f"engine: {{max_series: {series}}}\n"
        f"state: {{directory: {folder / 'state'}}}\n"
        f"output: {{remote_write: {{url: '{url}/api/v1/write'}}}}\n"
        f"server: {{listen: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen([binary, "--quiet", "run", "--config", config])
    own = f"http://127.0.0.1:{port}"
    took = 'bongsu_stage_duration_seconds_{}{{query="load",stage="{}"}}'
    stages = ("fetch", "judge", "pass_on")
    ticks_done, written = took.format("count", "pass_on"), 'bongsu_remote_write_samples_total{outcome="written"}'
    idle = lambda m: m.get(written, 0) > 0 and m["bongsu_remote_write_queue"] == 0
    try:
        # What it scores of the past, before its first tick, is not written back.
        before = wait_for(lambda: metrics(own), idle)
        cpu, delivery, now = cpu_seconds(process.pid), 0.0, before
        for _ in range(ticks):
            done = now[ticks_done]
            look = lambda: metrics(own)
            now = wait_for(look, lambda m: m[ticks_done] > done, pause=0.02)
            passed_on = time.monotonic()
            now = wait_for(look, idle, pause=0.02)
            delivery += time.monotonic() - passed_on
        cpu = cpu_seconds(process.pid) - cpu
        done = now[ticks_done] - before[ticks_done]
        change = lambda name: (now[name] - before[name]) / done
        fetch, judge, pass_on = (change(took.format("sum", stage)) for stage in stages)
        return {
            "ticks": done,
            "fetch and decode, s": fetch,
            "judge, s": judge,
            "pass on to alerts, reports and the writer, s": pass_on,
            "written back after that, s": delivery / done,
            "the whole tick, s": fetch + judge + pass_on + delivery / done,
            "processor time a tick, saving and answering for this included, s": cpu / done,
            "samples written back a tick": change(written),
            "peak memory, MB": peak_megabytes(process.pid),
        }
    finally:
        process.terminate()
        process.wait(30)


def idle(binary, url, folder):
    """The share of a processor that a service takes which waits for the next minute."""
    config = folder / "idle.yaml"
    config.write_text(
        f"source: {{type: prometheus, url: '{url}'}}\nqueries: [{{name: up, expr: up, step: 1m}}]\n"
    )
    process = subprocess.Popen([binary, "--quiet", "run", "--config", config])
    try:
        time.sleep(10)
        cpu = cpu_seconds(process.pid)
        time.sleep(60)
        return (cpu_seconds(process.pid) - cpu) / 60
    finally:
        process.terminate()
        process.wait(30)


def wait_for(look, holds, patience=300, pause=0.5):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            seen = look()
            if holds(seen):
                return seen
        except OSError:
            pass
        time.sleep(pause)
    raise SystemExit("nothing came of it")


def ask(url, start, end, step):
    import pandas
    import requests

    params = {"query": "load", "start": start, "end": end, "step": step}
    answer = requests.post(f"{url}/api/v1/query_range", data=params, timeout=120).json()
    rows = [
        {"host": s["metric"]["host"], "time": t, "value": float(v)}
        for s in answer["data"]["result"]
        for t, v in s["values"]
    ]
    return pandas.DataFrame(rows)


def server_alone(url, times=9):
    """Seconds until the server has sent the answer of a tick to one who throws it away."""
    import requests

    took = []
    for _ in range(times):
        now = int(time.time() - 2) // STEP * STEP
        params = {"query": "load", "start": now, "end": now, "step": STEP}
        begun = time.perf_counter()
        requests.post(f"{url}/api/v1/query_range", data=params, timeout=120).content
        took.append(time.perf_counter() - begun)
        time.sleep(0.5)
    return float(np.median(took))


WRITTEN = ("score", "expected", "lower", "upper")
BATCH = 2_000


def write_request():
    """The class of `prometheus.WriteRequest`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    fields = {
        "Label": [("name", 1, "STRING", None), ("value", 2, "STRING", None)],
        "Sample": [("value", 1, "DOUBLE", None), ("timestamp", 2, "INT64", None)],
        "TimeSeries": [("labels", 1, "MESSAGE", "Label"), ("samples", 2, "MESSAGE", "Sample")],
        "WriteRequest": [("timeseries", 1, "MESSAGE", "TimeSeries")],
    }
    file = descriptor_pb2.FileDescriptorProto(name="write.proto", package="prometheus", syntax="proto3")
    for name, parts in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in parts:
            added = message.field.add(name=field, number=number)
            added.type = getattr(added, f"TYPE_{kind}")
            added.label = added.LABEL_REPEATED if of else added.LABEL_OPTIONAL
            if of:
                added.type_name = f".prometheus.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


class Writer:
    """Writes four series for each row of a frame, as a client of remote write 1.0 would."""

    def __init__(self, url, batch):
        import requests

        self.session, self.batch, self.request = requests.Session(), batch, write_request()
        self.url = f"{url}/api/v1/write"
        self.headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }

    def write(self, frame, scorer):
        """Samples written."""
        request, count, written = self.request(), 0, 0
        columns = [frame[name].to_numpy() for name in WRITTEN]
        for row, (host, at) in enumerate(zip(frame["host"], frame["time"])):
            for name, values in zip(WRITTEN, columns):
                series = request.timeseries.add()
                # In the order of their names, as receivers demand.
                labels = (("__name__", f"python_anomaly_{name}"), ("host", host), ("scorer", scorer))
                for label, text in labels:
                    series.labels.add(name=label, value=text)
                series.samples.add(value=float(values[row]), timestamp=round(at * 1_000))
                count += 1
            if count >= self.batch:
                written += self.send(request, count)
                request, count = self.request(), 0
        return written + (self.send(request, count) if count else 0)

    def send(self, request, count):
        import snappy

        body = snappy.compress(request.SerializeToString())
        self.session.post(self.url, data=body, headers=self.headers, timeout=60).raise_for_status()
        return count


def river_scorers(name):
    from river import anomaly

    if name == "trees":
        limits = {"x": (0.0, 2_000.0)}
        return lambda: anomaly.HalfSpaceTrees(limits=limits, seed=0), lambda value: ({"x": value},)
    return lambda: anomaly.GaussianScorer(window_size=None), lambda value: (None, value)


def river_tick(url, ticks, name, batch):
    """Seconds a tick with one scorer a series: without and with writing back, and samples written."""
    new, point = river_scorers(name)
    scorers, judging, whole, written = {}, [], [], 0
    writer = Writer(url, batch)
    for tick in range(ticks + 2):
        now = int(time.time() - 2) // STEP * STEP
        begun = time.perf_counter()
        frame = ask(url, now, now, STEP)
        scores = []
        for host, value in zip(frame["host"], frame["value"]):
            scorer = scorers.get(host)
            if scorer is None:
                scorer = scorers[host] = new()
            scores.append(scorer.score_one(*point(value)))
            scorer.learn_one(*point(value))
        frame["score"] = scores
        judged = time.perf_counter() - begun
        # The band of a normal distribution, from the scorers themselves.
        means = np.array([scorers[host].gaussian.mu for host in frame["host"]])
        sigmas = np.array([scorers[host].gaussian.sigma for host in frame["host"]])
        frame["expected"] = means
        frame["lower"], frame["upper"] = means - 3 * sigmas, means + 3 * sigmas
        sent = writer.write(frame, name)
        if tick >= 2:
            judging.append(judged)
            whole.append(time.perf_counter() - begun)
            written = sent
        time.sleep(max(0.0, STEP - (time.perf_counter() - begun)))
    return sum(judging) / len(judging), sum(whole) / len(whole), written


def river_trees(url, sample=500):
    """Seconds a tick with half-space trees for each series: 20,000 would need gigabytes."""
    now = int(time.time() - 2) // STEP * STEP
    begun = time.perf_counter()
    frame = ask(url, now, now, STEP)
    fetched = time.perf_counter() - begun
    new, point = river_scorers("trees")
    values = frame["value"].to_numpy()
    trees = [new() for _ in range(sample)]
    # They score from their second window of 250 points on.
    for tree, value in zip(trees, values):
        for i in range(260):
            tree.learn_one(*point(value * (1 + 0.001 * (i % 7))))
    begun = time.perf_counter()
    for tree, value in zip(trees, values):
        tree.score_one(*point(value))
        tree.learn_one(*point(value))
    return fetched + (time.perf_counter() - begun) / sample * len(values)


def forest_tick(url, sample=200):
    """Seconds a tick with scikit-learn's isolation forest on the window of each series."""
    from sklearn.ensemble import IsolationForest

    now = int(time.time() - 2) // STEP * STEP
    begun = time.perf_counter()
    frame = ask(url, now - (HISTORY - 1) * STEP, now, STEP)
    fetched = time.perf_counter() - begun
    groups = frame.groupby("host")["value"]
    begun = time.perf_counter()
    for i, (_, values) in enumerate(groups):
        if i == sample:
            break
        values = values.to_numpy().reshape(-1, 1)
        IsolationForest(contamination=0.01, random_state=0).fit(values).decision_function(values[-1:])
    return fetched + (time.perf_counter() - begun) / sample * groups.ngroups


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bongsu", default="target/release/bongsu")
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--ticks", type=int, default=12)
    parser.add_argument("--river", help="an interpreter that has river, requests and pandas")
    parser.add_argument(
        "--query", help="more keys of the service's query: `late: 1m`, `budget: {alerts_per_day: 5}`"
    )
    parser.add_argument("--batch", type=int, default=BATCH, help="samples a request of remote write")
    parser.add_argument("--only-river", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_river:
        judged, whole, written = river_tick(options.only_river, 3, "gaussian", options.batch)
        trees = river_trees(options.only_river)
        # The trees' scores are written back as the Gaussian ones are.
        print(judged, whole, trees, trees + whole - judged, written)
        return
    more = f", {options.query}" if options.query else ""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server, url = prometheus(folder, exporter(options.series))
        try:
            wait_for(lambda: count(url, "load"), lambda n: n >= options.series)
            time.sleep(HISTORY * STEP)
            found = service(options.bongsu, url, folder, options.series, options.ticks, more)
            for name, value in found.items():
                print(f"bongsu, {name}: {value:.3f}")
            # Of either kind beside its like.
            scored = found["fetch and decode, s"] + found["judge, s"]
            whole = found["the whole tick, s"]
            floor = server_alone(url)
            print(f"the server alone, s: {floor:.3f}: no client's tick can be shorter")
            if options.river:
                command = [options.river, __file__, "--only-river", url, "--batch", str(options.batch)]
                *figures, written = subprocess.check_output(command, text=True).split()
                print(f"river, samples written back a tick: {written}")
                names = (
                    ("Gaussian scorers, nothing written back", scored),
                    ("Gaussian scorers", whole),
                    ("half-space trees, nothing written back", scored),
                    ("half-space trees", whole),
                )
                for (name, ours), figure in zip(names, figures):
                    river = float(figure)
                    print(f"river, {name}, s: {river:.3f} ({river / ours:.1f} times)")
            forest = forest_tick(url)
            print(f"isolation forest on windows, s: {forest:.1f} ({forest / scored:.0f} times)")
            print(f"bongsu, idle: {100 * idle(options.bongsu, url, folder):.2f} % of a processor")
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    sys.exit(main())
