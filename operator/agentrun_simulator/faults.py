"""Misbehaviour on demand: rules that the next matching requests meet.

Source: control-plane reference, §10 item 12.
"""

import re
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from agentrun_simulator.calls import Outcome
from agentrun_simulator.errors import GatewayError, ServiceError
from agentrun_simulator.settings import Model, Pattern

Effect = Literal[
    "error",
    "html",
    "empty",
    "drop-before",
    "drop-after",
    "drop-late",
    "delay",
    "slow",
    "absent",
    "create-failed",
    "update-failed",
    "delete-failed",
]

_READS = ("Get", "List")
_FAILED = {
    "create-failed": ("Create", "CREATE_FAILED"),
    "update-failed": ("Update", "UPDATE_FAILED"),
    "delete-failed": ("Delete", "DELETE_FAILED"),
}


class Fault(Model):
    """One rule: which requests it meets, what happens to them, and how often."""

    action: Pattern = ".*"
    """Regular expression over the whole operation name, e.g. `Create.*`."""
    name: Pattern = ".*"
    """Regular expression over the whole resource name or key."""
    account: str | None = None
    """Account number; None meets every account."""
    times: Annotated[int, Field(ge=1)] | None = 1
    """How many requests it meets before it is spent; None means for ever."""
    effect: Effect
    status: Annotated[int, Field(ge=200, le=599)] = 503
    """HTTP status of `error`, `html` and `empty`."""
    code: str = "ServiceUnavailable"
    """Error code of `error`; codes that start with `ERR_` get the service's document."""
    message: str = "The request has failed due to a temporary failure of the server."
    headers: dict[str, str] = Field(default_factory=dict)
    """Extra headers of the answer, e.g. `x-acs-retry-after`."""
    applied: bool = False
    """Whether the call takes effect before the bad answer of `error`, `html` and `empty`."""
    seconds: Annotated[float, Field(ge=0, le=86400)] | None = None
    """Delay of `delay` and `drop-late`; length of the transition of `slow` and `*-failed`."""
    reason: str = "injected failure"
    """`statusReason` of `*-failed`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for text in (*self.headers, *self.headers.values()):
            if not text.isascii() or not text.isprintable():
                raise ValueError("headers must be printable ASCII")
        if self.effect in ("delay", "slow", "drop-late") and self.seconds is None:
            raise ValueError(f"effect {self.effect} needs seconds")
        return self

    def meets(self, action: str, names: tuple[str, ...], account: str) -> bool:
        """Return whether a request falls under this rule."""
        prefix: str | tuple[str, ...] = _FAILED.get(self.effect, ("", ""))[0]
        if self.effect == "absent":
            prefix = _READS
        return (
            self.account in (None, account)
            and action.startswith(prefix)
            and re.fullmatch(self.action, action) is not None
            and any(re.fullmatch(self.name, name) for name in names or ("",))
        )

    @property
    def outcome(self) -> Outcome:
        """How the call's transition is to go."""
        if self.effect in _FAILED:
            return Outcome(self.seconds, {_FAILED[self.effect][1]: self.reason})
        return Outcome(self.seconds if self.effect == "slow" else None)

    @property
    def error(self) -> ServiceError:
        """The refusal of `error`."""
        kind = ServiceError if self.code.startswith("ERR_") else GatewayError
        return kind(self.status, self.code, self.message, self.headers)


@dataclass
class _Rule:
    number: int
    fault: Fault
    left: int | None


class FaultBook:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._numbers = count(1)

    def add(self, fault: Fault) -> int:
        """Put a rule in force and return its number."""
        rule = _Rule(next(self._numbers), fault, fault.times)
        self._rules.append(rule)
        return rule.number

    def remove(self, number: int | None = None) -> None:
        """Lift one rule, or all."""
        kept = () if number is None else (r for r in self._rules if r.number != number)
        self._rules = list(kept)

    def take(self, action: str, names: tuple[str, ...], account: str) -> Fault | None:
        """Return the first rule a request meets, one use of it spent."""
        for rule in self._rules:
            if rule.fault.meets(action, names, account):
                if rule.left is not None:
                    rule.left -= 1
                    if rule.left == 0:
                        self._rules.remove(rule)
                return rule.fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        """Return the rules in force as JSON."""
        return [
            {"id": rule.number, "left": rule.left}
            | rule.fault.model_dump(by_alias=True, exclude_defaults=True)
            for rule in self._rules
        ]
