"""Troubles other than a signal at a place: of processes, disks, networks, databases, archives, models."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import psycopg
from cases import Case, Judgement, until
from laboratory import SILENCE_SECONDS, Laboratory
from line import Line, Mode

#: Studies that are under way when a trouble begins, and studies that come while it lasts.
_BEFORE, _DURING = 3, 2
#: For how long a trouble lasts: longer than an answer is waited for, and than a silent node is believed alive.
_LASTS_SECONDS = (3.2, 4.2)

#: A step of which the limit is a few seconds, and the look at it a second apart.
_LONGEST_HANG_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that happens to a site."""

    #: As the report calls it.
    name: str
    #: Makes it, once some studies were sent; moments and victims are drawn.
    begin: Callable[[Laboratory, random.Random], None]
    #: Ends it.
    end: Callable[[Laboratory], None]
    #: Whether it can be made there.
    is_possible: Callable[[Laboratory], bool]
    #: What the models say while it lasts is nothing that an answer may be made of.
    is_nonsense: bool = False

    def make(self, lab: Laboratory, chosen: random.Random) -> Judgement:
        """Let it happen while studies are under way, and judge them after it."""
        cases = [_send_new(lab) for _ in range(_BEFORE)]
        time.sleep(chosen.uniform(0.0, 0.6))
        self.begin(lab, chosen)
        during = [lab.modality.new_case() for _ in range(_DURING)]
        # Each sender beside the others, for one that waits for an answer must not make the trouble longer.
        with ThreadPoolExecutor(_DURING) as senders:
            sendings = [senders.submit(lab.modality.send, case) for case in during]
            time.sleep(chosen.uniform(*_LASTS_SECONDS))
            answered = [case for case in during if lab.judge.has_ended(case)] if self.is_nonsense else []
            self.end(lab)
            for sending in sendings:
                sending.result()
        judgement = _judge(lab, [*cases, *during])
        return replace(judgement, wrong=sum(not lab.judge.says_not_analysed(case) for case in answered))


def _send_new(lab: Laboratory) -> Case:
    case = lab.modality.new_case()
    lab.modality.send(case)
    return case


def _judge(lab: Laboratory, cases: Sequence[Case]) -> Judgement:
    lab.start()
    for case in cases:
        lab.modality.insist(case)
    judgement = lab.judge.judge(*cases)
    lab.settle()
    return judgement


def _always(lab: Laboratory) -> bool:
    del lab
    return True


def _nothing(lab: Laboratory) -> None:
    del lab


# ------------------------------------------------------------------------------------------------ processes


def _kill_some(lab: Laboratory, chosen: random.Random) -> None:
    for _ in range(3):
        lab.site.kill(chosen.choice(("receive", *lab.workers)))
        lab.start()
        time.sleep(chosen.uniform(0.0, 0.6))


def _freeze(lab: Laboratory, chosen: random.Random) -> None:
    lab.site.signal(chosen.choice(lab.workers), signal.SIGSTOP)


def _thaw(lab: Laboratory) -> None:
    for name in lab.workers:
        lab.site.signal(name, signal.SIGCONT)


def _hang(effect: str, lab: Laboratory, chosen: random.Random) -> None:
    del chosen
    lab.hang_at(effect)


def _await_the_end(lab: Laboratory) -> None:
    """A worker whose limits do not end it leaves its case without an end."""
    until(lab.has_ended_a_worker, _LONGEST_HANG_SECONDS)


def _hang_trouble(name: str, effect: str) -> Trouble:
    return Trouble(name=name, begin=partial(_hang, effect), end=_await_the_end, is_possible=_always)


def _kill_models(lab: Laboratory, chosen: random.Random) -> None:
    """The service dies over requests that have reached it, and whose answers are on their way."""
    del chosen
    lab.hold_models()
    _send_new(lab)
    until(lambda: any(item.state == "running" for item in lab.site.items()), 10)
    lab.site.kill("api")
    lab.release_models()


# ------------------------------------------------------------------------------------------------ network and peers


def _set(line: str, mode: Mode, lab: Laboratory, chosen: random.Random) -> None:
    del chosen
    chosen_line: Line = getattr(lab.lines, line)
    chosen_line.set(mode)


def _open(lab: Laboratory) -> None:
    lab.lines.pacs.set(Mode.OPEN)
    lab.lines.api.set(Mode.OPEN)


def _line_trouble(name: str, line: str, mode: Mode, *, is_nonsense: bool = False) -> Trouble:
    begin = partial(_set, line, mode)
    return Trouble(name=name, begin=begin, end=_open, is_possible=_always, is_nonsense=is_nonsense)


# ------------------------------------------------------------------------------------------------ database


def _restart_database(lab: Laboratory, chosen: random.Random) -> None:
    del chosen
    if lab.database:
        lab.database.restart()


def _end_connections(lab: Laboratory, chosen: random.Random) -> None:
    del chosen
    if lab.database:
        with psycopg.connect(lab.database.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def _has_server(lab: Laboratory) -> bool:
    return lab.database is not None


# ------------------------------------------------------------------------------------------------ disk


def _fill(lab: Laboratory, chosen: random.Random) -> None:
    del chosen
    if lab.disk:
        lab.disk.fill()


def _clear(lab: Laboratory) -> None:
    if lab.disk:
        lab.disk.clear()


def _has_disk(lab: Laboratory) -> bool:
    return lab.disk is not None


def _slow_down(lab: Laboratory, chosen: random.Random) -> None:
    (lab.orders / "slow").write_text(f"{chosen.uniform(0.1, 0.2):.3f}")


def _speed_up(lab: Laboratory) -> None:
    (lab.orders / "slow").unlink()


TROUBLES = (
    Trouble(name="three random kills", begin=_kill_some, end=_nothing, is_possible=_always),
    Trouble(name=f"a worker frozen over {SILENCE_SECONDS} s", begin=_freeze, end=_thaw, is_possible=_always),
    Trouble(name="PostgreSQL restarted at once", begin=_restart_database, end=_nothing, is_possible=_has_server),
    Trouble(name="connections ended by PostgreSQL", begin=_end_connections, end=_nothing, is_possible=_has_server),
    Trouble(name="disk full", begin=_fill, end=_clear, is_possible=_has_disk),
    Trouble(name="each sync and commit 0.1 to 0.2 s slower", begin=_slow_down, end=_speed_up, is_possible=_always),
    _line_trouble("archive unplugged", "pacs", Mode.STALLED),
    _line_trouble("connections to the archive broken off", "pacs", Mode.BROKEN),
    _line_trouble("archive stores, its answers are lost", "pacs", Mode.DEAF),
    Trouble(name="model service killed over its requests", begin=_kill_models, end=_nothing, is_possible=_always),
    _line_trouble("model service silent", "api", Mode.STALLED),
    _line_trouble("model service answers garbage", "api", Mode.GARBAGE),
    _line_trouble("model service answers numbers that are none", "api", Mode.NOT_A_NUMBER, is_nonsense=True),
    _hang_trouble("composing never ends", "fsync dicom_io.durable_file:replace_file"),
    _hang_trouble("sending never ends", "C-STORE"),
)
