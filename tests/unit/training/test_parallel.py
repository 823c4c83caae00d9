import pytest
from monai.bundle import ConfigParser
from torch.utils.data import SequentialSampler

from training.errors import RunError
from training.parallel import Place, ShareOfSampler, here


@pytest.mark.parametrize(("cases", "world"), [(12, 4), (10, 4), (3, 4), (7, 2)])
def test_shares_are_of_one_length_and_leave_nobody_out(cases: int, world: int):
    """Unequal numbers of steps would let processes wait for each other for ever."""
    shares = [list(ShareOfSampler(SequentialSampler(range(cases)), rank, world)) for rank in range(world)]
    assert {len(share) for share in shares} == {-(-cases // world)}
    assert {index for share in shares for index in share} == set(range(cases))


def config() -> ConfigParser:
    loader = {"_target_": "DataLoader", "dataset": "@dataset", "shuffle": True}
    return ConfigParser(
        {
            "device": "cpu",
            "network": {"_target_": "UNet"},
            "train": {"dataloader": dict(loader), "trainer": {"network": "@network"}},
            "validate": {"dataloader": dict(loader)},
        }
    )


def test_a_process_alone_changes_nothing_in_a_bundle():
    parser = config()
    here().share_out(parser)
    assert parser.get() == config().get()


def test_one_of_several_draws_from_a_share_and_averages_gradients():
    parser = config()
    Place(rank=1, world=2).share_out(parser)
    assert parser["train::dataloader::sampler::rank"] == 1
    assert not parser["train::dataloader::shuffle"]
    assert parser["train::trainer::network::_target_"].endswith("DistributedDataParallel")


def test_a_bundles_own_sampler_is_shared_not_replaced():
    parser = config()
    parser["train::dataloader::sampler"] = "$balanced(@train::dataset)"
    Place(rank=0, world=2).share_out(parser)
    assert parser["train::dataloader::sampler::whole"] == "$balanced(@train::dataset)"


def test_a_bundle_of_another_shape_is_refused_for_several_processes():
    parser = config()
    del parser.get()["validate"]
    with pytest.raises(RunError, match="has no 'validate::dataloader'; several processes need it"):
        Place(rank=0, world=2).share_out(parser)
