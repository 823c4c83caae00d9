"""Keeps the libraries' chatter from the terminal: our own words say how far it is, MLflow keeps the numbers."""

import logging

#: Loggers that tell of each batch, of each of MLflow's migrations, and the like.
_CHATTY = (
    *("alembic.runtime.migration", "alembic.runtime.plugins", "mlflow.store.db.utils", "mlflow.tracking.client"),
    "mlflow.system_metrics.system_metrics_monitor",
    *("ignite.engine.engine.SupervisedTrainer", "ignite.engine.engine.SupervisedEvaluator"),
    *("monai.bundle.workflows", "varsel.train", "varsel.validate"),
)


def hush() -> None:
    """From now on, let only warnings and errors of chatty libraries through."""
    for name in _CHATTY:
        # Filtered, not silenced by level: MONAI's handlers warn when their logger's level is above INFO.
        logging.getLogger(name).addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    # That MONAI was given no logging file is as we want it.
    return record.levelno >= logging.WARNING and not str(record.msg).startswith("Logging file is set to False")
