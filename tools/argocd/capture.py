"""Takes the test data of the health checks from a running operator: real objects, real messages."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from agentrun_operator.core.identity import PAUSED_ANNOTATION
from agentrun_operator.kinds import catalogue
from argocd.customizations import STATES, test_data
from rig import NAMESPACE, SAMPLES_NAMESPACE, Rig, eventually, is_ready, samples
from rig.waiting import condition

Json = dict[str, Any]

TRANSITION_SECONDS = 2.0
"""Long enough to see CREATING."""
ENDPOINT = "https://agentrun.cn-hangzhou.aliyuncs.com"
"""Stands in the files in place of the simulated cloud's address, which is another one each time."""
SHARED_SECRET = "agentrun-shared-keys"
REFUSED_ENDPOINT = "https://agentrun.example.com"


def _edit_of(kind: str) -> Json:
    """Return a change of the spec that is as good as the value before."""
    rest = catalogue()[kind].rest
    if rest is None:
        return {"requestsPerSecond": 19}
    return {"description": "edited"} if rest.updatable else {"timeouts": {"createSeconds": 500}}


def _refused_edit_of(kind: str) -> Json:
    """Return a change that the operator, or the cloud while it refuses, cannot carry out."""
    rest = catalogue()[kind].rest
    if rest is None:
        return {"endpoint": REFUSED_ENDPOINT}
    return {"description": "refused"} if rest.updatable else {"desiredState": "Paused"}


def _can_end(kind: str) -> bool:
    rest = catalogue()[kind].rest
    return rest is not None and "Stopped" in rest.verbs


class Capture:
    """The states, one after the other; an object is kept the first time it shows one."""

    def __init__(self, rig: Rig, report: Callable[[str], None]) -> None:
        self._rig = rig
        self._report = report
        self.kept: dict[tuple[str, str], Json] = {}

    def run(self) -> None:
        """Bring the samples into every state that they can be in."""
        rig = self._rig
        rig.stop_operator()
        self._apply_samples()
        self._keep("unseen", self._objects())
        rig.start_operator()
        self._until("waiting", lambda body: bool(condition(body, "Reconciling")))
        self._apply_secrets()
        self._until("healthy", is_ready, on_the_way="creating")
        self._pause()
        rig.stop_operator()
        self._edit(_edit_of, self._objects())
        self._keep("edited", self._objects())
        rig.start_operator()
        self._until("", is_ready)
        self._break_resources()
        self._complete()
        for kind in self._kinds(is_local=True):
            self._break(kind)

    def _apply_samples(self) -> None:
        rig = self._rig
        manifests = samples.manifests(SAMPLES_NAMESPACE, rig.cloud.url)
        cluster_account = samples.FOLDER / "cluster" / "cluster-account.yaml"
        manifests.append(yaml.safe_load(cluster_account.read_text()))
        for each in manifests:
            if each["kind"] == "ClusterAccount":
                each["spec"]["endpoint"] = rig.cloud.url
                each["spec"]["credentials"]["secretRef"]["name"] = SHARED_SECRET
        rig.create_namespace(SAMPLES_NAMESPACE)
        document = json.dumps(samples.as_list(manifests))
        # Server-side: without the annotation in which kubectl keeps a copy of what it applied.
        rig.kubectl("apply", "--server-side", "--filename=-", input=document)

    def _apply_secrets(self) -> None:
        rig = self._rig
        shared = samples.key_secret(NAMESPACE, rig.account)
        shared["metadata"]["name"] = SHARED_SECRET
        keys = samples.key_secret(SAMPLES_NAMESPACE, rig.account)
        rig.apply([shared, keys, samples.chat_secret(SAMPLES_NAMESPACE)])

    def _pause(self) -> None:
        for body in self._objects():
            self._kubectl("annotate", body, f"{PAUSED_ANNOTATION}=true")
        self._until("", lambda body: bool(condition(body, "Paused")))
        # An edit that a paused object does not observe: Suspended all the same.
        self._edit(_edit_of, self._objects())
        self._keep("suspended", self._objects())
        for body in self._objects():
            self._kubectl("annotate", body, f"{PAUSED_ANNOTATION}-")
        self._until("", is_ready)

    def _break_resources(self) -> None:
        """Have the cloud refuse updates; users are edited before what they use."""
        refusal = {"status": 400, "code": "InvalidParameter", "times": None}
        message = "The parameter is invalid."
        self._rig.cloud.fault("error", action="(Update|Pause).*", message=message, **refusal)
        for kind in self._kinds(is_local=False):
            self._break(kind)
        self._rig.cloud.clear_faults()

    def _break(self, kind: str) -> None:
        """Edit the first object of a kind so that only another edit can help."""
        name = next(_name(each) for each in self._objects() if each["kind"] == kind)

        def same() -> list[Json]:
            return [each for each in self._objects() if _name(each) == name]

        self._edit(_refused_edit_of, same())
        self._keep(
            "degraded",
            eventually(
                lambda: [each for each in same() if condition(each, "Stalled")],
                f"{name} to be Stalled",
            ),
        )

    def _complete(self) -> None:
        """End for good what can end."""
        (body,) = (each for each in self._objects() if _can_end(each["kind"]))
        name = _name(body)
        self._edit(lambda _: {"desiredState": "Stopped"}, [body])

        def completed() -> list[Json]:
            found = [each for each in self._objects() if _name(each) == name]
            return [e for e in found if condition(e, "Ready").get("reason") == "Completed"]

        self._keep("completed", eventually(completed, f"{name} to be Completed"))

    def _until(
        self, state: str, holds: Callable[[Json], bool], *, on_the_way: str | None = None
    ) -> None:
        """Wait until something holds for every object, and keep the objects."""

        def all_hold() -> list[Json]:
            bodies = self._objects()
            if on_the_way:
                passing = [e for e in bodies if condition(e, "Ready").get("reason") == "Creating"]
                self._keep(on_the_way, passing)
            return bodies if all(map(holds, bodies)) else []

        bodies = eventually(all_hold, f"every object to be {state or 'ready again'}", seconds=90)
        if state:
            self._keep(state, bodies)

    def _keep(self, state: str, bodies: Iterable[Json]) -> None:
        for body in bodies:
            if self.kept.setdefault((body["kind"], state), body) is body:
                self._report(f"{body['kind']}: {state}")

    def _objects(self) -> list[Json]:
        text = self._rig.kubectl("get", "agentrun", "--all-namespaces", "--output=json")
        items: list[Json] = json.loads(text)["items"]
        return items

    def _edit(self, change: Callable[[str], Json], on: list[Json]) -> None:
        for number, body in enumerate(on):
            spec = change(body["kind"])
            if "requestsPerSecond" in spec:  # another value each time, or nothing would change
                spec["requestsPerSecond"] = body["spec"].get("requestsPerSecond", 20) - 1
            if spec.get("description") == "edited":
                spec["description"] = f"edited {body['metadata']['generation']}.{number}"
            if "timeouts" in spec:
                spec["timeouts"]["createSeconds"] = 600 - body["metadata"]["generation"]
            self._kubectl("patch", body, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def _kinds(self, *, is_local: bool) -> list[str]:
        """Return the kinds of the samples, those first that no update reaches: they use others."""
        present = {body["kind"]: catalogue()[body["kind"]].rest for body in self._objects()}
        found = [kind for kind, rest in present.items() if (rest is None) is is_local]
        return sorted(found, key=lambda kind: (bool((r := present[kind]) and r.updatable), kind))

    def _kubectl(self, verb: str, body: Json, *arguments: str) -> None:
        namespace = body["metadata"].get("namespace", "default")
        self._rig.kubectl(verb, _name(body), f"--namespace={namespace}", *arguments)


def capture(report: Callable[[str], None], kinds: Iterable[str]) -> None:
    """Run the product with all samples, take the test data, write the files of some kinds."""
    wanted = frozenset(kinds)
    with Rig(transition_seconds=TRANSITION_SECONDS, report=report) as rig:
        taking = Capture(rig, report)
        taking.run()
        address = rig.cloud.url
    known = {state.name for state in STATES}
    for (kind, state), body in sorted(taking.kept.items()):
        assert state in known  # noqa: S101 - a typo above
        if kind not in wanted:
            continue
        text = yaml.safe_dump(body, sort_keys=False).replace(address, ENDPOINT)
        path = test_data(kind, state)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _name(body: Json) -> str:
    return f"{body['kind'].lower()}.agentrun.dev/{body['metadata']['name']}"
