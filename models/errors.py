"""What can go wrong with a model.

ModelError
├── ManifestError            a manifest or clinical.yaml says something impossible
├── ReleaseError             a release directory is missing, incomplete or altered
├── RegistryError            a name, version or alias is not in the registry
├── ProviderError            the demanded execution provider is not the one in use
└── RuntimeFailedError       a model could not be run
    ├── UnfitInputError           a name, shape or datatype is not what the model takes
    └── RuntimeUnavailableError   the service that runs it is down or slow: trying again may help

A docstring is the error's default message.
"""


class ModelError(Exception):
    """Work with a model failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class ManifestError(ModelError):
    """A manifest says something impossible."""


class ReleaseError(ModelError):
    """A release directory is missing, incomplete or altered."""


class RegistryError(ModelError):
    """The registry knows no such name, version or alias."""


class ProviderError(ModelError):
    """The demanded execution provider is not the one in use."""


class RuntimeFailedError(ModelError):
    """The model could not be run on this input."""


class UnfitInputError(RuntimeFailedError):
    """The input's names, shapes or datatypes are not what the model takes."""


class RuntimeUnavailableError(RuntimeFailedError):
    """The service that runs the model is down or slow; trying again may help."""
