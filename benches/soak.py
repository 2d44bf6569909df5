"""The service for an hour under load and faults: is its memory flat, is an alert lost?

    python benches/soak.py --bongsu target/release/bongsu [--minutes 60] [--series 2000]

A real Prometheus (from the PATH) scrapes an exporter every 5 seconds; `bongsu run` judges every
series at each step, saves its state and posts its alerts to a web hook here. Every 40 seconds one
series jumps for two minutes. Meanwhile, in turn: Prometheus stands still for half a minute, is killed
and started again on its data, the web hook refuses with 503 for a minute, or hangs, `bongsu` is
terminated or killed with SIGKILL and started again.

At the end it says which of the jumps were told as firing and as resolved, how many messages came
twice (a delivery at least once allows it) and how much memory the service took: the slope of its
resident set over the second half of each life of the process longer than four minutes.
It fails if a jump was not told, or its end was not.

Needs: numpy.
"""

import argparse
import collections
import http.server
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from peers import service as parts

STEP = 5
JUMP = 120
EVERY = 40
WARM_UP = 150


class Exporter:
    """Values that wander around a level of their own; some jump for a while."""

    def __init__(self, series):
        self.rng = np.random.default_rng(7)
        self.base = self.rng.uniform(100, 1000, series)
        self.jumps = {}
        names = [f'load{{host="h{i}"}} ' for i in range(series)]
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                values = exporter.values()
                body = "".join(f"{n}{v:.4f}\n" for n, v in zip(names, values)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    def values(self):
        values = self.base * (1 + 0.01 * self.rng.standard_normal(len(self.base)))
        now = time.time()
        for host, until in list(self.jumps.items()):
            if now < until:
                values[host] *= 1.6
        return values


class Receiver:
    """A web hook that takes, refuses or hangs, and keeps what it took."""

    def __init__(self):
        self.mode, self.seen = "take", []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mode = receiver.mode
                if mode == "hang":
                    time.sleep(20)
                if mode == "take":
                    receiver.seen += [(time.time(), a) for a in json.loads(body)["alerts"]]
                self.send_response(200 if mode == "take" else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


class Prometheus:
    def __init__(self, folder, target):
        self.folder, self.port = folder, parts.free_port()
        self.config = folder / "prometheus.yml"
        self.config.write_text(
            f"global: {{scrape_interval: {STEP}s, scrape_timeout: {STEP}s}}\n"
            f"scrape_configs: [{{job_name: fleet, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [
                shutil.which("prometheus") or "prometheus",
                f"--config.file={self.config}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ]
        )


class Service:
    def __init__(self, binary, folder, source, hook, series, detector):
        self.binary, self.folder, self.lives = binary, folder, []
        self.config = folder / "bongsu.yaml"
        chosen = f", detector: {detector}" if detector else ""
        self.config.write_text(
            f"source: {{type: prometheus, url: '{source}', timeout: 10s}}\n"
            f"queries:\n"
            f"  - {{name: load, expr: load, step: {STEP}s, window: 5m, offset: 2s{chosen}, min_rel_dev: 0.2, "
            "alert: {for: 10s, keep_firing_for: 10s}}\n"
            f"engine: {{max_series: {series}}}\n"
            f"state: {{directory: {folder / 'state'}}}\n"
            "sinks:\n"
            f"  - type: webhook\n    url: '{hook}'\n"
            "    template: {alerts: [{each_alert: {host: '{labels.host}', state: '{state}', since: '{since}'}}]}\n"
        )
        self.start()

    def start(self):
        log = open(self.folder / "bongsu.log", "ab")
        command = [self.binary, "--quiet", "run", "--config", self.config]
        self.process = subprocess.Popen(command, stderr=log, stdout=log)
        self.lives.append([])

    def look(self):
        if self.process.poll() is not None:
            raise SystemExit(f"the service ended by itself: {self.folder / 'bongsu.log'}")
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        self.lives[-1].append((time.time(), int(pages) * 4096 / 1e6))


def faults(world):
    """One after the other, for ever: its name, what begins it, for how long, what ends it."""

    def restart(how):
        world.service.process.send_signal(how)
        world.service.process.wait(60)
        world.service.start()

    def mode(name):
        world.receiver.mode = name

    def kill():
        world.prometheus.process.kill()
        world.prometheus.process.wait()

    pause = lambda: world.prometheus.process.send_signal(signal.SIGSTOP)
    go_on = lambda: world.prometheus.process.send_signal(signal.SIGCONT)
    nothing = lambda: None
    while True:
        yield "Prometheus stands still", pause, 30, go_on
        yield "the web hook refuses", lambda: mode("refuse"), 60, lambda: mode("take")
        yield "the service is killed", lambda: restart(signal.SIGKILL), 0, nothing
        yield "the web hook hangs", lambda: mode("hang"), 45, lambda: mode("take")
        yield "Prometheus is killed", kill, 10, lambda: world.prometheus.start()
        yield "the service is terminated", lambda: restart(signal.SIGTERM), 0, nothing
        # A long life, so that its memory can be seen.
        yield "nothing", nothing, 600, nothing


def slopes(lives):
    """For each long life: minutes, resident MB at its end, and MB an hour over its second half."""
    for life in lives:
        if len(life) < 2 or life[-1][0] - life[0][0] < 240:
            continue
        times, sizes = np.array(life).T
        late = times > (times[0] + times[-1]) / 2
        slope = np.polyfit(times[late], sizes[late], 1)[0] * 3600
        yield (times[-1] - times[0]) / 60, sizes[-1], slope


def verdict(jumps, seen):
    """How many jumps were told as firing, and as over after that; and messages that came twice."""
    told, ended, missed = 0, 0, []
    for host, begun, until in jumps:
        mine = [(at, a["state"]) for at, a in seen if a["host"] == f"h{host}" and at >= begun]
        fired = [at for at, state in mine if state == "firing"]
        over = fired and any(at >= fired[0] for at, state in mine if state != "firing")
        told += bool(fired)
        ended += bool(over)
        if not over:
            missed.append((f"h{host}", time.ctime(begun), "not told" if not fired else "not ended"))
    copies = collections.Counter((a["host"], a["state"], a["since"]) for _, a in seen)
    twice = sum(n - 1 for n in copies.values())
    return told, ended, twice, missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bongsu", default="target/release/bongsu")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--detector", help="the service's default without it")
    options = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        world = argparse.Namespace()
        exporter, world.receiver = Exporter(options.series), Receiver()
        world.prometheus = Prometheus(folder, exporter.port)
        try:
            parts.wait_for(lambda: parts.count(world.prometheus.url, "load"), lambda n: n >= options.series)
            world.service = Service(
                options.bongsu, folder, world.prometheus.url, world.receiver.url, options.series, options.detector
            )
            run(options, world, exporter)
            return report(options, world, exporter)
        finally:
            for process in (world.prometheus.process, getattr(world, "service", world.prometheus).process):
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(60)


def run(options, world, exporter):
    end = time.time() + WARM_UP + 60 * options.minutes
    next_jump = next_fault = time.time() + WARM_UP
    world.jumps, world.faults, heal = [], collections.Counter(), None
    plan, hosts = faults(world), iter(random.sample(range(options.series), options.series))
    while time.time() < end:
        now = time.time()
        # The last ones have time to end, and to be told.
        if now >= next_jump and now < end - 2 * JUMP - 60:
            host = next(hosts)
            exporter.jumps[host] = now + JUMP
            world.jumps.append((host, now, now + JUMP))
            next_jump += EVERY
        if heal and now >= heal[0]:
            heal[1]()
            heal, next_fault = None, now + 60
        if not heal and now >= next_fault and now < end - 3 * JUMP:
            fault, begin, seconds, over = next(plan)
            world.faults[fault] += 1
            begin()
            heal = (now + seconds, over)
        world.service.look()
        time.sleep(1)


def report(options, world, exporter):
    told, ended, twice, missed = verdict(world.jumps, world.receiver.seen)
    others = {f"h{host}" for host, _, _ in world.jumps}
    false = [a for _, a in world.receiver.seen if a["host"] not in others and a["state"] == "firing"]
    print(f"{options.minutes:g} minutes, {options.series} series every {STEP} s")
    print("faults:", ", ".join(f"{name} {n}" for name, n in world.faults.items() if name != "nothing"))
    print(f"jumps {len(world.jumps)}, told {told}, ended {ended}, messages twice {twice}")
    print(f"alerts of series that did not jump: {len(false)}")
    for minutes, size, slope in slopes(world.service.lives):
        print(f"a life of {minutes:.0f} minutes: {size:.0f} MB at its end, {slope:+.1f} MB an hour")
    for line in missed:
        print("lost:", *line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
