"""Small pictures of the worst errors, with what the model looked at over them. Pictures of patients: never kept."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image

from evaluation.cohorts.cohort import Cohort
from evaluation.report import Failure
from evaluation.subject import Subject
from models.runtime import Runtime

_SIDE_PX = 192
_STRONGEST = 0.45


def failure_gallery(
    subject: Subject, runtime: Runtime, cohort: Cohort, failures: Sequence[Failure]
) -> dict[str, bytes]:
    """Key of each of *failures* -> PNG of its image with the activation of the first label; empty for tables."""
    if cohort.inputs.ndim != 4 or not failures:
        return {}
    place = {str(key): number for number, key in enumerate(cohort.keys)}
    images = cohort.inputs[[place[one.key] for one in failures]].astype(np.float32)
    maps = runtime.infer({subject.input_name: images})["activation"][:, 0].astype(np.float64)
    return {one.key: _png(image[0], seen) for one, image, seen in zip(failures, images, maps, strict=True)}


def _png(image: npt.NDArray[np.float32], seen: npt.NDArray[np.float64]) -> bytes:
    grey = np.repeat(np.clip(image, 0, 1)[..., np.newaxis], 3, axis=2).astype(np.float64)
    strength = _resized(seen / max(float(seen.max()), 1e-6), (image.shape[1], image.shape[0]))[..., np.newaxis]
    colour = colormaps["inferno"](strength[..., 0])[..., :3]
    opacity = _STRONGEST * np.clip(strength, 0, 1)
    mixed = Image.fromarray(((grey * (1 - opacity) + colour * opacity) * 255).astype(np.uint8))
    buffer = BytesIO()
    mixed.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR).save(buffer, format="PNG")
    return buffer.getvalue()


def _resized(values: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    picture = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.float64)
