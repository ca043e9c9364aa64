"""A domain: one joint (or any other region) with its own label set."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
WHOLE = "all"
"""The one structure of a domain whose structures count as one (D eq. 18)."""
RESERVED = frozenset({WHOLE, "mean"})
"""Names of many structures in scores: their union and their mean."""


class Structure(BaseModel):
    """One labelled structure, such as a bone.

    Its label is its place in the domain (1 for the first), so labels can neither collide nor skip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str = ""
    color: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    snomed: Annotated[str, Field(pattern=r"^\d*$")] = ""
    source_value: tuple[Annotated[int, Field(gt=-(1 << 31), lt=1 << 31)], ...] = ()
    """Values in the user's label files that mean this structure; empty: its own label."""

    @field_validator("source_value", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as red, green, blue in 0..255."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


class Domain(BaseModel):
    """A region of the body, its structures in label order, and how to recognise it.

    METHODS: domain k has its own intensity distribution and its own label set C_k.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str = ""
    body_part: tuple[str, ...] = ()
    """DICOM Body Part Examined values (upper case) that mean this domain."""
    structures: Annotated[tuple[Structure, ...], Field(min_length=1, max_length=254)]
    mirror_pairs: tuple[tuple[str, str], ...] = ()
    """Structures that change places when the patient's left and right are exchanged."""

    @model_validator(mode="after")
    def _consistent(self) -> Domain:
        names = [s.name for s in self.structures]
        _refuse_repeats(names, "structure names")
        if taken := sorted(RESERVED.intersection(names)) if names != [WHOLE] else []:
            raise ValueError(f"no structure can be named {taken[0]!r}, which stands for many: choose another name")
        paired = [name for pair in self.mirror_pairs for name in pair]
        _refuse_repeats(paired, "mirror_pairs")
        if unknown := sorted(set(paired) - set(names)):
            raise ValueError(f"mirror_pairs name unknown structures {unknown}; known: {names}")
        _refuse_repeats([v for values in self.source_values.values() for v in values], "source values")
        return self

    @property
    def n_classes(self) -> int:
        """|C_k|: structures and background."""
        return len(self.structures) + 1

    @property
    def labels(self) -> dict[str, int]:
        """Structure name -> label, 1..n."""
        return {s.name: i for i, s in enumerate(self.structures, start=1)}

    @property
    def source_values(self) -> dict[int, tuple[int, ...]]:
        """Label -> the values that mean it in the user's files."""
        return {i: s.source_value or (i,) for i, s in enumerate(self.structures, start=1)}

    @property
    def numbered_in_order(self) -> Domain:
        """The domain as pedseg's own predictions number it, 1..n, whatever the numbers of the user's label files."""
        structures = tuple(s.model_copy(update={"source_value": ()}) for s in self.structures)
        return self.model_copy(update={"structures": structures})

    @property
    def union(self) -> Domain:
        """The same domain with one structure, `all`, in place of its own (D eq. 18)."""
        whole = Structure(name=WHOLE, title="all structures", color=self.structures[0].color)
        return self.model_copy(update={"structures": (whole,), "mirror_pairs": ()})

    @property
    def mirrored_labels(self) -> tuple[int, ...]:
        """For each label 0..n, the label it becomes when left and right change places."""
        swapped = list(range(self.n_classes))
        for a, b in self.mirror_pairs:
            i, j = self.labels[a], self.labels[b]
            swapped[i], swapped[j] = j, i
        return tuple(swapped)

    def is_meant_by(self, part: str) -> bool:
        """Whether Body Part Examined speaks of it: one of its own values, or its name."""
        return part.upper() in {*self.body_part, self.name.upper()}


def _refuse_repeats(values: list[str] | list[int], what: str) -> None:
    repeated = sorted({str(v) for v in values if values.count(v) > 1})  # type: ignore[arg-type]
    if repeated:
        raise ValueError(f"{what} must differ; repeated: {', '.join(repeated)}")
