"""Any order of arrivals, failures, kills, freezes, burials and a person's interventions keeps the promises.

Hypothesis draws the orders, the same ones in every run. After each step the promises are looked up in the tables; at
the end everything outside works again, and all that is left must come to its end.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dicom_io.commitment import CommitmentReport
from dicom_io.uids import derive_uid
from serving.records import audit, cancel, commitments, retry
from serving.records.database import reading, writing
from serving.work.engine import RunKind
from serving.work.item import MOVES, TERMINAL, DeliveryState, State
from tests.factories.nodes import MAXIMUM_ATTEMPTS, Node, Run, Site, Way, open_site

#: All goes well more often than not, so that cases get far enough to meet what comes late.
ANALYSIS_WAYS = [Way.WELL] * 5 + [way for way in Way if way not in {Way.SILENT, Way.HALF}]
DELIVERY_WAYS = [Way.WELL] * 5 + list(Way)
CASES = ("case-1", "case-2", "case-3")
SETTLED = {DeliveryState.ACCEPTED.value, DeliveryState.COMMITTED.value, DeliveryState.CANCELLED.value}


@dataclass(frozen=True, kw_only=True)
class Look:
    """The tables as they stand."""

    items: Sequence[Any]
    deliveries: Sequence[Any]
    #: Oldest first, by work item.
    steps: Sequence[Any]
    stored: Sequence[Any]
    #: (destination, SOP Instance UID) of what the ledger says has arrived.
    arrived: Sequence[Any]
    #: (node, epoch).
    leased: Sequence[Any]


#: As text: SQLAlchemy's own building of queries would take half of the time.
_QUERIES = {
    "items": "SELECT id, state, node, attempts FROM work_item ORDER BY id",
    "deliveries": "SELECT id, work_item_id, state, node, attempts FROM delivery ORDER BY id",
    "steps": "SELECT work_item_id, state FROM work_history ORDER BY work_item_id, id",
    "stored": "SELECT work_item_id, kind FROM result_object",
    "arrived": "SELECT destination, sop_instance_uid FROM delivery_object JOIN delivery ON delivery.id = delivery_id"
    " WHERE delivery_object.state IN ('accepted', 'committed')",
    "leased": "SELECT node, epoch FROM node_lease",
}


class Work(RuleBasedStateMachine):
    """Two nodes, three cases, two archives."""

    @initialize()
    def open(self) -> None:
        self.scratch = tempfile.TemporaryDirectory()
        self.site: Site = open_site(Path(self.scratch.name))
        self.generations: Counter[str] = Counter()
        self.queued: set[str] = set()
        self.requests = count()

    # ------------------------------------------------------------------------------------------------ what happens

    @rule(case=st.sampled_from(CASES))
    def images_arrive(self, case: str) -> None:
        """The first ones, or late slices: another generation."""
        self.generations[case] += 1
        self.queued.add(self.site.queue(case, self.generations[case]))

    @rule(node=st.sampled_from((0, 1)))
    def a_node_claims(self, node: int) -> None:
        self.site.nodes[node].claim()

    @precondition(lambda self: self.of_kind(RunKind.ANALYSE))
    @rule(way=st.sampled_from(ANALYSIS_WAYS), data=st.data())
    def an_analysis_goes_on(self, way: Way, data: st.DataObject) -> None:
        self.go_on(RunKind.ANALYSE, way, data)

    @precondition(lambda self: self.of_kind(RunKind.DELIVER))
    @rule(way=st.sampled_from(DELIVERY_WAYS), data=st.data())
    def a_delivery_goes_on(self, way: Way, data: st.DataObject) -> None:
        self.go_on(RunKind.DELIVER, way, data)

    @rule(node=st.sampled_from((0, 1)))
    def a_node_is_killed(self, node: int) -> None:
        self.site.nodes[node].kill()

    @rule(node=st.sampled_from((0, 1)))
    def a_node_is_told_to_stop(self, node: int) -> None:
        self.site.nodes[node].stop()

    @rule(node=st.sampled_from((0, 1)))
    def a_node_starts(self, node: int) -> None:
        """Again, or a second process under the same name, which ends the right of the first."""
        self.site.nodes[node].start()

    @rule(node=st.sampled_from((0, 1)))
    def a_node_buries_the_other(self, node: int) -> None:
        """Dead or only silent: it cannot know."""
        living, other = self.site.nodes[node], self.site.nodes[1 - node]
        if living.is_up and self.has_lease(living):
            living.bury(other)

    @rule()
    def waits_are_over(self) -> None:
        self.site.time_passes()

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def a_person_tries_again(self, data: st.DataObject) -> None:
        with writing(self.site.engine) as connection:
            retry.retry(connection, self.one_item(data), "tester", datetime.now(UTC))

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def a_person_calls_it_off(self, data: st.DataObject) -> None:
        with writing(self.site.engine) as connection:
            cancel.cancel(connection, self.one_item(data), "tester", datetime.now(UTC))

    @rule(is_kept=st.booleans())
    def the_archive_answers_for_what_it_accepted(self, *, is_kept: bool) -> None:
        """Storage commitment: kept, or denied, whereupon the objects are gone there."""
        now = datetime.now(UTC)
        with writing(self.site.engine) as connection:
            for delivery_id, name in commitments.due(connection, ["pacs"], now):
                uid = derive_uid("commitment", delivery_id, str(next(self.requests)))
                objects = commitments.begin(connection, delivery_id, uid, now, now + timedelta(hours=1))
                uids = frozenset(one.sop_instance_uid for one in objects)
                failed = {} if is_kept else dict.fromkeys(uids, "0112 no such object instance")
                report = CommitmentReport(
                    transaction_uid=uid, committed=uids if is_kept else frozenset(), failed=failed
                )
                commitments.answer(connection, report, now)
                for one in failed:
                    self.site.archives[name].held.pop(one, None)

    # ------------------------------------------------------------------------------------------------ what must hold

    @invariant()
    def the_promises_hold(self) -> None:
        look = self.look()
        assert {item.id for item in look.items} == self.queued, "something queued is gone, or came from nowhere"
        _every_move_is_in_the_table(look)
        # One more than allowed is claimed at most, and put aside without work.
        assert all(row.attempts <= MAXIMUM_ATTEMPTS + 1 for row in (*look.items, *look.deliveries))
        _what_is_claimed_has_an_owner_who_is_alive_or_will_be_missed(look)
        _an_object_has_one_identity(look)
        for destination, uid in look.arrived:
            assert uid in self.site.archives[destination].held, "the ledger says of an object that it arrived"
        done = {item.id for item in look.items if item.state == State.DONE.value}
        assert {one.state for one in look.deliveries if one.work_item_id in done} <= SETTLED

    def teardown(self) -> None:
        if hasattr(self, "site"):
            self._everything_comes_to_its_end()
            self.site.engine.dispose()
            self.scratch.cleanup()

    def _everything_comes_to_its_end(self) -> None:
        for node in self.site.nodes:
            node.start()
        for _ in range(3):
            self.site.time_passes()
            for node in self.site.nodes:
                node.work()
        self.the_promises_hold()
        look = self.look()
        assert {item.state for item in look.items} <= {state.value for state in TERMINAL}
        assert {one.state for one in look.deliveries} <= SETTLED | {DeliveryState.DEAD.value}
        dead = {one.work_item_id for one in look.deliveries if one.state == DeliveryState.DEAD.value}
        assert dead <= {item.id for item in look.items if item.state == State.FAILED.value}
        assert audit.first_broken_link(self.site.engine) is None

    # ------------------------------------------------------------------------------------------------ looking

    def go_on(self, kind: RunKind, way: Way, data: st.DataObject) -> None:
        node, run = data.draw(st.sampled_from(self.of_kind(kind)))
        if self.has_lease(node):
            with self.site.going(way):
                node.go_on(run)
            return
        before = self.look()
        node.go_on(run)
        assert self.look() == before, "a process wrote that had lost the right to"

    def of_kind(self, kind: RunKind) -> list[tuple[Node, Run]]:
        """What the processes that are up have begun."""
        return [(node, run) for node in self.site.nodes if node.is_up for run in node.runs if run.kind is kind]

    def one_item(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.queued)))

    def has_lease(self, node: Node) -> bool:
        return (node.name, node.epoch) in self.look().leased

    def look(self) -> Look:
        with reading(self.site.engine) as connection:
            found = {name: connection.exec_driver_sql(query).all() for name, query in _QUERIES.items()}
        return Look(**found)


def _every_move_is_in_the_table(look: Look) -> None:
    """So what is terminal stays so, but for the moves that a person or a denial may ask for."""
    for before, after in pairwise(look.steps):
        if before.work_item_id == after.work_item_id:
            assert State(after.state) in MOVES[State(before.state)] | {State(before.state)}
    newest = {step.work_item_id: step.state for step in look.steps}
    assert newest == {item.id: item.state for item in look.items}


def _what_is_claimed_has_an_owner_who_is_alive_or_will_be_missed(look: Look) -> None:
    """A node that is gone has its row until another buries it, or it comes back."""
    claimed = {item.node for item in look.items if item.state == State.RUNNING.value}
    claimed |= {one.node for one in look.deliveries if one.state == DeliveryState.INTENT.value}
    assert claimed <= {node for node, _ in look.leased}


def _an_object_has_one_identity(look: Look) -> None:
    kinds = [(one.work_item_id, one.kind) for one in look.stored]
    assert len(kinds) == len(set(kinds))


Work.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    # The orders are the same each time, so there is nothing to remember or to explain.
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnyOrderOfEvents = Work.TestCase


def test_a_case_fails_when_one_archive_denies_and_takes_again_what_another_has_refused(tmp_path: Path):
    """The denial opens the case again; that it cannot be done must not be forgotten over that."""
    site = open_site(tmp_path, ["node-1"])
    (node,) = site.nodes
    site.queue("case", 1)
    node.claim()
    node.go_on(node.runs[0])
    node.claim()
    to_pacs, to_blind = node.runs
    node.go_on(to_pacs)
    with site.going(Way.BROKEN):
        node.go_on(to_blind)
    now = datetime.now(UTC)
    with writing(site.engine) as connection:
        ((delivery_id, _),) = commitments.due(connection, ["pacs"], now)
        objects = commitments.begin(connection, delivery_id, "1.2.3", now, now + timedelta(hours=1))
        failed = {one.sop_instance_uid: "0112 no such object instance" for one in objects}
        report = CommitmentReport(transaction_uid="1.2.3", committed=frozenset(), failed=failed)
        commitments.answer(connection, report, now)
    site.time_passes()
    node.work()
    with reading(site.engine) as connection:
        item = connection.exec_driver_sql("SELECT state, reason_code, reason FROM work_item").one()
        sent = connection.exec_driver_sql("SELECT destination, state FROM delivery").all()
    site.engine.dispose()

    assert (item.state, item.reason_code, item.reason) == ("failed", "delivery_dead", "0110 processing failure")
    assert sorted(tuple(one) for one in sent) == [("blind", "dead"), ("pacs", "accepted")]
