"""Who may speak, decided, written down and moved; and back."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evaluation.decision_log import DecisionLog
from models.errors import RegistryError, ReleaseError
from models.folder_store import FolderStore
from models.registry import Alias, Move
from models.release import Release
from tests.factories.candidates import APPROVER, AUTHOR, MODEL, make_candidate, parity, spoiled
from varsel import rollback
from varsel.cli import app
from varsel.errors import PartlyDoneError, VarselError
from varsel.exit_codes import ExitCode
from varsel.promotion import Promotion


@pytest.fixture
def promotion(tmp_path: Path) -> Promotion:
    return Promotion(store=FolderStore(tmp_path / "data" / "releases"), open_registry=None, approver=APPROVER)


def candidate(promotion: Promotion, version: str = "0.1.0", **changes: object) -> Release:
    return make_candidate(promotion.store.directory, version=version, **changes)  # type: ignore[arg-type]


def champion(promotion: Promotion) -> str:
    return promotion.store.resolve(MODEL, "champion").manifest.version


def promoted(promotion: Promotion, *versions: str) -> None:
    for version in versions:
        decision = promotion.promote(candidate(promotion, version), Alias.CHAMPION, f"version {version}")
        assert decision.allowed, decision.reasons


def test_what_passes_every_gate_becomes_champion_and_the_ledger_names_the_decision(promotion: Promotion):
    promoted(promotion, "0.1.0")
    (row,) = promotion.store.ledger()
    ((written, decision),) = DecisionLog(promotion.store.directory).rows().items()
    assert (row.actor, row.reason, row.move, row.decision_sha256) == (
        APPROVER,
        "version 0.1.0",
        Move.PROMOTION,
        written,
    )
    assert (decision.author, decision.approver, decision.allowed) == (AUTHOR, APPROVER, True)


def test_without_a_reason_nothing_moves_and_nothing_is_written_down(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.2.0")
    before = promotion.store.ledger(), DecisionLog(promotion.store.directory).rows()
    with pytest.raises(VarselError, match="the reason is empty"):
        promotion.promote(candidate(promotion, "0.3.0"), Alias.CHAMPION, " ")
    with pytest.raises(VarselError, match="the reason is empty"):
        promotion.rollback(MODEL, "")
    assert (promotion.store.ledger(), DecisionLog(promotion.store.directory).rows()) == before


def test_a_refusal_moves_nothing_and_is_written_down_with_its_reasons(promotion: Promotion):
    poor = candidate(promotion, files={"evidence/parity.json": parity(0.01)})
    decision = promotion.promote(poor, Alias.CHAMPION, "in a hurry")
    assert not decision.allowed
    assert promotion.store.ledger() == ()
    (row,) = DecisionLog(promotion.store.directory).rows().values()
    assert not row.allowed
    assert [gate.found for gate in row.gates if not gate.met] == ["1 cases, 16.7 of the tolerance used"]


def test_promoting_the_champion_again_moves_nothing(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.1.0")
    assert len(promotion.store.ledger()) == 1


def test_rollback_leads_one_promotion_back_each_time(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.2.0", "0.3.0")
    assert promotion.rollback(MODEL, "worse").manifest.version == "0.2.0"
    assert promotion.rollback(MODEL, "still worse").manifest.version == "0.1.0"
    assert champion(promotion) == "0.1.0"
    with pytest.raises(RegistryError, match="no champion before the present one"):
        promotion.rollback(MODEL, "again")
    assert [row.move for row in promotion.store.ledger()] == [Move.PROMOTION] * 3 + [Move.ROLLBACK] * 2


def test_a_promotion_after_a_rollback_is_rolled_back_to_what_it_replaced(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.2.0")
    promotion.rollback(MODEL, "worse")
    promoted(promotion, "0.3.0")
    assert promotion.rollback(MODEL, "worse too").manifest.version == "0.1.0"


def test_a_challenger_does_not_change_what_is_rolled_back_to(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.2.0")
    promotion.promote(candidate(promotion, "0.3.0"), Alias.CHALLENGER, "beside")
    assert promotion.rollback(MODEL, "worse").manifest.version == "0.1.0"
    assert promotion.store.resolve(MODEL, "challenger").manifest.version == "0.3.0"


def test_a_release_with_one_byte_changed_is_neither_installed_nor_promoted_nor_rolled_back_to(
    tmp_path: Path, promotion: Promotion
):
    release = candidate(promotion)
    with pytest.raises(ReleaseError, match="was altered"):
        FolderStore(tmp_path / "other").install(spoiled(release, tmp_path / "disk" / release.short_digest))
    promoted(promotion, "0.1.0", "0.2.0")
    (release.path / "model.onnx").chmod(0o644)
    (release.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(ReleaseError, match="was altered"):
        promotion.promote(release, Alias.CHALLENGER, "why not")
    with pytest.raises(ReleaseError, match="was altered"):
        promotion.rollback(MODEL, "worse")
    assert champion(promotion) == "0.2.0"


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(promotion: Promotion):
    promoted(promotion, "0.1.0")
    rivals = [candidate(promotion, version) for version in ("0.2.0", "0.3.0")]
    together, told = threading.Barrier(len(rivals)), []

    class Slow(FolderStore):
        """Waits, when it comes to moving the pointer, until both have decided."""

        def promote(self, row: object) -> None:
            together.wait(30)
            super().promote(row)  # type: ignore[arg-type]

    def run(release: Release) -> None:
        try:
            replace(promotion, store=Slow(promotion.store.directory)).promote(release, Alias.CHAMPION, "mine")
        except RegistryError as error:
            told.append(str(error))

    threads = [threading.Thread(target=run, args=(release,)) for release in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(promotion.store.ledger()) == 2
    assert len(told) == 1
    assert "look again and decide again" in told[0]


def test_a_torn_ledger_line_moves_nothing_and_the_next_promotion_stands(promotion: Promotion):
    promoted(promotion, "0.1.0")
    with (promotion.store.directory / "ledger.jsonl").open("ab") as file:
        file.write(b'{"model": "infection_urinary", "alias": "champion", "from')
    promoted(promotion, "0.2.0")
    assert [row.reason for row in promotion.store.ledger()] == ["version 0.1.0", "version 0.2.0"]


class DownRegistry:
    """An MLflow that does not answer."""

    def set_alias(self, *_: str) -> None:
        raise RegistryError("MLflow is down")


def test_a_rollback_stands_even_when_mlflow_cannot_be_told(promotion: Promotion):
    promoted(promotion, "0.1.0", "0.2.0")
    down = replace(promotion, open_registry=DownRegistry)  # type: ignore[arg-type]
    with pytest.raises(PartlyDoneError, match=r"rolled back to .* but MLflow was not told: MLflow is down"):
        down.rollback(MODEL, "worse")
    assert champion(promotion) == "0.1.0"


def run(directory: Path, *arguments: str | Path) -> Result:
    settings = directory / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(directory / 'data'))}\n")
    return CliRunner().invoke(app, ["--settings", str(settings), *map(str, arguments)])


def test_rollback_says_that_it_is_done_before_mlflow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = [make_candidate(tmp_path / "data" / "releases", version=version) for version in ("0.1.0", "0.2.0")]
    site = Promotion(store=FolderStore(tmp_path / "data" / "releases"), open_registry=None, approver=APPROVER)
    assert all(site.promote(one, Alias.CHAMPION, "good").allowed for one in made)
    monkeypatch.setattr(rollback, "registry_opener", lambda _: DownRegistry)
    answer = run(tmp_path, "rollback", MODEL)
    assert answer.exit_code == ExitCode.PARTLY
    assert answer.stdout == f"{MODEL} 0.1.0 ({made[0].short_digest}) is champion again\n"
    assert "MLflow was not told" in answer.stderr


def test_a_comparison_of_something_else_is_refused(tmp_path: Path):
    made = make_candidate(tmp_path / "data" / "releases")
    report = made.path / "evidence" / "evaluation.json"
    options = ("--to", "champion", "--reason", "r", "--comparison", report)
    answer = run(tmp_path, "promote", MODEL, "0.1.0", *options)
    assert answer.exit_code == 1
    assert f"varsel evaluate {MODEL}@{made.short_digest} --against champion" in answer.stderr
