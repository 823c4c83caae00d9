"""The durable engine: a run that was begun is finished, also by the next process."""

import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest

from serving.work.dbos_engine import DbosEngine
from serving.work.engine import RunKind


def engine_on(directory: Path) -> DbosEngine:
    return DbosEngine(f"sqlite:///{directory / 'engine.db'}", "node-1")


def test_a_run_is_done_in_the_background(tmp_path: Path):
    done = threading.Event()
    seen: list[str] = []

    def analyse(subject_id: str) -> None:
        seen.append(subject_id)
        done.set()

    engine = engine_on(tmp_path)
    engine.start({RunKind.ANALYSE: analyse})
    engine.run(RunKind.ANALYSE, "1", "item-1")
    assert done.wait(20)
    engine.run(RunKind.ANALYSE, "1", "item-1")
    engine.stop(10)

    assert seen == ["item-1"]


def cut_off_a_run(directory: Path) -> None:
    """A process of node-1 dies in the midst of the run for item-1."""
    program = textwrap.dedent(f"""
        import os, signal, sys, time
        from pathlib import Path
        from serving.work.dbos_engine import DbosEngine
        from serving.work.engine import RunKind

        def analyse(subject_id):
            os.kill(os.getpid(), signal.SIGKILL)

        engine = DbosEngine("sqlite:///{directory / "engine.db"}", "node-1")
        engine.start({{RunKind.ANALYSE: analyse}})
        engine.run(RunKind.ANALYSE, "1", "item-1")
        time.sleep(60)
    """)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr.decode()


def test_a_run_cut_off_by_kill_9_is_taken_up_by_the_next_process_of_its_node_alone(tmp_path: Path):
    """DBOS puts it into a queue that all nodes share; another node that took it would do nothing, and it be lost."""
    cut_off_a_run(tmp_path)
    with closing(sqlite3.connect(tmp_path / "engine.db")) as database, database:
        # As DBOS itself does when node-1 starts again, of which this test plays the moment after.
        queued = database.execute(
            "UPDATE workflow_status SET status = 'ENQUEUED', owner_xid = NULL, queue_name = '_dbos_internal_queue'"
        )
        assert queued.rowcount == 1
    taken_by_another, done = threading.Event(), threading.Event()

    other = DbosEngine(f"sqlite:///{tmp_path / 'engine.db'}", "node-2")
    other.start({RunKind.ANALYSE: lambda _: taken_by_another.set()})
    # DBOS looks into its queues every second.
    was_taken_by_another = taken_by_another.wait(2.5)
    other.stop(10)
    engine = engine_on(tmp_path)
    engine.start({RunKind.ANALYSE: lambda subject_id: done.set() if subject_id == "item-1" else None})
    unfinished = engine.unfinished()
    was_done = done.wait(30)
    engine.stop(10)

    assert not was_taken_by_another
    assert set(unfinished) == {"item-1"}
    assert was_done


@pytest.mark.parametrize("secret", ["MARKED-4711"])
def test_rows_hold_ids_as_json_and_nothing_pickled(tmp_path: Path, secret: str):
    done = threading.Event()
    engine = engine_on(tmp_path)
    engine.start({RunKind.ANALYSE: lambda _: done.set()})
    engine.run(RunKind.ANALYSE, "1", "item-1")
    done.wait(20)
    engine.stop(10)

    assert secret.encode() not in (tmp_path / "engine.db").read_bytes()
    assert b"item-1" in b"".join(path.read_bytes() for path in tmp_path.glob("engine.db*"))
