"""Structured logs: one JSON line per event on standard error, without anything about a patient.

Our own events pass an allow-list of keys; what is not on it is dropped and only its name is kept. Exceptions are told
by type and place, never by text, since a text may quote an object. The libraries that handle data sets are told by
logger and place alone.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: Keys that carry nothing about a patient. Study and patient identifiers are not among them on purpose.
# fmt: off
ALLOWED_KEYS = frozenset(
    {
        "action", "address", "alias", "attempt", "bytes", "count", "destination", "directory", "door",
        "error", "event", "generation", "kind", "level", "logger", "model", "model_version", "node",
        "outcome", "place", "port", "process", "provider", "reason_code", "release", "rule", "seconds",
        "signal", "source_ae", "stage", "state", "status", "timestamp", "version", "work_item",
    }
)
# fmt: on

#: Libraries whose messages quote element values, file names or bound parameters.
_QUOTING_LOGGERS = ("pydicom", "pynetdicom", "highdicom", "py.warnings", "sqlalchemy")
#: Chatty ones; only warnings and errors are of use to operations.
_VENDOR_LOGGERS = (*_QUOTING_LOGGERS, "dbos", "uvicorn", "uvicorn.error", "bentoml", "httpx", "httpcore", "alembic")

_LONGEST_TEXT = 300
#: Where Varsel's packages lie, and those of them that work with cases.
_ROOT = Path(__file__).parents[2]
_OURS = ("dicom_io", "ehr_io", "models", "serving")
#: Loggers of those floors that know nothing of structlog.
_OWN_LOGGERS = tuple(f"{package}." for package in _OURS)
#: What every record has; all else was given to it as ``extra``.
_RECORD_KEYS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
#: Ten digits as a Danish civil registration number is written.
_CIVIL_NUMBER = re.compile(r"\b\d{6}-?\d{4}\b")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^)]*\)")


def configure_logging(process: str, stream: TextIO | None = None) -> None:
    """Send all logs of *process* (``receive``, ``work``, ``api``, ``web``) to *stream* (default: standard error)."""
    out = stream or sys.stderr
    structlog.contextvars.clear_contextvars()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _named(process), *_PROCESSORS],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(out, process)


@contextmanager
def about_work_item(work_item: str, model: str, model_version: str) -> Iterator[None]:
    """Every line logged inside carries these three."""
    with structlog.contextvars.bound_contextvars(work_item=work_item, model=model, model_version=model_version):
        yield


def drop_unlisted_keys(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Keep allowed keys with plain, short values; name what was dropped, so that its absence is seen."""
    del logger, method
    kept: EventDict = {key: _plain(value) for key, value in event.items() if key in ALLOWED_KEYS}
    dropped = sorted(key for key in event if key not in ALLOWED_KEYS)
    return {**kept, "dropped": dropped} if dropped else kept


def tell_exception_by_type_and_place(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by the exception's type and the lines that raised it."""
    del logger, method
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["place"] = _place(error.__traceback__)
    return event


def _named(process: str) -> Processor:
    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        return {**event, "process": process}

    return add


_PROCESSORS: tuple[Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    tell_exception_by_type_and_place,
    drop_unlisted_keys,
    structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True),
)


class _StandardHandler(logging.Handler):
    """Turns a record of the standard library into a line: ours as it is, one of others' without its values."""

    def __init__(self, out: TextIO, process: str) -> None:
        super().__init__()
        self._out = structlog.wrap_logger(
            structlog.PrintLogger(out), processors=[_named(process), *_PROCESSORS], wrapper_class=structlog.BoundLogger
        )

    def emit(self, record: logging.LogRecord) -> None:
        tell = self._out.error if record.levelno >= logging.ERROR else self._out.warning
        if record.name.startswith(_OWN_LOGGERS):
            own = {key: value for key, value in vars(record).items() if key not in _RECORD_KEYS}
            tell(record.getMessage(), **own, exc_info=record.exc_info)
            return
        place = f"{record.module}:{record.lineno}"
        tell(_vendor_text(record), action="library", logger=record.name, place=place, exc_info=record.exc_info)


def _route_standard_library(out: TextIO, process: str) -> None:
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [_StandardHandler(out, process)]
    root.setLevel(logging.WARNING)
    for name in _VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Their children too: one with a handler of its own would tell what ours withhold.
    for name, known in root.manager.loggerDict.items():
        if isinstance(known, logging.Logger) and name.startswith(_VENDOR_LOGGERS):
            known.handlers, known.propagate = [], True
    # An access line holds the query string, and a search may be a name.
    logging.getLogger("uvicorn.access").disabled = True


def _vendor_text(record: logging.LogRecord) -> str:
    if record.name.startswith(_QUOTING_LOGGERS):
        return f"{record.name} has something to say; its text is withheld since it may quote an object"
    # The template without its arguments, and without what it already quotes.
    first_line = (str(record.msg).splitlines() or [""])[0]
    return _QUOTED.sub("…", first_line)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value) if isinstance(value, str | Path) else type(value).__name__
    return _CIVIL_NUMBER.sub("[removed]", text)[:_LONGEST_TEXT]


def _place(traceback: TracebackType | None) -> str:
    """The innermost line of Varsel, then the line of a library that it led to, where there is one."""
    ours = innermost = ""
    while traceback is not None:
        file = Path(traceback.tb_frame.f_code.co_filename)
        innermost = f"{file.name}:{traceback.tb_lineno}"
        if file.is_relative_to(_ROOT) and file.relative_to(_ROOT).parts[0] in _OURS:
            ours = innermost
        traceback = traceback.tb_next
    return innermost if ours in ("", innermost) else f"{ours} {innermost}"
