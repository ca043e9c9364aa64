"""Keep freed memory in the process: activations are allocated and freed by the gigabyte every step."""

from __future__ import annotations

import ctypes
import platform
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = -1
_LARGEST_FROM_HEAP = 1 << 30


def keep_heap() -> bool:
    """Tell glibc to take large blocks from the heap and never to hand them back.

    Otherwise every large tensor is mapped when made and unmapped when freed, and the kernel clears its pages each
    time: measured at up to half of a training step on a CPU. Call it once, before the first large tensor.

    Returns:
        Whether it was done; False where the C library is not glibc (nothing is changed there).
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    raised = mallopt(_M_MMAP_THRESHOLD, _LARGEST_FROM_HEAP)
    return bool(raised and mallopt(_M_TRIM_THRESHOLD, _NEVER))
