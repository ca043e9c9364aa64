"""Labels of an NRRD file whose header says which value is which bone, as 3D Slicer writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.domains.match import match_structures, simplified, structure_names
from pedseg.errors import InputError, Notice
from pedseg.storage.labels import mask_labels
from pedseg.volumes.itk_files import read_segment_names


@dataclass(frozen=True)
class Named:
    """What the header of a mask says of its values.

    Args:
        values: label -> its values.
        known: every value that has a name.
        notices: of names left over, and of structures without one.
    """

    values: Mapping[int, tuple[int, ...]]
    known: frozenset[int]
    notices: tuple[Notice, ...]


def named_values(path: Path, domain: Domain, where: str) -> Named | None:
    """Which values mean which structure by the names in the file; None where it names none of the domain.

    3D Slicer counts segments as they were drawn: without their names, talus and calcaneus change places.

    Args:
        path: any image file.
        domain: the structures wanted.
        where: the exam's name, for messages.

    Raises:
        InputError: PS-A131 a structure has no name while others are left over, or a value has two names.
    """
    names = read_segment_names(path)
    known = structure_names(domain)
    if not any(simplified(text) in known for texts in names.values() for text in texts):
        return None
    if twice := [value for value, texts in names.items() if len(texts) > 1 and value]:
        text = f"{where}: value {twice[0]} has several names in the header of {path.suffix}"
        raise InputError("PS-A131", f"{text}: export the segmentation again, without overlaps")
    values, notices = match_structures({value: texts for value, texts in names.items() if value}, domain, where)
    return Named(values, frozenset(names), notices)


def named_labels(array: NDArray[Any], named: Named, domain: Domain, where: str) -> NDArray[np.uint8]:
    """Values of a mask -> labels 0..n by the names of its header.

    Raises:
        InputError: PS-A131 voxels of a value without a name, PS-A72 values that are not whole.
    """
    labels = mask_labels(array, domain, where, values=named.values)
    if foreign := sorted(set(np.rint(np.unique(array)).tolist()) - named.known - {0}):
        text = f"{where}: voxels of value {', '.join(f'{value:g}' for value in foreign[:8])}"
        raise InputError("PS-A131", f"{text}, which has no name in the header: export it again")
    return labels
