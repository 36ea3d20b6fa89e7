"""The table of what no kind maps, and whether it says what is so."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from agentrun_operator.core.kind import ResourceKind
from apimap.description import Description
from apimap.mapping import mapped_operations, settable

TABLE = Path(__file__).with_name("left_out.yaml")
_REMEDY = f"map it in a kind, or list it in {TABLE.name} with a reason"
Reason = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Operations(_Entry):
    """Operations that no kind calls, for one reason."""

    names: tuple[str, ...]
    reason: Reason


class LeftOut(_Entry):
    """What of the API no kind maps."""

    operations: tuple[Operations, ...]
    fields: Mapping[str, Mapping[str, Reason]]
    """Kind → path on the wire → why nothing sets it."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """Name of each operation that is left out → why."""
        return {name: each.reason for each in self.operations for name in each.names}


def left_out(text: str | None = None) -> LeftOut:
    """Return the committed table, or the one that a text holds."""
    return LeftOut.model_validate(yaml.safe_load(TABLE.read_text() if text is None else text))


def problems(
    table: LeftOut, description: Description, kinds: Iterable[ResourceKind]
) -> tuple[str, ...]:
    """Return what a table says that is not so, and what it does not say; each with the remedy."""
    catalogue = {kind.kind: kind for kind in kinds if kind.rest is not None}
    return (
        *_of_operations(table, description, mapped_operations(catalogue.values())),
        *_of_fields(table, description, catalogue),
    )


def _of_operations(
    table: LeftOut, description: Description, mapped: Mapping[str, str]
) -> Iterator[str]:
    listed = Counter(name for each in table.operations for name in each.names)
    for name in description.operations:
        if name not in mapped and name not in listed:
            yield f"{name}: no kind calls this operation; {_REMEDY}"
    for name, count in listed.items():
        if name not in description.operations:
            yield f"{name}: the API has no such operation; {_unlist()}"
        elif name in mapped:
            yield f"{name}: {mapped[name]} calls this operation; {_unlist()}"
        elif count > 1:
            yield f"{name}: listed {count} times in {TABLE.name}; keep one"


def _of_fields(
    table: LeftOut, description: Description, catalogue: Mapping[str, ResourceKind]
) -> Iterator[str]:
    for name in table.fields:
        if name not in catalogue:
            yield f"{name}: no such kind with a resource; {_unlist()}"
    for name, kind in catalogue.items():
        fields, listed = settable(kind, description), table.fields.get(name, {})
        for path, field in fields.items():
            if not field.where and path not in listed:
                yield f"{name}: nothing sets {path}; {_REMEDY}"
        for path in listed:
            if path not in fields:
                yield f"{name}: no operation of it takes {path}; {_unlist()}"
            elif fields[path].where:
                yield f"{name}: {path} is set ({fields[path].where}); {_unlist()}"


def _unlist() -> str:
    return f"remove it from {TABLE.name}"
