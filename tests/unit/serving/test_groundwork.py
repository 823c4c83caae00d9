"""What a picture stands on is made while the model is asked; the objects are the same."""

from pathlib import Path

from factories.results import chest_case, nodule_case, study_of

from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results
from serving.groundwork import Groundwork

BASIC = [(ResultKind.SR, ResultKind.SC)]


def test_objects_on_prepared_ground_are_those_without_any(tmp_path: Path):
    instances, report, radiograph = chest_case(tmp_path)
    groundwork = Groundwork()
    groundwork.begin(radiograph)
    study, ground = study_of(instances), groundwork.under(radiograph)
    assert ground is not None

    prepared = write_results(report, study, radiograph, BASIC, tmp_path / "prepared", ground)

    plain = write_results(report, study, radiograph, BASIC, tmp_path / "plain")
    assert [one.sha256 for one in prepared] == [one.sha256 for one in plain]


def test_ground_is_laid_under_the_first_radiograph_alone(tmp_path: Path):
    _, _, first = chest_case(tmp_path / "one")
    _, _, second = chest_case(tmp_path / "two")
    _, _, volume = nodule_case(tmp_path / "three")
    groundwork = Groundwork()

    groundwork.begin(first)
    groundwork.begin(second)

    assert groundwork.under(first) is not None
    assert groundwork.under(second) is None
    assert groundwork.under(volume) is None


def test_nothing_lies_under_what_was_not_analysed():
    assert Groundwork().under(None) is None
