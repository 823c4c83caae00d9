"""A database filled with one case of every kind, as the pages must show them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import Connection, Engine, Table, insert

from dicom_io.findings import Outcome
from models.folder_store import FolderStore
from models.manifest import Task
from models.release import Release
from serving.records.database import open_database, writing
from serving.records.schema import (
    DELIVERY,
    FINDING,
    HISTORY,
    INSTANCE,
    METADATA,
    REFUSAL,
    RISK,
    STAY,
    STUDY,
    WORK_ITEM,
)
from serving.settings.feed import Feed
from serving.settings.file import Settings
from serving.settings.site import Site
from serving.work.item import DeliveryState, State
from tests.factories.releases import make_release
from tests.factories.wards import BASELINE, Measured, fill_stay, fill_surveillance, reasons

#: When the first case came; fixed, so that pages look the same in every run.
START = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)

_TIMINGS = {
    "decode": 0.031,
    "preprocess": 0.012,
    "infer": 0.184,
    "interpret": 0.004,
    "compose": 0.066,
    "deliver": 0.041,
}


@dataclass(kw_only=True)
class CaseBook:
    """Writes cases into a database, one after the other."""

    #: Open transaction.
    connection: Connection
    #: Directory of results; pictures are drawn there.
    results_dir: Path
    #: Minutes since START; each study comes a little later.
    minutes: int = field(default=0)

    def study(self, number: int, name: str, description: str, modality: str, *, open_still: bool = False) -> str:
        """A received study; its Study Instance UID."""
        self.minutes += 7
        uid = f"1.2.826.0.1.3680043.10.9999.{number}"
        self._add(
            STUDY,
            study_uid=uid,
            patient_id=f"PID-{number:04}",
            patient_name=name,
            accession_number=f"ACC{number:06}",
            study_date="20260302",
            description=description,
            modalities=modality,
            source_ae="MODALITY",
            generation=0 if open_still else 1,
            first_arrival_at=self.now,
            last_arrival_at=self.now,
            due_at=self.now if open_still else None,
        )
        self._add(
            INSTANCE,
            study_uid=uid,
            sop_instance_uid=f"{uid}.1",
            digest="a" * 64,
            path="x",
            size_bytes=10,
            source_ae="MODALITY",
            received_at=self.now,
            header="{}",
        )
        return uid

    def item(
        self, case_id: str, release: Release | None, state: State, outcome: Outcome | None = None, **other: object
    ) -> str:
        """A work item of *case_id*; its id."""
        item_id = f"w-{case_id.rsplit('.', 1)[-1]}-{other.get('generation', 1)}"
        ended = state in {State.DONE, State.FAILED}
        values = {
            "id": item_id,
            "kind": "imaging",
            "case_id": case_id,
            "generation": 1,
            "rule": "rule",
            "model": release.manifest.name if release else "",
            "model_version": release.manifest.version if release else "",
            "release_digest": release.digest if release else "",
            "priority": 2,
            "state": state.value,
            "outcome": outcome.value if outcome else "",
            "attempts": 1,
            "not_before": self.now,
            "created_at": self.now,
            "input_at": self.now,
            "finished_at": self.now + timedelta(seconds=1) if ended else None,
            "timings": _TIMINGS | {"received_to_stored": 0.338}
            if outcome in {Outcome.FINDING, Outcome.NO_FINDING}
            else {},
            "scores": {},
        }
        self._add(WORK_ITEM, **values | other)
        for step, at in ((State.QUEUED, 0), (State.RUNNING, 0.02), (state, 0.4)):
            moment = self.now + timedelta(seconds=at)
            self._add(
                HISTORY, work_item_id=item_id, at=moment, state=step.value, detail="attempt 1" if at == 0.02 else ""
            )
        return item_id

    def finding(
        self, item_id: str, text: str, probability: float, measurements: list[dict[str, object]] | None = None
    ) -> None:
        """A finding of *item_id* with a place."""
        self._add(
            FINDING,
            tracking_uid=f"{item_id}.{text}",
            work_item_id=item_id,
            key=f"{text}-1",
            label=text,
            text=text,
            probability=probability,
            threshold=0.5,
            region={"sop_instance_uid": "1.2.3", "polygon": [[1, 1], [5, 1], [5, 5], [1, 1]]},
            measurements=measurements or [],
        )

    def delivery(
        self, item_id: str, destination: str, state: DeliveryState, reason: str = "", attempts: int = 1
    ) -> None:
        """The objects of *item_id* on their way to *destination*."""
        arrived = state in {DeliveryState.ACCEPTED, DeliveryState.COMMITTED}
        self._add(
            DELIVERY,
            id=f"{item_id}-{destination}",
            work_item_id=item_id,
            destination=destination,
            objects=["1.2.3.1", "1.2.3.2"],
            state=state.value,
            attempts=attempts,
            not_before=self.now,
            priority=2,
            reason=reason,
            created_at=self.now,
            accepted_at=self.now + timedelta(seconds=1) if arrived else None,
        )

    def picture(self, item_id: str) -> None:
        """A drawn image for *item_id*."""
        folder = self.results_dir / item_id
        folder.mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[0:640, 0:560]
        lungs = 90 + 90 * np.exp(-(((columns - 280) / 260) ** 2 + ((rows - 320) / 300) ** 2))
        picture = np.repeat(lungs[..., None], 3, axis=2).astype(np.uint8)
        picture[200:300, [150, 151, 290, 291]] = picture[[200, 201, 300, 301], 150:290] = (255, 170, 0)
        Image.fromarray(picture).save(folder / "picture.jpg")

    def stay(self, stay_id: str, name: str, ward: str, release: Release, risks: list[float]) -> None:
        """A stay that was scored once for each of *risks*, four hours apart."""
        self._add(
            STAY,
            stay_id=stay_id,
            patient_id=f"P-{stay_id}",
            patient_name=name,
            ward=ward,
            generation=len(risks),
            known_until=self.now,
        )
        for generation, risk in enumerate(risks, 1):
            self.minutes += 1
            scores = {"Urinary tract infection": risk}
            item_id = self.item(
                stay_id,
                release,
                State.DONE,
                Outcome.FINDING if risk >= 0.2 else Outcome.NO_FINDING,
                kind="stay",
                generation=generation,
                scores=scores,
            )
            as_of = START + timedelta(hours=4 * generation)
            # With a catheter and fever where the risk came to be high; with neither where it never was.
            is_ill = max(risks) >= 0.2
            seen = Measured(
                age=54.0,
                at=as_of,
                catheter_hours=80.0 + 4 * generation if is_ill else 0.0,
                temperature=36.8 + 0.4 * generation if is_ill else 36.8,
            )
            self._risk(item_id, stay_id, risk, seen)

    def _risk(self, item_id: str, stay_id: str, risk: float, seen: Measured) -> None:
        self._add(
            RISK,
            work_item_id=item_id,
            stay_id=stay_id,
            patient_id=f"P-{stay_id}",
            as_of=seen.at,
            probability=risk,
            threshold=0.2,
            baseline=BASELINE,
            horizon_hours=48.0,
            reasons=reasons(risk, seen),
        )

    def refusal(self, door: str, code: str, reason: str, source: str) -> None:
        """Something refused at *door*."""
        self.minutes += 1
        self._add(REFUSAL, at=self.now, door=door, reason_code=code, reason=reason, source=source)

    @property
    def now(self) -> datetime:
        """When the case at hand came."""
        return START + timedelta(minutes=self.minutes)

    def _add(self, table: Table, **values: object) -> None:
        self.connection.execute(insert(table).values(**values))


def empty_site(directory: Path) -> tuple[Engine, Settings]:
    """A site in *directory* to which nothing was ever sent."""
    settings = Settings(site=Site(data_dir=directory, language="en"), feed=Feed(time_zone="UTC"))
    engine = open_database(settings.database_url)
    METADATA.create_all(engine)
    return engine, settings


def filled_site(directory: Path, shipped: Path | None = None) -> tuple[Engine, Settings]:
    """A site in *directory* with one case of every kind; stays are scored by the release at *shipped*, if given."""
    engine, settings = empty_site(directory)
    chest = make_release(settings.store_dir, Task.IMAGE_CLASSIFICATION)
    nodules = make_release(settings.store_dir, Task.VOLUME_SEGMENTATION)
    infection = (
        FolderStore(settings.store_dir).install(shipped)
        if shipped
        else make_release(settings.store_dir, Task.STAY_RISK)
    )
    with writing(engine) as connection:
        book = CaseBook(connection=connection, results_dir=settings.results_dir)
        _analysed(book, chest, nodules)
        _not_analysed(book, chest)
        book.stay("stay-1", "Madsen^Karen", "M2", infection, [0.06, 0.09, 0.18, 0.31])
        book.stay("stay-2", "", "K1", infection, [0.043])
        fill_stay(connection, infection)
        fill_surveillance(connection)
        book.refusal("dicom", "not_dicom", "the bytes are no DICOM object; nothing of it was kept", "MODALITY")
        book.refusal("fhir", "unknown_unit", "Observation 'temperature' has unit 'F'; Cel is required", "ehr")
    return engine, settings


def _analysed(book: CaseBook, chest: Release, nodules: Release) -> None:
    found = book.item(
        book.study(1, "Hansen^Jens", "Thorax PA", "CR"), chest, State.DONE, Outcome.FINDING, scores={"opacity": 0.93}
    )
    book.finding(found, "Opacity", 0.93)
    book.delivery(found, "pacs", DeliveryState.ACCEPTED)
    book.delivery(found, "archive", DeliveryState.COMMITTED)
    book.picture(found)
    clear = book.item(
        book.study(2, "Jensen^Mette", "Thorax PA", "DX"),
        chest,
        State.DONE,
        Outcome.NO_FINDING,
        scores={"opacity": 0.04},
    )
    book.delivery(clear, "pacs", DeliveryState.ACCEPTED)
    nodule = book.item(
        book.study(3, "Sørensen^Åse^Marie", "CT thorax", "CT"),
        nodules,
        State.DELIVERING,
        Outcome.FINDING,
        scores={"nodule": 0.88},
    )
    size = {"concept": "Diameter", "value": 12.43, "unit": "mm"}
    book.finding(nodule, "Nodule", 0.88, [size, {"concept": "Volume", "value": 841.2, "unit": "mm3"}])
    book.delivery(nodule, "pacs", DeliveryState.WAITING, "'pacs' could not be reached; it is tried again", attempts=3)
    book.delivery(
        nodule, "archive", DeliveryState.DEAD, "'archive' answered 0110 (processing failure); mend it, then send again"
    )


def _not_analysed(book: CaseBook, chest: Release) -> None:
    knee = "no rule is for this study (MR of KNEE); a rule in varsel.toml would name a model for it"
    book.item(
        book.study(4, "Olsen^Per", "MR knæ", "MR"),
        None,
        State.DONE,
        Outcome.NOT_ANALYSED,
        reason_code="no_rule",
        reason=knee,
    )
    short = (
        "the pixels of 1 image are cut short: 1024 bytes found, 8388608 required; send the study again from its source"
    )
    book.item(
        book.study(5, "Poulsen^Ida", "Thorax PA", "CR"),
        chest,
        State.FAILED,
        Outcome.FAILED,
        reason_code="pixels",
        reason=short,
    )
    book.item(book.study(6, "Lund^Bo", "Thorax PA", "CR"), chest, State.RUNNING)
    book.study(7, "Krogh^Eva", "CT thorax", "CT", open_still=True)
