"""The demonstration's parts: cases and their truth, judging, waiting, settings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from dicom_io.headers import read_header
from ehr_io.receive.fhir import read_bundle
from models.folder_store import shipped_releases
from serving.records.database import open_database, writing
from serving.records.migrate import migrate
from serving.records.schema import REFUSAL, WORK_ITEM
from serving.settings.file import load_settings
from training.phantoms.stays import FIRST_ADMISSION
from varsel.case_status import CaseStatus, FindingStatus, ObjectStatus, RefusalStatus
from varsel.demo.case import Answer, DemoCase, Expectation
from varsel.demo.directory import DemoDirectory, free_ports, write_settings
from varsel.demo.judge import judge
from varsel.demo.neighbours import mlflow_program, pacs_program
from varsel.demo.stays import stay_cases
from varsel.demo.studies import StudyMaker, own_cases, real_radiograph
from varsel.demo.waiting import Books, wait_for
from varsel.demo.words import DANISH, ENGLISH, Words, words_of

IMAGE = "1.2.3"
SQUARE = ((1.0, 1.0), (4.0, 1.0), (4.0, 4.0), (1.0, 4.0), (1.0, 1.0))


def mask(row: int, column: int) -> dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"]:
    """Truth in one pixel of the image."""
    truth = np.zeros((10, 10), dtype=np.bool_)
    truth[row, column] = True
    return {IMAGE: truth}


FINDING = FindingStatus(text="Opacity", probability=0.9, threshold=0.5, sop_instance_uid=IMAGE, polygon=SQUARE)
STATUS = CaseStatus(
    work_item_id="item",
    kind="imaging",
    case_id="study",
    generation=1,
    state="done",
    outcome="finding",
    reason_code="",
    reason="",
    model="chest_xray_opacity",
    model_version="0.1.0",
    release_digest="d" * 64,
    timings={},
    scores={},
    risk=None,
    findings=(FINDING,),
    objects=(),
    deliveries=(),
)
REFUSED = RefusalStatus(at="", door="dimse", reason_code="not_dicom", reason="noise", source="D1-CASE", case_id="")


def case(**expected: object) -> DemoCase:
    return DemoCase(key="case", title="A case", case_id="study", expected=Expectation(**expected))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DemoCase]:
    maker = StudyMaker(directory=tmp_path_factory.mktemp("inputs"), run="D123456", words=ENGLISH)
    return {one.key: one for one in (*maker.cases(), *stay_cases("D123456", ENGLISH))}


def test_a_finding_on_the_truth_is_as_it_must():
    expected = case(answers=frozenset({Answer.FINDING}), truth=mask(2, 2))
    assert judge(expected, STATUS, None, frozenset(), ENGLISH).faults == ()


def test_a_finding_beside_the_truth_is_not():
    expected = case(answers=frozenset({Answer.FINDING}), truth=mask(8, 8))
    assert judge(expected, STATUS, None, frozenset(), ENGLISH).faults == (ENGLISH.wrong_place,)


def test_another_answer_than_required_is_a_fault_in_the_language_of_the_run():
    (fault,) = judge(case(answers=frozenset({Answer.NO_FINDING})), STATUS, None, frozenset(), DANISH).faults
    assert fault == "udfaldet er 'fund', krævet er intet fund"


def test_the_right_answer_for_another_reason_is_a_fault():
    status = replace(STATUS, outcome="not_analysed", reason_code="no_release")
    expected = case(answers=frozenset({Answer.NOT_ANALYSED}), reason_codes=frozenset({"no_rule"}))
    (fault,) = judge(expected, status, None, frozenset(), ENGLISH).faults
    assert "no_release" in fault


def test_a_case_that_is_not_over_has_no_answer_and_that_is_a_fault():
    result = judge(case(), replace(STATUS, state="running", outcome=""), None, frozenset(), ENGLISH)
    assert result.answer is Answer.NONE
    assert result.faults == ("no answer in time",)


def test_what_was_refused_is_answered_with_its_reason():
    result = judge(case(answers=frozenset({Answer.REFUSED})), None, REFUSED, frozenset(), ENGLISH)
    assert (result.answer, result.reason, result.faults) == (Answer.REFUSED, "noise", ())


def test_an_object_that_the_pacs_does_not_hold_is_a_fault():
    sent = ObjectStatus(kind="sr", sop_instance_uid="1.2.9", series_instance_uid="1.2.8", path="")
    status = replace(STATUS, objects=(sent,))
    assert judge(case(), status, None, frozenset({"1.2.9"}), ENGLISH).faults == ()
    assert judge(case(), status, None, frozenset(), ENGLISH).faults == ("1 result objects are not in the PACS",)


def test_a_stay_without_a_risk_is_a_fault():
    assert judge(case(has_risk=True), STATUS, None, frozenset(), ENGLISH).faults == (ENGLISH.no_risk,)


def test_the_cases_can_be_read_but_for_the_one_that_must_not(cases: dict[str, DemoCase]):
    for key, one in cases.items():
        if one.bundle is None and key != "not-dicom":
            assert {read_header(path).study_instance_uid for path in one.paths} == {one.case_id}


def test_truth_lies_on_images_that_are_sent(cases: dict[str, DemoCase]):
    for key in ("xray-opacity", "ct-nodules"):
        truth = cases[key].expected.truth
        assert truth.keys() == {instance.sop_instance_uid for instance in cases[key].instances}
        assert any(one.any() for one in truth.values())


def test_calling_names_are_legal_and_unlike(cases: dict[str, DemoCase]):
    names = [one.calling_ae_title for one in cases.values() if one.instances]
    assert len(set(names)) == len(names)
    assert all(0 < len(name) <= 16 for name in names)


def test_another_run_makes_other_studies_and_stays(tmp_path: Path, cases: dict[str, DemoCase]):
    maker = StudyMaker(directory=tmp_path / "2", run="D999999", words=ENGLISH)
    others = {one.case_id for one in (next(maker.cases()), *stay_cases("D999999", ENGLISH))}
    assert others.isdisjoint(one.case_id for one in cases.values())


def test_the_stays_are_read_without_a_refusal(cases: dict[str, DemoCase]):
    for key in ("stay-high", "stay-low"):
        reading = read_bundle(json.dumps(cases[key].bundle).encode(), FIRST_ADMISSION.replace(year=2027))
        assert reading.refusals == ()


def test_the_real_radiograph_is_found_without_a_download():
    path = real_radiograph()
    assert path is None or path.stat().st_size > 500_000


def test_own_files_make_a_case_a_study_and_rubbish_is_left_out(cases: dict[str, DemoCase]):
    inputs = cases["ultrasound"].paths[0].parents[1]
    (inputs / "notes.txt").write_text("not DICOM")
    found = {one.case_id: one for one in own_cases(inputs, "D1", ENGLISH)}
    assert len(found[cases["ct-nodules"].case_id].instances) == 40
    assert found[cases["ultrasound"].case_id].expected == Expectation()


def test_waiting_ends_when_all_is_over_and_not_later(tmp_path: Path):
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)
    refused = replace(case(), calling_ae_title="D1-CASE")
    other = replace(case(), key="other", case_id="elsewhere")
    books = Books(engine=engine, cases=(refused, other), unsent={"other": REFUSED})
    looks: list[int] = []

    def on_look(known: object) -> None:
        looks.append(1)
        if len(looks) == 2:
            with writing(engine) as connection:
                columns = {"door": "dimse", "reason_code": "not_dicom", "reason": "noise", "source": "D1-CASE"}
                connection.execute(insert(REFUSAL).values(at=FIRST_ADMISSION, path="", case_id="", **columns))

    known = wait_for(books, 60, on_look, lambda: False)
    assert [one.is_over for one in known.values()] == [True, True]
    assert len(looks) == 3


def test_waiting_ends_when_time_is_up(tmp_path: Path):
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)
    with writing(engine) as connection:
        times = dict.fromkeys(("not_before", "created_at", "input_at"), FIRST_ADMISSION)
        texts = {"kind": "imaging", "rule": "", "model": "", "model_version": "", "release_digest": ""}
        row = {"id": "item", "case_id": "study", "generation": 1, "priority": 2, "state": "queued"}
        connection.execute(insert(WORK_ITEM).values(**row, **texts, **times))
    known = wait_for(Books(engine=engine, cases=(case(),), unsent={}), 0.0, lambda _: None, lambda: False)
    assert not known["case"].is_over


def test_the_settings_written_are_valid_and_name_shipped_models_only(tmp_path: Path):
    directory, ports = DemoDirectory(path=tmp_path / 'a "quoted" name'), free_ports()
    write_settings(directory, ports, "da")
    settings = load_settings(directory.settings)
    assert {rule.model for rule in settings.rules} <= {path.parent.name for path in shipped_releases()}
    assert settings.site.data_dir == directory.data.resolve()
    assert len(set(vars(ports).values())) == len(vars(ports))


def test_without_orthanc_the_embedded_archive_is_the_pacs(tmp_path: Path):
    program = pacs_program(DemoDirectory(path=tmp_path), free_ports(), None)
    assert "archive" in program.command


def test_mlflow_serves_this_machine_only_and_sends_no_statistics(tmp_path: Path):
    program = mlflow_program(DemoDirectory(path=tmp_path), free_ports(), "sqlite:///x.db")
    assert program is not None
    assert {"MLFLOW_DISABLE_TELEMETRY=true", "127.0.0.1"} <= set(program.command)


@pytest.mark.parametrize("words", [DANISH, ENGLISH])
def test_every_case_and_answer_has_words(words: Words, cases: dict[str, DemoCase]):
    assert cases.keys() <= words.titles.keys()
    assert words.answers.keys() == {answer.value for answer in Answer}


def test_an_unknown_language_is_english():
    assert words_of("fr") is ENGLISH
