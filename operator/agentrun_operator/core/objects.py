"""One Kubernetes object of ours, as a typed view of its raw JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from agentrun_operator.core.defaults import DELETE, NO_DEFAULTS, RETAIN, Defaults
from agentrun_operator.core.identity import (
    ACCOUNT,
    ACCOUNT_KINDS,
    FINALIZER,
    GROUP,
    PAUSED_ANNOTATION,
    RECONCILE_REQUESTED_ANNOTATION,
    ObjectKey,
    chosen_id,
)
from agentrun_operator.core.kind import KeyedBy, Rest
from agentrun_operator.core.reasons import Reason

_DEFAULT_ACCOUNT = "default"


@dataclass(frozen=True, slots=True)
class KubeObject:
    """What the engine reads of an object; `spec` and `status` are raw JSON."""

    key: ObjectKey
    uid: str
    resource_version: str
    generation: int
    created_at: str
    """creationTimestamp, RFC 3339; orders claims of one external name."""
    deleted_at: str
    """deletionTimestamp, RFC 3339; empty while nobody has deleted it."""
    finalizers: tuple[str, ...]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    defaults: Defaults = NO_DEFAULTS
    """What its account says where the spec says nothing."""

    @classmethod
    def of(cls, raw: Mapping[str, Any], kind: str) -> Self:
        """Read a raw object; `kind` is given because items of a LIST omit theirs."""
        meta = raw["metadata"]
        return cls(
            key=ObjectKey(kind, meta.get("namespace") or "", meta["name"]),
            uid=meta["uid"],
            resource_version=meta["resourceVersion"],
            generation=int(meta.get("generation") or 0),
            created_at=meta.get("creationTimestamp") or "",
            deleted_at=meta.get("deletionTimestamp") or "",
            finalizers=tuple(meta.get("finalizers") or ()),
            annotations=meta.get("annotations") or {},
            spec=raw.get("spec") or {},
            status=raw.get("status") or {},
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """What `of` reads of an object's metadata; of annotations, our own."""
        return {
            "namespace": self.key.namespace,
            "name": self.key.name,
            "uid": self.uid,
            "resourceVersion": self.resource_version,
            "generation": self.generation,
            "creationTimestamp": self.created_at,
            "deletionTimestamp": self.deleted_at or None,
            "finalizers": self.finalizers,
            "annotations": self.own_annotations,
        }

    @property
    def own_annotations(self) -> dict[str, str]:
        """The annotations that speak to us."""
        return {k: v for k, v in self.annotations.items() if k.startswith(f"{GROUP}/")}

    @property
    def deleting(self) -> bool:
        """Whether somebody has deleted it."""
        return bool(self.deleted_at)

    @property
    def seniority(self) -> tuple[str, str]:
        """What orders objects by age, the oldest first; of one second the name decides."""
        return self.created_at, str(self.key)

    @property
    def is_claimed(self) -> bool:
        """Whether our finalizer stands on it."""
        return FINALIZER in self.finalizers

    @property
    def external_name(self) -> str:
        """The effective name in AgentRun."""
        return str(self.spec.get("externalName") or f"{self.name_prefix}{self.key.name}")

    @property
    def name_prefix(self) -> str:
        """What its account puts before its name, as long as it sets no external name.

        It is on record with the resource: a name is an identity, and another prefix of the account
        would look for another resource.
        """
        if self.has_record:
            return str(self.status.get("namePrefix") or "")
        return "" if self.spec.get("externalName") else self.defaults.name_prefix

    @property
    def is_name_in_doubt(self) -> bool:
        """Whether nothing but its status says by which name its resource goes.

        Whoever may write that could have any resource deleted whose name ends with the object's.
        """
        prefix = self.status.get("namePrefix")
        if not prefix or not self.has_record or self.spec.get("externalName"):
            return False
        return not self.defaults.vouches_for(str(prefix))

    @property
    def external_id(self) -> str | None:
        """The id or key that a persisted answer of the API gave it."""
        return self.status.get("externalId") or None

    @property
    def incarnation(self) -> int:
        """Which of the resources that follow one another it stands for."""
        return int(self.status.get("incarnation") or 0)

    @property
    def chosen_id(self) -> str:
        """The id that we choose for its resource, where the client does so."""
        return chosen_id(self.uid, self.incarnation)

    @property
    def inherited_id(self) -> str | None:
        """The id that the predecessor of a restored object chose."""
        predecessor = str(self.status["boundTo"].get("uid")) if self.is_heir else None
        return None if predecessor is None else chosen_id(predecessor, self.incarnation)

    @property
    def recorded_name(self) -> str:
        """The name that its resource has by the record, or is to have."""
        return str(self.status.get("externalName") or self.external_name)

    def path_key(self, rest: Rest) -> str:
        """Return what stands in the path of its resource; empty where no record has the id."""
        return self.recorded_name if rest.key is KeyedBy.NAME else self.external_id or ""

    @property
    def pin(self) -> Mapping[str, Any]:
        """The account that its resource lives in by the record; empty before the first."""
        return self.status.get("account") or {}

    @property
    def pinned_account(self) -> ObjectKey | None:
        """The account object of its pin; None without one."""
        if not self.pin:
            return None
        return self.account_key(str(self.pin.get("kind") or ""), str(self.pin.get("name") or ""))

    @property
    def retainer(self) -> ObjectKey | None:
        """The account by whose word its resource is kept, by the record."""
        told = self.status.get("retainedBy")
        if not isinstance(told, Mapping) or not self.has_record:
            return None
        return self.account_key(str(told.get("kind") or ""), str(told.get("name") or ""))

    @property
    def accounts_asked_for(self) -> tuple[ObjectKey, ...]:
        """The account objects that its spec may mean, the preferred one first."""
        ref = self.spec.get("accountRef")
        if isinstance(ref, Mapping) and ref.get("name"):
            return (self.account_key(str(ref.get("kind") or ACCOUNT), str(ref["name"])),)
        return tuple(self.account_key(kind, _DEFAULT_ACCOUNT) for kind in ACCOUNT_KINDS)

    def account_key(self, kind: str, name: str) -> ObjectKey:
        """Return the account object that a kind and a name mean to this object."""
        return ObjectKey(kind, self.key.namespace if kind == ACCOUNT else "", name)

    @property
    def is_in_charge(self) -> bool:
        """Whether its resource was created or adopted for it, not merely observed."""
        return self.external_id is not None and "adopted" in self.status

    @property
    def awaits_answer(self) -> bool:
        """Whether a create was announced and its answer is not on record yet.

        The record of what it replaces stays until then.
        """
        return bool(self.creation) and (not self.is_in_charge or "replaces" in self.creation)

    @property
    def creation(self) -> Mapping[str, Any]:
        """The mark of the last create that was announced; empty where none is kept."""
        return self.status.get("creation") or {}

    @property
    def has_record(self) -> bool:
        """Whether a resource is on record, or a create was announced."""
        return bool(self.external_id or self.creation)

    @property
    def is_heir(self) -> bool:
        """Whether its record was written for a predecessor: restored, and not yet confirmed."""
        bound = self.status.get("boundTo")
        return bound is not None and bound.get("uid") != self.uid

    @property
    def is_unrecorded(self) -> bool:
        """Whether our finalizer stands and no status says what for.

        So does an object that was restored from a backup without its status, until it has been
        looked at: its resource may still be there.
        """
        return self.is_claimed and self.observed_generation < 0 and not self.has_record

    @property
    def observes_only(self) -> bool:
        """Whether the cloud must not be written to for it."""
        # Of the raw spec: it is to be obeyed even where another field makes no sense.
        return bool(self.spec.get("managementPolicy") == "Observe")

    @property
    def deletion_policy(self) -> str | None:
        """What becomes of its resource, by its own word or else its account's; None: neither."""
        return self.spec.get("deletionPolicy") or self.defaults.deletion_policy

    def retains(self, *, is_adopted: bool | None = None) -> bool:
        """Whether its deletion leaves its resource alone; the status says if adopted."""
        policy = self.deletion_policy
        if is_adopted is None:
            is_adopted = bool(self.status.get("adopted"))
        return policy == RETAIN or (policy is None and is_adopted)

    @property
    def deletes_adopted(self) -> bool:
        """Whether its deletion takes its resource along, also one that it adopted."""
        return self.deletion_policy == DELETE

    def holds_targets(self) -> bool:
        """Whether it keeps what it refers to from being deleted.

        It does while it has, or may have, a cloud resource: neither where it never created one,
        nor where it retains or only observes.
        """
        return self._may_have_made and not self.retains()

    def is_retained_by_account(self) -> bool:
        """Whether its resource is kept because the account that it lives in says so.

        It holds that account: until that is on record nobody else would know, and its deletion
        would take the resource along.
        """
        is_by_account = self.spec.get("deletionPolicy") is None
        is_its_own = self.retainer in (None, self.pinned_account)
        is_told = is_by_account and is_its_own and self.defaults.deletion_policy == RETAIN
        return self._may_have_made and is_told

    @property
    def _may_have_made(self) -> bool:
        """Whether it may have a resource that its deletion would be about."""
        may_have_one = self.has_record or self.is_unrecorded
        return self.is_claimed and may_have_one and not self.observes_only

    def was_edited_since_mark(self) -> bool:
        """Whether the spec is another one than at the POST; deletion moves the generation too."""
        marked = self.creation.get("generation")
        return isinstance(marked, int) and self.generation - int(self.deleting) > marked

    def paused_until(self, now: datetime) -> datetime | None:
        """Return until when it is paused (`datetime.max` for good), or None if it is not.

        A value that is neither `true` nor a time does not pause: a typo must not stop corrections.
        """
        text = self.annotations.get(PAUSED_ANNOTATION)
        if text == "true":
            return datetime.max.replace(tzinfo=now.tzinfo)
        end = parse_time(text)
        return end if end is not None and end > now else None

    @property
    def request_token(self) -> str | None:
        """The value by which somebody asks for another try; None without one."""
        return self.annotations.get(RECONCILE_REQUESTED_ANNOTATION)

    @property
    def is_requested(self) -> bool:
        """Whether somebody asks for another try, and no status says yet that it was made."""
        return self.request_token not in (None, self.status.get("lastRequest"))

    @property
    def ready(self) -> Mapping[str, Any]:
        """The condition Ready as written; empty before the first."""
        return self.condition("Ready") or {}

    @property
    def is_ready(self) -> bool:
        """Whether the condition Ready is True."""
        return bool(self.ready.get("status") == "True")

    @property
    def ready_reason(self) -> str:
        """The reason of the condition Ready; empty before the first."""
        return str(self.ready.get("reason") or "")

    @property
    def has_reported_end(self) -> bool:
        """Whether it was reported as completed."""
        return self.ready_reason == Reason.COMPLETED.value

    @property
    def copied_from(self) -> Mapping[str, str] | None:
        """Whose resource the status told of that was copied here; None where none was."""
        return self.status.get("copiedFrom") or None

    @property
    def observed_generation(self) -> int:
        """Generation that the last written status speaks of; -1 before the first."""
        return int(self.status.get("observedGeneration", -1))

    @property
    def is_observed(self) -> bool:
        """Whether the last written status speaks of the present generation."""
        return self.observed_generation == self.generation

    def condition(self, name: str) -> Mapping[str, Any] | None:
        """Return one condition as written, or None."""
        for condition in self.status.get("conditions") or ():
            if condition.get("type") == name:
                return dict(condition)
        return None


def timestamp(moment: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time as aware UTC or offset time; None for what is none."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
