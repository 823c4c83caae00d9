"""An imaging result as HL7 v2.5.1 ORU^R01: preliminary, corrected, or taken back.

OBR-25 is never final: a model's answer stays preliminary until a radiologist signs. One OBX names the study, one the
answer, one each finding and measurement; OBX-18 names the model.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ehr_io.hl7.message import Separators
from ehr_io.results.imaging_result import Answer, CodedConcept, ImagingFinding, ImagingResult, ResultStatus
from ehr_io.results.imaging_wording import caveats, headline

_SIGNS = Separators()
#: OBR-25 (table 0123) and OBX-11 (table 0085), which have the same letters for these.
_STATUS = {ResultStatus.PRELIMINARY: "P", ResultStatus.CORRECTED: "C"}
_SERVICE = CodedConcept(value="ai-analysis", scheme="99VARSEL", meaning="AI image analysis")
_OUTCOME = CodedConcept(value="analysis-outcome", scheme="99VARSEL", meaning="AI analysis outcome")
_STUDY_UID = CodedConcept(value="110180", scheme="DCM", meaning="Study Instance UID")
_REPORT_UID = CodedConcept(value="report-uid", scheme="99VARSEL", meaning="SOP Instance UID of the report")
_MEANINGS = {
    Answer.FINDING: ("finding", "Analysed, finding reported"),
    Answer.NO_FINDING: ("no-finding", "Analysed, no finding"),
    Answer.NOT_ANALYSED: ("not-analysed", "Not analysed"),
}
#: TQ1-9, HL7 table 0485: as soon as possible, after what is STAT.
_ASAP = "A^ASAP^HL70485"


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Who speaks to whom: MSH-3 to MSH-6."""

    #: Our application and facility.
    sending_application: str = "VARSEL"
    sending_facility: str = ""
    #: Theirs.
    receiving_application: str = ""
    receiving_facility: str = ""
    #: MSH-11: ``P`` production, ``T`` training.
    processing_id: str = "P"


def oru_r01(result: ImagingResult, parties: Parties) -> bytes:
    """*result* as a message without MLLP marks, UTF-8. Equal results give equal bytes, MSH-10 included."""
    segments = [_msh(result, parties), _pid(result), _obr(result)]
    if result.urgency is not None:
        segments.append(_tq1(result.urgency.reason, result.urgency.expires_at))
    segments += [f"NTE|{place}||{_text(words)}" for place, words in enumerate(caveats(result), 1)]
    segments += [_obx(result, place, one) for place, one in enumerate(_observations(result), 1)]
    return ("\r".join(segments) + "\r").encode()


def withdrawn_oru(message: bytes, words: str, at: datetime) -> bytes:
    """The message that takes *message* back: OBR-25 says corrected, OBX-11 deletes every observation (table 0085, D).

    Args:
        message: as `oru_r01` made it and it was sent.
        words: why, for people.
        at: when it was taken back.
    """
    segments = [line.split("|") for line in message.decode().split("\r") if line]
    for fields in segments:
        if fields[0] == "MSH":
            # The field separator itself is MSH-1, so that MSH-n stands at n - 1.
            fields[6], fields[9] = _moment(at), control_id(fields[9], "withdrawn")
        elif fields[0] == "OBR":
            fields[22], fields[25] = _moment(at), "C"
        elif fields[0] == "OBX":
            fields[11] = "D"
    # A wish to be read sooner goes with what it was founded on.
    kept = [fields for fields in segments if fields[0] not in ("NTE", "TQ1")]
    place = next(number for number, fields in enumerate(kept) if fields[0] == "OBX")
    kept.insert(place, ["NTE", "1", "", _text(words)])
    return ("\r".join("|".join(fields) for fields in kept) + "\r").encode()


def control_id(*told: str) -> str:
    """MSH-10, at most 20 characters: the same for every sending of the same words."""
    return base64.b32encode(hashlib.sha256("\x1f".join(told).encode()).digest())[:20].decode()


def _msh(result: ImagingResult, parties: Parties) -> str:
    who = (
        parties.sending_application,
        parties.sending_facility,
        parties.receiving_application,
        parties.receiving_facility,
    )
    spoken = "|".join(map(_text, who))
    own_id = control_id(result.id, result.status.value, result.said_at.isoformat())
    return (
        f"MSH|^~\\&|{spoken}|{_moment(result.said_at)}||ORU^R01^ORU_R01|{own_id}|"
        f"{_text(parties.processing_id)}|2.5.1||||||UNICODE UTF-8"
    )


def _pid(result: ImagingResult) -> str:
    # DICOM has the prefix before the suffix (PS3.5 6.2.1), HL7 after it (XPN).
    alphabetic = result.patient_name.split("=", 1)[0]
    family, given, middle, prefix, suffix = (*map(_text, alphabetic.split("^")), "", "", "", "", "")[:5]
    name = f"{family}^{given}^{middle}^{suffix}^{prefix}".rstrip("^")
    return f"PID|1||{_text(result.patient_id)}||{name}"


def _obr(result: ImagingResult) -> str:
    accession = _text(result.accession_number)
    fields = {
        1: "1",
        3: accession,
        4: _coded(_SERVICE),
        7: result.study_date,
        18: accession,
        22: _moment(result.said_at),
        24: "RAD",
        25: _STATUS[result.status],
    }
    return "OBR|" + "|".join(fields.get(number, "") for number in range(1, 26))


def _tq1(reason: str, expires_at: datetime) -> str:
    """TQ1-8 when the wish ends, TQ1-9 the priority, TQ1-10 its reason."""
    return f"TQ1|1|||||||{_moment(expires_at)}|{_ASAP}|{_text(reason)}"


@dataclass(frozen=True, kw_only=True)
class _Observation:
    """One OBX: OBX-2, 3, 5, and where they say something 4, 6, 7, 8; coded parts are written already."""

    kind: str
    concept: CodedConcept
    value: str
    group: str = ""
    unit: str = ""
    usual: str = ""
    flag: str = ""


def _observations(result: ImagingResult) -> Iterator[_Observation]:
    yield _Observation(kind="ST", concept=_STUDY_UID, value=result.study_instance_uid)
    if result.report_uid:
        yield _Observation(kind="ST", concept=_REPORT_UID, value=result.report_uid)
    code, meaning = _MEANINGS[result.answer]
    yield _Observation(kind="CWE", concept=_OUTCOME, value=f"{code}^{meaning}^99VARSEL", flag=_flag(result))
    yield _Observation(kind="TX", concept=_SERVICE, value=_text(headline(result)))
    for place, finding in enumerate(result.findings, 1):
        yield from _of_finding(finding, str(place))


def _of_finding(finding: ImagingFinding, group: str) -> Iterator[_Observation]:
    yield _Observation(
        kind="NM",
        concept=finding.concept,
        value=f"{finding.probability:.4f}",
        group=group,
        unit="1",
        usual=f"<{finding.threshold:g}",
        flag="A",
    )
    for one in finding.measurements:
        yield _Observation(kind="NM", concept=one.concept, value=f"{one.value:g}", group=group, unit=one.unit)


def _obx(result: ImagingResult, place: int, one: _Observation) -> str:
    units = f"{_text(one.unit)}^^UCUM" if one.unit else ""
    said = [one.kind, _coded(one.concept), one.group, one.value, units, _text(one.usual), one.flag]
    model = f"{_text(result.model.name)} {_text(result.model.version)}^{result.model.digest[:12]}"
    rest = ["", "", _STATUS[result.status], "", "", _moment(result.said_at), "", "", "", model]
    return "|".join(["OBX", str(place), *said, *rest])


def _flag(result: ImagingResult) -> str:
    """OBX-8, table 0078: abnormal, or nothing said. Never "normal": the model looked for a few things only."""
    return "A" if result.answer is Answer.FINDING else ""


def _coded(concept: CodedConcept) -> str:
    return f"{_text(concept.value)}^{_text(concept.meaning)}^{_text(concept.scheme)}"


def _text(text: str) -> str:
    return _SIGNS.escaped(text)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
