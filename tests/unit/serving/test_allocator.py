"""Memory that was freed is given back to the system."""

import platform

import psutil
import pytest

from serving.allocator import give_back_freed


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in another way")
def test_freed_pages_below_a_block_in_use_are_given_back():
    process = psutil.Process()
    # Too small for a mapping of their own, too large for Python's own pools.
    blocks = [bytes(100_000) for _ in range(1000)]
    kept = blocks[::100]
    del blocks
    before = process.memory_info().rss
    give_back_freed()
    assert before - process.memory_info().rss > 50_000_000
    assert all(len(block) == 100_000 for block in kept)
