"""A user who goes on working through every trouble, and remembers what ought to be there."""

import random
import time
from collections.abc import Callable
from typing import Any

import httpx

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.kinds import catalogue
from fakes.examples import CLOUD_KINDS, MINIMAL
from integration import fleet
from integration.cluster_view import Body, path_of
from rig import CloudAccount, Rig
from rig.samples import secret as secret_manifest

NAMESPACE = "soak"
PATIENCE_SECONDS = 180.0
"""How long a user repeats a request that the cluster does not answer."""
MOST_OBJECTS = 30
"""With more, every creation is followed by a deletion."""
MEDDLE_SECONDS, MEDDLE_TIMES = 700.0, 2
"""A resource that somebody changes more often is `Contested`, and rightly not corrected."""
MERGE = {"Content-Type": "application/merge-patch+json"}
_TARGETS: dict[str, list[str]] = {
    kind: sorted({n.kind for n in dependencies(catalogue()[kind], MINIMAL[kind])} & {*MINIMAL})
    for kind in CLOUD_KINDS
}
"""Kind → the kinds that an object of it refers to."""
_ALONE = tuple(kind for kind, targets in _TARGETS.items() if not targets)
_EDITABLE = tuple(n for n in CLOUD_KINDS if (rest := catalogue()[n].rest) and rest.updatable)
Key = tuple[str, str]
"""(kind, name)."""


MEDDLED = {"massAbsence": {"percent": 100}}
"""Of the Account: resources are removed here at a pace at which its brake would engage."""


class User:
    """Random actions over several kinds, from one seed."""

    def __init__(
        self, rig: Rig, account: CloudAccount, chance: random.Random, *, endpoint: str
    ) -> None:
        """Work in the cluster of a rig; its operators find the cloud at `endpoint`."""
        self.rig = rig
        self.account = account
        self.chance = chance
        self.wanted: dict[Key, Key | None] = {}
        """What ought to exist, and what it refers to."""
        self.descriptions: dict[Key, str] = {}
        self.values: dict[str, str] = {}
        """What the Secret says that the objects refer to."""
        self._endpoint = endpoint
        self._meddled: dict[Key, list[float]] = {}
        self._http = rig.api()
        self._serial = 0

    def open(self) -> None:
        """Create the namespace with its Secrets and Account."""
        self.rig.create_namespace(NAMESPACE)
        keys = {
            "accessKeyId": self.account.access_key_id,
            "accessKeySecret": self.account.access_key_secret,
        }
        self._put(secret_manifest(NAMESPACE, fleet.KEYS, keys))
        self.rotate()
        spec = {
            "accountId": self.account.account_id,
            "region": self.account.region,
            "endpoint": self._endpoint,
            "credentials": {"secretRef": {"name": fleet.KEYS}},
            "requestsPerSecond": 200,
        }
        self._put(fleet.manifest("Account", "default", {**spec, **MEDDLED}))
        for kind in _ALONE:
            self._create(kind)

    def act(self) -> str:
        """Do one thing; return what."""
        actions = (self.create, self.create, self.edit, self.edit, self.delete, self.recreate)
        others = (self.rotate, self.tamper, self.remove)
        done = self.chance.choice((*actions, *others))()
        if len(self.wanted) > MOST_OBJECTS:
            done += f", {self.delete()}"
        return done

    # ------------------------------------------------ in the cluster

    def create(self) -> str:
        """Create an object of some kind."""
        return self._create(self.chance.choice(CLOUD_KINDS))

    def edit(self) -> str:
        """Change a description."""
        kind, name = self._any(lambda key: key[0] in _EDITABLE)
        self._serial += 1
        text = self.descriptions[kind, name] = f"edit {self._serial}"
        self._patch(path_of(kind, NAMESPACE, name), {"spec": {"description": text}})
        return f"edit {kind}/{name}"

    def delete(self) -> str:
        """Delete an object that nothing refers to."""
        free = set(self.wanted) - set(self.wanted.values())
        kind, name = self._any(free.__contains__)
        self._forget(kind, name)
        return f"delete {kind}/{name}"

    def recreate(self) -> str:
        """Delete an object and create it again under the same name, as soon as it is gone."""
        free = set(self.wanted) - set(self.wanted.values())
        kind, name = self._any(free.__contains__)
        self._forget(kind, name)
        if kind in _ALONE and self._is_gone_soon(kind, name):
            self._create(kind, name)
        return f"recreate {kind}/{name}"

    def rotate(self) -> str:
        """Change every value in the Secret that the objects refer to."""
        self.values = {name: fleet.canary() for name in fleet.SECRET_KEYS}
        self._put(secret_manifest(NAMESPACE, fleet.VALUES, self.values))
        return "rotate the Secret"

    def objects(self) -> list[Body]:
        """Return all objects with a cloud resource."""
        found = []
        for kind in fleet.FAMILIES:
            answer = self._insist("GET", path_of(kind, NAMESPACE))
            found += [{"kind": kind, **item} for item in answer.json()["items"]]
        return found

    def events(self) -> str:
        """Return the Events of the namespace as text."""
        return self._insist("GET", f"/api/v1/namespaces/{NAMESPACE}/events").text

    def delete_all(self) -> None:
        """Delete everything, users first."""
        for kind, name in sorted(self.wanted, key=lambda key: key[0] in _ALONE):
            self._insist("DELETE", path_of(kind, NAMESPACE, name))
        self.wanted.clear()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ------------------------------------------------ in the cloud

    def tamper(self) -> str:
        """Change a resource behind the operator's back."""
        return self._in_cloud(
            "tamper", lambda f, k, a: self.rig.cloud.edit(f, k, _DRIFT, account=a)
        )

    def remove(self) -> str:
        """Delete a resource behind the operator's back."""
        return self._in_cloud("remove", lambda f, k, a: self.rig.cloud.delete(f, k, account=a))

    def _in_cloud(self, what: str, do: Callable[[str, str, str], object]) -> str:
        try:
            if not (there := self._meddleable()):
                return f"{what} nothing"
            kind, name = self.chance.choice(sorted(there))
            self._meddled.setdefault((kind, name), []).append(time.monotonic())
            do(fleet.FAMILIES[kind], name, self.account.account_id)
        except httpx.HTTPError as error:
            return f"{what}: {error.__class__.__name__}"
        return f"{what} {kind}/{name}"

    def _meddleable(self) -> set[Key]:
        """Return what is in the cloud and was not meddled with too often."""
        since = time.monotonic() - MEDDLE_SECONDS
        resources = self.rig.cloud.resources(account=self.account.account_id)
        return {
            (kind, str(each.get(fleet.name_field(kind))))
            for kind in ("Credential", "ModelService", "ModelProxy")
            for each in resources.get(fleet.FAMILIES[kind], [])
        } - {
            key
            for key, times in self._meddled.items()
            if sum(at > since for at in times) >= MEDDLE_TIMES
        }

    # ------------------------------------------------ inner parts

    def _create(self, kind: str, name: str = "") -> str:
        self._serial += 1
        name = name or f"{kind.lower()}-{self._serial}"
        target: Key | None = None
        for wanted in _TARGETS[kind]:
            target = self._one_of(wanted)
        manifest = fleet.usual(kind, name, {target[0]: target[1]} if target else {})
        self._put(manifest)
        self.wanted[kind, name] = target
        return f"create {kind}/{name}"

    def _one_of(self, kind: str) -> Key:
        if all(key[0] != kind for key in self.wanted):
            self._create(kind)
        return self._any(lambda key: key[0] == kind)

    def _any(self, fits: Callable[[Key], bool]) -> Key:
        found = sorted(key for key in self.wanted if fits(key))
        if not found:
            self._create("Credential")
            return self._any(lambda key: key[0] == "Credential")
        return self.chance.choice(found)

    def _forget(self, kind: str, name: str) -> None:
        self._insist("DELETE", path_of(kind, NAMESPACE, name))
        del self.wanted[kind, name]
        self.descriptions.pop((kind, name), None)

    def _is_gone_soon(self, kind: str, name: str) -> bool:
        """Wait a little for a deletion; a stopped operator must not stop the user."""
        deadline = time.monotonic() + 3.0
        while self._insist("GET", path_of(kind, NAMESPACE, name)).status_code != 404:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _put(self, manifest: Body) -> None:
        metadata = {**manifest["metadata"], "namespace": NAMESPACE}
        body = {**manifest, "metadata": metadata}
        answer = self._insist("POST", path_of(manifest["kind"], NAMESPACE), json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            changes = {k: v for k, v in body.items() if k in ("spec", "data", "stringData")}
            self._patch(path_of(manifest["kind"], NAMESPACE, metadata["name"]), changes)

    def _patch(self, path: str, changes: Body) -> None:
        self._insist("PATCH", path, json=changes, headers=MERGE)

    def _insist(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Repeat a request until the cluster answers; what is there or gone already is fine."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, timeout=10.0, **request)
            except httpx.TransportError as error:
                trouble = repr(error)
            else:
                if answer.is_success or answer.status_code in (404, 409):
                    return answer
                trouble = f"{answer.status_code} {answer.text}"
                if answer.status_code < 500 and answer.status_code not in (401, 403, 429):
                    raise RuntimeError(f"{method} {path}: {trouble}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {trouble}")
            time.sleep(0.3)


_DRIFT = {"description": "somebody else's"}
