"""How the C library keeps memory that was freed."""

import ctypes

#: mallopt(3).
_M_ARENA_MAX = -8
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let all threads share two of malloc's arenas, where the C library is glibc; call it before many threads run.

    By default each of up to eight threads a core gets an arena of its own, which keeps the most that its thread ever
    needed: 6 MB and more each in a worker, whose threads come and go. Python's threads seldom allocate at once.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def give_back_freed() -> None:
    """Give the system back every whole page that was freed, where the C library is glibc.

    By itself it gives back only what lies above the last block in use, so that a few small blocks that stay keep the
    most that any case ever needed.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
