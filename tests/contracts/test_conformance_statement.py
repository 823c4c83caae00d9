"""The DICOM conformance statement says what the code does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pynetdicom.sop_class
from pydicom.uid import UID

from serving.settings.file import Settings
from serving.telemetry.metrics import installed_version
from varsel.conformance.page import conformance_page
from varsel.conformance.services import offered, requested

ROOT = Path(__file__).parents[2]
#: The embedded archive of the demonstration answers queries; no hospital talks to it.
NOT_OURS = {ROOT / "dicom_io" / "receive" / "archive.py"}


def service_classes_in_the_code() -> Iterator[str]:
    """UIDs of the service classes that any module of ``dicom_io`` takes from pynetdicom."""
    for path in sorted((ROOT / "dicom_io").rglob("*.py")):
        if path in NOT_OURS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "pynetdicom.sop_class":
                uids = (UID(getattr(pynetdicom.sop_class, name.name)) for name in node.names)
                yield from (str(uid) for uid in uids if uid.type == "SOP Class")


def test_the_page_in_the_docs_is_what_the_command_writes():
    page = (ROOT / "docs" / "dicom-conformance.md").read_text(encoding="utf-8")
    assert page == conformance_page(Settings(), installed_version())


def test_every_service_class_that_the_code_uses_is_stated_and_no_other():
    stated = {one.uid for one in (*requested(), *offered())}
    assert stated == set(service_classes_in_the_code())
