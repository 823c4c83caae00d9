"""The same three steps on Celery with Redis, without durability between them; run by an interpreter that has Celery.

As worker: ``celery -A celery_steps worker``. As driver: ``python celery_steps.py`` prints its times as one JSON object.
"""

import json
import os
import sys
import time

from celery import Celery, chain

app = Celery("celery_steps", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.worker_prefetch_multiplier = 1


@app.task
def queue(times: list[float]) -> list[float]:
    return [*times, time.time()]


@app.task
def analyse(times: list[float], model_seconds: float) -> list[float]:
    begun = time.time()
    time.sleep(model_seconds)
    return [*times, begun, time.time()]


@app.task
def send(times: list[float]) -> list[float]:
    return [*times, time.time()]


def study(model_seconds: float):
    return chain(queue.s([time.time()]), analyse.s(model_seconds), send.s()).apply_async()


def main() -> None:
    singles, many, model_seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    study(0).get(timeout=30)
    alone = [study(0).get(timeout=30) for _ in range(singles)]
    began = time.time()
    for one in [study(model_seconds) for _ in range(many)]:
        one.get(timeout=120)
    print(json.dumps({"alone": alone, "studies_a_second": many / (time.time() - began)}))


if __name__ == "__main__":
    main()
