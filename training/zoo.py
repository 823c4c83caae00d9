"""A bundle of the MONAI Model Zoo as its authors publish it; it has no clinical.yaml, and need not be able to train.

<name>/configs/metadata.json    what the network takes and gives
               inference.json   or .yaml: network_def, preprocessing, inferer, postprocessing
       models/model.pt          weights; or model.ts, TorchScript with the same weights
       LICENSE
       docs/data_license.txt    if there is one

The configs are code: ``$...`` is evaluated Python and ``_target_`` calls what it names. Nothing of them is run for a
bundle that is not trusted.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonschema import Draft202012Validator
from monai.bundle import ConfigParser

from models.bundle import METADATA_SCHEMA
from training.checkpoint import read_weights
from training.errors import BundleError
from training.workflow import resolve

_CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md")
_CHECKPOINTS = ("model.pt", "model.ts")
#: How a file begins that Git LFS has not fetched.
_NOT_FETCHED = b"version https://git-lfs"
_MISSING = object()


class ZooBundle:
    """One bundle on disk; each part is read when it is first asked for, and says itself what is wrong with it."""

    def __init__(self, path: Path, *, trusted: bool) -> None:
        """Look at the bundle in the directory *path*; its code runs only when it is *trusted*."""
        #: Its directory.
        self.path = path.resolve()
        #: Its name: the zoo names bundles by their directory; ``name`` in the metadata is a title.
        self.name = self.path.name
        self._trusted = trusted

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """What ``configs/metadata.json`` says.

        Raises:
            BundleError: it is missing, no JSON, or not valid.
        """
        file = self.path / "configs" / "metadata.json"
        try:
            found = json.loads(file.read_bytes())
        except OSError as error:
            raise BundleError(f"'{file}' cannot be read ({error.strerror}); a bundle of the zoo has one") from error
        except ValueError as error:
            raise BundleError(f"'{file}' is no JSON: {error}") from error
        schema = json.loads(METADATA_SCHEMA.read_bytes())
        faults = [f"{one.json_path}: {one.message}" for one in Draft202012Validator(schema).iter_errors(found)]
        if faults:
            raise BundleError(f"'{file}' breaks the zoo's rules: {'; '.join(faults)}")
        metadata: Mapping[str, Any] = found
        return metadata

    @cached_property
    def config(self) -> Path:
        """The inference config.

        Raises:
            BundleError: there is none.
        """
        return self._first_of("configs", _CONFIGS, "it says how the network is built and asked")

    @cached_property
    def checkpoint(self) -> Path:
        """The file with the weights.

        Raises:
            BundleError: there is none, or Git LFS has not fetched it.
        """
        way_out = f"get it with python -m monai.bundle download_large_files --bundle_path {self.path}"
        file = self._first_of("models", _CHECKPOINTS, f"large_files.yml may name where it lies: {way_out}")
        with file.open("rb") as opened:
            if opened.read(len(_NOT_FETCHED)) == _NOT_FETCHED:
                raise BundleError(f"'{file}' is a pointer of Git LFS and no weights; run git lfs pull, or {way_out}")
        return file

    @cached_property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """The weights by the names of the network's state dict.

        Raises:
            BundleError: TorchScript that is not trusted, or damaged.
            RunError: the file cannot be read, or holds more than weights.
        """
        file = self.checkpoint
        if file.suffix == ".ts":
            return self._scripted_weights(file)
        found = read_weights(file)
        # As torch saves it, or as MONAI's CheckpointSaver does for several objects.
        inner = found.get("model", found)
        weights: Mapping[str, torch.Tensor] = inner if isinstance(inner, dict) else found
        return weights

    @property
    def licence(self) -> Path:
        """The file with the licence of the bundle.

        Raises:
            BundleError: there is none.
        """
        return self._first_of("", _LICENCES, "a release says under what licence it may be used")

    @property
    def attribution(self) -> str:
        """Source, authors and licence of its data.

        Raises:
            BundleError: nothing says it.
        """
        file = self.path / "docs" / "data_license.txt"
        if file.is_file():
            return file.read_text(encoding="utf-8").strip()
        source: str = self.metadata.get("data_source", "")
        if not source:
            raise BundleError(
                f"'{file}' is missing and metadata.json has no data_source; one must name the data's source"
            )
        return source

    @cached_property
    def network(self) -> torch.nn.Module:
        """The network with its weights, on the CPU, ready to be asked.

        Raises:
            BundleError: the bundle is not trusted, or the weights are another network's.
            RunError: ``network_def`` does not resolve.
        """
        network = self.resolved("network_def")
        try:
            network.load_state_dict(self.weights)
        except (AttributeError, RuntimeError, TypeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise BundleError(
                f"'{self.checkpoint}' does not fit 'network_def' of '{self.config}' ({reason}); "
                "needed is a state dict of that network"
            ) from error
        network.eval()
        checked: torch.nn.Module = network
        return checked

    def resolved(self, id_: str, default: object = _MISSING) -> Any:
        """What the part *id_* of the inference config is, built; *default*, when given, where it is not there.

        Raises:
            BundleError: the bundle is not trusted, or its config cannot be read.
            RunError: the part does not resolve; names it and says why.
        """
        parser = self._parser
        if default is not _MISSING and id_ not in parser:
            return default
        with self._own_modules():
            return resolve(id_, self.config, lambda: parser.get_parsed_content(id_))

    def raw(self, id_: str) -> Any:
        """The part *id_* of the inference config as it is written; None where it is not there.

        Raises:
            BundleError: the bundle is not trusted, or its config cannot be read.
        """
        return self._parser.get(id_)

    @cached_property
    def _parser(self) -> ConfigParser:
        if not self._trusted:
            raise BundleError(
                f"'{self.config}' is code: it may run anything as you, and it was not run; "
                "read it, and if you trust its authors add --trust"
            )
        parser = ConfigParser()
        try:
            parser.read_config(str(self.config))
        except (AttributeError, OSError, ValueError, yaml.YAMLError) as error:
            # A list where a mapping must be ends in an AttributeError of MONAI's.
            raise BundleError(f"'{self.config}' cannot be read as a config of MONAI: {error}") from error
        parser.read_meta(dict(self.metadata))
        parser.set(str(self.path), "bundle_root")
        return parser

    def _scripted_weights(self, file: Path) -> Mapping[str, torch.Tensor]:
        # TorchScript runs its own code while it is loaded.
        self._parser  # noqa: B018
        try:
            weights: Mapping[str, torch.Tensor] = torch.jit.load(str(file), map_location="cpu").state_dict()
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BundleError(f"'{file}' is no TorchScript that torch {torch.__version__} reads: {reason}") from error
        return weights

    def _first_of(self, folder: str, names: tuple[str, ...], why: str) -> Path:
        found = [self.path / folder / name for name in names if (self.path / folder / name).is_file()]
        if not found:
            raise BundleError(f"'{self.path / folder}' has no {' or '.join(names)}; {why}")
        return found[0]

    @contextmanager
    def _own_modules(self) -> Iterator[None]:
        """Let the config import the bundle's own ``scripts``, and not those of another bundle."""
        for name in [name for name in sys.modules if name == "scripts" or name.startswith("scripts.")]:
            if not str(getattr(sys.modules[name], "__file__", "")).startswith(str(self.path)):
                del sys.modules[name]
        sys.path.insert(0, str(self.path))
        try:
            yield
        finally:
            sys.path.remove(str(self.path))
