"""The job on real Spark, with two executor processes: python test_job.py

BONGSU names a command with the feature `arrow`. Needs pyspark, pandas below 3, pyarrow, Java 17.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
BONGSU = os.path.abspath(os.environ["BONGSU"])
MASTER = os.environ.get("SPARK_TEST_MASTER", "local-cluster[2,1,1024]")
SERIES, POINTS = 40, 300
KILLS = 5


def value(series, point):
    if point % 97 == 13:
        return None
    noise = (point * 7919 + series * 104729) % 1009 / 1009
    return 10.0 * series + (0.0, 3.0, 9.0, 4.0)[point % 4] + noise + 40 * (point == 250)


def data(series=SERIES, points=POINTS):
    """Rows of all series, in an order of no meaning."""
    rows = [(s, p) for s in range(series) for p in range(points)]
    rows.sort(key=lambda row: (row[0] * 31 + row[1] * 7919) % 10007)
    times = pa.array([3_600_000 * p for _, p in rows], pa.timestamp("ms", tz="UTC"))
    return pa.table({
        "series": [f"host-{s}" for s, _ in rows],
        "ts": times,
        "value": pa.array([value(s, p) for s, p in rows], pa.float64()),
    })


def worker(table, job):
    """What the command itself gives for the whole data set, sorted."""
    table = table.sort_by([("series", "ascending"), ("ts", "ascending")])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        command = [BONGSU, "arrow", "--quiet", "--job", path]
        done = subprocess.run(
            command, input=sink.getvalue().to_pybytes(), stdout=subprocess.PIPE, check=True
        )
        return pa.ipc.open_stream(done.stdout).read_all()


def rows(table):
    """In a comparable order and form, without what only says where a row is stored."""
    names = [name for name in table.schema.names if name != "day"]
    columns = []
    for name in names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        columns.append(column.to_pylist())
    found = zip(*columns)
    return names, sorted(found, key=lambda row: tuple((cell is None, str(cell)) for cell in row))


class Job(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.table = data()
        os.mkdir(self.at("in"))
        half = self.table.num_rows // 2
        pq.write_table(self.table.slice(0, half), self.at("in/a.parquet"))
        pq.write_table(self.table.slice(half), self.at("in/b.parquet"))

    def at(self, name):
        return os.path.join(self.folder, name)

    def start(self, job, *more, master=MASTER, source="in", output="out"):
        with open(self.at("job.json"), "w", encoding="utf-8") as file:
            json.dump(job, file)
        submit = os.path.join(os.path.dirname(sys.executable), "spark-submit")
        command = [
            submit, "--master", master, "--files", BONGSU,
            "--conf", "spark.ui.enabled=false",
            "--conf", "spark.sql.shuffle.partitions=8",
            "--conf", "spark.task.maxFailures=32",
            "--conf", "spark.stage.maxConsecutiveAttempts=32",
            "--conf", "spark.deploy.maxExecutorRetries=-1",
            "--conf", "spark.executor.memory=1g",
            os.path.join(HERE, "job.py"),
            "--input", self.at(source), "--output", self.at(output), "--job", self.at("job.json"),
            "--bongsu", os.path.basename(BONGSU), *more,
        ]
        environment = os.environ | {
            "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1",
        }
        log = open(self.at("log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )

    def log(self):
        with open(self.at("log"), encoding="utf-8") as file:
            return file.read()

    def run_job(self, job, *more, **how):
        status = self.start(job, *more, **how).wait(timeout=600)
        self.assertEqual(status, 0, self.log()[-6000:])

    def results(self, output="out"):
        return rows(pq.read_table(self.at(output)))

    def test_rows_and_scores_are_those_of_the_worker(self):
        jobs = [
            {"task": "detect", "detector": "robust-z"},
            {"task": "detect", "detector": "hst",
             "parameters": {"window": 50, "calibration": 50}},
            {"task": "forecast", "model": "seasonal-naive", "horizon": 12, "level": 80,
             "parameters": {"period": 4}},
            {"task": "features"},
        ]
        for job in jobs:
            with self.subTest(job=job):
                self.run_job(job)
                self.assertEqual(self.results(), rows(worker(self.table, job)))

    def test_the_same_run_twice_gives_the_same_rows(self):
        job = {"task": "detect", "detector": "robust-z"}
        for _ in range(2):
            self.run_job(job, "--by-day")
        days = {name for name in os.listdir(self.at("out")) if name.startswith("day=")}
        self.assertEqual(len(days), 13)
        self.assertEqual(self.results(), rows(worker(self.table, job)))

    def test_forecasts_at_moments_of_the_past(self):
        job = {"task": "forecast", "model": "seasonal-naive", "horizon": 12,
               "parameters": {"period": 4}}
        self.run_job(job, "--backtest", "2")
        names, found = self.results()
        self.assertEqual(len(found), 2 * 12 * SERIES)
        place = {name: i for i, name in enumerate(names)}
        for row in found:
            point = row[place["ts"]] // 3_600_000_000
            origin, series = row[place["origin"]], int(row[place["series"]].split("-")[1])
            self.assertTrue(POINTS - 12 * origin <= point < POINTS - 12 * (origin - 1), row)
            actual = value(series, point)
            self.assertEqual(row[place["actual"]], actual)
            if actual is not None:
                self.assertAlmostEqual(row[place["deviation"]], row[place["mean"]] - actual)

    def test_executors_are_killed_and_no_row_is_lost_or_there_twice(self):
        # Long enough for all the kills, also where the command is a release build.
        # So many that the job outlasts all the kills, also where the command is a release build.
        table = data(series=600, points=1_000)
        pq.write_table(table, self.at("long.parquet"))
        job = {"task": "detect", "detector": "auto"}
        running = self.start(job, "--partitions", "32", source="long.parquet")
        killed = []
        while running.poll() is None and len(killed) < KILLS:
            time.sleep(1)
            executors = subprocess.run(
                ["pgrep", "-f", "CoarseGrainedExecutorBackend"], capture_output=True, text=True)
            busy = [int(pid) for pid in executors.stdout.split() if workers_below(int(pid))]
            fresh = [pid for pid in busy if pid not in killed]
            if fresh:
                os.kill(fresh[0], signal.SIGKILL)
                killed.append(fresh[0])
        status = running.wait(timeout=900)
        self.assertEqual(status, 0, self.log()[-6000:])
        self.assertEqual(len(killed), KILLS, "the job was over too soon")
        self.assertEqual(self.results(), rows(worker(table, job)))

    def test_what_is_wrong_is_named(self):
        cases = [
            ({"task": "detect", "detector": "robst-z"}, "in", [], "robust-z"),
            ({"task": "detect", "detector": "robust-z", "values": ["load"]}, "in", [],
             "no column `load`"),
            ({"task": "detect", "detector": "robust-z", "values": ["series"]}, "in", [],
             "is named twice"),
            ({"task": "detect", "detector": "robust-z"}, "text.parquet", [], "must be numbers"),
            ({"task": "forecast", "model": "naive"}, "in", ["--backtest", "2"], "`horizon`"),
            ({"task": "detect", "detector": "robust-z"}, "nulls.parquet", [], "is null"),
            ({"task": "detect", "detector": "robust-z"}, "twice.parquet", [],
             "keep one of each"),
            ({"task": "features"}, "in", ["--backtest", "2"], "is for the task forecast"),
            ({"task": "features"}, "in", ["--by-day"], "needs times"),
        ]
        times = pa.array([1, None, 3], pa.timestamp("ms"))
        pq.write_table(
            pa.table({"series": ["a"] * 3, "ts": times, "value": [1.0] * 3}),
            self.at("nulls.parquet"))
        pq.write_table(
            pa.table({"series": ["a"], "ts": times.slice(0, 1), "value": ["much"]}),
            self.at("text.parquet"))
        times = pa.array([1, 1, 3], pa.timestamp("ms"))
        pq.write_table(
            pa.table({"series": ["a"] * 3, "ts": times, "value": [1.0] * 3}),
            self.at("twice.parquet"))
        for job, source, more, message in cases:
            with self.subTest(job=job, source=source, more=more):
                status = self.start(job, *more, source=source, master="local[1]").wait(timeout=300)
                self.assertNotEqual(status, 0)
                self.assertIn(message, self.log())
                self.assertFalse(os.path.exists(self.at("out/_SUCCESS")))


def workers_below(pid):
    """Whether an executor has a process of the command below it, however deep."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True)
    parents, names = {}, {}
    for line in listed.stdout.splitlines():
        child, parent, name = line.split(None, 2)
        parents[int(child)], names[int(child)] = int(parent), name
    for child, name in names.items():
        if name == os.path.basename(BONGSU)[:15]:
            above = child
            while above in parents:
                above = parents[above]
                if above == pid:
                    return True
    return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
