"""How the C library keeps memory that was freed, and what Python keeps for good."""

import ctypes
import sys
from collections.abc import Callable

#: mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2
#: Blocks up to this are used again: the most that glibc takes.
_LARGEST_REUSED_BYTES = 32 * 1024 * 1024
#: So much that was freed at the end of a heap stays there until it is given back: more than any case needs at once.
_LARGEST_KEPT_BYTES = 64 * 1024 * 1024
#: The table of the names that a process of ours has when all is loaded has no room left for so many more.
_NAMES = 100_000


def keep_freed_for_reuse() -> None:
    """Let all threads share what was freed, until `give_back_freed`; call it before many threads run.

    Only where the C library is glibc. By default each of up to eight threads a core gets an arena of its own, which
    keeps the most that its thread ever needed: 6 MB and more each in a worker, whose threads come and go. Python's
    threads seldom allocate at once. And by default blocks above a size are mapped anew each time, a size that rises
    with the largest block ever freed: a process would need more memory from some moment on for no reason to be seen.
    """
    mallopt = _found("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT_BYTES)


def give_back_freed() -> None:
    """Give the system back every whole page that was freed, where the C library is glibc.

    By itself it gives back only what lies above the last block in use, so that a few small blocks that stay keep the
    most that any case ever needed.
    """
    malloc_trim = _found("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def settle_names() -> None:
    """Let Python's table of interned strings grow now, when all is loaded, to the size that it will have anyway.

    pathlib puts every part of every path into it. Otherwise it would double, by 4 MB, in the midst of some case.
    """
    for number in range(_NAMES):
        sys.intern(f"settled {number}")


def _found(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None)
