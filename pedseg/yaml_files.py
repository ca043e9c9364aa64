"""YAML that a user writes: small, data only, each key once, refused in one line with its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pedseg.errors import UsageError
from pedseg.schema import Model, parse
from pedseg.text_files import quoted, read_text

MAX_BYTES = 1 << 20
MAX_DEPTH = 20


def read_yaml_model(model: type[Model], path: Path, *, advice: str) -> Model:
    """A user's file as a model.

    Args:
        model: that checks itself at birth.
        path: of the file.
        advice: what to do about a file that is refused.

    Raises:
        UsageError: PS-A125 no such file, PS-A96 larger than 1 MiB, not YAML, or not such a model.
    """
    return yaml_model(model, read_text(path, MAX_BYTES, advice), path.name, advice=advice)


def yaml_model(model: type[Model], text: str, where: str, *, advice: str) -> Model:
    """A text as a model; see `read_yaml_model`."""
    values = yaml_value(text, where)
    return parse(model, values, where, advice=advice, line_of=lambda place: yaml_line(text, place))


def yaml_value(text: str, where: str) -> Any:
    """The value of a text; tags that would make objects, aliases and deep nesting are refused.

    Raises:
        UsageError: PS-A96 not YAML.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unknown"
        raise UsageError("PS-A96", f"{where}{line} is not YAML: {quoted(reason)}") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # PyYAML on a date or a number that is none
        raise UsageError("PS-A96", f"{where} is not YAML: a value is not of its type: {quoted(error)}") from error


def yaml_line(text: str, place: Sequence[str | int]) -> int | None:
    """The line of a value, or of the innermost value around it that is there; see `json_line`."""
    node, line = _Loader(text).get_single_node(), None
    for part in place:
        node = _inside(node, part)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


def _inside(node: Any, part: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain values, without what can grow or hide: aliases, deep nesting, a key twice."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Read one value; called by PyYAML for every value inside another."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases are not read, write the value again", event)
        if self.depth > MAX_DEPTH:
            raise _refusal(f"nested more than {MAX_DEPTH} deep", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """A dictionary; called by PyYAML."""
        values = super().construct_mapping(node, deep=deep)
        if isinstance(node, yaml.MappingNode) and len(values) < len(node.value):
            keys = [key for key, _ in node.value]
            earlier = [{key.value for key in keys[:i]} for i in range(len(keys))]
            twice = next((key for key, before in zip(keys, earlier, strict=True) if key.value in before), keys[-1])
            raise _refusal(f"key {quoted(twice.value)!r} stands twice", twice)
        return values


def _refusal(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
