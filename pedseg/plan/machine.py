"""What the processor at hand can do, read from what it declares."""

from __future__ import annotations

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def processor_flags(cpu_info: Path = CPU_INFO) -> frozenset[str]:
    """Instruction sets of the first processor; empty where the system does not say."""
    try:
        lines = cpu_info.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def bfloat16_unit(flags: frozenset[str]) -> str:
    """The instruction set that computes in bfloat16, or "" where there is none."""
    return min(flags & BFLOAT16_FLAGS, default="")
