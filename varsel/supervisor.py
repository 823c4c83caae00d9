"""Starts programs, keeps them running, stops them in order, and leaves none behind."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from varsel.attached import attached
from varsel.errors import NotStartedError
from varsel.programs import Program, last_words

#: Between two looks at whether a child is ready, or still there.
_LOOK_SECONDS = 0.1
#: Wait before a program that died is started again: doubles each time up to the ceiling.
_BACK_OFF_SECONDS, _BACK_OFF_CEILING_SECONDS = 0.5, 30.0
#: After so long a life the next death counts as the first.
_LONG_LIFE_SECONDS = 60.0

#: Hears a sentence for people whenever a program starts, dies or is killed.
Listener = Callable[[str], None]


@dataclass(kw_only=True)
class _Child:
    """A program and the process that it is at the moment."""

    program: Program
    process: "subprocess.Popen[bytes]"
    started_at: float
    #: Deaths in a row.
    deaths: int = 0
    #: When it is to be started again; None while it runs.
    again_at: float | None = field(default=None)


class Supervisor:
    """Runs programs as children of this process.

    Start it from the thread that stops it: on Linux a child ends with the thread that started it.
    """

    def __init__(self, programs: Sequence[Program], on_event: Listener) -> None:
        """Run *programs*; they are started in this order and stopped in the opposite one."""
        self._programs = tuple(programs)
        self._on_event = on_event
        self._children: list[_Child] = []
        self._stopping = threading.Event()

    def start(self, on_ready: Callable[[Program], None] = lambda _: None) -> None:
        """Start every program at once and wait until each is ready; *on_ready* hears of each.

        Raises:
            NotStartedError: one died, or was not ready in time; all are stopped again.
        """
        self.launch()
        self.await_ready(on_ready)

    def launch(self) -> None:
        """Start every program and wait for none."""
        for program in self._programs:
            self._children.append(_Child(program=program, process=_spawn(program), started_at=_now()))

    def await_ready(self, on_ready: Callable[[Program], None] = lambda _: None) -> None:
        """Wait until each launched program is ready; *on_ready* hears of each.

        Raises:
            NotStartedError: one died, or was not ready in time; all are stopped again.
        """
        try:
            for child in self._children:
                self._await_ready(child)
                on_ready(child.program)
        except NotStartedError:
            self.stop()
            raise

    def ready_within(self, seconds: float) -> bool:
        """Whether every launched program is ready, asked for at most *seconds*; none is stopped for being slow."""
        deadline = _now() + seconds
        while not all(child.program.is_ready() for child in self._children):
            if _now() > deadline or self._stopping.wait(_LOOK_SECONDS):
                return False
        return True

    @property
    def is_leaving(self) -> bool:
        """Whether `leave` or `stop` was called."""
        return self._stopping.is_set()

    def turn(self) -> None:
        """One look: start again what died and has waited long enough."""
        for child in self._children:
            if child.again_at is None and child.process.poll() is not None:
                self._on_death(child)
            elif child.again_at is not None and _now() >= child.again_at:
                child.process, child.started_at, child.again_at = _spawn(child.program), _now(), None
                self._on_event(f"{child.program.name} was started again (process {child.process.pid})")

    def watch(self) -> None:
        """Look after the programs until `leave` is called."""
        while not self._stopping.wait(_LOOK_SECONDS):
            self.turn()

    def leave(self) -> None:
        """End `watch`; may be called from a signal handler or another thread."""
        self._stopping.set()

    def stop(self) -> None:
        """Ask the programs to end, the last started first, and kill what does not within its limit."""
        self._stopping.set()
        for child in reversed(self._children):
            self._stop_one(child)
        self._children = []

    def process_ids(self) -> dict[str, int]:
        """Process id of each program that runs."""
        return {child.program.name: child.process.pid for child in self._children if child.process.poll() is None}

    def _await_ready(self, child: _Child) -> None:
        program = child.program
        deadline = child.started_at + program.ready_within_seconds
        while not self._stopping.is_set():
            # Asked in this order: another program's answer on our port must not count for one that is dead.
            is_ready = program.is_ready()
            code = child.process.poll()
            if code is not None:
                raise _not_started(program, f"ended with code {code}")
            if is_ready:
                return
            if _now() > deadline:
                raise _not_started(program, f"was not ready within {program.ready_within_seconds:g} seconds")
            self._stopping.wait(_LOOK_SECONDS)

    def _on_death(self, child: _Child) -> None:
        lived = _now() - child.started_at
        child.deaths = 1 if lived > _LONG_LIFE_SECONDS else child.deaths + 1
        wait = min(_BACK_OFF_SECONDS * 2.0 ** min(child.deaths - 1, 30), _BACK_OFF_CEILING_SECONDS)
        child.again_at = _now() + wait
        # What it left of its own process group, e.g. a model service's workers, would hold its port.
        _signal_group(child.process, signal.SIGKILL)
        code = child.process.returncode
        self._on_event(f"{child.program.name} ended with code {code}; starting it again in {wait:g} s")

    def _stop_one(self, child: _Child) -> None:
        if child.again_at is not None:
            return
        if child.process.poll() is None:
            child.process.terminate()
            try:
                child.process.wait(child.program.stop_within_seconds)
            except subprocess.TimeoutExpired:
                limit = child.program.stop_within_seconds
                self._on_event(f"{child.program.name} did not stop within {limit:g} s and was killed")
        _signal_group(child.process, signal.SIGKILL)
        child.process.wait()


@contextlib.contextmanager
def leaving_on_signals(supervisor: Supervisor) -> Iterator[None]:
    """While the block runs, SIGINT, SIGTERM and SIGHUP end `Supervisor.watch`, and its waiting in `start`."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, lambda *_: supervisor.leave())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spawn(program: Program) -> "subprocess.Popen[bytes]":
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            attached(program.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches us alone, and we stop the programs in order.
            process_group=0,
        )


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    # The leader's id stays reserved for the group as long as any member lives.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _not_started(program: Program, what: str) -> NotStartedError:
    words = last_words(program.log)
    tail = f"; its log ends:\n{words}" if words else ""
    return NotStartedError(f"'{program.name}' {what}; see '{program.log}'{tail}")


def _now() -> float:
    return time.monotonic()
