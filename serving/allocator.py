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
