"""Work items as a requester writes them: in the DICOM JSON Model, without Varsel's own code."""

from typing import Any

from dicom_io.uids import derive_uid

Json = dict[str, Any]


def workitem(
    *, study: str = "study-1", rule: str = "nodules", priority: str = "MEDIUM", retrieve_ae_title: str = ""
) -> Json:
    """A new work item that asks for *rule* on *study*."""
    source = {"00404021": sequence({"0020000D": value("UI", derive_uid(study)), "0040E020": value("CS", "DICOM")})}
    if retrieve_ae_title:
        item = source["00404021"]["Value"][0]
        item["0040E021"] = sequence({"00080054": value("AE", retrieve_ae_title)})
    return {
        "00741000": value("CS", "SCHEDULED"),
        "00741200": value("CS", priority),
        "00741204": value("LO", "Read this study"),
        "00404005": value("DT", "20260102101500"),
        "00404018": sequence(
            {
                "00080100": value("SH", rule),
                "00080102": value("SH", "99VARSEL"),
                "00080104": value("LO", f"Varsel rule {rule}"),
            }
        ),
        "0040A370": sequence({"00080050": value("SH", "ACC-1"), "00401001": value("SH", "REQ-7")}),
        **source,
    }


def move(state: str, transaction_uid: str) -> list[Json]:
    """The body of a change of state."""
    return [{"00741000": value("CS", state), "00081195": value("UI", transaction_uid)}]


def value(vr: str, *values: str) -> Json:
    """An element."""
    return {"vr": vr, "Value": list(values)}


def sequence(*items: Json) -> Json:
    """A sequence element."""
    return {"vr": "SQ", "Value": list(items)}
