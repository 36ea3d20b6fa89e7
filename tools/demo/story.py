"""The steps of the demo; each proves what it shows, or raises."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from controlplane import HELM, KUBERNETES, ControlPlaneError, KubectlError, ensure
from dashboard import Board, BoardError
from demo.fleet import Fleet, count
from demo.screen import Screen
from rig import ACCOUNT, SAMPLES_NAMESPACE, Rig, RigError, eventually
from rig.cloud import is_default
from rig.official import models, official_client, totals
from rig.samples import chat_secret, key_secret, manifests
from rig.waiting import condition, is_ready

WAIT_SECONDS = 45.0
EDITED = "edited behind the operator's back"
CLOUD_REASON = "the execution role cannot be assumed"
UNLUCKY = "unlucky"


class StepFailed(Exception):
    """Something the step promises could not be verified."""


@dataclass(frozen=True)
class Step:
    """One step: what it is called, and what it does."""

    title: str
    run: Callable[[], None]


class Story:
    """What happens, in order, on one rig."""

    def __init__(self, rig: Rig, screen: Screen, dashboard: Path | None = None) -> None:
        """Tell it on a rig; `dashboard` is where to draw the chart's dashboard, if anywhere."""
        self._rig = rig
        self._screen = screen
        self._cloud: Any = None
        self._dashboard = dashboard
        self._board = Board()

    def stop(self) -> None:
        """End what runs beside the rig."""
        self._board.stop()

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
            Step("The fleet: what depends on what", self.show_fleet),
            *self._watching,
        )

    @property
    def _watching(self) -> tuple[Step, ...]:
        is_asked = self._dashboard is not None
        return (Step("Ask Prometheus for each panel", self.show_dashboard),) if is_asked else ()

    @property
    def deletion(self) -> tuple[Step, ...]:
        """How it ends."""
        return (Step("Delete everything: the cloud is empty again", self.delete),)

    @property
    def deletion_after_a_visit(self) -> tuple[Step, ...]:
        """How it ends where somebody played in between."""
        return (Step("Delete everything, what you made included", self.delete_after_a_visit),)

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
        self._screen.say_here(f"its log: {self._rig.operator_log_file}")
        self._screen.say_here(f"its metrics: {self._rig.operator_url}/metrics")
        if self._dashboard is not None:
            self._screen.say("starting Prometheus, which scrapes it")
            self._board.start(self._rig.operator_url)

    def apply(self) -> None:
        """Apply the samples and watch them become Ready."""
        rig, screen = self._rig, self._screen
        rig.create_namespace(SAMPLES_NAMESPACE)
        screen.command("kubectl apply -f - # Secrets agentrun-keys and chat-keys, made up here")
        rig.apply([key_secret(SAMPLES_NAMESPACE, rig.account), chat_secret(SAMPLES_NAMESPACE)])
        screen.command(
            "kubectl apply -f - # samples/, the endpoint of the Account set to the simulator"
        )
        wanted = self._samples()
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
        screen.command(f"client.update_agent_runtime(…, description={EDITED!r})")
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

    def show_fleet(self) -> None:
        """Show all objects as a tree, and find every object that another one refers to."""
        objects = self._rig.objects()
        fleet = Fleet(objects)
        trees = fleet.trees()
        self._screen.tree(trees)
        missing = fleet.missing()
        _verify(not missing, "every reference leads to an object", "\n".join(missing))
        _verify(count(trees) == len(objects), "every object is in the tree")
        not_ready = [each["metadata"]["name"] for each in objects if not is_ready(each)]
        _verify(not_ready == [UNLUCKY], "all but one are Ready", f"{not_ready}")
        self._screen.verified(
            f"{len(objects)} objects, each below what it needs; {UNLUCKY} alone is not Ready"
        )

    def show_dashboard(self) -> None:
        """Evaluate every expression of the dashboard over this run, and draw what comes of it."""
        if self._dashboard is None:
            raise StepFailed("nobody said where to draw the dashboard")
        try:
            asked = self._board.draw(self._dashboard)
        except BoardError as error:
            raise StepFailed(str(error)) from None
        self._screen.verified(f"Prometheus answers all {asked} expressions of the dashboard")

    def delete(self) -> None:
        """Delete all objects and find nothing of theirs in the cloud."""
        self._rig.cloud.clear_faults()
        self._screen.command("kubectl delete … # every object, at once")
        self._delete_objects(sorted(self._rig.used_namespaces()))
        counts = totals(self._cloud)
        _verify(not any(counts.values()), "the official client lists nothing", f"{counts}")
        left = self._left_in_the_cloud()
        _verify(not left, "the simulator holds nothing", f"{left}")
        self._delete_namespace()
        self._screen.verified("no object, no resource in the cloud, and the namespace is gone")

    def delete_after_a_visit(self) -> None:
        """Delete all objects, and tell what was not the story's, and what does not go by itself.

        A visitor may have made objects and resources, kept resources, broken keys, or stopped the
        operator. All of that ends with cluster and cloud, so none of it is a failure here.
        """
        rig, screen = self._rig, self._screen
        try:
            rig.cloud.clear_faults()
            used = sorted(rig.used_namespaces())
            own = {*map(_place, self._samples()), (SAMPLES_NAMESPACE, "ModelProxy", UNLUCKY)}
            found = [each for name in used for each in rig.objects(name)]
            extra = [each for each in found if _place(each) not in own]
            if extra:
                screen.say(f"discarded, made meanwhile: {', '.join(_names(extra))}")
            screen.command("kubectl delete … # every object, at once")
            with suppress(RigError, KubectlError):  # what is left is told below
                self._delete_objects(used)
            stuck = [each for name in used for each in rig.objects(name)]
            if not stuck:
                self._delete_namespace()
            kept = rig.kubectl("get", "clusteraccounts.agentrun.dev", "--output=name").split()
            if stuck or kept:
                screen.say(f"discarded with the cluster: {', '.join((*_names(stuck), *kept))}")
            left = self._left_in_the_cloud()
            if left:
                screen.say(f"discarded with the simulated cloud: {_told(left)}")
        except (RigError, ControlPlaneError, httpx.HTTPError) as error:
            screen.say(f"discarded with cluster and cloud, which cannot be asked: {error}")
            return
        screen.verified("no other object, and no other resource in the cloud")

    def _delete_objects(self, namespaces: Sequence[str]) -> None:
        # A visitor may have deleted our objects, broken the keys, or applied the samples as they
        # are, whose Account names no endpoint.
        if SAMPLES_NAMESPACE in namespaces:
            secret = key_secret(SAMPLES_NAMESPACE, self._rig.account)
            with suppress(KubectlError):  # nothing can be made in a namespace that is going
                self._rig.apply([secret, self._sample("Account")])
        # All at once: what one namespace lends another one waits for its users there.
        self._rig.delete_all(*namespaces, seconds=WAIT_SECONDS)

    def _delete_namespace(self) -> None:
        self._rig.kubectl(
            "delete", "namespace", SAMPLES_NAMESPACE, "--ignore-not-found", "--timeout=30s"
        )

    def _left_in_the_cloud(self) -> dict[str, int]:
        found = self._rig.cloud.resources(account=ACCOUNT)
        made = {name: [each for each in found[name] if not is_default(each)] for name in found}
        return {name: len(each) for name, each in made.items() if each}

    def _samples(self) -> list[dict[str, Any]]:
        return manifests(SAMPLES_NAMESPACE, self._rig.cloud.url)

    def _proxy(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return the sample proxy under another name."""
        proxy = self._sample("ModelProxy")
        proxy["metadata"]["name"] = name
        del proxy["spec"]["writeConnectionTo"]  # the ConfigMap belongs to the sample
        proxy["spec"] |= changes
        return proxy

    def _sample(self, kind: str) -> dict[str, Any]:
        return next(each for each in self._samples() if each["kind"] == kind)

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


def _place(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    return obj["metadata"]["namespace"], obj["kind"], obj["metadata"]["name"]


def _names(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{kind} {space}/{name}" for space, kind, name in map(_place, objects)]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{family}: {count}" for family, count in counts.items())
