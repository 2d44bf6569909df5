"""Polars or pandas frames through `bongsu arrow`: python worker.py polars|pandas

Needs pyarrow and a `bongsu` with the feature `arrow`, named by BONGSU or in the path.
"""
import os, subprocess, sys, tempfile
import pyarrow as pa

def bongsu(table: pa.Table, job: str) -> pa.Table:
    """The results of `job` on `table`, whose series are neighbours in ascending time."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(job)
        file.flush()
        command = [os.environ.get("BONGSU", "bongsu"), "arrow", "--quiet", "--job", file.name]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        done = subprocess.run(command, input=sink.getvalue(), stdout=subprocess.PIPE, check=True)
        return pa.ipc.open_stream(done.stdout).read_all()

if __name__ == "__main__":
    JOB = "{task: detect, detector: robust-z, series: [host], values: [load]}"
    data = {
        "host": ["a"] * 50 + ["b"] * 50,
        "ts": list(range(0, 3_000_000, 60_000)) * 2,
        "load": [40.0 if i in (30, 77) else float(i % 5) for i in range(100)],
    }
    if sys.argv[1:] == ["polars"]:
        import polars as pl
        frame = pl.DataFrame(data).sort("host", "ts")
        # Arrow's plain text type: Polars hands out views.
        found = pl.from_arrow(bongsu(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), JOB))
        print(found.filter(pl.col("anomalous")).select("host", "ts", "score"))
    else:
        import pandas as pd
        frame = pd.DataFrame(data).sort_values(["host", "ts"])
        table = pa.Table.from_pandas(frame, preserve_index=False)
        found = bongsu(table, JOB).to_pandas()
        print(found.loc[found.anomalous, ["host", "ts", "score"]])
