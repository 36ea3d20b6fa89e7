"""What one spec field means on the wire; `wire` makes these from a kind's declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.fields import ClearWith, Document, Quantity, Ref, Unordered
from agentrun_operator.core.resolution import Resolution


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one spec field means on the wire."""

    attribute: str
    """Python attribute of the owner model; empty for a derived field and for a group."""
    path: str
    """Spec path with dots; what people see. Empty for a group, which has none."""
    api: str
    """Field name in the request."""
    reads: tuple[str, ...]
    """Path of field names in an answer, from the owner object."""
    children: tuple["FieldRule", ...] = ()
    is_list: bool = False
    is_group: bool = False
    """An object on the wire only: its children are fields of the owner itself."""
    free_form: bool = False
    exact_map: bool = False
    document: Document | None = None
    immutable: bool = False
    write_only: bool = False
    sensitive: bool = False
    unordered: Unordered | None = None
    clear: Any = None
    """Value that clears it; None where nothing does."""
    default: Any = None
    """The server's default on the wire, where the declaration states it as a plain value."""
    create_default: Any = None
    """What a create sends where the spec says nothing."""
    ref: Ref | None = None
    words: Mapping[str, str] | None = None
    choices: tuple[str, ...] = ()
    """The wire words of a choice, as far as they are known; the empty text is never one."""
    quantity: Quantity | None = None
    encode: Callable[[Any, Resolution], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    clear_with: ClearWith | None = None
    update_only: bool = False

    @property
    def stays(self) -> bool:
        """Whether a value that leaves the spec stays in the cloud: what a create had to carry."""
        return self.create_default is not None and self.clear is None

    @property
    def item_key(self) -> str | None:
        """What tells the items of a list apart that may stand in any order."""
        return self.unordered.key if self.unordered else None

    @property
    def may_hold_secrets(self) -> bool:
        """Whether no value of it may be shown."""
        return (
            self.sensitive
            or self.free_form
            or any(child.may_hold_secrets for child in self.children)
        )
