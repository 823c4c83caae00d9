"""Reads what lies below a path with the code that the receiver and the worker use, and says what each would do."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydicom.uid import UID

from dicom_io.errors import DicomIoError
from dicom_io.geometry import order_stack
from dicom_io.headers import Header, assemble_study, read_header
from dicom_io.pixels import read_radiograph
from dicom_io.stored_pixels import read_stored_frames
from dicom_io.study import Instance, Series, SpacingBasis, Study
from dicom_io.volumes import read_volume
from models.contract import check_image, check_stack, check_study, suitable_series
from models.errors import ModelError
from models.manifest import Manifest, VolumePreprocessing
from models.registry import ReleaseStore
from serving.rules import Route, match_study
from serving.settings.file import Rule
from serving.settings.images import Images
from varsel.inspection.explanation import (
    Explanation,
    FileFault,
    RouteExplanation,
    SeriesExplanation,
    SeriesKind,
    StackFacts,
    StudyExplanation,
    Verdict,
)

#: Modalities whose series are volumes.
_SLICED = frozenset({"CT", "MR", "PT"})


class Inspector:
    """Explains files by the rules and releases of one site."""

    def __init__(self, rules: Sequence[Rule], store: ReleaseStore, limits: Images) -> None:
        """Match *rules*, resolve their models in *store*, read images within *limits*."""
        self._rules = rules
        self._store = store
        self._limits = limits

    def explain(self, files: Iterable[Path], advance: Callable[[], object]) -> Explanation:
        """What *files* are; *advance* is called after each."""
        refused: list[FileFault] = []
        studies: dict[str, list[Header]] = {}
        for path in files:
            try:
                header = read_header(path)
                studies.setdefault(header.study_instance_uid, []).append(header)
            except (DicomIoError, OSError) as error:
                refused.append(FileFault(path=str(path), reason=_reason(error)))
            advance()
        return Explanation(
            refused=tuple(refused), studies=tuple(self._study(uid, headers) for uid, headers in studies.items())
        )

    def _study(self, uid: str, headers: list[Header]) -> StudyExplanation:
        try:
            study = assemble_study(headers)
        except DicomIoError as error:
            return StudyExplanation(study_instance_uid=uid, series=(), routes=(), fault=str(error))
        series = tuple(self._series(one) for one in study.series)
        problems = {one.series_instance_uid: one for one in series}
        routes = tuple(self._route(route, study, problems) for route in match_study(study, self._rules))
        return StudyExplanation(study_instance_uid=uid, series=series, routes=routes)

    def _series(self, series: Series) -> SeriesExplanation:
        images = [one for one in series.instances if one.has_pixels]
        kind, stack, problems = self._read(series) if images else (SeriesKind.NO_PIXELS, None, ())
        bases = {one.spacing_basis for one in images}
        return SeriesExplanation(
            series_instance_uid=series.series_instance_uid,
            modality=series.modality,
            body_part=series.body_part,
            description=series.description,
            kind=kind,
            instances=len(series.instances),
            frames=sum(one.number_of_frames for one in images),
            sizes=_distinct(f"{one.rows} x {one.columns}" for one in images),
            transfer_syntaxes=_distinct(UID(one.transfer_syntax_uid).name for one in series.instances),
            photometric_interpretations=_distinct(one.photometric_interpretation for one in images),
            spacing_basis=bases.pop() if len(bases) == 1 else SpacingBasis.UNKNOWN,
            is_lossy=any(one.is_lossy for one in images),
            stack=stack,
            problems=problems,
        )

    def _read(self, series: Series) -> tuple[SeriesKind, StackFacts | None, tuple[str, ...]]:
        if series.modality not in _SLICED:
            return SeriesKind.IMAGES, None, self._problems(series, self._read_image)
        try:
            stack = order_stack(series)
            facts = StackFacts(
                slices=len(stack.slices),
                left_out=sum(one.number_of_frames for one in series.instances) - len(stack.slices),
                phases=stack.phases,
                spacing_mm=stack.spacing_mm,
                first=stack.slices[0].name,
                last=stack.slices[-1].name,
            )
        except (DicomIoError, OSError) as error:
            return SeriesKind.BROKEN_VOLUME, None, (_reason(error), *self._problems(series, self._read_frames))
        try:
            read_volume(series, self._limits.maximum_voxels)
        except (DicomIoError, OSError) as error:
            return SeriesKind.VOLUME, facts, (_reason(error),)
        return SeriesKind.VOLUME, facts, ()

    def _read_image(self, instance: Instance) -> None:
        read_radiograph(instance, self._limits.maximum_pixels)

    def _read_frames(self, instance: Instance) -> None:
        for _ in read_stored_frames(instance, self._limits.maximum_pixels):
            pass

    def _problems(self, series: Series, read: Callable[[Instance], None]) -> tuple[str, ...]:
        problems = []
        for instance in series.instances:
            try:
                read(instance)
            except (DicomIoError, OSError) as error:
                problems.append(_reason(error))
        return _distinct(problems)

    def _route(self, route: Route, study: Study, series: dict[str, SeriesExplanation]) -> RouteExplanation:
        try:
            manifest = self._store.resolve(route.model, route.alias).manifest
        except ModelError as error:
            version, verdict, reasons = "", Verdict.NO_RELEASE, _distinct([str(error)])
        else:
            version, reasons = manifest.version, _reasons(manifest, study, series)
            verdict = Verdict.NOT_ANALYSED if reasons else Verdict.ANALYSED
        return RouteExplanation(
            rule=route.rule, model=route.model, alias=route.alias, version=version, verdict=verdict, reasons=reasons
        )


def _reasons(manifest: Manifest, study: Study, explained: dict[str, SeriesExplanation]) -> tuple[str, ...]:
    """Why the model would not read *study*; empty when it would."""
    broken = [violation.text for violation in check_study(study, manifest.limits)]
    suitable = suitable_series(study, manifest.limits)
    if broken or not suitable:
        return tuple(broken)
    if isinstance(manifest.preprocessing, VolumePreprocessing):
        longest = max(suitable, key=lambda one: sum(image.number_of_frames for image in one.instances))
        chosen = explained[longest.series_instance_uid]
        stack = chosen.stack
        checks = () if stack is None else check_stack(stack.slices, stack.spacing_mm[0], manifest.limits)
        return (*chosen.problems, *(violation.text for violation in checks))
    images = [image for series in suitable for image in series.instances]
    checks = tuple(violation for image in images for violation in check_image(image, manifest.limits))
    problems = [problem for series in suitable for problem in explained[series.series_instance_uid].problems]
    return _distinct([*(violation.text for violation in checks), *problems])


def _reason(error: Exception) -> str:
    # The text of a system error holds the path, which the person gave and sees beside it.
    return str(error) if isinstance(error, DicomIoError) else f"the file cannot be read ({type(error).__name__})"


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
