"""A labelled data set on disk, whatever its layout, as a cohort."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.image_classes import read_image_classes
from evaluation.cohorts.image_folder import read_image_folder
from evaluation.cohorts.stay_table import read_stay_table
from evaluation.errors import CohortError
from models.data_layout import DataLayout, ImageClassesLayout, ImageFolderLayout, StayTableLayout
from models.manifest import Preprocessing, RadiographPreprocessing, StayPreprocessing


def read_cohort(path: Path, data: DataLayout, preprocessing: Preprocessing, labels: Sequence[str]) -> Cohort:
    """The cases at *path*, laid out as *data* says, ready for a graph with *labels* in that order.

    Raises:
        CohortError: the data are not laid out so, or cannot be judged by; see the reader of each layout.
    """
    match data, preprocessing:
        case ImageFolderLayout(), RadiographPreprocessing():
            return read_image_folder(path, data, preprocessing, labels)
        case ImageClassesLayout(), RadiographPreprocessing():
            return read_image_classes(path, data, preprocessing, labels)
        case StayTableLayout(), StayPreprocessing():
            return read_stay_table(path, data, preprocessing, labels)
    raise CohortError(
        f"the layout '{data.kind}' does not make inputs of the kind '{preprocessing.kind}'; mend the bundle"
    )
