"""Detectors and forecasts of Bongsu over a Parquet data set on Spark.

    spark-submit --files bongsu,job.yaml job.py --input IN --output OUT --job job.yaml [--by-day]
                 [--partitions N] [--backtest ORIGINS] [--bongsu PATH]

The rows of a series are brought together and sorted, and every partition goes through a process of
`bongsu arrow`, as the job says (see docs/arrow.md). The results replace what is at the output, or with
--by-day the days that they have, so that the same run twice gives the same rows.

--backtest does what a forecast says at ORIGINS moments of the past, a horizon apart, each with what was
known then, and puts the actual value and the error beside it.

Needs pyarrow, and PyYAML unless the job is written in JSON. `bongsu` is a build with the feature `arrow`.
"""

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

# Spark's times have microseconds.
TIME = pa.timestamp("us", tz="UTC")


def read_job(path):
    """The job as a dictionary, with the defaults of its columns."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        job = json.loads(text)
    except ValueError:
        try:
            import yaml
        except ImportError:
            sys.exit(f"{path} is no JSON, and YAML needs PyYAML: pip install pyyaml")
        job = yaml.safe_load(text)
    if not isinstance(job, dict):
        sys.exit(f"{path}: a job is a mapping with the key `task`")
    return {"series": ["series"], "time": "ts", "values": ["value"]} | job


def executable(name):
    """Where the command is: a path, what came with --files, or in the PATH."""
    shipped = SparkFiles.get(os.path.basename(name))
    found = name if os.path.isfile(name) else shipped
    if os.path.isfile(found):
        if not os.access(found, os.X_OK):
            os.chmod(found, os.stat(found).st_mode | stat.S_IXUSR)
        return os.path.abspath(found)
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"there is no `{name}`: ship it with --files, or name it with --bongsu")
    return found


def work(batches, schema, job, bongsu):
    """Sends batches through a worker, and gives its results as they come."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        errors = open(os.path.join(folder, "errors"), "w+b")
        worker = subprocess.Popen(
            [executable(bongsu), "arrow", "--quiet", "--job", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        broken = []

        def feed():
            try:
                with worker.stdin, pa.ipc.new_stream(worker.stdin, schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)
            except BrokenPipeError:
                pass  # The worker has ended, and says why.
            except BaseException as error:
                broken.append(error)
                worker.kill()

        # A thread of its own: a worker that waits for its results to be read takes no input.
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            try:
                with pa.ipc.open_stream(worker.stdout) as reader:
                    for batch in reader:
                        yield spark_times(batch)
            except (pa.ArrowInvalid, OSError) as error:
                ended = error
            else:
                ended = None
            status = worker.wait()
            feeder.join()
            if broken:
                raise broken[0]
            if status != 0 or ended is not None:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip()
                raise RuntimeError(said or f"the worker ended with status {status}: {ended}")
        finally:
            worker.kill()
            worker.wait()
            feeder.join()
            errors.close()


def spark_times(batch):
    columns = [
        column.cast(TIME) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def results_schema(schema, job, bongsu):
    """The columns of the results, by the worker itself; it also says what is wrong with the job."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema):
            pass
        command = [executable(bongsu), "arrow", "--quiet", "--job", path]
        done = subprocess.run(command, input=sink.getvalue().to_pybytes(), capture_output=True)
        if done.returncode != 0:
            sys.exit(done.stderr.decode(errors="replace").strip())
        empty = pa.ipc.open_stream(done.stdout).read_all()
        names = zip(empty.schema.names, empty.schema.types)
        return pa.schema([(n, TIME if pa.types.is_timestamp(t) else t) for n, t in names])


def columns_of(job):
    return [*job["series"], job["time"], *job["values"]]


def judged(frame, job, bongsu, partitions):
    """The results of a job on a frame."""
    frame = frame.select(*[F.col(f"`{name}`") for name in columns_of(job)])
    found = results_schema(frame.limit(0).toArrow().schema, job, bongsu)
    found = frame.sparkSession.createDataFrame(found.empty_table()).schema
    if job["series"]:
        frame = frame.repartition(partitions, *[F.col(f"`{name}`") for name in job["series"]])
    else:
        frame = frame.coalesce(1)
    order = [F.col(f"`{name}`") for name in [*job["series"], job["time"]]]
    frame = frame.sortWithinPartitions(*order)

    def work_on(batches):
        # Nothing comes of nothing; and a worker is not started for it.
        first = next(batches, None)
        if first is None:
            return
        rest = (batch for part in ([first], batches) for batch in part)
        yield from work(rest, first.schema, job, bongsu)

    return frame.mapInArrow(work_on, found)


def backtest(frame, job, bongsu, partitions, origins):
    """Forecasts at moments of the past, with what came."""
    if job.get("task") != "forecast":
        sys.exit("--backtest is for the task forecast; detect takes `train_rows`")
    if "origin" in job["series"]:
        sys.exit("a column of the series is called `origin`, which --backtest adds")
    steps, value = job.get("horizon"), job["values"][0]
    if not isinstance(steps, int) or steps < 1:
        sys.exit(f"`horizon` is {steps}, but must be a whole number of at least 1")
    window = Window.partitionBy(*job["series"])
    row = F.row_number().over(window.orderBy(job["time"]))
    # The least of them is the latest moment: one horizon before the end.
    left = F.count("*").over(window) - row
    moments = F.explode(F.sequence(F.lit(1), F.lit(origins))).alias("origin")
    known = frame.withColumn("_left", left).select("*", moments)
    known = known.where(F.col("_left") >= F.col("origin") * steps)
    within = job | {"series": [*job["series"], "origin"]}
    found = judged(known, within, bongsu, partitions)
    actual = frame.select(
        *job["series"], as_time(frame, job["time"]).alias("ts"), F.col(value).alias("actual")
    )
    joined = found.join(actual, [*job["series"], "ts"], "left")
    return joined.withColumn("deviation", F.col("mean") - F.col("actual"))


def as_time(frame, name):
    """A column of times, also where they are integers of milliseconds."""
    if dict(frame.dtypes)[name] in ("timestamp", "timestamp_ntz", "date"):
        return F.col(name).cast("timestamp")
    return F.timestamp_millis(F.col(name))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--input", required=True, help="a Parquet data set")
    arguments.add_argument("--output", required=True, help="where the results go, as Parquet")
    arguments.add_argument("--job", required=True, help="what is done: see docs/arrow.md")
    arguments.add_argument("--bongsu", default="bongsu", help="the command, or its name in --files")
    arguments.add_argument("--partitions", type=int, help="default: three times the cores")
    arguments.add_argument("--by-day", action="store_true", help="a folder a day; others stay")
    arguments.add_argument("--backtest", type=int, metavar="ORIGINS")
    given = arguments.parse_args()
    if given.backtest is not None and given.backtest < 1:
        arguments.error("--backtest must be at least 1")
    if given.partitions is not None and given.partitions < 1:
        arguments.error("--partitions must be at least 1")
    spark = SparkSession.builder.appName("bongsu").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    job = read_job(given.job)
    frame = spark.read.parquet(given.input)
    for name in columns_of(job):
        if name not in frame.columns:
            sys.exit(f"the input has no column `{name}`, but: {', '.join(frame.columns)}")
    partitions = given.partitions or 3 * spark.sparkContext.defaultParallelism
    if given.backtest:
        found = backtest(frame, job, given.bongsu, partitions, given.backtest)
    else:
        found = judged(frame, job, given.bongsu, partitions)
    if given.by_day:
        if "ts" not in found.columns:
            sys.exit(f"--by-day needs times, which the task {job.get('task')} does not give")
        found = found.withColumn("day", F.date_format("ts", "yyyy-MM-dd"))
    writer = found.write.mode("overwrite")
    if given.by_day:
        writer = writer.partitionBy("day")
    writer.parquet(given.output)
    spark.stop()


if __name__ == "__main__":
    main()
