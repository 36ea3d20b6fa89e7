"""What a cloud begins with, read from a file."""

from pathlib import Path
from typing import Any

from pydantic import Field

from agentrun_simulator.faults import Fault
from agentrun_simulator.settings import Model


class SeedResource(Model):
    """One resource, made as a create would make it, and ready at once."""

    family: str
    """Schema of its answers, e.g. `ModelProxy`."""
    fields: dict[str, Any]
    """Body of the create."""
    parent: str = ""
    """Name or key of the runtime or flow that it belongs to."""
    account: str | None = None
    """Account number; None means the first account."""
    region: str | None = None
    """None means the default region."""


class SeedFile(Model):
    """Settings, faults and resources of the start."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings by their JSON names, only what is to differ."""
    faults: tuple[Fault, ...] = ()
    resources: tuple[SeedResource, ...] = ()
    """In an order in which they can be made: a template before its sandboxes."""


def read_seed_file(path: Path) -> SeedFile:
    """Read a seed file.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        pydantic.ValidationError: it is not JSON, or not of this shape.
    """
    return SeedFile.model_validate_json(path.read_text(encoding="utf-8"))
