"""Bytes of the tensors that are alive while a network works, counted without computing anything."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Counts what is made while it is active: `now` alive, and the most there was at a time, `peak`; in bytes.

    The network's weights are left out. On torch's device `meta` tensors have sizes and no values, so that large
    networks take no time or memory.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self._weights = {id(v.untyped_storage()): v.untyped_storage() for v in network.state_dict().values()}
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key not in self._alive and key not in self._weights:
            self._alive[key] = weakref.ref(storage, lambda _: self._free(key, size))
            self.now += size
            self.peak = max(self.peak, self.now)

    def _free(self, key: int, size: int) -> None:
        del self._alive[key]
        self.now -= size
