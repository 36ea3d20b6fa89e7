"""What one object wants, and where it lives in the cloud."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.identity import AccountIdentity, Locator, adopted_tag, ownership_tag
from agentrun_operator.core.ignored import left_alone
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.write_only import write_only_part
from agentrun_operator.reconcile.ports import Json


@dataclass(frozen=True, slots=True)
class Target:
    """What one object wants, and where it lives in the cloud."""

    kind: ResourceKind
    rest: Rest
    obj: KubeObject
    name: str
    parent: str | None
    chosen_id: str
    """For kinds whose id we choose: derived from (uid, incarnation)."""
    tag: str
    """Marks what was created for the object."""
    desired: Json = field(repr=False)
    created: Json = field(default_factory=dict, repr=False)
    """What a create of it sends, create defaults included."""
    desired_state: str | None = None
    """`spec.desiredState`, for kinds with verbs."""
    ignored: frozenset[str] = frozenset()
    sent: Json | None = field(default=None, repr=False)
    """What the announced create sent; None where another process announced it."""
    inherited_id: str | None = None
    """The chosen id of a predecessor, whose record was restored."""
    held_id: str | None = None
    """The id of what this process made, adopted or found on record for the object."""
    account: AccountIdentity | None = None
    is_parent_made: bool = False
    """The parent was made for an object of this cluster."""
    is_lost: bool = False
    """Its status was lost, and its spec asks for nothing that was there before."""
    is_others: Callable[[str], bool] = field(
        default=lambda _ident: False, repr=False, compare=False
    )
    """Whether another object of the account has the resource of an id on record."""
    is_secret_mark: Callable[[str], bool] = field(
        default=lambda _mark: False, repr=False, compare=False
    )
    """Whether a mark holds text of a secret: anybody with keys of the account may write one."""
    is_partial: bool = False
    """Not all that was sent is known: `sent` lacks secrets, or `desired` what led elsewhere."""

    @property
    def write_only(self) -> Json:
        """What of the desired state an update may carry and no read returns."""
        if not self.rest.updatable:
            return {}
        return write_only_part(self.kind, self.desired, self.ignored)

    @property
    def locator(self) -> Locator | None:
        """Where the resource is, as far as that is known without a look-up."""
        if self.rest.key is KeyedBy.NAME:
            return Locator(self.name, self.parent)
        known = self.obj.external_id
        if self.rest.key is KeyedBy.CHOSEN_ID:
            # An object that was restored has another uid than its record was made with.
            return Locator(known or self.inherited_id or self.chosen_id, self.parent)
        return Locator(known, self.parent) if known else None

    def locator_of(self, resource: Mapping[str, Any]) -> Locator:
        """Return where a resource that we have seen lives."""
        if self.rest.key is KeyedBy.NAME:
            return Locator(self.name, self.parent)
        return Locator(str(resource.get(self.rest.id_field) or ""), self.parent)

    def is_anothers_by_name(self, resource: Mapping[str, Any]) -> bool:
        """Whether another object has a resource on record too, and its name is not our name.

        Only of kinds that are read by an id of the cloud and have no ownership tag: nothing else
        tells whose such a resource is.
        """
        if self.rest.key is not KeyedBy.ID or self.rest.tags_field is not None:
            return False
        name = resource.get(self.rest.name_field or "")
        return bool(name) and name != self.name and self.is_others(self.id_of(resource))

    def tags_of(self, resource: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the tags of a resource, where the kind has any."""
        tags = resource.get(self.rest.tags_field) if self.rest.tags_field else None
        return tuple(str(t) for t in tags) if isinstance(tags, list) else ()

    def respecting(
        self,
        resource: Mapping[str, Any],
        *,
        partial: bool = False,
        leaving: frozenset[str] | None = None,
    ) -> Json:
        """Return the desired state with what is to be left alone as it stands in a resource."""
        return left_alone(
            self.kind, self.desired, resource, self.ignored, partial=partial, leaving=leaving
        )

    @property
    def mark(self) -> str:
        """The tag that the resource is to carry, now that it is recorded."""
        return adopted_tag(self.tag) if self.obj.status.get("adopted") else self.tag

    @property
    def marks(self) -> frozenset[str]:
        """Either tag of the object."""
        return frozenset({self.tag, adopted_tag(self.tag)})

    def id_of(self, resource: Mapping[str, Any]) -> str:
        """Return what `status.externalId` records of a resource.

        An answer that leaves the id out says of no other resource.
        """
        known = self.held_id or self.obj.external_id or self.name
        return self.rest.external_id_of(resource) or known


def tag_for(cluster_id: str, obj: KubeObject) -> str:
    """Return the ownership tag of an object."""
    return ownership_tag(cluster_id, obj.key)
