"""The namespaces of a history: their accounts, Secrets and ConfigMaps, their end and return."""

import asyncio
import base64
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.settings import Account
from fakes.kube_server import OURS
from soak.cloud import FOREIGN, MAIN, NEXT, OTHER, keys_of
from soak.process import OPERATOR_NAMESPACE
from soak.slots import NAMESPACE, NAMESPACES, SECOND, SLOT_OF
from soak.tenancy import granted

if TYPE_CHECKING:
    from soak.simulation import Simulation

SHARED = ObjectKey("ClusterAccount", "", "default")
OTHERS: Mapping[str, ObjectKey] = {
    NAMESPACE: ObjectKey("Account", NAMESPACE, "other"),
    SECOND: ObjectKey("ClusterAccount", "", "other"),
}
"""The account that the objects of a namespace may be moved to."""
_LABELS = {"team": "ours"}
_RETURN_SECONDS = 5.0
_REVOKED_SECONDS = 60.0
"""Until every watch has told of it, or a resync has."""
_LOCKED_OUT_SECONDS = 40.0
"""So long before a Secret went a process has to have begun, to know its keys for sure."""


def secret_of(account: ObjectKey) -> ObjectKey:
    """Return the Secret with an account's keys."""
    name = "agentrun-keys" if account.name == "default" else "other-keys"
    return ObjectKey("Secret", account.namespace or OPERATOR_NAMESPACE, name)


class Tenants:
    """What the people of each namespace have beside their objects."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._schedule = simulation.schedule
        self._tokens = dict.fromkeys(NAMESPACES, 0)
        self._serial = 0
        self._main = MAIN
        """The key of the first account that whoever writes a Secret takes."""
        self._backups: dict[str, dict[ObjectKey, Json]] = {}
        self._is_wanted_back: dict[str, bool] = {}
        """Namespaces to restore once they are gone; whether with the status of their objects."""
        self._keys_gone_at: dict[ObjectKey, float] = {}
        self._bad_keys: set[ObjectKey] = set()
        self._revoked_at: dict[str, float] = {}
        self.described: Counter[str] = Counter()
        """By uid: how often a user has edited the description."""

    # ------------------------------------------------ the beginning

    def set_the_stage(self) -> None:
        """Bring what every history begins with."""
        self._simulation.cloud.furnish()
        self._kube.create(ObjectKey("Namespace", "", "kube-system"), {"metadata": {"labels": {}}})
        for namespace in self._schedule.namespaces:
            self._bring(namespace)

    def _bring(self, namespace: str) -> None:
        """Bring a namespace, what its objects need, and its accounts, where they are missing."""
        place = ObjectKey("Namespace", "", namespace)
        if self._kube.find(place) is None:
            self._kube.create(place, {"metadata": {"labels": dict(_LABELS)}})
        self._put_keys(secret_of(self.account_of(namespace)), self._main)
        self._put_keys(secret_of(OTHERS[namespace]), OTHER)
        self.put(ObjectKey("Secret", namespace, "keys"), {"token": self.token(namespace)})
        if self._kube.find(ObjectKey("ConfigMap", namespace, "settings")) is None:
            self.config_map("rotate", namespace)
        self._bring_account(self.account_of(namespace), MAIN)
        self._bring_account(OTHERS[namespace], OTHER)
        if self._schedule.lending:
            self._put_keys(secret_of(SHARED), self._main)
            self._bring_account(SHARED, MAIN)

    def _put_keys(self, secret: ObjectKey, account: Account) -> None:
        self.put(secret, keys_of(account))
        if self._kube.find(secret) is not None:
            self._keys_gone_at.pop(secret, None)
            self._bad_keys.discard(secret)

    def account_of(self, namespace: str) -> ObjectKey:
        """Return the account that a namespace's objects live in unless they name another."""
        if namespace in self._schedule.lent:
            return SHARED
        return ObjectKey("Account", namespace, "default")

    def restore_accounts(self) -> None:
        """Bring the accounts, where somebody deleted them."""
        for namespace in self._present():
            self._bring_account(self.account_of(namespace), MAIN)
            self._bring_account(OTHERS[namespace], OTHER)

    def _bring_account(self, key: ObjectKey, account: Account) -> None:
        if self._kube.find(key) is None:
            spec: Json = {
                "accountId": account.account_id,
                "region": "cn-hangzhou",
                "credentials": {"secretRef": {"name": secret_of(key).name}},
            }
            if key.kind == "ClusterAccount":
                spec["allowedNamespaces"] = self._allowed(key)
                spec["allow"] = granted(strictly=self._schedule.strict)
            spec |= self._simulation.actions.defaults.of(key)
            self._kube.create(key, {"metadata": {}, "spec": spec})

    def _allowed(self, account: ObjectKey) -> Json:
        if account == SHARED and self._schedule.lending == "selector":
            return {"selector": {"matchLabels": dict(_LABELS)}}
        return {"names": list(NAMESPACES)}

    def _present(self) -> list[str]:
        return [n for n in self._schedule.namespaces if n not in self._kube.terminating]

    # ------------------------------------------------ Secrets and ConfigMaps

    def token(self, namespace: str) -> str:
        """The value that the Secret `keys` of a namespace is meant to have."""
        return f"canary-token-{namespace}-{self._tokens[namespace]}"

    def level(self, namespace: str) -> str:
        """The value that the ConfigMap `settings` of a namespace has, empty without one."""
        found = self._kube.find(ObjectKey("ConfigMap", namespace, "settings")) or {}
        return str(found.get("data", {}).get("level", ""))

    def secret(self, what: str, namespace: str = NAMESPACE) -> None:
        key = ObjectKey("Secret", namespace, "keys")
        if what == "delete":
            self.drop(key)
            return
        if what == "malformed":
            self.put(key, {"other": "x"})
            return
        count = self._tokens[namespace] + {"rotate": 1, "back": -1}.get(what, 0)
        self._tokens[namespace] = max(0, count)
        extra = {"note": str(self._simulation.loop.time())} if what == "touch" else {}
        self.put(key, {"token": self.token(namespace), **extra})

    def config_map(self, what: str, namespace: str = NAMESPACE) -> None:
        key = ObjectKey("ConfigMap", namespace, "settings")
        if what == "delete":
            self.drop(key)
            return
        self._serial += 1
        self.put(key, {"level": f"{namespace} {self._serial}"})

    # ------------------------------------------------ accounts

    def account(self, what: str, namespace: str = NAMESPACE) -> None:
        """Do something to the account that a namespace's objects live in, or to their choice."""
        key = self.account_of(namespace)
        other = OTHERS[namespace]
        match what:
            case "bad-keys":
                bad = {**keys_of(MAIN), "accessKeySecret": "canary-wrong-key"}
                self.put(secret_of(key), bad)
                self._bad_keys.add(secret_of(key))
            case "no-keys":
                self._end(secret_of(key))
            case "good-keys":
                self._put_keys(secret_of(key), self._main)
            case "delete":
                self.drop(key)
            case "move":
                self._point(namespace, {"kind": other.kind, "name": other.name})
            case "lend" if self._schedule.lending:
                self._point(namespace, {"kind": SHARED.kind, "name": SHARED.name})
            case "own":
                self._point(namespace, None)
            case "revoke" | "allow":
                self._lend(namespace, is_allowed=what == "allow")
            case unknown if unknown != "lend":
                raise ValueError(f"nobody knows how to {unknown}")

    def foreign_keys(self, namespace: str = NAMESPACE) -> None:
        """Write the keys of somebody else's account into the Secret."""
        secret = secret_of(self.account_of(namespace))
        self.put(secret, keys_of(FOREIGN))
        self._bad_keys.add(secret)

    def rotate_keys(self, namespace: str = NAMESPACE) -> None:
        """Write another key of the same account into its Secret."""
        self._main = NEXT
        self._put_keys(secret_of(self.account_of(namespace)), NEXT)

    def withdraw_old_key(self) -> None:
        """Disable the key that was there before."""
        self._simulation.cloud.withdraw(MAIN)

    def _point(self, namespace: str, ref: Json | None) -> None:
        """Let the objects of a namespace name an account."""
        for key in sorted(self._kube.objects):
            raw = self._kube.objects[key]
            if key in SLOT_OF and key.namespace == namespace:
                spec = {name: value for name, value in raw["spec"].items() if name != "accountRef"}
                self.set_spec(key, {**spec, **({"accountRef": ref} if ref else {})})

    def _lend(self, namespace: str, *, is_allowed: bool) -> None:
        """Let a namespace use the shared account, or no longer."""
        if is_allowed:
            self._revoked_at.pop(namespace, None)
        elif self._schedule.lending:
            self._revoked_at.setdefault(namespace, self._simulation.loop.time())
        place = ObjectKey("Namespace", "", namespace)
        if self._schedule.lending == "selector" and self._kube.find(place) is not None:
            labels = dict(_LABELS) if is_allowed else {}
            self._kube.edit(place, lambda raw: raw["metadata"].update(labels=labels))
        elif self._schedule.lending == "names" and self._kube.find(SHARED) is not None:
            names = [n for n in NAMESPACES if n != namespace or is_allowed]
            spec = {**self._kube.objects[SHARED]["spec"], "allowedNamespaces": {"names": names}}
            self.set_spec(SHARED, spec)

    def is_refused(self, namespace: str) -> bool:
        """Whether the shared account has not been a namespace's to use for a while."""
        revoked_at = self._revoked_at.get(namespace, float("inf"))
        return self._simulation.loop.time() - revoked_at > _REVOKED_SECONDS

    # ------------------------------------------------ the end of a namespace

    def end_namespace(self, namespace: str, seconds: float, first: str) -> None:
        """Delete a namespace: its content goes in any order, and nothing new gets in.

        Args:
            namespace: Which one.
            seconds: How long the deletion of the content takes.
            first: A kind whose objects go at once; empty for none.
        """
        if namespace in self._kube.terminating or namespace not in self._schedule.namespaces:
            return
        self._backups[namespace] = self._content(namespace)
        self._kube.terminating.add(namespace)
        loop = asyncio.get_running_loop()
        for key in self._backups[namespace]:
            at = self._simulation.chance.between("end of namespace", 0.0, seconds)
            loop.call_later(0.0 if key.kind == first else at, self._end, key)
        loop.call_later(seconds, self._forget_if_empty, namespace)

    def _end(self, key: ObjectKey) -> None:
        if key.kind == "Secret" and self._kube.find(key) is not None:
            self._keys_gone_at.setdefault(key, self._simulation.loop.time())
        self.drop(key)

    def _content(self, namespace: str) -> dict[ObjectKey, Json]:
        return {
            key: raw
            for key, raw in sorted(self._kube.objects.items())
            if key.namespace == namespace
        }

    def _forget_if_empty(self, namespace: str) -> None:
        if self._content(namespace):
            asyncio.get_running_loop().call_later(1.0, self._forget_if_empty, namespace)
            return
        self.drop(ObjectKey("Namespace", "", namespace))
        if namespace in self._is_wanted_back:
            self._return(namespace)

    def is_locked_out(self, namespace: str) -> bool:
        """Whether nobody has the keys of a namespace any more.

        Its Secret is gone, and so is every process that had read it; or its last keys were bad.
        Who began in an outage has not heard until its end whose keys they are.
        """
        if self._simulation.actions.defaults.is_forced_out(self.account_of(namespace)):
            return True
        secrets = {secret_of(a) for a in (self.account_of(namespace), OTHERS[namespace], SHARED)}
        if secrets & self._bad_keys:
            return True
        leads = [p.begun_at for p in self._simulation.living() if p.engine is not None]
        begun = max(leads, default=float("inf"))
        outages = self._simulation.actions.restores.outages
        begun = max([begun, *(until for since, until in outages if since < begun < until)])
        gone = secrets & self._keys_gone_at.keys()
        if any(begun > self._keys_gone_at[secret] - _LOCKED_OUT_SECONDS for secret in gone):
            return True
        # Who was refused every read of it knows no keys either.
        account = self.account_of(namespace)
        readers = [p for p in self._simulation.living() if secret_of(account) in p.wire.read]
        return secret_of(account) in gone and self._kube.find(account) is not None and not readers

    def give_up(self, namespace: str) -> None:
        """Do what the message of a blocked deletion says: keep the resources."""
        for key in sorted(self._content(namespace)):
            if key in SLOT_OF:
                self.give_up_object(key)

    def give_up_object(self, key: ObjectKey) -> None:
        """Do the same for one object."""
        self.set_spec(key, {**self._kube.objects[key]["spec"], "deletionPolicy": "Retain"})

    # ------------------------------------------------ its return

    def restore_namespace(self, namespace: str, *, status: bool) -> None:
        """Bring a namespace back from the backup of its last moment, as soon as it is gone."""
        if namespace in self._kube.terminating:
            self._is_wanted_back[namespace] = status
            if self._kube.find(ObjectKey("Namespace", "", namespace)) is None:
                self._return(namespace)

    def lose_namespace(self, namespace: str) -> None:
        """Let a namespace vanish whatever the finalizers say, as the loss of a cluster does."""
        if namespace in self._kube.terminating or namespace not in self._schedule.namespaces:
            return
        self._backups[namespace] = self._content(namespace)
        self._kube.terminating.add(namespace)
        self._simulation.cloud.take_stock()
        for key, raw in self._backups[namespace].items():
            self._simulation.checks.abandoned.add(raw["metadata"]["uid"])
            self._kube.lose(key)
        for process in self._simulation.living():
            process.kill("its cluster is lost")
        self._forget_if_empty(namespace)

    def _return(self, namespace: str) -> None:
        """Bring everything back within seconds, in any order."""
        has_status = self._is_wanted_back.pop(namespace)
        self._kube.terminating.discard(namespace)
        labels = {"metadata": {"labels": dict(_LABELS)}}
        self._kube.create(ObjectKey("Namespace", "", namespace), labels)
        loop, chance = asyncio.get_running_loop(), self._simulation.chance
        for key, raw in self._backups[namespace].items():
            at = chance.between("return of namespace", 0.0, _RETURN_SECONDS)
            is_ours = key.kind in OURS
            loop.call_later(at, self._return_one, key, raw, is_ours and has_status)

    def _return_one(self, key: ObjectKey, old: Json, has_status: bool) -> None:  # noqa: FBT001
        meta = old["metadata"]
        if self._kube.find(key) is not None or "deletionTimestamp" in meta:
            return
        if self._simulation.actions.definitions.refuses(key):
            return
        kept = {n: meta[n] for n in ("finalizers", "annotations", "labels") if n in meta}
        body = {n: v for n, v in old.items() if n in ("spec", "data")} | {"metadata": kept}
        new = self._kube.create(key, body, status=old["status"] if has_status else None)
        self._keys_gone_at.pop(key, None)
        if has_status:
            self._simulation.actions.restores.written_at[key] = self._simulation.loop.time()
            # The resource goes with the status, unless somebody adopted it meanwhile.
            others = [raw["status"] for k, raw in self._kube.objects.items() if k in SLOT_OF]
            adopted = {s.get("externalId") for s in others if s.get("adopted")}
            if old["status"].get("externalId") not in adopted or old["status"].get("adopted"):
                self._simulation.cloud.inherit(old, new["metadata"]["uid"])
        elif FINALIZER in kept.get("finalizers", ()):
            self._simulation.actions.restores.lose_status(old, new)

    # ------------------------------------------------ a human helps

    def heal(self) -> None:
        """Undo every obstacle that a human would have to remove."""
        for namespace in self._schedule.namespaces:
            if namespace in self._kube.terminating:
                self._kube.terminating.discard(namespace)
                self._is_wanted_back.pop(namespace, None)
            self._bring(namespace)
            self._lend(namespace, is_allowed=True)

    def delete_everything(self) -> None:
        """Delete all objects and accounts, Secrets last."""
        for key in sorted(self._kube.objects):
            if key.kind in OURS:
                self._kube.delete(key)

    # ------------------------------------------------ parts

    def set_spec(self, key: ObjectKey, spec: Json) -> None:
        """Let a user write a spec."""

        def change(raw: Json) -> None:
            if raw["spec"].get("description") != spec.get("description"):
                self.described[raw["metadata"]["uid"]] += 1
            raw["spec"] = spec

        self._kube.edit(key, change)

    def put(self, key: ObjectKey, data: Mapping[str, str]) -> None:
        """Create a Secret or ConfigMap, or write its data."""
        encoded: dict[str, Any] = dict(data)
        if key.kind == "Secret":
            encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
        if self._kube.find(key) is not None:
            self._kube.edit(key, lambda raw: raw.update(data=encoded))
        elif key.namespace not in self._kube.terminating:
            self._kube.create(key, {"metadata": {}, "data": encoded})

    def drop(self, key: ObjectKey) -> None:
        """Delete something, if it is there."""
        if self._kube.find(key) is not None:
            self._kube.delete(key)
