"""The durable engine: a run that was begun is finished, also by the next process."""

import subprocess
import sys
import textwrap
import threading
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


def test_a_run_cut_off_by_kill_9_is_taken_up_by_the_next_process(tmp_path: Path):
    program = textwrap.dedent(f"""
        import os, signal, sys, time
        from pathlib import Path
        from serving.work.dbos_engine import DbosEngine
        from serving.work.engine import RunKind

        def analyse(subject_id):
            os.kill(os.getpid(), signal.SIGKILL)

        engine = DbosEngine("sqlite:///{tmp_path / "engine.db"}", "node-1")
        engine.start({{RunKind.ANALYSE: analyse}})
        engine.run(RunKind.ANALYSE, "1", "item-1")
        time.sleep(60)
    """)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    done = threading.Event()

    engine = engine_on(tmp_path)
    engine.start({RunKind.ANALYSE: lambda subject_id: done.set() if subject_id == "item-1" else None})
    unfinished = engine.unfinished()
    was_done = done.wait(30)
    engine.stop(10)

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
