"""A new generation takes the place of an older one: its SR names the SRs before it, archives get a rejection note."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_io.findings import EarlierReport
from dicom_io.results.kinds import ResultKind
from dicom_io.results.withdrawal import EarlierObject, Withdrawal, WithdrawalReason, write_withdrawal
from dicom_io.results.write import WrittenObject
from serving.pipeline import Analysis
from serving.records.ledger import LedgerObject
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination

_SR = ResultKind.SR.value


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What the same model said of the newest generation before, where it arrived."""

    #: Name of a destination -> what it has.
    objects: Mapping[str, tuple[LedgerObject, ...]]

    def named_in(self, analysis: Analysis) -> Analysis:
        """*analysis* whose report names the earlier SRs as its predecessors (0040,A360)."""
        reports = {one.sop_instance_uid: one for there in self.objects.values() for one in there if one.kind == _SR}
        if not reports:
            return analysis
        predecessors = tuple(
            EarlierReport(
                sop_class_uid=one.sop_class_uid,
                sop_instance_uid=one.sop_instance_uid,
                series_instance_uid=one.series_instance_uid,
            )
            for one in reports.values()
        )
        return replace(analysis, report=replace(analysis.report, predecessors=predecessors))

    def notes(
        self, item: WorkItem, analysis: Analysis, destinations: Iterable[AnyDestination], directory: Path
    ) -> dict[str, WrittenObject]:
        """A rejection note on disk for each destination that has earlier objects and takes notes, by its name.

        A note repeats what the objects say of the patient, so that none is written of those that were cleared away.
        """
        here = {name: [one for one in there if one.is_here] for name, there in self.objects.items()}
        return {
            destination.name: write_withdrawal(_superseded(item, analysis, there), directory)
            for destination in destinations
            if ResultKind.KOS in destination.profile and (there := here.get(destination.name))
        }


def earlier_objects(objects: Iterable[LedgerObject]) -> tuple[EarlierObject, ...]:
    """*objects* of the ledger as a rejection note names them."""
    return tuple(
        EarlierObject(
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid,
            series_instance_uid=one.series_instance_uid,
            path=one.path,
        )
        for one in objects
    )


def _superseded(item: WorkItem, analysis: Analysis, objects: Iterable[LedgerObject]) -> Withdrawal:
    return Withdrawal(
        study_instance_uid=item.case_id,
        objects=earlier_objects(objects),
        reason=WithdrawalReason.SUPERSEDED,
        algorithm=analysis.report.algorithm,
        created_at=analysis.report.created_at,
        language=analysis.report.language,
    )
