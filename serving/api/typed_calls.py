"""The calls for people, on values they have at hand: an image, the features of a stay."""

import numpy as np
from PIL import Image

from dicom_io.volume import Radiograph
from models.errors import UnfitInputError
from models.manifest import RadiographPreprocessing, StayPreprocessing
from models.preprocess import radiograph_to_tensor
from serving.api.answers import ImageAnswer, ModelInfo, StayAnswer, image_answer, info_of, stay_answer
from serving.api.door import Door


def list_models(door: Door) -> list[ModelInfo]:
    """The champions."""
    return [info_of(door.models.find(name).release) for name in door.models.champions()]


def predict_image(door: Door, model: str, image: Image.Image) -> ImageAnswer:
    """What *model* says of one upright greyscale *image*, bright where the body is dense.

    Raises:
        UnfitInputError: *model* takes no single image.
        ModelError: it could not be found, loaded or run.
    """
    served = door.models.find(model)
    manifest = served.release.manifest
    if not isinstance(manifest.preprocessing, RadiographPreprocessing):
        raise UnfitInputError(f"'{model}' takes no single image but is for {manifest.task.value}")
    pixels = np.asarray(image.convert("F"))
    extent = (float(pixels.min()), float(pixels.max()))
    radiograph = Radiograph(pixels=pixels, value_range=extent, pixel_spacing_mm=None, sop_instance_uid="")
    with door.timed(model):
        tensor, _ = radiograph_to_tensor(radiograph, manifest.preprocessing)
        return image_answer(served.release, served.infer({manifest.inputs[0].name: tensor}))


def predict_stay(door: Door, model: str, features: dict[str, float]) -> StayAnswer:
    """What *model* says of a stay with these *features*; one that is left out counts as not measured.

    Raises:
        UnfitInputError: *model* takes no stay, or does not know a feature.
        ModelError: it could not be found, loaded or run.
    """
    served = door.models.find(model)
    manifest, preprocessing = served.release.manifest, served.release.manifest.preprocessing
    if not isinstance(preprocessing, StayPreprocessing):
        raise UnfitInputError(f"'{model}' takes no stay but is for {manifest.task.value}")
    names = [feature.name for feature in preprocessing.features]
    unknown = sorted(set(features) - set(names))
    if unknown:
        raise UnfitInputError(f"features {unknown} are unknown to '{model}'; it knows {names}")
    row = np.array([[features.get(name, np.nan) for name in names]], np.float32)
    with door.timed(model):
        return stay_answer(served.release, preprocessing, served.infer({manifest.inputs[0].name: row}))
