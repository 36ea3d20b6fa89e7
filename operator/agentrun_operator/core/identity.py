"""Who is who: object keys, account identities, and the names we own in Kubernetes metadata."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

GROUP = "agentrun.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "agentrun"

ACCOUNT = "Account"
"""The kind of an account that a namespace has for itself."""
CLUSTER_ACCOUNT = "ClusterAccount"
"""The kind of an account that is lent to namespaces."""
ACCOUNT_KINDS = (ACCOUNT, CLUSTER_ACCOUNT)
"""What `accountRef.kind` may say; of two accounts called `default` the first one is used."""

FIELD_MANAGER = "agentrun-operator"

FINALIZER = f"{GROUP}/cleanup"
"""The one finalizer we write. Renaming it strands every object that carries it."""

PAUSED_ANNOTATION = f"{GROUP}/paused"
"""`true`, or an RFC 3339 time until which the object is paused."""
RECONCILE_REQUESTED_ANNOTATION = f"{GROUP}/reconcile-requested-at"
"""Any new value asks for one pass now; echoed in `status.lastRequest`."""
POLL_INTERVAL_ANNOTATION = f"{GROUP}/poll-interval"
"""Steady-state poll interval of this object, in whole seconds."""
ADOPT_ANNOTATION = f"{GROUP}/adopt"
"""`force` takes over a resource that carries somebody else's mark."""
ACCEPT_ABSENCE_ANNOTATION = f"{GROUP}/accept-absence"
"""On an account: the time that its condition MassAbsence names. What is missing is gone; go on."""

PUBLISHED_BY_ANNOTATION = f"{GROUP}/published-by"
"""On a ConfigMap of ours: `<Kind>/<name>` of the object whose address it holds. An owner reference
says the same, but does not outlive a backup."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""On a ConfigMap of ours, with the name of our field manager."""

UNKNOWN_CLUSTER = "unknown"
"""Id of every cluster that has none set and lets nobody read one: it tells no two apart."""

TAG_PREFIX = "k8s:"
"""Ownership tags are `k8s:<clusterId>/<namespace>/<name>`, on what was adopted with `/adopted`."""

MAX_MARK = len(TAG_PREFIX) + 63 + 1 + 63 + 1 + 253 + len("/adopted")
"""Characters of the longest one: no id of a cluster, namespace or name is longer."""

_INCARNATION = re.compile(r"0|[1-9][0-9]{0,8}")
"""A number that a status can record, and the next one."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Identity of one Kubernetes object; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, raw: Mapping[str, Any], kind: str | None = None) -> Self:
        """Read the key of a raw Kubernetes object (needs `kind` where LIST items omit theirs)."""
        metadata = raw["metadata"]
        return cls(kind or raw["kind"], metadata.get("namespace") or "", metadata["name"])

    @property
    def is_account(self) -> bool:
        """Whether it is an account object, which other objects use."""
        return self.kind in ACCOUNT_KINDS

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class AccountIdentity:
    """One cloud account in one region: the scope in which external names are unique."""

    account_id: str
    region: str

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read the account that the spec of an account object names, or a pin."""
        return cls(str(raw.get("accountId")), str(raw.get("region")))

    def __str__(self) -> str:
        return f"{self.account_id} in {self.region}"


@dataclass(frozen=True, slots=True)
class Locator:
    """Where one external resource lives: its path key, under its parent's id if it has one."""

    key: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that an ownership tag names."""

    cluster_id: str
    namespace: str
    name: str

    @classmethod
    def of(cls, tag: str) -> Self | None:
        """Read an ownership tag; None for a tag of another form."""
        parts = tag.removeprefix(TAG_PREFIX).removesuffix("/adopted").split("/")
        if not tag.startswith(TAG_PREFIX) or len(parts) != 3:  # noqa: PLR2004 - the three above
            return None
        return cls(*parts)


def ownership_tag(cluster_id: str, key: ObjectKey) -> str:
    """Return the tag that marks an external resource as created for this object."""
    return f"{TAG_PREFIX}{cluster_id}/{key.namespace}/{key.name}"


def adopted_tag(tag: str) -> str:
    """Return the tag of an object on what it adopted: nobody may ever take that for its own."""
    return f"{tag}/adopted"


def chosen_id(uid: str, incarnation: int) -> str:
    """Return the id of one incarnation of an object, the same for every try to create it."""
    return f"{incarnation_prefix(uid)}{incarnation}"


def incarnation_prefix(uid: str) -> str:
    """Return how the chosen id of each incarnation begins."""
    return f"k8s-{uid}-"


def incarnation_of(uid: str, ident: str) -> int:
    """Return which incarnation of an object has an id, 0 for an id of somebody else.

    Anybody with keys of the account may make a sandbox of such an id, with any number.
    """
    number = ident.removeprefix(incarnation_prefix(uid))
    return int(number) if number != ident and _INCARNATION.fullmatch(number) else 0
