"""What the engine needs of the world, as Protocols. Adapters satisfy them, tests pass fakes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.identity import AccountIdentity, Locator, ObjectKey
from agentrun_operator.core.kind import ResourceKind, Rest, Verb
from agentrun_operator.core.objects import KubeObject

Json = dict[str, Any]


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """Return the wall clock, aware, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


# ---------------------------------------------------------------- the cloud


@dataclass(frozen=True, slots=True)
class Lookup:
    """Answer of a look-up: the resource, or its absence, and the cloud's own time of the answer."""

    resource: Json | None = field(repr=False)
    date: datetime | None
    """The answer's `Date` header; None when there was none."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection."""

    items: Sequence[Json] = field(repr=False)
    cursor: str | None
    """Asks for the next page; None at the end."""
    size: int = 0
    """Bytes of the answer."""
    answer: object = field(default=None, repr=False)
    """Counts as bytes in flight while the page is used."""


class ExternalAPI(Protocol):
    """One account of the AgentRun API, for any `Rest` mapping.

    Every method raises the classes of `core.errors`, and only those: Unavailable (with
    `maybe_applied` for a write whose answer was lost), Throttled, Busy, AccessDenied,
    CredentialsInvalid, InvalidParameter, QuotaExceeded, AlreadyExistsNotOwned (a create found its
    name taken), ForeignKeys (the keys, or the answer, are those of another account). A missing
    resource is a value.

    With keys whose owner is not known to be the account, no method sends anything but the question
    whose they are.
    """

    async def identify(self) -> bool:
        """Make sure that the keys belong to the account; asks only if that is not known yet.

        Returns False where nobody is to be asked, and nothing is known.
        """

    async def find(self, rest: Rest, *, name: str, parent: str | None = None) -> Lookup:
        """Look one name up: by the collection's name filter, or by key where the key is a name.

        The API's filters may be fuzzy; only an exact match counts.
        """

    async def read(self, rest: Rest, at: Locator) -> Lookup:
        """GET one resource by its path key."""

    async def read_page(
        self,
        rest: Rest,
        *,
        parent: str | None = None,
        partition: Mapping[str, str] | None = None,
        cursor: str | None = None,
    ) -> Page:
        """LIST one page; `partition` gives the required query parameters."""

    async def create(self, rest: Rest, body: Json, *, parent: str | None = None) -> Json:
        """POST one resource; returns what the API answered. Never repeated by this layer."""

    async def update(self, rest: Rest, at: Locator, body: Json) -> Json:
        """PUT the given fields; the API keeps the others."""

    async def delete(self, rest: Rest, at: Locator) -> bool:
        """DELETE; returns whether the cloud took it.

        False where it says that there is no such resource. About what a read has just found that
        proves nothing: one of the two answers is wrong.
        """

    async def act(self, rest: Rest, at: Locator, verb: Verb) -> None:
        """Call one verb of a resource."""

    async def verify(self) -> None:
        """Prove with one cheap read that the keys are accepted."""

    def keys(self) -> frozenset[str]:
        """Return the texts of the keys that signed in the last hour, which an answer may quote."""

    async def aclose(self) -> None:
        """Close pooled connections."""


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """Whether, and where, to ask whose keys an account has."""

    is_on: bool = True
    endpoint: str | None = None
    """Base URL of the token service; None: the one that belongs to the account's endpoint."""


@dataclass(frozen=True, slots=True)
class AccountConnection:
    """What it takes to talk to one account."""

    identity: AccountIdentity
    endpoint: str | None
    """Base URL; None: the public endpoint of the region."""
    keys: Mapping[str, str] | None = field(repr=False)
    """A Secret's data (accessKeyId, accessKeySecret[, securityToken]); None: the operator's own
    credential chain."""
    requests_per_second: float
    role_arn: str | None = None
    """RAM role to assume with the keys; None: they are used themselves."""
    role_external_id: str | None = None
    origin: str = "the Secret of the account"
    """Names where the keys come from, for messages."""
    source: ObjectKey | None = None
    """The object that stands for the account, for metrics."""
    identity_check: IdentityCheck = IdentityCheck()


class AccountAPI(ExternalAPI, Protocol):
    """An `ExternalAPI` whose calls wait for their turns in the account's budget."""

    def check_turn(self, operation: str) -> None:
        """Raise Throttled where a call would be sent away that an answer has to come before."""


class Cloud(Protocol):
    """Makes API clients."""

    def place_of(self, region: str, endpoint: str | None) -> str:
        """Name the cloud that an endpoint leads to: the same for all ways into one region.

        Raises:
            InvalidParameter: it is no endpoint, or of another region.
        """

    def connect(
        self, connection: AccountConnection, acquire: Callable[[], Awaitable[None]]
    ) -> ExternalAPI:
        """Return a client of one account that awaits `acquire` before each request.

        Raises:
            CredentialsInvalid: a key is missing or empty; the message names it.
            InvalidParameter: the endpoint is not on the operator's allow-list.
        """


# -------------------------------------------------------------- the cluster


class ObjectGone(Exception):
    """The object no longer exists in the cluster."""


class ObjectConflict(Exception):
    """The object is newer than what we hold; the watch brings it and the pass runs again."""


class ClusterUnavailable(Exception):
    """The API server did not answer usefully; the message says what it said."""


class ClusterForbidden(ClusterUnavailable):
    """RBAC, or a rule of admission, does not allow the request; the message says which."""


class KindNotServed(ClusterUnavailable):
    """The API server does not know one of our kinds: its CRD is not installed."""


class ClusterRewound(Exception):
    """The cluster shows an older state than before; only a new process can trust what it knows."""


class WriteUnanswered(ClusterUnavailable):
    """A write got no useful answer; it may have been applied all the same."""


class KubeWriter(Protocol):
    """The only writes we ever make to users' objects.

    Raises ObjectGone, ObjectConflict, ClusterUnavailable.
    """

    async def add_finalizer(self, obj: KubeObject) -> Json:
        """Add our finalizer, guarded by the resourceVersion; returns the new raw object."""

    async def remove_finalizer(self, obj: KubeObject) -> None:
        """Remove our finalizer and nothing else; an object that is gone is a success."""

    async def write_status(self, obj: KubeObject, status: Json) -> Json:
        """Replace the status of this very object (by uid) whole; returns the raw object."""


@dataclass(frozen=True, slots=True)
class SecretData:
    """One Secret or ConfigMap. The repr shows no value."""

    data: Mapping[str, str] = field(repr=False)
    version: str
    """`<uid>/<resourceVersion>`."""
    unreadable: frozenset[str] = frozenset()
    """Keys whose value is no UTF-8 text, and left out of `data`."""
    edited_at: datetime | None = None
    """When it was last edited; None where it is as it was made."""


@dataclass(frozen=True, slots=True)
class Held:
    """One version of one object, as a LIST shows it or a cache holds it."""

    uid: str
    version: int
    """The resourceVersion: later is greater, for one resource type in one cluster."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A consistent LIST of one kind, by metadata."""

    objects: Mapping[ObjectKey, Held]
    version: int
    """The resourceVersion of the LIST itself, of the oldest where there were several; 0 where the
    server gave none."""


class Leadership(Protocol):
    """Whether this process is the one that may write."""

    def is_valid(self) -> bool:
        """Return False as soon as another process could have taken over."""


class KubeReader(Protocol):
    """Reads of what references lead to, and of metadata for the resync."""

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        """GET a Secret, decoded; None when there is none.

        Raises ClusterUnavailable, and ReferenceNotFound where Secrets of that namespace are closed
        to us.
        """

    async def config_map(self, namespace: str, name: str) -> SecretData | None:
        """GET a ConfigMap; None when there is none. Raises ClusterUnavailable."""

    async def list_objects(self, kind: ResourceKind) -> Listed:
        """LIST the metadata of all objects of a kind, as they are now.

        Raises ClusterUnavailable, as KindNotServed where there is no CRD.
        """

    async def read_object(self, kind: ResourceKind, key: ObjectKey) -> Json | None:
        """GET one object of ours, whole; None when it is gone."""

    async def namespace_labels(self, name: str) -> Mapping[str, str]:
        """GET a namespace's labels; empty when there is none or it may not be read."""


class ConnectionWriter(Protocol):
    """Publishes addresses for workloads to mount."""

    async def publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> str:
        """Create or update the ConfigMap `name`, owned by `owner`; return its resourceVersion.

        Raises:
            AlreadyExistsNotOwned: a ConfigMap of that name exists and is not ours.
            InvalidParameter: no ConfigMap can have that name.
            AccessDenied: the cluster refuses it until somebody changes something.
            ClusterUnavailable: the API server did not take it.
        """

    async def withdraw(self, owner: KubeObject, name: str, *, is_left: bool = False) -> None:
        """Delete the ConfigMap `name` if it is `owner`'s; one that is not stays.

        Args:
            owner: The object that published it.
            name: Its name.
            is_left: Only where the end of `owner` leaves it behind, as no owner reference names it.

        Raises:
            AccessDenied: the cluster refuses it until somebody changes something.
            ClusterUnavailable: the API server did not take it.
        """


EventType = Literal["Normal", "Warning"]


class EventRecorder(Protocol):
    """Kubernetes Events: posted in the background, never awaited, never fatal."""

    def emit(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> None:
        """Record one transition."""


class Metrics(Protocol):
    """Counters of the engine, under controller-runtime's names."""

    def queue_added(self, kind: str) -> None:
        """Count one key put on the queue."""

    def queue_retried(self, kind: str) -> None:
        """Count one key put back after a failure."""

    def queue_depth(self, kind: str, depth: int) -> None:
        """Set how many keys wait."""

    def queue_waited(self, kind: str, seconds: float) -> None:
        """Observe how long one key waited."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count one pass; `result` is success, error, requeue or requeue_after."""

    def workers(self, *, active: int, limit: int) -> None:
        """Set how many passes are at work, and how many may be; those that wait do not count."""

    def missing(self, account: ObjectKey, count: int | None) -> None:
        """Remember how many resources of an account are missing; None: no longer too many."""

    def observed(self, before: KubeObject | None, obj: KubeObject) -> None:
        """Take in a new version of an object, and the one before."""

    def forgotten(self, key: ObjectKey) -> None:
        """Take in that an object is gone."""

    def reference_changed(self, target: ObjectKey, version: str, users: list[ObjectKey]) -> None:
        """Take in that a Secret or ConfigMap changed, and who uses it; version "": it is gone."""

    def passed(self, key: ObjectKey, verdict: Verdict | None, *, began: float) -> None:
        """Take in what a pass over an object said which began at that monotonic time."""
