"""Releases in MLflow's model registry: versions, aliases, fetching by alias. The only door to MLflow outside training.

An MLflow alias keeps no history (who, when, from, to): the ledger of the release store does. Set the alias after the
store's pointer has moved.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Set before MLflow is imported: it reads these at import, and phones home or warns by default.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# By default a server that is down is tried for minutes, and one that hangs for a quarter of an hour.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from models.errors import RegistryError
from models.folder_store import FolderStore
from models.release import Release

__all__ = ["MlflowClient", "MlflowException", "MlflowRegistry", "RegisteredRelease", "mlflow_client"]

_DIGEST_TAG = "varsel.digest"


@dataclass(frozen=True, kw_only=True)
class RegisteredRelease:
    """One version in MLflow's registry."""

    #: Registered model name, equal to the bundle's.
    model: str
    #: MLflow's version number.
    version: str
    #: SHA-256 of the release.
    digest: str
    #: Where its artifacts lie.
    source: str


def mlflow_client(uri: str) -> MlflowClient:
    """A client of the tracking server and registry at *uri*, with telemetry off."""
    with _alone_at(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def _alone_at(uri: str) -> Iterator[None]:
    """Let one process at a time open the database at *uri*: the first makes its tables, where MLflow takes no care."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    database = Path(uri.removeprefix("sqlite:///"))
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class MlflowRegistry:
    """The releases that one MLflow server knows."""

    def __init__(self, uri: str) -> None:
        """Use the registry at *uri*."""
        self._uri = uri
        self._client = mlflow_client(uri)

    def add(self, release: Release, source: str, run_id: str) -> RegisteredRelease:
        """Register *release*, whose artifacts lie at *source*; the same release is registered once."""
        known = self._versions(release.manifest.name)
        if release.digest in known:
            return known[release.digest]
        if not known:
            self._make_model(release.manifest.name)
        with self._translated():
            made = self._client.create_model_version(
                release.manifest.name, source, run_id=run_id, tags={_DIGEST_TAG: release.digest}
            )
        return RegisteredRelease(
            model=release.manifest.name, version=str(made.version), digest=release.digest, source=source
        )

    def known(self, release: Release) -> RegisteredRelease | None:
        """The version that holds *release*; None when it is not registered."""
        return self._versions(release.manifest.name).get(release.digest)

    def set_alias(self, model: str, digest: str, alias: str) -> RegisteredRelease:
        """Let *alias* point to the version of *model* that holds the release *digest*.

        Raises:
            RegistryError: *model* has no version of that release.
        """
        version = self._version(model, digest)
        with self._translated():
            self._client.set_registered_model_alias(model, alias, version.version)
        return version

    def tag(self, model: str, digest: str, tags: Mapping[str, str]) -> None:
        """Set *tags* on the version of *model* that holds the release *digest*.

        Raises:
            RegistryError: *model* has no version of that release.
        """
        version = self._version(model, digest)
        with self._translated():
            for key, value in tags.items():
                self._client.set_model_version_tag(model, version.version, key, value)

    def find(self, model: str, alias: str) -> RegisteredRelease:
        """The version of *model* that *alias* points to.

        Raises:
            RegistryError: there is no such model or alias.
        """
        try:
            found = self._client.get_model_version_by_alias(model, alias)
        except MlflowException as error:
            raise RegistryError(
                f"'{model}' has no alias '{alias}' in '{self._uri}'; promote a release first"
            ) from error
        return _registered(found)

    def pull(self, model: str, alias: str, store: FolderStore) -> Release:
        """Fetch the release that *alias* of *model* points to into *store*, verified.

        Raises:
            RegistryError: there is no such model or alias, or its artifacts cannot be fetched.
            ReleaseError: what came is damaged.
        """
        registered = self.find(model, alias)
        with tempfile.TemporaryDirectory() as directory:
            release = store.install(self._fetch(registered, Path(directory)))
        if release.digest != registered.digest:
            raise RegistryError(
                f"version {registered.version} of '{model}' is tagged {registered.digest[:12]} but holds "
                f"{release.digest[:12]}; register the release again"
            )
        return release

    def _fetch(self, registered: RegisteredRelease, into: Path) -> Path:
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415  # slow to import, and only needed here

        try:
            fetched = download_artifacts(
                artifact_uri=f"{registered.source}/release", dst_path=str(into), tracking_uri=self._uri
            )
        except (MlflowException, OSError) as error:
            raise RegistryError(
                f"version {registered.version} of '{registered.model}' cannot be fetched from '{registered.source}'"
            ) from error
        return Path(fetched)

    def _make_model(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise RegistryError(f"'{model}' cannot be made in '{self._uri}'") from error

    def _version(self, model: str, digest: str) -> RegisteredRelease:
        versions = self._versions(model)
        if digest not in versions:
            raise RegistryError(
                f"'{model}' has no release {digest[:12]} in '{self._uri}'; it has "
                f"{', '.join(known[:12] for known in versions) or 'none'}: "
                "register it first (varsel release install PATH)"
            )
        return versions[digest]

    def _versions(self, model: str) -> dict[str, RegisteredRelease]:
        with self._translated():
            found = self._client.search_model_versions(f"name='{model}'")
        return {version.digest: version for version in map(_registered, found)}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise RegistryError(f"MLflow at '{self._uri}' does not do what is asked: {reason}") from error


def _registered(version: object) -> RegisteredRelease:
    # MLflow's ModelVersion has no types of its own here.
    tags, name = getattr(version, "tags", {}), getattr(version, "name", "")
    return RegisteredRelease(
        model=name,
        version=str(getattr(version, "version", "")),
        digest=tags.get(_DIGEST_TAG, ""),
        source=str(getattr(version, "source", "")),
    )
