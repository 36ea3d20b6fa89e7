"""What a pass works by: found out before it asks the cloud anything."""

from dataclasses import dataclass, fields
from typing import Self

from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.grants import Leave
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.reaches import Lack
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is known of an object, and the error that keeps a pass from knowing more."""

    spec: ResourceSpec | None = None
    """None: it makes no sense, and `blocked` says why."""
    deadline_seconds: float = 600.0
    held_by: tuple[str, ...] = ()
    """Users that a deletion has to wait for."""
    binding: Binding | None = None
    lacking: tuple[Lack, ...] = ()
    """What the spec reaches for without leave; some of it the resource may have already."""
    desired_digest: bytes | None = None
    blocked: OperatorError | None = None
    conflict: OperatorError | None = None
    """Another object or another account is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Prepared):
    """What a step goes by that looks at the resource, or writes to it."""

    binding: Binding
    target: Target
    leave: Leave
    """What the namespace may reach in the account beyond what its own objects made."""
    resolution: Resolution | None = None
    write_only_digest: bytes | None = None

    @classmethod
    def of(
        cls,
        known: Prepared,
        target: Target,
        leave: Leave,
        *,
        resolution: Resolution | None = None,
        write_only_digest: bytes | None = None,
    ) -> Self:
        """Return what is known, the account among it, and what follows from it."""
        return cls(
            **{each.name: getattr(known, each.name) for each in fields(known)},
            target=target,
            leave=leave,
            resolution=resolution,
            write_only_digest=write_only_digest,
        )
