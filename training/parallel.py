"""One process of a training among several, as torchrun starts them: one a GPU, or several on a CPU.

    torchrun --nproc-per-node 4 --no-python varsel train NAME --data DIR

Each process learns from its share of the training cases; gradients are averaged at each step
(torch.nn.parallel.DistributedDataParallel), metrics over all processes by MONAI; the first process alone writes.
"""

import math
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TypeVar

import torch
from monai.bundle import ConfigParser
from torch import distributed
from torch.utils.data import Sampler

from training.errors import RunError

Made = TypeVar("Made")


class ShareOfSampler(Sampler[int]):
    """Every *world*-th index of another sampler, so that a bundle's own way of drawing cases is kept.

    All processes must draw from equal seeds. The last indices come twice where the number does not divide, since
    processes that take unequal numbers of steps would wait for each other for ever.
    """

    def __init__(self, whole: Sampler[int], rank: int, world: int) -> None:
        """The share *rank* of *whole* among *world*."""
        self._whole, self._rank, self._world = whole, rank, world

    def __iter__(self) -> Iterator[int]:
        """Indices of this process."""
        drawn = list(self._whole)
        padded = chain.from_iterable(repeat(drawn))
        yield from islice(padded, self._rank, len(self) * self._world, self._world)

    def __len__(self) -> int:
        """How many, equal in every process."""
        assert isinstance(self._whole, Sized)  # noqa: S101  # samplers of map-style data sets are
        return math.ceil(len(self._whole) / self._world)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where this process stands among those of a training."""

    #: Its number, from 0.
    rank: int = 0
    #: How many there are.
    world: int = 1
    #: Its number on this machine, which is its GPU's.
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether it is the one that tracks, saves and prints."""
        return self.rank == 0

    def share_out(self, parser: ConfigParser) -> None:
        """Change a bundle's config so that this process takes its share; alone, nothing changes.

        Raises:
            RunError: the config is not one of MONAI's supervised trainers.
        """
        if self.world == 1:
            return
        for needed in ("network", "train::dataloader", "validate::dataloader", "train::trainer"):
            if needed not in parser:
                raise RunError(f"the bundle's train.yaml has no '{needed}'; several processes need it, one does not")
        device = f"cuda:{self.local_rank}" if torch.cuda.is_available() else "cpu"
        parser["device"] = f"$__import__('torch').device('{device}')"
        parser["train::trainer::network"] = {
            "_target_": "torch.nn.parallel.DistributedDataParallel",
            "module": "@network",
        }
        parser["validate::dataloader::sampler"] = {
            "_target_": "monai.data.DistributedSampler",
            "dataset": "@validate::dataset",
            "shuffle": False,
            # MONAI's metrics gather unequal shares; a case judged twice would count twice.
            "even_divisible": False,
        }
        own = parser.get("train::dataloader::sampler") or {
            "_target_": "torch.utils.data.RandomSampler",
            "data_source": "@train::dataset",
        }
        parser["train::dataloader::sampler"] = {
            "_target_": "training.parallel.ShareOfSampler",
            "whole": own,
            "rank": self.rank,
            "world": self.world,
        }
        parser["train::dataloader::shuffle"] = False

    def first(self, make: Callable[[], str]) -> str:
        """What *make* gave in the first process, in every process; the others wait for it."""
        said = [make() if self.leads else ""]
        if self.world > 1:
            distributed.broadcast_object_list(said, src=0)
        return said[0]

    def after_first(self, make: Callable[[], Made]) -> Made:
        """What *make* gives in each process, the first one before the others: what it creates on disk, they find."""
        if not self.leads:
            distributed.barrier()
            return make()
        made = make()
        if self.world > 1:
            distributed.barrier()
        return made


def here() -> Place:
    """The place of this process: alone, unless it is within `joined`."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Place()
    return Place(
        rank=distributed.get_rank(),
        world=distributed.get_world_size(),
        local_rank=distributed.get_node_local_rank(),
    )


@contextmanager
def joined() -> Iterator[Place]:
    """Join the processes that torchrun started, if it did, and leave them at the end."""
    if not distributed.is_torchelastic_launched():
        yield Place()
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        place = here()
        if torch.cuda.is_available():
            torch.cuda.set_device(place.local_rank)
        yield place
    finally:
        distributed.destroy_process_group()
