"""What every planned value is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Frozen(BaseModel):
    """A value: no unknown keys, no change after birth."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
