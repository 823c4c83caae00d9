"""Who observed and with what: the release as device and as algorithm, as SR content items."""

from dicom_io.codes import Code
from dicom_io.findings import AlgorithmIdentity, Finding
from dicom_io.results.content_items import Relation, code_item, text_item, uid_item
from dicom_io.uids import derive_uid

_OBSERVER_TYPE = Code(value="121005", scheme="DCM", meaning="Observer Type")
_DEVICE = Code(value="121007", scheme="DCM", meaning="Device")
_DEVICE_UID = Code(value="121012", scheme="DCM", meaning="Device Observer UID")
_DEVICE_NAME = Code(value="121013", scheme="DCM", meaning="Device Observer Name")
_DEVICE_MANUFACTURER = Code(value="121014", scheme="DCM", meaning="Device Observer Manufacturer")
_DEVICE_MODEL = Code(value="121015", scheme="DCM", meaning="Device Observer Model Name")
_DEVICE_SERIAL = Code(value="121016", scheme="DCM", meaning="Device Observer Serial Number")
_ALGORITHM_NAME = Code(value="111001", scheme="DCM", meaning="Algorithm Name")
_ALGORITHM_VERSION = Code(value="111003", scheme="DCM", meaning="Algorithm Version")
_ALGORITHM_MANUFACTURER = Code(value="122405", scheme="DCM", meaning="Algorithm Manufacturer")
_ALGORITHM_PARAMETERS = Code(value="111002", scheme="DCM", meaning="Algorithm Parameters")
_ALGORITHM_FAMILY = Code(value="111000", scheme="DCM", meaning="Algorithm Family")
_ARTIFICIAL_INTELLIGENCE = Code(value="123110", scheme="DCM", meaning="Artificial Intelligence")


def device_observer(algorithm: AlgorithmIdentity) -> list[bytes]:
    """TID 1002 with the release as device (TID 1004); its UID is the release's, not this run's."""
    told = (
        (_DEVICE_NAME, algorithm.name),
        (_DEVICE_MANUFACTURER, algorithm.manufacturer),
        (_DEVICE_MODEL, f"{algorithm.name} {algorithm.version}"),
        (_DEVICE_SERIAL, algorithm.digest[:16]),
    )
    return [
        code_item(Relation.OBSERVER, _OBSERVER_TYPE, _DEVICE),
        uid_item(Relation.OBSERVER, _DEVICE_UID, derive_uid("device observer", algorithm.name, algorithm.digest)),
        *(text_item(Relation.OBSERVER, name, value) for name, value in told),
    ]


def algorithm_identification(algorithm: AlgorithmIdentity, finding: Finding | None = None) -> list[bytes]:
    """TID 4019, with the release's digest and the operating point that *finding* was compared with."""
    threshold = () if finding is None else (f"thr={finding.threshold:.4g}",)
    told = (
        (_ALGORITHM_NAME, algorithm.name),
        (_ALGORITHM_VERSION, algorithm.version),
        (_ALGORITHM_MANUFACTURER, algorithm.manufacturer),
        (_ALGORITHM_PARAMETERS, f"model_sha256={algorithm.digest}"),
        *((_ALGORITHM_PARAMETERS, one) for one in (*threshold, *algorithm.parameters)),
    )
    return [
        *(text_item(Relation.MODIFIER, name, value) for name, value in told),
        code_item(Relation.MODIFIER, _ALGORITHM_FAMILY, _ARTIFICIAL_INTELLIGENCE),
    ]
