"""What becomes of goodput and of acute cases when twice as much comes as can be done.

The real dispatcher, turns and tables on an SQLite file; the work itself is a wait, so that nothing but the order of
work is measured. Twice the capacity is four times what a site is built for (2 studies a second).
`make bench-overload`.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, insert

from serving.records import work
from serving.records.database import open_database, writing
from serving.records.migrate import migrate
from serving.records.schema import WORK_ITEM
from serving.work.dispatcher import Dispatcher
from serving.work.engine import Handler, RunKind
from serving.work.item import State
from serving.work.slots import Slots
from serving.work.starter import Starter

PLACES = 4
SERVICE_SECONDS = 1.0
#: What the places could do at most.
CAPACITY = PLACES / SERVICE_SECONDS
#: Acute cases a second: a tenth of what comes.
ACUTE_RATE = CAPACITY / 5
SECONDS = 22.0


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What one load came to."""

    #: Cases a second that came, and that were done.
    offered: float
    done: float
    #: Seconds of acute cases from queued to done.
    acute_p50: float
    acute_p99: float


class ThreadEngine:
    """A WorkEngine that works in threads and keeps nothing."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(PLACES + 2)
        self._handlers: Mapping[RunKind, Handler] = {}

    def start(self, handlers: Mapping[RunKind, Handler]) -> None:
        self._handlers = handlers

    def unfinished(self) -> Sequence[str]:
        return ()

    def run(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        del run_id
        self._pool.submit(self._handlers[kind], subject_id)

    def stop(self, timeout_seconds: float) -> None:
        del timeout_seconds
        self._pool.shutdown()


class NoIntake:
    def take_due(self) -> int:
        return 0


class Line:
    """A node whose work is to wait."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.slots = Slots({RunKind.ANALYSE.value: PLACES}, acute_places=1)
        self.runs = ThreadEngine()
        self.runs.start({RunKind.ANALYSE: self._work})
        own = {"node": "node-1", "slots": self.slots}
        starter = Starter(engine, self.runs, **own, destinations=())
        self.dispatcher = Dispatcher(engine, self.runs, NoIntake(), starter, **own)
        self.queued_at: dict[str, float] = {}
        self.done_at: dict[str, float] = {}
        self._number = 0

    def queue(self, priority: int, sender: str) -> None:
        self._number += 1
        item_id = f"{priority}-{self._number}"
        now = datetime.now(UTC)
        times = dict.fromkeys(("not_before", "created_at", "input_at"), now)
        row = {"kind": "imaging", "case_id": item_id, "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
        more = {"id": item_id, "release_digest": "d", "priority": priority, "state": "queued", "sender": sender}
        self.queued_at[item_id] = time.perf_counter()
        with writing(self.engine) as connection:
            connection.execute(insert(WORK_ITEM).values(**row, **more, **times))

    def offer(self, routine_rate: float, acute_rate: float, seconds: float) -> Phase:
        """Queue cases evenly for *seconds*; only what is done within that time counts."""
        began = time.perf_counter()
        before = set(self.done_at)
        loads = [
            threading.Thread(target=self._feed, args=(2, routine_rate, began + seconds)),
            threading.Thread(target=self._feed, args=(0, acute_rate, began + seconds)),
        ]
        for load in loads:
            load.start()
        for load in loads:
            load.join()
        done = {key: at for key, at in self.done_at.items() if key not in before and at <= began + seconds}
        acute = [at - self.queued_at[key] for key, at in done.items() if key.startswith("0-")]
        return Phase(
            offered=routine_rate + acute_rate,
            done=round(len(done) / seconds, 2),
            acute_p50=round(statistics.median(acute), 4) if acute else 0.0,
            acute_p99=round(_percentile(acute, 0.99), 4) if acute else 0.0,
        )

    def _feed(self, priority: int, rate: float, until: float) -> None:
        if not rate:
            return
        due = time.perf_counter()
        while (now := time.perf_counter()) < until:
            if now < due:
                time.sleep(min(due - now, 0.05))
                continue
            self.queue(priority, f"S{self._number % 3}")
            due += 1 / rate

    def _work(self, item_id: str) -> None:
        self.slots.begin(RunKind.ANALYSE.value, item_id)
        time.sleep(SERVICE_SECONDS)
        with writing(self.engine) as connection:
            work.move_item(connection, item_id, State.DONE, datetime.now(UTC))
        self.done_at[item_id] = time.perf_counter()
        self.slots.end(RunKind.ANALYSE.value, item_id)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(f"sqlite:///{Path(directory) / 'varsel.db'}")
        migrate(engine)
        line = Line(engine)
        line.dispatcher.start()
        phases = {
            "unloaded": line.offer(0, ACUTE_RATE, SECONDS),
            "at capacity": line.offer(CAPACITY - ACUTE_RATE, ACUTE_RATE, SECONDS),
            "twice the capacity": line.offer(2 * CAPACITY - ACUTE_RATE, ACUTE_RATE, SECONDS),
        }
        line.dispatcher.stop()
        line.runs.stop(0)
        engine.dispose()
    peak = max(phase.done for phase in phases.values())
    goodput = phases["twice the capacity"].done / peak
    slower = phases["twice the capacity"].acute_p99 / phases["unloaded"].acute_p99
    told = {name: asdict(phase) for name, phase in phases.items()}
    print(json.dumps(told | {"goodput_of_peak": round(goodput, 3), "acute_p99_ratio": round(slower, 3)}, indent=2))


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
