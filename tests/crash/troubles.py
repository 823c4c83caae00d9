"""Troubles other than a kill at a place."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cases import Case, Judgement
from laboratory import Laboratory

#: Studies that are under way while a trouble lasts.
_STUDIES = 5


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that happens to a site."""

    #: As the report calls it.
    name: str
    #: Makes it while studies are under way, ends it, and judges them; moments and victims are drawn.
    make: Callable[[Laboratory, random.Random], Judgement]
    #: Whether it can be made there.
    is_possible: Callable[[Laboratory], bool] = lambda lab: True


def _send_some(lab: Laboratory) -> list[Case]:
    cases = [lab.modality.new_case() for _ in range(_STUDIES)]
    for case in cases:
        lab.modality.send(case)
    return cases


def _end(lab: Laboratory, cases: Sequence[Case]) -> Judgement:
    lab.start()
    for case in cases:
        lab.modality.insist(case)
    judgement = lab.judge.judge(*cases)
    # A node that was believed dead ends by itself, and is started again.
    lab.start()
    return judgement


def _kill_at_random(lab: Laboratory, chosen: random.Random) -> Judgement:
    cases = _send_some(lab)
    for _ in range(3):
        time.sleep(chosen.uniform(0.0, 0.6))
        lab.site.kill(chosen.choice(sorted(lab.site.processes.keys() - {"api"})))
        lab.start()
    return _end(lab, cases)


def _freeze(lab: Laboratory, chosen: random.Random) -> Judgement:
    cases = _send_some(lab)
    time.sleep(chosen.uniform(0.0, 0.6))
    zombie = lab.site.processes[chosen.choice(lab.workers)]
    os.kill(zombie.pid, signal.SIGSTOP)
    # Longer than the silence after which it is believed dead.
    time.sleep(chosen.uniform(3.0, 4.0))
    os.kill(zombie.pid, signal.SIGCONT)
    return _end(lab, cases)


TROUBLES = (
    Trouble(name="random kills", make=_kill_at_random),
    Trouble(name="a frozen worker", make=_freeze),
)
