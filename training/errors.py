"""What can go wrong while training.

TrainingError
├── DataError        a data set is missing, altered, mixes patients between splits, or holds nothing to learn from
├── RunError         a training cannot start, ended early, or its tracked run lacks something
│   └── TrackingError    MLflow cannot be reached, or refuses
├── ExportError      the network could not be exported
├── BundleError      a bundle of the Model Zoo cannot be served as it is
└── PackageError     a run is not ready to become a release

A docstring is the error's default message.
"""


class TrainingError(Exception):
    """Training failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class DataError(TrainingError):
    """The data set is missing, altered, mixes patients between splits, or holds nothing to learn from."""


class RunError(TrainingError):
    """The training cannot start, ended early, or its tracked run lacks something."""


class TrackingError(RunError):
    """MLflow cannot be reached, or refuses."""


class ExportError(TrainingError):
    """The network could not be exported."""


class BundleError(TrainingError):
    """The bundle of the Model Zoo cannot be served as it is."""


class PackageError(TrainingError):
    """The run is not ready to become a release."""
