"""Reads of what references lead to, and metadata for the resync and the start-up checks."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.identity import GROUP, VERSION, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import parse_time
from agentrun_operator.kube.client import (
    METADATA,
    METADATA_LIST,
    KubeClient,
    ListExpired,
    core_path,
    custom_path,
    is_object_name,
)
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    Held,
    Json,
    KindNotServed,
    Listed,
    ObjectGone,
    SecretData,
)

log = structlog.get_logger(__name__)

_ONE_WRITE = timedelta(seconds=1)
"""The two times of one creation may stand on either side of a full second."""
LIST_ATTEMPTS = 3
"""A continue token may expire under a slow list; starting over is the cure."""


class ReferenceReader:
    """Implements `ports.KubeReader`."""

    def __init__(
        self,
        client: KubeClient,
        *,
        namespaces: tuple[str, ...] = (),
        secrets_from: tuple[str, ...] = (),
        ages: WatchAges | None = None,
    ) -> None:
        """Read the given namespaces, or the whole cluster; Secrets of fewer, where that is said.

        `ages` is told of the namespaces that are left out.
        """
        self._client = client
        self._namespaces = namespaces
        self._secrets_from = secrets_from
        self._ages = ages or WatchAges()
        self._refusing: set[str] = set()

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        """GET a Secret, decoded, without the values that are no UTF-8 text.

        Raises:
            ReferenceNotFound: the operator may read no Secret of that namespace.
        """
        if self._secrets_from and namespace not in self._secrets_from:
            raise ReferenceNotFound(
                f"Secret {name!r} cannot be read: namespace {namespace!r} is not one of those "
                "whose Secrets this operator may read; have it added to secretNamespaces"
            )
        raw = await self._object("secrets", namespace, name)
        if raw is None:
            return None
        decoded = {key: _decoded(value) for key, value in (raw.get("data") or {}).items()}
        return SecretData(
            data={key: value for key, value in decoded.items() if value is not None},
            version=_version(raw),
            unreadable=frozenset(key for key, value in decoded.items() if value is None),
            edited_at=_edited_at(raw),
        )

    async def config_map(self, namespace: str, name: str) -> SecretData | None:
        """GET a ConfigMap without the values of its `binaryData`."""
        raw = await self._object("configmaps", namespace, name)
        if raw is None:
            return None
        return SecretData(
            data=dict(raw.get("data") or {}),
            version=_version(raw),
            unreadable=frozenset(raw.get("binaryData") or ()),
            edited_at=_edited_at(raw),
        )

    async def _object(self, plural: str, namespace: str, name: str) -> Json | None:
        # A tenant's spec must not lead us to another path with the operator's own rights.
        if not (is_object_name(name) and is_object_name(namespace)):
            return None
        try:
            return await self._client.get(core_path(plural, namespace, name))
        except ObjectGone:
            return None
        except ClusterForbidden as refusal:
            # An answer as good as any: what waits for it says so, and shows no older state as true.
            raise ReferenceNotFound(
                f"{plural.removesuffix('s')} {name!r} in namespace {namespace!r} cannot be read: "
                f"{refusal}"
            ) from refusal

    async def list_objects(self, kind: ResourceKind) -> Listed:
        """LIST the metadata of all objects of a kind that we watch.

        Without a resourceVersion in the query: the answer is as new as anything seen before.

        A namespace that refuses us is left out as long as another one answers: a namespace takes
        our Role along when it is deleted, and whoever may do that must not stop the others.

        Raises:
            ClusterUnavailable: nobody answered, or a list broke off.
        """
        found: dict[ObjectKey, Held] = {}
        versions: list[int] = []
        refusals: dict[str, ClusterForbidden] = {}
        namespaces = (self._namespaces if kind.namespaced else ()) or ("",)
        for namespace in namespaces:
            try:
                versions.append(await self._list(kind, namespace, found))
            except ClusterForbidden as refusal:
                refusals[namespace] = refusal
                self._tell(namespace, refusal)
            else:
                self._refusing.discard(namespace)
        if len(refusals) == len(namespaces):
            raise refusals[namespaces[0]]
        for namespace in refusals:
            # Its watches are refused as well: they would look stale until the process ends.
            self._ages.forget(namespace)
        return Listed(found, min(versions))

    def _tell(self, namespace: str, refusal: ClusterForbidden) -> None:
        if namespace not in self._refusing:
            log.warning(
                "a namespace that is to be watched refuses us, so nothing in it is served; "
                "was it deleted?",
                namespace=namespace,
                error=str(refusal),
            )
        self._refusing.add(namespace)

    async def _list(self, kind: ResourceKind, namespace: str, into: dict[ObjectKey, Held]) -> int:
        """Add what one LIST shows; return its version."""
        path = custom_path(kind.plural, namespace)
        for attempt in range(1, LIST_ATTEMPTS + 1):
            found: dict[ObjectKey, Held] = {}
            version = 0
            try:
                async for page in self._client.pages(path, accept=METADATA_LIST):
                    version = int((page.get("metadata") or {}).get("resourceVersion") or 0)
                    for item in page["items"]:
                        metadata = item["metadata"]
                        held = Held(metadata.get("uid", ""), int(metadata["resourceVersion"]))
                        found[ObjectKey.of(item, kind.kind)] = held
            except ObjectGone:
                raise KindNotServed(_missing((crd_name(kind),))) from None
            except ListExpired:
                if attempt == LIST_ATTEMPTS:
                    raise
            else:
                break
        into.update(found)
        return version

    async def read_object(self, kind: ResourceKind, key: ObjectKey) -> Json | None:
        """GET one object of ours, whole; None when it is gone."""
        try:
            return await self._client.get(custom_path(kind.plural, key.namespace, key.name))
        except ObjectGone:
            return None

    async def namespace_labels(self, name: str) -> Mapping[str, str]:
        """GET a namespace's labels; empty when there is none or it may not be read."""
        try:
            raw = await self._client.get(core_path("namespaces", name=name), accept=METADATA)
        except (ObjectGone, ClusterForbidden):
            return {}
        return dict(raw["metadata"].get("labels") or {})

    async def cluster_uid(self) -> str | None:
        """Return the uid of `kube-system`, the usual identity of a cluster; None if forbidden."""
        try:
            raw = await self._client.get(
                core_path("namespaces", name="kube-system"), accept=METADATA
            )
        except (ObjectGone, ClusterForbidden):
            return None
        return str(raw["metadata"]["uid"])

    async def check_crds(self, kinds: Iterable[ResourceKind]) -> tuple[str, ...]:
        """Return the names of the CRDs that the API server does not serve, sorted.

        Also the cheapest proof that it is reachable and accepts our credentials.

        Raises:
            ClusterUnavailable: it is not, or it does not; the message says what to do.
        """
        wanted = {kind.plural: crd_name(kind) for kind in kinds}
        try:
            answer = await self._client.get(f"/apis/{GROUP}/{VERSION}")
        except ObjectGone:
            return tuple(sorted(wanted.values()))
        served = {resource["name"] for resource in answer.get("resources") or ()}
        return tuple(sorted(name for plural, name in wanted.items() if plural not in served))

    async def require_crds(self, kinds: Iterable[ResourceKind]) -> None:
        """Refuse to start without our CRDs.

        Raises:
            ClusterUnavailable: see `check_crds`, or CRDs are missing; the message names them.
        """
        missing = await self.check_crds(kinds)
        if missing:
            raise KindNotServed(_missing(missing))


def crd_name(kind: ResourceKind) -> str:
    """Return the name of a kind's CustomResourceDefinition."""
    return f"{kind.plural}.{GROUP}"


def _missing(names: tuple[str, ...]) -> str:
    return (
        f"the API server does not serve {', '.join(names)} in version {VERSION}; install the "
        "operator's CRDs (kubectl apply --server-side -f crds/) and start again"
    )


def _version(raw: Json) -> str:
    return f"{raw['metadata']['uid']}/{raw['metadata']['resourceVersion']}"


def _edited_at(raw: Json) -> datetime | None:
    """Return when an object was last edited; None where it is as it was made."""
    metadata = raw["metadata"]
    times = [parse_time(entry.get("time")) for entry in metadata.get("managedFields") or ()]
    newest = max((time for time in times if time is not None), default=None)
    made = parse_time(metadata.get("creationTimestamp"))
    if newest is None or made is None or newest - made <= _ONE_WRITE:
        return None
    return newest


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
