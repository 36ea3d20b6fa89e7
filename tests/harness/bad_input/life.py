"""The life of one admitted object: created, edited, deleted, and watched all the way."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import capture_logs

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.core.dependencies import CONFIG_MAP, SECRET, dependencies
from agentrun_operator.core.identity import POLL_INTERVAL_ANNOTATION, ObjectKey
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile.ports import AccountConnection, Json
from bad_input.cases import Case
from fakes.cloud import MAIN, SimulatedCloud, keys_of
from fakes.lab import Lab

NAMESPACE = "team-a"
SETTLE_SECONDS = 150.0
"""Within this time an object is what it will be: created, looked at, refused, or waiting."""
CALM_SECONDS = 150.0
"""And for this time nothing is written any more."""
DELETE_SECONDS = 700.0
"""A create may have to be searched for before, and the deadline of a delete may pass."""
MAX_PASSES = 40
MAX_CALLS = 60
MAX_WRITES = 30
"""Of one object until it has settled, while a create that the cloud refuses for want of something
may be tried once in half a minute, and a sandbox that ends at once is replaced five times; most
objects need a fifth."""
_ROLE = "acs:ram::1234567890:role/agentrun"
_LOGIN = '{"auths": {"registry.example.com": {"username": "u", "password": "p"}}}'
SECRETS: Mapping[str, Mapping[str, str]] = {
    "keys": {"api": "k-1", "arms": "k-2"},
    "chat-keys": {"inbound": "k-3"},
    "pull": {".dockerconfigjson": _LOGIN},
}
TARGETS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("Credential", "in"): {
        "purpose": "Inbound",
        "apiKey": {"valueFrom": {"secretKeyRef": {"name": "account", "key": "accessKeyId"}}},
    },
    ("AgentRuntime", "chat"): {"container": {"image": "registry.example.com/agent:v1"}},
    ("SandboxTemplate", "code"): {"type": "CodeInterpreter"},
    **{
        ("ModelService", name): {
            "modelType": "llm",
            "provider": "openai",
            "providerSettings": {"baseUrl": "https://api.example.com/v1"},
        }
        for name in ("qwen", "deepseek")
    },
}
"""What exists, to be referred to."""
_NOT_CALM = (
    "HTTP 5",
    "the request names something that is not in the account",
    "it ends soon after each start",
)
"""In the message of what is tried again and again on purpose, ever more seldom."""
_REASONS = frozenset(reason.value for reason in Reason)


class CheckedCloud(SimulatedCloud):
    """The simulated cloud, behind the checks of endpoint and keys that ship."""

    def connect(
        self, connection: AccountConnection, acquire: Callable[[], Awaitable[None]]
    ) -> AgentRunClient:
        real = AgentRunCloud(environ=keys_of(MAIN), allow_list=("http://agentrun.test",))
        endpoint = real._endpoint(connection)
        real._keys(connection, endpoint, real._token_service(connection, endpoint))
        return super().connect(connection, acquire)


@dataclass
class Life:
    """One object in one cluster and cloud; `problems` collects what should not be."""

    case: Case
    stored: Json
    """The object as the API server stored it, defaults filled in."""
    lab: Lab = field(default_factory=Lab)
    problems: list[str] = field(default_factory=list)
    statuses: list[Json] = field(default_factory=list)
    """Every status that was written, in order."""

    @property
    def key(self) -> ObjectKey:
        namespace = NAMESPACE if self.case.resource_kind.namespaced else ""
        return ObjectKey(self.case.kind, namespace, self.stored["metadata"]["name"])

    async def begin(self) -> None:
        """Create it, in a world that has what may be referred to."""
        lab, meta = self.lab, self.stored["metadata"]
        lab.cloud = CheckedCloud(lab.clock, lab.calls)
        lab.restart()
        await self._set_the_stage()
        self._record()
        await self._phase(
            "created",
            lambda: lab.cluster.apply(
                self.key.kind,
                self.key.name,
                self.stored["spec"],
                namespace=self.key.namespace,
                annotations=meta.get("annotations"),
            ),
        )

    async def edit(self, stored: Json) -> None:
        """Go on with another spec, as the API server stored it."""
        await self._phase("edited", lambda: self.lab.cluster.edit(self.key, spec=stored["spec"]))

    async def end(self) -> None:
        """Delete it: it goes, with its resource."""
        self.lab.cluster.delete(self.key)
        await self._watched("deleted", DELETE_SECONDS)
        raw = self.lab.cluster.raw(self.key)
        if raw is not None:
            self._problem("deleted", f"is still there: {_ready(raw)}")

    @property
    def ending(self) -> str:
        """How it is now: the reason of its Ready condition."""
        return str(_ready(self.lab.cluster.raw(self.key) or {}).get("reason"))

    # ------------------------------------------------ inner parts

    async def _set_the_stage(self) -> None:
        lab = self.lab
        cluster = lab.cluster
        cluster.put_secret("account", keys_of(MAIN))
        where = [NAMESPACE, lab.settings.operator_namespace]
        for name, data in SECRETS.items():
            for namespace in where:
                own = keys_of(MAIN) if name == "keys" else {}
                cluster.put_secret(name, {**own, **data, **self.case.secret}, namespace=namespace)
        cluster.put_config_map("settings", {"LEVEL": "info", **self.case.secret})
        spec = {
            "accountId": MAIN.account_id,
            "region": "cn-hangzhou",
            "credentials": {"secretRef": {"name": "account"}},
        }
        cluster.apply("Account", "default", spec, namespace=NAMESPACE)
        kind = self.case.resource_kind
        wanted = [*dependencies(kind, self.stored["spec"])]
        for need in wanted:
            target = TARGETS.get((need.kind, need.name))
            if need.kind not in (SECRET, CONFIG_MAP) and target is not None:
                cluster.apply(need.kind, need.name, target, namespace=NAMESPACE)
        await lab.elapse(10)

    def _record(self) -> None:
        tell = self.lab.cluster.notify

        def notify(event: str, raw: Json) -> None:
            is_it = ObjectKey.of(raw) == self.key
            if is_it and (not self.statuses or self.statuses[-1] != raw["status"]):
                self.statuses.append(raw["status"])
            tell(event, raw)

        self.lab.cluster.notify = notify

    async def _phase(self, name: str, change: Callable[[], object]) -> None:
        self.lab.calls.take()
        change()
        passes = await self._watched(name, SETTLE_SECONDS)
        calls = self.lab.calls.take()
        writes = [call for call in calls if not call.startswith(("Get", "List"))]
        asked = SETTLE_SECONDS / 3 if POLL_INTERVAL_ANNOTATION in self.case.annotations else 0
        for what, count, limit in (
            ("passes", passes, MAX_PASSES + asked),
            ("calls", len(calls), MAX_CALLS + asked),
            ("writes", len(writes), MAX_WRITES),
        ):
            if count > limit:
                self._problem(name, f"{count} {what}: {calls}")
        self._says_something(name)
        await self._watched(name, CALM_SECONDS)
        ready = _ready(self.lab.cluster.raw(self.key) or {})
        restless = [call for call in self.lab.calls.take() if not call.startswith(("Get", "List"))]
        if restless and not any(word in ready.get("message", "") for word in _NOT_CALM):
            self._problem(name, f"no rest: {restless}, {ready}")

    async def _watched(self, name: str, seconds: float) -> int:
        """Let time pass; return how many passes that took."""
        results = self.lab.metrics.results
        before = _passes(results, self.key.kind)
        with capture_logs() as logged:
            try:
                await self.lab.elapse(seconds)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing may get here
                self._problem(name, f"the engine died of {error!r}")
        for line in logged:
            if line["log_level"] in ("error", "critical") or line.get("exc_info"):
                self._problem(name, f"logged {line}")
        return _passes(results, self.key.kind) - before

    def _says_something(self, name: str) -> None:
        raw = self.lab.cluster.raw(self.key)
        if raw is None:
            self._problem(name, "is gone")
            return
        if raw["spec"].get("controllerClass"):
            if len(self.statuses) > 1 or raw["metadata"]["finalizers"]:
                self._problem(name, "belongs to another operator, and was written to")
            return
        ready = _ready(raw)
        conditions = {c["type"] for c in raw["status"].get("conditions", ())}
        if ready.get("reason") not in _REASONS or ready.get("reason") == "InternalError":
            self._problem(name, f"Ready is {ready}")
        elif ready["reason"] == "Pending" and "Paused" not in conditions:
            self._problem(name, f"is pending for ever: {ready}")
        elif ready["status"] != "True" and len(ready.get("message", "")) < 10:
            self._problem(name, f"does not say why: {ready}")
        generation = raw["metadata"]["generation"]
        is_observed = raw["status"]["observedGeneration"] == generation
        if not is_observed and "Paused" not in conditions:
            self._problem(name, f"generation {generation} is not observed: {raw['status']}")

    def _problem(self, phase: str, what: str) -> None:
        self.problems.append(f"{self.key.kind} {phase}: {what[:1500]}")


def _passes(results: Mapping[tuple[str, str], int], kind: str) -> int:
    return sum(count for (of, _), count in results.items() if of == kind)


def _ready(raw: Json) -> Json:
    status = raw.get("status", {})
    return next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), {})
