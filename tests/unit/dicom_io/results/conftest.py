"""The two studies that results are made of here."""

from pathlib import Path

import pytest
from factories.results import chest_case, nodule_case

from dicom_io.findings import Report
from dicom_io.study import Instance
from dicom_io.volume import Radiograph, Volume


@pytest.fixture
def chest(tmp_path: Path) -> tuple[list[Instance], Report, Radiograph]:
    """A radiograph in Latin-1 with one placed finding."""
    return chest_case(tmp_path)


@pytest.fixture
def nodules(tmp_path: Path) -> tuple[list[Instance], Report, Volume]:
    """A CT with two findings that have masks."""
    return nodule_case(tmp_path)
