"""The ids that we choose for the resources of one object, each time one is made."""

import re
from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.objects import KubeObject

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
"""A status can record it, and the next one."""


def chosen_id(uid: str, stanza: Mapping[str, Any]) -> str:
    """Return the id of one incarnation, the same for every try to create it."""
    return f"{incarnation_prefix(uid)}{int(stanza.get('incarnation') or 0)}"


def inherited_id(obj: KubeObject) -> str | None:
    """Return the id that the predecessor of a restored object chose."""
    return chosen_id(str(obj.status["boundTo"].get("uid")), obj.status) if obj.is_heir else None


def incarnation_prefix(uid: str) -> str:
    """Return how the chosen id of each incarnation begins."""
    return f"k8s-{uid}-"


def incarnation_of(uid: str, ident: str) -> int:
    """Return which incarnation of an object has an id, 0 for an id of somebody else.

    Anybody with keys of the account may make a sandbox of such an id, with any number.
    """
    number = ident.removeprefix(incarnation_prefix(uid))
    return int(number) if number != ident and _NUMBER.fullmatch(number) else 0
