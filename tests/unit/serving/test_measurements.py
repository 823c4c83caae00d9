"""Diameter and volume of what a CT model marks, against phantoms of known size."""

import math

import numpy as np
import pytest
from factories.releases import manifest_of

from dicom_io.codes import CUBIC_MILLIMETRE, DIAMETER, MILLIMETRE, VOLUME
from dicom_io.volume import Volume
from models.grid import Cut
from models.manifest import Task
from models.prediction import VolumePrediction
from serving.interpret import volume_findings
from training.phantoms.ct import ct_phantom


@pytest.mark.parametrize("seed", [3, 8])
@pytest.mark.parametrize("shape", [(40, 220, 240), (60, 220, 240)])
def test_sizes_of_a_perfect_mask_are_those_of_the_nodule(seed: int, shape: tuple[int, int, int]):
    """Diameter to a tenth and two pixels, volume to a third: its axes differ by up to a tenth from the diameter."""
    spacing_mm = (100 / shape[0], 1.6, 1.6)
    phantom = ct_phantom(seed, 1, shape, spacing_mm)
    volume = Volume(
        voxels=phantom.voxels.astype(np.float32),
        spacing_mm=spacing_mm,
        affine=np.eye(4),
        sop_instance_uids=tuple(f"1.2.{number}" for number in range(shape[0])),
        series_instance_uid="1.2.3",
    )
    whole = tuple(slice(0, size) for size in shape)
    cut = Cut(values=phantom.mask.astype(np.float32), place=whole, shape=shape)
    prediction = VolumePrediction(labels=(cut,))
    manifest = manifest_of(Task.VOLUME_SEGMENTATION, "ct_lung_nodule", "0.1.0", {})

    (finding,) = volume_findings(prediction, volume, manifest, study_uid="1.2", language="en")

    sizes = {one.concept: one for one in finding.measurements}
    (diameter,) = phantom.diameters_mm
    assert sizes[DIAMETER].unit == MILLIMETRE
    assert sizes[DIAMETER].value == pytest.approx(diameter, abs=0.1 * diameter + 2 * spacing_mm[1])
    assert sizes[VOLUME].unit == CUBIC_MILLIMETRE
    assert sizes[VOLUME].value == pytest.approx(math.pi / 6 * diameter**3, rel=0.34)
    assert sizes[VOLUME].value == pytest.approx(phantom.mask.sum() * math.prod(spacing_mm), abs=0.5)
