"""Decisions are kept so that none can be altered or taken out unseen."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from evaluation.decision import Gate, GateResult
from evaluation.decision_log import DecisionLog, DecisionRow
from models.errors import RegistryError


def a_row(reason: str) -> DecisionRow:
    return DecisionRow(
        at="2026-01-01T00:00:00Z",
        model="chest",
        version="1",
        digest="ab" * 32,
        alias="champion",
        holder_digest="",
        author="anna",
        approver="bo",
        reason=reason,
        allowed=False,
        gates=(GateResult(gate=Gate.PARITY, demand="parity", met=False, found="none"),),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = DecisionLog(tmp_path)
    for reason in ("one", "two", "three"):
        log.add(a_row(reason))
    return tmp_path / "decisions.jsonl"


def test_decisions_come_back_in_order_under_the_digest_of_their_line(tmp_path: Path):
    log = DecisionLog(tmp_path)
    digests = [log.add(a_row(reason)) for reason in ("one", "two")]
    assert list(log.rows()) == digests
    assert [row.reason for row in log.rows().values()] == ["one", "two"]


def test_no_decision_is_no_fault(tmp_path: Path):
    assert DecisionLog(tmp_path).rows() == {}


def test_an_altered_decision_is_found(path: Path):
    path.write_bytes(path.read_bytes().replace(b'"reason":"one"', b'"reason":"ONE"'))
    with pytest.raises(RegistryError, match=r"line 2 follows .* was altered or taken out"):
        DecisionLog(path.parent).rows()


def test_a_decision_taken_out_is_found(path: Path):
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third)
    with pytest.raises(RegistryError, match="line 2 follows"):
        DecisionLog(path.parent).rows()


def test_a_line_that_is_no_decision_is_named(path: Path):
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(RegistryError, match="line 4 is no decision"):
        DecisionLog(path.parent).rows()


def test_a_torn_line_counts_for_nothing_and_the_chain_goes_on(path: Path):
    path.write_bytes(path.read_bytes() + b'{"at": "2026')
    log = DecisionLog(path.parent)
    with capture_logs() as logs:
        log.add(a_row("four"))
    assert [entry["action"] for entry in logs] == ["decisions_torn"]
    assert [row.reason for row in log.rows().values()] == ["one", "two", "three", "four"]
