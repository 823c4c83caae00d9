"""A marked patient never reaches a log line, whichever way a careless line tries."""

import io
import json
import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from dicom_io.durable_file import replace_file
from serving.telemetry.logs import about_work_item, configure_logging

#: Everything logged so far, one dict a line.
Lines = Callable[[], list[dict[str, object]]]

NAME = "ZZMARKED^PATIENT"
NUMBER = "010203-9996"


@pytest.fixture
def lines():
    """Everything logged, one dict a line; the standard library's loggers are put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    configure_logging("work", out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_has_a_sentence_an_action_and_the_work_item(lines: Lines):
    with about_work_item("w1", "chest", "1.0.0"):
        structlog.get_logger().info("The work item is done.", action="work.done", seconds=0.2)
    (line,) = lines()
    assert line["event"] == "The work item is done."
    assert line["action"] == "work.done"
    assert (line["work_item"], line["model"], line["model_version"], line["process"]) == (
        "w1",
        "chest",
        "1.0.0",
        "work",
    )


def test_a_planted_patient_field_is_dropped_and_its_name_kept(lines: Lines):
    structlog.get_logger().info("Received.", patient_name=NAME, patient_id=NUMBER, action="receive")
    (line,) = lines()
    assert line["dropped"] == ["patient_id", "patient_name"]
    assert NAME not in json.dumps(line)
    assert NUMBER not in json.dumps(line)


def test_a_civil_number_in_a_sentence_is_removed(lines: Lines):
    structlog.get_logger().info(f"Patient {NUMBER} came.", action="x")
    assert lines()[0]["event"] == "Patient [removed] came."


def test_an_object_as_value_is_told_by_its_type(lines: Lines):
    structlog.get_logger().info("Read.", action="x", status={"PatientName": NAME})
    assert lines()[0]["status"] == "dict"


def test_an_exception_is_told_by_type_and_place_only(lines: Lines):
    try:
        int(NAME)
    except ValueError:
        structlog.get_logger().exception("The work item broke.", action="work.failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["place"].startswith("test_logs.py:")
    assert NAME not in json.dumps(line)


def test_an_exception_of_a_library_is_told_with_our_line_that_led_to_it(lines: Lines, tmp_path: Path):
    try:
        replace_file(tmp_path / NAME / "a", [])
    except FileNotFoundError as error:
        structlog.get_logger().error("The work item broke.", action="work.failed", exc_info=error)
    (line,) = lines()
    assert re.fullmatch(r"durable_file\.py:\d+ pathlib\.py:\d+", line["place"])


@pytest.mark.parametrize(
    "name", ["pydicom", "pynetdicom.acse", "sqlalchemy.engine.Engine", "highdicom.sr", "dbos", "uvicorn.error"]
)
def test_a_librarys_line_says_where_and_not_what(lines: Lines, name: str):
    try:
        int(NAME)
    except ValueError:
        logging.getLogger(name).exception("Value '%s' of %s is odd", NAME, NUMBER)
    (line,) = lines()
    assert line["logger"] == name
    assert line["error"] == "ValueError"
    assert "ZZMARKED" not in json.dumps(line)
    assert NUMBER not in json.dumps(line)


def test_a_line_of_a_lower_floor_keeps_its_words_and_its_action(lines: Lines):
    """They log by the standard library; an operator looks for why an object was refused, and by whom it was sent."""
    extra = {"action": "store_refused", "door": "dimse", "source_ae": "CT1"}
    logging.getLogger("dicom_io.receive.neck").warning("An object was not taken: %s", "no UID", extra=extra)
    (line,) = lines()
    assert (line["event"], line["level"]) == ("An object was not taken: no UID", "warning")
    assert (line["action"], line["door"], line["source_ae"]) == ("store_refused", "dimse", "CT1")
    assert line["process"] == "work"


def test_a_library_that_quotes_in_its_own_text_is_withheld(lines: Lines):
    text = f"Input '{NAME}' was seen"
    logging.getLogger("dbos").warning(text)
    assert lines()[0]["event"] == "Input … was seen"


def test_a_warning_is_logged_without_its_text(lines: Lines):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"Invalid value for VR UI: {NAME}", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "ZZMARKED" not in json.dumps(lines())


def test_information_from_libraries_is_not_logged(lines: Lines):
    logging.getLogger("pynetdicom.acse").info("Association accepted")
    logging.getLogger("uvicorn.access").warning("GET /?q=ZZMARKED")
    assert lines() == []
