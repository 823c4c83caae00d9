"""A model of lease and ledger: one case, one object, one archive; two nodes and whoever is started in their place.

A step of the model is one transaction, or one effect that others see. Between any two steps of one process every other
may take any of theirs; a process that takes none for a while is frozen, whether or not it is buried meanwhile.

| step | what it mirrors |
|---|---|
| ``start`` | `serving.records.leases.take`; `DbosEngine.unfinished`: what the engine will take up again |
| ``claim the case`` | `serving.records.work.claim_items` in `writing`, and so `fence.demand` |
| ``claim the delivery`` | `work.claim_delivery`, as above, or at once with ``record`` (`serving.work.starter`) |
| ``begin`` | `WorkEngine.run`: the run is the engine's from now on, under the node's name |
| ``take up`` | a run of before a crash, begun again by the engine |
| ``read the case``, ``read the delivery`` | the first lines of `serving.worker.Worker.analyse` and `.deliver` |
| ``record`` | `Analyser._record_study`: object, delivery and move in one transaction |
| ``look`` | `Deliverer._send`: `fence.demand`, `ledger.objects_of` |
| ``ask`` | `Outlet.holds`, where it is not the first try |
| ``send`` | `Outlet.send`; it may fail before or after the archive has stored |
| ``close`` | `Deliverer._close`: `ledger.accept`, `ledger.move`, `ledger.finish_when_all_arrived` |
| ``settle`` | `Worker._settle_item`, `Worker._settle_delivery` with `ledger.settle_failure` |
| ``end`` | the engine notes that the run is over |
| ``sweep`` | `Dispatcher._sweep` |
| ``bury`` | `leases.bury`; `leases.leave` does the same to oneself |
| ``kill`` | SIGKILL |

Left out: time (a burial may come at any moment), beats (they only delay a burial), several cases and archives (they
share no row but the lease). Bounded: kills, burials of living processes, and failures of the archive.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

#: More tries than all that may go wrong explains.
_TOO_OFTEN = 6
_TAKEN_BACK = "what was told as delivered is to be sent again"
#: Names of the nodes; a process beyond them is started under the first name, as an orchestrator would.
NAMES = ("a", "b", "a")


class Identity(Enum):
    """Where the identity of the object comes from."""

    #: Derived from the case, stored before it is sent: as Varsel does.
    DERIVED = "derived"
    #: Drawn by each analysis, stored before it is sent.
    DRAWN_BY_THE_ANALYSIS = "drawn by the analysis"
    #: Drawn by each sending, as where the object is composed on its way out.
    DRAWN_BY_THE_SENDING = "drawn by the sending"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of the house, each of which a test takes away."""

    #: No transaction of a process that has lost its lease.
    has_fence: bool = True
    #: No epoch comes twice under one name.
    has_fresh_epochs: bool = True
    #: A burial puts back what the buried had claimed.
    puts_back: bool = True
    #: A process looks for claims of its own name that nobody works on.
    sweeps: bool = True
    #: Where the identity of the object comes from.
    identity: Identity = Identity.DERIVED
    #: Whether a killed process is started again; else its machine is gone for good.
    killed_come_back: bool = True
    #: Whether the archive can be asked what it holds.
    can_query: bool = True
    #: How often what may happen.
    kills: int = 1
    burials: int = 1
    failures: int = 1


class Process(NamedTuple):
    """One worker process."""

    #: Index into NAMES gives its name; 0 = not running.
    epoch: int = 0
    #: Where it stands; ``idle`` between runs.
    at: str = "idle"
    #: What it works on: ``case``, ``delivery`` or nothing.
    on: str = ""
    #: Runs of before its start that the engine will give it.
    to_take_up: frozenset[str] = frozenset()
    #: Whether it claimed the delivery itself, on its first try.
    is_first_try: bool = False
    #: Whether it has anything to send.
    has_to_send: bool = False
    #: The identity that its analysis made.
    made: int = 0
    #: Whether it was ever started.
    was_started: bool = False


class Claim(NamedTuple):
    """The row of the case, or of the delivery."""

    state: str
    node: str = ""
    attempts: int = 0


class State(NamedTuple):
    """Everything there is."""

    processes: tuple[Process, ...]
    #: Node -> epoch of the lease; 0 = no row.
    leases: tuple[tuple[str, int], ...]
    #: (node, what) that the engine keeps as begun and not ended.
    runs: frozenset[tuple[str, str]]
    case: Claim
    #: State ``none`` until it is queued.
    delivery: Claim
    #: Identities that the tables hold.
    stored: frozenset[int]
    #: Whether the ledger says that the object has arrived.
    has_arrived: bool
    #: Identities that the archive holds.
    held: frozenset[int]
    #: Identities and epochs drawn so far.
    drawn: int
    epochs: int
    #: What may still go wrong.
    kills: int
    burials: int
    failures: int
    #: What no state may show, as far as it can be seen only in the step itself.
    fault: str = ""


def first_state(rules: Rules) -> State:
    """A case that waits, and no process yet."""
    return State(
        processes=tuple(Process() for _ in NAMES),
        leases=tuple((name, 0) for name in sorted(set(NAMES))),
        runs=frozenset(),
        case=Claim("queued"),
        delivery=Claim("none"),
        stored=frozenset(),
        has_arrived=False,
        held=frozenset(),
        drawn=0,
        epochs=0,
        kills=rules.kills,
        burials=rules.burials,
        failures=rules.failures,
    )


def judge(state: State) -> str:
    """What must hold always."""
    if state.fault:
        return state.fault
    if len(state.held) > 1:
        return "the archive holds one object under two identities"
    if state.has_arrived and not state.held:
        return "the ledger says of an object that it arrived, and it did not"
    if state.case.state == "done" and not state.held:
        return "the case is done, and its object was dropped"
    if max(state.case.attempts, state.delivery.attempts) > _TOO_OFTEN:
        return "the case is tried without end"
    return ""


def judge_end(state: State) -> str:
    """What must hold when nothing can happen any more."""
    return "" if state.case.state == "done" and state.has_arrived else "the case is stuck"


@dataclass(frozen=True, kw_only=True)
class Model:
    """The steps under some rules."""

    rules: Rules

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Every step that any process may take."""
        for number, process in enumerate(state.processes):
            who = f"{NAMES[number]}{number}"
            if not process.epoch:
                if _may_start(state, number):
                    yield f"{who}: start", self._started(state, number)
                continue
            for name, after in getattr(self, f"_{process.at}")(state, number):
                yield f"{who}: {name}", after
            if state.kills:
                dead = _down(state, number, at="idle" if self.rules.killed_come_back else "gone")
                yield f"{who}: kill", dead._replace(kills=state.kills - 1)

    # ------------------------------------------------------------------------------------------- a process as such

    def _started(self, state: State, number: int) -> State:
        name = NAMES[number]
        epoch = state.epochs + 1 if self.rules.has_fresh_epochs else dict(state.leases)[name] + 1
        taken_up = frozenset(what for node, what in state.runs if node == name)
        process = Process(epoch=epoch, to_take_up=taken_up, was_started=True)
        leased = state._replace(leases=_leased(state, name, epoch), epochs=max(state.epochs, epoch))
        return _with(leased, number, process)

    def _idle(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process, name = state.processes[number], NAMES[number]
        for what in sorted(process.to_take_up):
            left = process.to_take_up - {what}
            up = process._replace(at=f"read_{what}", on=what, to_take_up=left, is_first_try=False)
            yield f"take up the {what}", _with(state, number, up)
        for what in ("case", "delivery"):
            yield from self._claim(state, number, what)
            row: Claim = getattr(state, what)
            is_begun = row.state == "claimed" and row.node == name
            if self.rules.sweeps and is_begun and what not in process.to_take_up:
                yield "sweep", self._written(state, number, process, **{what: row._replace(state="waiting")})
        yield from self._bury(state, number)

    def _claim(self, state: State, number: int, what: str) -> Iterator[tuple[str, State]]:
        row: Claim = getattr(state, what)
        if row.state in {"queued", "waiting"}:
            taken = Claim("claimed", NAMES[number], row.attempts + 1)
            process = state.processes[number]._replace(at="begin", on=what, is_first_try=not row.attempts)
            yield f"claim the {what}", self._written(state, number, process, **{what: taken})

    def _bury(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        for name, epoch in state.leases:
            if name == NAMES[number] or not epoch:
                continue
            is_alive = any(one.epoch == epoch and NAMES[at] == name for at, one in enumerate(state.processes))
            if is_alive and not state.burials:
                continue
            buried = state._replace(burials=state.burials - is_alive)
            changes: dict[str, object] = {"leases": _leased(state, name, 0)}
            if self.rules.puts_back:
                changes |= {what: _put_back(getattr(state, what), name) for what in ("case", "delivery")}
            yield f"bury {name}", self._written(buried, number, state.processes[number], **changes)

    def _begin(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        begun = state._replace(runs=state.runs | {(NAMES[number], process.on)})
        yield "begin", _with(begun, number, process._replace(at=f"read_{process.on}"))

    def _end(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        ended = state._replace(runs=state.runs - {(NAMES[number], process.on)})
        idle = Process(epoch=process.epoch, to_take_up=process.to_take_up, was_started=True)
        yield "end", _with(ended, number, idle)

    # ------------------------------------------------------------------------------------------- the analysis

    def _read_case(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        is_mine = state.case.state == "claimed" and state.case.node == NAMES[number]
        if not is_mine:
            yield "read the case: not mine", _with(state, number, process._replace(at="end"))
            return
        drawn = state.drawn + (self.rules.identity is Identity.DRAWN_BY_THE_ANALYSIS)
        yield "read the case", _with(state._replace(drawn=drawn), number, process._replace(at="record", made=drawn))

    def _record(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        after = process._replace(at="end")
        # A primary key of what is derived: the second of two transactions that insert it fails as a whole.
        if process.made in state.stored:
            yield "record: it is there", self._written(state, number, process._replace(at="settle_case"))
            return
        delivery = state.delivery if state.delivery.state == "claimed" else Claim("queued")
        changes = {"stored": state.stored | {process.made}, "delivery": delivery}
        # `move_item` moves only what may move, and tells nobody.
        case = state.case._replace(state="delivering") if state.case.state == "claimed" else state.case
        yield "record", self._written(state, number, after, case=case, **changes)

    def _settle_case(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        case = state.case._replace(state="waiting") if state.case.state == "claimed" else state.case
        yield "settle", self._written(state, number, state.processes[number]._replace(at="end"), case=case)

    # ------------------------------------------------------------------------------------------- the delivery

    def _read_delivery(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        is_mine = state.delivery.state == "claimed" and state.delivery.node == NAMES[number]
        is_first = process.is_first_try and state.delivery.attempts == 1
        after = process._replace(at="look" if is_mine else "end", is_first_try=is_first)
        yield "read the delivery" + ("" if is_mine else ": not mine"), _with(state, number, after)

    def _look(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]._replace(has_to_send=not state.has_arrived)
        asks = self.rules.can_query and not process.is_first_try
        yield "look", self._written(state, number, process._replace(at="ask" if asks else "send"))

    def _ask(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        is_missing = process.has_to_send and not state.held & self._on_its_way(state)
        yield "ask", _with(state, number, process._replace(at="send", has_to_send=is_missing))

    def _send(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        sent = state
        if process.has_to_send:
            drawn = state.drawn + (self.rules.identity is Identity.DRAWN_BY_THE_SENDING)
            identities = {drawn} if self.rules.identity is Identity.DRAWN_BY_THE_SENDING else self._on_its_way(state)
            sent = state._replace(held=state.held | identities, drawn=drawn)
        yield "send", _with(sent, number, process._replace(at="close"))
        if state.failures:
            failing = process._replace(at="settle_delivery")
            yield "send: no answer", _with(state._replace(failures=state.failures - 1), number, failing)
            yield "send: stored, no answer", _with(sent._replace(failures=state.failures - 1), number, failing)

    def _close(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        case = state.case._replace(state="done") if state.case.state == "delivering" else state.case
        delivery = state.delivery._replace(state="accepted")
        after = state.processes[number]._replace(at="end")
        yield "close", self._written(state, number, after, case=case, delivery=delivery, has_arrived=True)

    def _settle_delivery(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        after = state.processes[number]._replace(at="end")
        waiting = state.delivery._replace(state="waiting")
        settled = self._written(state, number, after, delivery=waiting)
        was_told = state.delivery.state == "accepted" and settled.delivery.state == "waiting"
        yield (
            "settle",
            settled._replace(fault="what was told as delivered is to be sent again") if was_told else settled,
        )

    # ------------------------------------------------------------------------------------------- transactions

    def _written(self, state: State, number: int, process: Process, **changes: object) -> State:
        """*changes* and *process*, unless its lease is gone: then it ends, and its run with it."""
        mine = state.processes[number]
        if self.rules.has_fence and dict(state.leases)[NAMES[number]] != mine.epoch:
            fenced = _down(state, number)
            return fenced._replace(runs=fenced.runs - {(NAMES[number], mine.on)})
        return _with(state, number, process)._replace(**changes)

    def _on_its_way(self, state: State) -> frozenset[int]:
        """The identity that a sending reads from the tables."""
        return frozenset({max(state.stored)})


def _may_start(state: State, number: int) -> bool:
    """A process that ended is started again; one more is started in the place of a node that was buried."""
    if state.processes[number].at == "gone":
        return False
    same = [one for at, one in enumerate(state.processes) if NAMES[at] == NAMES[number] and at != number]
    is_free = not any(one.epoch for one in same)
    is_replacement = number >= len(set(NAMES))
    if not is_replacement:
        return is_free
    return any(one.was_started for one in same) and not dict(state.leases)[NAMES[number]]


def _with(state: State, number: int, process: Process) -> State:
    processes = state.processes
    return state._replace(processes=(*processes[:number], process, *processes[number + 1 :]))


def _down(state: State, number: int, at: str = "idle") -> State:
    return _with(state, number, Process(at=at, was_started=True))


def _leased(state: State, name: str, epoch: int) -> tuple[tuple[str, int], ...]:
    return tuple((one, epoch if one == name else kept) for one, kept in state.leases)


def _put_back(row: Claim, node: str) -> Claim:
    return row._replace(state="waiting") if row.state == "claimed" and row.node == node else row
