from __future__ import annotations

from pathlib import Path

from pedseg.plan.machine import bfloat16_unit, processor_flags

TEXT = "processor\t: 0\nflags\t\t: fpu sse2 avx512_bf16 amx_bf16\n\nprocessor\t: 1\nflags\t\t: other\n"


def test_flags_are_those_of_the_first_processor(tmp_path: Path):
    (tmp_path / "cpuinfo").write_text(TEXT)
    assert processor_flags(tmp_path / "cpuinfo") == {"fpu", "sse2", "avx512_bf16", "amx_bf16"}


def test_a_system_that_does_not_say(tmp_path: Path):
    assert processor_flags(tmp_path / "none") == frozenset()
    (tmp_path / "cpuinfo").write_text("processor: 0\n")
    assert processor_flags(tmp_path / "cpuinfo") == frozenset()


def test_bfloat16_unit():
    assert bfloat16_unit(frozenset({"sse2", "avx512f"})) == ""
    assert bfloat16_unit(frozenset({"sse2", "avx512_bf16"})) == "avx512_bf16"
    assert bfloat16_unit(frozenset({"avx512_bf16", "amx_bf16"})) == "amx_bf16"
