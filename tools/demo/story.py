"""The steps of the demo; each proves what it shows, or raises."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from controlplane import HELM, KUBERNETES, ControlPlaneError, KubectlError, ensure
from demo.screen import Screen
from rig import ACCOUNT, SAMPLES_NAMESPACE, Rig, RigError, eventually
from rig.official import models, official_client, totals
from rig.samples import chat_secret, key_secret, manifests
from rig.waiting import condition, is_ready

WAIT_SECONDS = 45.0
EDITED = "edited behind the operator's back"
CLOUD_REASON = "the execution role cannot be assumed"
UNLUCKY = "unlucky"
DEFAULT_WORKSPACE = "Workspace"
"""Every account has one from the start, and nobody can delete it."""


class StepFailed(Exception):
    """Something the step promises could not be verified."""


@dataclass(frozen=True)
class Step:
    """One step: what it is called, and what it does."""

    title: str
    run: Callable[[], None]


class Story:
    """What happens, in order, on one rig."""

    def __init__(self, rig: Rig, screen: Screen) -> None:
        self._rig = rig
        self._screen = screen
        self._cloud: Any = None

    @property
    def until_deletion(self) -> tuple[Step, ...]:
        """Everything up to the moment at which a visitor may want to stay."""
        return (
            Step("Start a Kubernetes API server, a simulated cloud and the operator", self.start),
            Step("Apply the samples: plain YAML becomes AgentRun resources", self.apply),
            Step("Edit a resource behind the operator's back", self.drift),
            Step("Rotate a Secret", self.rotate),
            Step("Apply a mistake: the API server refuses it", self.refuse),
            Step("Let the cloud fail a create: the object says why", self.fail),
        )

    @property
    def deletion(self) -> tuple[Step, ...]:
        """How it ends."""
        return (Step("Delete everything: the cloud is empty again", self.delete),)

    def evidence(self) -> str:
        """Return the objects' conditions and the end of the operator's log, as far as there are."""
        try:
            objects = self._rig.objects()
        except (RigError, ControlPlaneError):
            objects = []  # the control plane is what failed
        return self._rig.evidence(objects)

    def start(self) -> None:
        """Build what is missing, start everything."""
        for toolset in (KUBERNETES, HELM):
            ensure(toolset, report=self._screen.say)
        self._rig.start()
        self._cloud = official_client(self._rig.cloud.url, self._rig.account)
        allowed = self._rig.kubectl(
            "auth", "can-i", "--list", f"--as={self._rig.operator_user}", "--no-headers"
        )
        _verify("agentrun.dev" in allowed, "the operator's ServiceAccount has the chart's rights")
        _verify("*.*" not in allowed, "the operator's ServiceAccount is no administrator", allowed)
        self._screen.verified("the operator runs under the chart's own, non-admin ServiceAccount")

    def apply(self) -> None:
        """Apply the samples and watch them become Ready."""
        rig, screen = self._rig, self._screen
        rig.create_namespace(SAMPLES_NAMESPACE)
        screen.command("kubectl apply -f - # Secrets agentrun-keys and chat-keys, made up here")
        rig.apply([key_secret(SAMPLES_NAMESPACE, rig.account), chat_secret(SAMPLES_NAMESPACE)])
        screen.command(
            "kubectl apply -f - # samples/, the endpoint of the Account set to the simulator"
        )
        wanted = manifests(SAMPLES_NAMESPACE, rig.cloud.url)
        rig.apply(wanted)
        order = [(each["kind"], each["metadata"]["name"]) for each in wanted]
        with screen.table(order) as table:
            ready = rig.wait_ready(watch=table.show, seconds=WAIT_SECONDS)
        found = {(each["kind"], each["metadata"]["name"]) for each in ready}
        _verify(found == set(order), "every sample is there and Ready", f"found {sorted(found)}")
        counts = totals(self._cloud)
        _verify(all(counts.values()), "the cloud has every family of the samples", f"{counts}")
        screen.verified(
            f"{len(ready)} objects are Ready; the official client lists {_told(counts)}"
        )

    def drift(self) -> None:
        """Edit the runtime through the official client and watch it corrected."""
        screen = self._screen
        runtime = self._rig.get("agentruntime", "chat")
        wanted, key = runtime["spec"]["description"], runtime["status"]["externalId"]
        change = models.UpdateAgentRuntimeInput().from_map(
            {**self._runtime(key), "description": EDITED}
        )
        screen.command(f"client.update_agent_runtime(…, description={EDITED!r}) # official SDK")
        self._cloud.update_agent_runtime(key, models.UpdateAgentRuntimeRequest(body=change))
        edited = time.monotonic()
        _verify(self._description(key) == EDITED, "the edit arrived in the cloud")
        eventually(
            lambda: self._description(key) == wanted,
            "the operator to restore the description",
            seconds=WAIT_SECONDS,
        )
        seconds = time.monotonic() - edited
        self._rig.wait_ready(seconds=WAIT_SECONDS)
        screen.verified(f"the cloud says {wanted!r} again after {seconds:.1f} s")

    def rotate(self) -> None:
        """Change the Secret and find the new values in the cloud."""
        rig, screen = self._rig, self._screen
        secret = chat_secret(SAMPLES_NAMESPACE)
        values: dict[str, str] = secret["stringData"]
        key = rig.get("agentruntime", "chat")["status"]["externalId"]
        _verify(not self._has(key, values), "the new values are not in the cloud yet")
        screen.command("kubectl apply -f - # Secret chat-keys with new values")
        rotated = time.monotonic()
        rig.apply([secret])
        eventually(
            lambda: self._has(key, values), "the new values in the cloud", seconds=WAIT_SECONDS
        )
        seconds = time.monotonic() - rotated
        rig.wait_ready(seconds=WAIT_SECONDS)
        screen.verified(
            "the runtime's environment and the credential hold the new values "
            f"after {seconds:.1f} s (compared here, not shown)"
        )

    def refuse(self) -> None:
        """Apply a proxy with a mistake and show what the API server says."""
        proxy = self._proxy("wrong", memory="4GB")
        self._screen.command("kubectl apply -f - # a ModelProxy with memory: 4GB")
        try:
            self._rig.apply([proxy])
        except KubectlError as error:
            self._screen.quote(error.stderr)
            _verify("spec.memory" in error.stderr, "the message names the field", error.stderr)
            self._screen.verified("refused at admission; nothing reached operator or cloud")
        else:
            raise StepFailed("the API server accepted memory: 4GB")

    def fail(self) -> None:
        """Let the create of a proxy fail in the cloud and find the reason in its condition."""
        rig, screen = self._rig, self._screen
        rig.cloud.fault(
            "create-failed", action="CreateModelProxy", name=UNLUCKY, times=None,
            reason=CLOUD_REASON,
        )  # fmt: skip
        screen.say(f"the cloud is told to fail the create of {UNLUCKY!r}: {CLOUD_REASON}")
        screen.command(f"kubectl apply -f - # ModelProxy {UNLUCKY}")
        rig.apply([self._proxy(UNLUCKY)])

        def failed() -> Mapping[str, Any]:
            ready = condition(rig.get("modelproxy", UNLUCKY), "Ready")
            return ready if CLOUD_REASON in ready.get("message", "") else {}

        ready = eventually(failed, "the cloud's reason in Ready", seconds=WAIT_SECONDS)
        screen.quote(f"Ready={ready['status']} ({ready['reason']}) {ready['message']}")
        _verify(ready["status"] == "False", "Ready is False", json.dumps(ready))
        _verify(ready["reason"] == "ProviderFailed", "the reason is stable", json.dumps(ready))
        others = [e for e in rig.objects() if e["metadata"]["name"] != UNLUCKY]
        _verify(all(map(is_ready, others)), "all other objects are Ready still")
        screen.verified("Ready is False with the cloud's own words; the other objects are Ready")

    def delete(self) -> None:
        """Delete all objects and find nothing of theirs in the cloud."""
        rig, screen = self._rig, self._screen
        rig.cloud.clear_faults()
        screen.command("kubectl delete … # every object, at once")
        # A visitor may have made objects elsewhere, deleted ours, broken the keys, or applied the
        # samples as they are, whose Account names no endpoint.
        used = sorted(rig.used_namespaces())
        if SAMPLES_NAMESPACE in used:
            with suppress(KubectlError):  # nothing can be made in a namespace that is going
                rig.apply([key_secret(SAMPLES_NAMESPACE, rig.account), self._sample("Account")])
        # All at once: what one namespace lends another one waits for its users there.
        rig.delete_all(*used, seconds=WAIT_SECONDS)
        counts = totals(self._cloud)
        _verify(not any(counts.values()), "the official client lists nothing", f"{counts}")
        left = set(rig.cloud.resources(account=ACCOUNT)) - {DEFAULT_WORKSPACE}
        _verify(not left, "the simulator holds nothing", f"{left}")
        rig.kubectl("delete", "namespace", SAMPLES_NAMESPACE, "--ignore-not-found", "--timeout=30s")
        screen.verified("no object, no resource in the cloud, and the namespace is gone")

    def _proxy(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return the sample proxy under another name."""
        proxy = self._sample("ModelProxy")
        proxy["metadata"]["name"] = name
        del proxy["spec"]["writeConnectionTo"]  # the ConfigMap belongs to the sample
        proxy["spec"] |= changes
        return proxy

    def _sample(self, kind: str) -> dict[str, Any]:
        found = manifests(SAMPLES_NAMESPACE, self._rig.cloud.url)
        return next(each for each in found if each["kind"] == kind)

    def _runtime(self, key: str) -> dict[str, Any]:
        answer = self._cloud.get_agent_runtime(key, models.GetAgentRuntimeRequest())
        found: dict[str, Any] = answer.body.data.to_map()
        return found

    def _description(self, key: str) -> str:
        return str(self._runtime(key).get("description"))

    def _has(self, key: str, values: Mapping[str, str]) -> bool:
        """Return whether the cloud holds the values of chat-keys."""
        environment = self._runtime(key).get("environmentVariables", {})
        credential = self._cloud.get_credential("chat-inbound").body.data.to_map()
        seen = (environment.get("OPENAI_API_KEY"), credential.get("credentialSecret"))
        return seen == (values["openai"], values["inbound"])


def _verify(is_so: object, what: str, seen: str = "") -> None:
    if not is_so:
        raise StepFailed(f"not so: {what}" + (f"\nseen: {seen}" if seen else ""))


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{family}: {count}" for family, count in counts.items())
