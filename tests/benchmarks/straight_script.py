"""The peer of the benchmark: what one writes in an afternoon to put a model beside a PACS, in one process.

A pynetdicom Storage SCP keeps what comes in memory; when the association is released, the study is decoded with
pydicom, preprocessed with MONAI, run with ONNX Runtime (a CT by MONAI's ``sliding_window_inference``), written with
highdicom and sent to the archive. No disk, no database, no queue, no retry, no check of what is written.

For each study one line of JSON goes to standard output, its times in seconds::

    {"study": "1.2.3", "total": 1.234, "infer": 0.987, "objects": 3}
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import onnxruntime
import torch
from highdicom import sr
from monai.inferers import sliding_window_inference
from monai.transforms import (
    Compose,
    EnsureChannelFirst,
    Resize,
    ScaleIntensityRange,
    ScaleIntensityRangePercentiles,
    SpatialPad,
)
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import build_context
from scipy import ndimage

_COMPRESSED = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1"]


@dataclass(kw_only=True)
class Arriving:
    """What has come of one association."""

    datasets: list[Dataset] = field(default_factory=list)
    last_at: float = 0.0


class Script:
    """Models, archive, and the one verb ``analyse``."""

    def __init__(self, store: Path, archive_port: int, threads: int) -> None:
        self.archive_port = archive_port
        torch.set_num_threads(threads)
        self.models = {}
        for name in ("chest_xray_opacity", "ct_lung_nodule"):
            (manifest,) = store.glob(f"{name}/*/manifest.json")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            session = onnxruntime.InferenceSession(manifest.parent / "model.onnx", options)
            self.models[name] = (json.loads(manifest.read_bytes()), session)

    def analyse(self, datasets: list[Dataset]) -> tuple[float, int]:
        """Seconds in the model, and objects stored."""
        objects, seconds = self._radiograph(datasets) if datasets[0].Modality == "CR" else self._ct(datasets)
        self._store(objects)
        return seconds, len(objects)

    def _radiograph(self, datasets: list[Dataset]) -> tuple[list[Dataset], float]:
        manifest, session = self.models["chest_xray_opacity"]
        spec, (image,) = manifest["preprocessing"], datasets
        pixels = image.pixel_array.astype(np.float32)
        side = max(pixels.shape)
        low, high = spec["window_percentiles"]
        transforms = Compose(
            [
                EnsureChannelFirst(channel_dim="no_channel"),
                ScaleIntensityRangePercentiles(low, high, 0, 1, clip=True),
                SpatialPad((side, side)),
                Resize(spec["size_px"], mode="area"),
            ]
        )
        tensor = np.asarray(transforms(pixels))[np.newaxis]
        started = time.perf_counter()
        probability, activation = session.run(["probability", "activation"], {"image": tensor})
        seconds = time.perf_counter() - started
        polygon = self._polygon(activation[0, 0], pixels.shape, side)
        region = sr.ImageRegion(
            sr.GraphicTypeValues.POLYLINE, polygon, sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
        )
        group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=region, **_common(manifest, 1, {"Probability": float(probability[0, 0])})
        )
        picture = _picture(pixels, polygon, np.percentile(pixels, (0.5, 99.5)))
        return [_report(manifest, [group], [image]), _capture(manifest, picture, image)], seconds

    def _polygon(self, activation: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
        fine = ndimage.zoom(activation, 8, order=1, mode="nearest", grid_mode=True)
        labelled, _ = ndimage.label(fine >= fine.max() / 2)
        peak = labelled[np.unravel_index(fine.argmax(), fine.shape)]
        rows, columns = ndimage.find_objects(labelled)[peak - 1]
        scale, offset = side / fine.shape[0], [(side - one) // 2 for one in shape]
        top, bottom = (np.clip(edge * scale - offset[0], 0, shape[0]) for edge in (rows.start, rows.stop))
        left, right = (np.clip(edge * scale - offset[1], 0, shape[1]) for edge in (columns.start, columns.stop))
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])

    def _ct(self, datasets: list[Dataset]) -> tuple[list[Dataset], float]:
        manifest, session = self.models["ct_lung_nodule"]
        spec, label = manifest["preprocessing"], manifest["labels"][0]
        slices = sorted(datasets, key=lambda one: one.ImagePositionPatient[2])
        volume = np.stack(
            [one.pixel_array * np.float32(one.RescaleSlope) + np.float32(one.RescaleIntercept) for one in slices]
        )
        spacing = (slices[1].ImagePositionPatient[2] - slices[0].ImagePositionPatient[2], *slices[0].PixelSpacing)
        size = [
            round(count * float(found) / wanted)
            for count, found, wanted in zip(volume.shape, spacing, spec["spacing_mm"], strict=True)
        ]
        low, high = spec["window_hu"]
        transforms = Compose(
            [
                EnsureChannelFirst(channel_dim="no_channel"),
                ScaleIntensityRange(low, high, 0, 1, clip=True),
                Resize(size, mode="trilinear"),
            ]
        )
        tensor = transforms(volume)[None]
        started = time.perf_counter()
        with torch.no_grad():
            probability = sliding_window_inference(
                tensor,
                spec["roi"],
                1,
                lambda window: torch.from_numpy(session.run(["probability"], {"image": window.numpy()})[0]),
                overlap=spec["overlap"],
            )
        seconds = time.perf_counter() - started
        full = np.asarray(Resize(volume.shape, mode="trilinear")(probability[0]))[0]
        labelled, count = ndimage.label(full >= label["threshold"], structure=np.ones((3, 3, 3)))
        voxel = float(np.prod(spacing))
        kept = [one for one in range(1, count + 1) if (labelled == one).sum() * voxel >= label["minimum_volume_mm3"]][
            :20
        ]
        return self._ct_objects(manifest, slices, volume, (full, labelled, kept, voxel)), seconds

    def _ct_objects(self, manifest: Any, slices: list[Dataset], volume: np.ndarray, found: Any) -> list[Dataset]:
        full, labelled, kept, voxel = found
        if not kept:
            return [_report(manifest, [], slices)]
        masks = np.stack([labelled == one for one in kept], axis=-1)
        segmentation = _segmentation(manifest, slices, masks)
        groups = []
        for number in range(1, len(kept) + 1):
            mask = masks[..., number - 1]
            images = [slices[z] for z in np.flatnonzero(mask.any(axis=(1, 2)))]
            segment = sr.ReferencedSegment(
                SegmentationStorage,
                segmentation.SOPInstanceUID,
                number,
                source_images=[sr.SourceImageForSegmentation(one.SOPClassUID, one.SOPInstanceUID) for one in images],
            )
            values = {"Probability": float(full[mask].max()), "Volume": float(mask.sum() * voxel)}
            groups.append(
                sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                    referenced_segment=segment, **_common(manifest, number, values)
                )
            )
        best = int(masks.sum(axis=(1, 2, 3)).argmax())
        rows, columns = ndimage.find_objects(masks[best].any(axis=-1).astype(int))[0]
        box = np.array([[columns.start, rows.start], [columns.stop, rows.stop]], dtype=float)
        picture = _picture(volume[best], box, (-1350, 150), rectangle=True)
        report = _report(manifest, groups, [*slices, segmentation])
        return [segmentation, report, _capture(manifest, picture, slices[best])]

    def _store(self, objects: list[Dataset]) -> None:
        entity = AE("SCRIPT")
        for uid in {one.SOPClassUID for one in objects}:
            entity.add_requested_context(uid, ExplicitVRLittleEndian)
        association = entity.associate("127.0.0.1", self.archive_port, ae_title="TESTPACS")
        for one in objects:
            status = association.send_c_store(one)
            if status.Status != 0:
                sys.exit(f"the archive answered {status.Status:04X}")
        association.release()


def _common(manifest: Any, number: int, values: dict[str, float]) -> dict[str, Any]:
    label = manifest["labels"][0]
    concept, site = label["concept"], label["site"]
    units = {"Volume": codes.UCUM.CubicMillimeter}
    return {
        "tracking_identifier": sr.TrackingIdentifier(generate_uid(), f"{label['text']['en']} {number}"),
        "finding_type": sr.CodedConcept(concept["value"], concept["scheme"], concept["meaning"]),
        "finding_sites": [sr.FindingSite(sr.CodedConcept(site["value"], site["scheme"], site["meaning"]))],
        "algorithm_id": sr.AlgorithmIdentification(manifest["name"], manifest["version"]),
        "measurements": [
            sr.Measurement(
                name=sr.CodedConcept(name.lower(), "99SCRIPT", name),
                value=round(value, 4),
                unit=units.get(name, codes.UCUM.NoUnits),
            )
            for name, value in values.items()
        ],
    }


def _equipment(manifest: Any, number: int) -> dict[str, Any]:
    return {
        "series_instance_uid": generate_uid(),
        "series_number": number,
        "sop_instance_uid": generate_uid(),
        "instance_number": 1,
        "manufacturer": "Script",
        "manufacturer_model_name": manifest["name"],
        "software_versions": manifest["version"],
        "device_serial_number": "1",
    }


def _report(manifest: Any, groups: list[Any], evidence: list[Dataset]) -> Dataset:
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(generate_uid(), manifest["name"]),
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
    )
    equipment = _equipment(manifest, 101)
    del equipment["software_versions"]
    return sr.Comprehensive3DSR(
        evidence=evidence, content=content, is_complete=True, is_verified=False, is_final=False, **equipment
    )


def _segmentation(manifest: Any, slices: list[Dataset], masks: np.ndarray) -> Dataset:
    label = manifest["labels"][0]
    concept = sr.CodedConcept(
        value=label["concept"]["value"],
        scheme_designator=label["concept"]["scheme"],
        meaning=label["concept"]["meaning"],
    )
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"{label['text']['en']} {number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=concept,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=hd.AlgorithmIdentificationSequence(
                manifest["name"], codes.DCM.ArtificialIntelligence, manifest["version"]
            ),
            tracking_uid=generate_uid(),
            tracking_id=f"{number}",
        )
        for number in range(1, masks.shape[-1] + 1)
    ]
    return hd.seg.Segmentation(
        source_images=slices,
        pixel_array=masks.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        **_equipment(manifest, 102),
    )


def _picture(pixels: np.ndarray, polygon: np.ndarray, window: Any, *, rectangle: bool = False) -> np.ndarray:
    low, high = window
    grey = Image.fromarray((np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8))
    scale = 960 / max(pixels.shape)
    picture = grey.resize((round(grey.width * scale), round(grey.height * scale)), Image.Resampling.BILINEAR)
    picture = picture.convert("RGB")
    corners = [tuple(corner * scale) for corner in polygon]
    if rectangle:
        ImageDraw.Draw(picture).rectangle(corners, outline=(64, 224, 255), width=3)
    else:
        ImageDraw.Draw(picture).line(corners, fill=(64, 224, 255), width=3)
    return np.asarray(picture)


def _capture(manifest: Any, picture: np.ndarray, source: Dataset) -> Dataset:
    return hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        **{
            key: value
            for key, value in _equipment(manifest, 103).items()
            if "software" not in key and "device" not in key
        },
    )


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--archive-port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    script = Script(options.store, options.archive_port, options.threads)
    arriving: dict[Any, Arriving] = {}

    def on_store(event: Any) -> int:
        here = arriving.setdefault(event.assoc, Arriving())
        here.last_at = time.perf_counter()
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        here.datasets.append(dataset)
        return 0x0000

    def on_release(event: Any) -> None:
        here = arriving.pop(event.assoc)
        seconds, objects = script.analyse(here.datasets)
        line = {
            "study": here.datasets[0].StudyInstanceUID,
            "total": time.perf_counter() - here.last_at,
            "infer": seconds,
            "objects": objects,
        }
        print(json.dumps(line), flush=True)

    entity = AE("SCRIPT")
    entity.supported_contexts = [
        build_context(context.abstract_syntax, [ExplicitVRLittleEndian, *_COMPRESSED])
        for context in AllStoragePresentationContexts
    ]
    handlers = [(evt.EVT_C_STORE, on_store), (evt.EVT_RELEASED, on_release)]
    server = entity.start_server(("127.0.0.1", options.port), block=False, evt_handlers=handlers)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
