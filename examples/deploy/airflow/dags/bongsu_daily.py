"""Bongsu as an Airflow DAG: judge what is due, shard by shard, then report.

What it needs on the workers is the program `bongsu` and its configuration; with
`BONGSU_RUNNER=kubernetes` the tasks run as pods of the image instead.

| variable of the environment | default | meaning |
| --- | --- | --- |
| BONGSU_SCHEDULE | 0 5 * * * | when it runs, as cron; empty: only by hand |
| BONGSU_TIMEZONE | UTC | the time zone of the schedule |
| BONGSU_CONFIG | /etc/bongsu/bongsu.yaml | the configuration, the same for every shard; with several it holds `shard: {count: N, index: "${HOSTNAME}"}` and `state: {directory: "/var/lib/bongsu/${HOSTNAME}"}` |
| BONGSU_SHARDS | 1 | how many runs share the series |
| BONGSU_BIN | bongsu | the program |
| BONGSU_RUNNER | local | `local` or `kubernetes` |
| BONGSU_IMAGE, BONGSU_NAMESPACE | ghcr.io/bongsu/bongsu:latest, default | of the pods |
| BONGSU_CLAIM, BONGSU_CONFIGMAP | bongsu-state, bongsu | the volume that keeps the state, and the configuration, of the pods |

A run judges what came since the last one, trains what is due (a detector that its configuration
trains), and tells the sinks. It leaves with 0 when that worked, whatever it found; a failed shard is
tried again and goes on where it stopped, since the state is saved only as a whole.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag

SCHEDULE = os.environ.get("BONGSU_SCHEDULE", "0 5 * * *") or None
ZONE = pendulum.timezone(os.environ.get("BONGSU_TIMEZONE", "UTC"))
CONFIG = os.environ.get("BONGSU_CONFIG", "/etc/bongsu/bongsu.yaml")
SHARDS = int(os.environ.get("BONGSU_SHARDS", "1"))
PROGRAM = os.environ.get("BONGSU_BIN", "bongsu")
RUNNER = os.environ.get("BONGSU_RUNNER", "local")

if SHARDS < 1:
    raise ValueError(f"BONGSU_SHARDS is {SHARDS}, but must be at least 1")
if RUNNER not in ("local", "kubernetes"):
    raise ValueError(f"BONGSU_RUNNER is {RUNNER!r}, but must be local or kubernetes")


def run(task_id: str, arguments: list[str], **options):
    """A task that runs the program with these arguments."""
    if RUNNER == "local":
        return BashOperator.partial(
            task_id=task_id,
            # The program's own exit status is the task's.
            bash_command='exec "$BONGSU_BIN" ' + " ".join(f'"{argument}"' for argument in arguments),
            append_env=True,
            **options,
        )
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from kubernetes.client import models as k8s

    return KubernetesPodOperator.partial(
        task_id=task_id,
        image=os.environ.get("BONGSU_IMAGE", "ghcr.io/bongsu/bongsu:latest"),
        namespace=os.environ.get("BONGSU_NAMESPACE", "default"),
        arguments=arguments,
        volumes=[
            k8s.V1Volume(
                name="config",
                config_map=k8s.V1ConfigMapVolumeSource(name=os.environ.get("BONGSU_CONFIGMAP", "bongsu")),
            ),
            k8s.V1Volume(
                name="state",
                persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                    claim_name=os.environ.get("BONGSU_CLAIM", "bongsu-state")
                ),
            ),
        ],
        volume_mounts=[
            k8s.V1VolumeMount(name="config", mount_path="/etc/bongsu", read_only=True),
            k8s.V1VolumeMount(name="state", mount_path="/var/lib/bongsu"),
        ],
        **options,
    )


def environments(shards: int) -> list[dict[str, str]]:
    """What tells each run which shard it is: the number at the end of HOSTNAME."""
    return [{"BONGSU_BIN": PROGRAM, "HOSTNAME": f"bongsu-{shard}"} for shard in range(shards)]


@dag(
    dag_id="bongsu_daily",
    schedule=SCHEDULE,
    start_date=datetime(2025, 1, 1, tzinfo=ZONE),
    # A missed day is not caught up: the next run judges all that came since the last.
    catchup=False,
    # Two runs never share a state.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["bongsu", "monitoring"],
    doc_md=__doc__,
)
def bongsu_daily():
    of_shards = environments(SHARDS)
    name = "env" if RUNNER == "local" else "env_vars"
    check = run("check", ["config", "check", "--config", CONFIG]).expand(**{name: of_shards[:1]})
    detect = run(
        "detect",
        ["--log-format", "json", "run", "--once", "--config", CONFIG],
        execution_timeout=timedelta(hours=2),
    ).expand(**{name: of_shards})
    check >> detect


bongsu_daily()
