"""States of work and deliveries, and the moves allowed between them, as tables."""

from enum import Enum


class State(Enum):
    """Where a work item stands."""

    #: Waits for a worker.
    QUEUED = "queued"
    #: A worker has it.
    RUNNING = "running"
    #: A try failed for a passing reason; waits for the next one.
    WAITING = "waiting"
    #: Analysed; its objects are on their way.
    DELIVERING = "delivering"
    #: Everything said and delivered, or nothing to deliver.
    DONE = "done"
    #: Given up: the analysis broke, or a destination will not take it. Reason kept; can be tried again.
    FAILED = "failed"
    #: A newer generation of the same case took over before this one was worked on.
    SUPERSEDED = "superseded"


class DeliveryState(Enum):
    """Where one work item's objects for one destination stand (the ledger)."""

    #: Stored, not yet sent.
    QUEUED = "queued"
    #: A send has begun; after a crash the archive is asked before anything is sent again.
    INTENT = "intent"
    #: A send failed for a passing reason; waits for the next one.
    WAITING = "waiting"
    #: The destination said that it has every object.
    ACCEPTED = "accepted"
    #: The destination has taken responsibility (storage commitment).
    COMMITTED = "committed"
    #: Put aside: refused, or tried too often. Reason kept; can be sent again.
    DEAD = "dead"
    #: Called off by a person before it was sent.
    CANCELLED = "cancelled"


class Purpose(Enum):
    """What a delivery is for."""

    #: To say what was found.
    RESULT = "result"
    #: To take back what was said.
    WITHDRAWAL = "withdrawal"


class ObjectState(Enum):
    """Where one object stands at one destination."""

    #: Stored; may have been sent if its delivery was begun.
    QUEUED = "queued"
    #: Stored; sent only when the destination refuses something of its profile.
    RESERVE = "reserve"
    #: The destination said that it has it.
    ACCEPTED = "accepted"
    #: The destination has taken responsibility for it.
    COMMITTED = "committed"
    #: The destination will not take it; reason kept.
    REFUSED = "refused"


class CommitmentState(Enum):
    """What became of one request for storage commitment."""

    #: Sent, or about to be; the report is awaited.
    ASKED = "asked"
    #: The archive has taken responsibility for every object.
    KEPT = "kept"
    #: The archive says that it does not hold some of them.
    DENIED = "denied"
    #: No report came in time; another request took its place.
    EXPIRED = "expired"


#: Moves of a work item.
MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.SUPERSEDED}),
    State.RUNNING: frozenset(
        {State.RUNNING, State.WAITING, State.DELIVERING, State.DONE, State.FAILED, State.SUPERSEDED}
    ),
    State.WAITING: frozenset({State.RUNNING, State.FAILED, State.SUPERSEDED}),
    State.DELIVERING: frozenset({State.DONE, State.FAILED}),
    # An archive may say later that it does not hold what it had accepted.
    State.DONE: frozenset({State.DELIVERING}),
    State.FAILED: frozenset({State.QUEUED, State.DELIVERING, State.SUPERSEDED}),
    State.SUPERSEDED: frozenset(),
}

#: States from which nothing moves by itself.
TERMINAL = frozenset({State.DONE, State.FAILED, State.SUPERSEDED})
