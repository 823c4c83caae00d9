"""pynetdicom's process-wide switches, set in one place by whoever opens an association."""

from pynetdicom import _config


def configure_pynetdicom() -> None:
    """Set pynetdicom up for this project; may be called any number of times."""
    # Storage of private and future SOP classes: bytes are kept as they came, so no class needs to be known.
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    # Files are sent as they lie on disk, PDU by PDU, without decoding (exact transfer syntax only).
    _config.STORE_SEND_CHUNKED_DATASET = True
    # The standard handlers and identifier logs write patient data to the log and cost time per message.
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
