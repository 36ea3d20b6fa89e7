"""A valid spec is accepted; a mistake is refused with the field and the remedy."""

import copy
from collections import defaultdict
from collections.abc import Mapping

import pytest

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.kinds import catalogue
from controlplane.binaries import Toolset
from fakes.examples import MINIMAL, SECRETS, Accepted, Mistake, examples, put
from integration.admission.objects import KINDS, collection, manifest, path_of
from integration.admission.server import Refused, Server

MALFORMED = [
    pytest.param(kind, mistake, id=f"{kind.kind}: {mistake.because}")
    for kind in KINDS
    for mistake in examples()[kind.kind].malformed
]
ACCEPTED = [
    pytest.param(kind, spelling, id=f"{kind.kind}: {spelling.because}")
    for kind in KINDS
    for spelling in examples()[kind.kind].accepted
]
ANY_NAME: Mapping[tuple[str, str], str] = defaultdict(lambda: "x")
ANY_REFERENCE = Resolution(references=ANY_NAME, external_names=ANY_NAME, secrets=SECRETS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.kind)
def test_a_valid_spec_is_in_progress_before_an_operator_saw_it(
    server: Server, kind: ResourceKind
) -> None:
    stored = server.create(collection(kind), manifest(kind, "fresh", MINIMAL[kind.kind]))
    path = path_of(kind, stored)
    found = server.read(path)
    server.delete(path)
    assert found["status"] == {
        "observedGeneration": -1,
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "Pending",
                "message": "waiting for the operator",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            }
        ],
    }


@pytest.mark.parametrize(("kind", "mistake"), MALFORMED)
def test_a_mistake_is_refused_with_the_field_and_the_remedy(
    server: Server, kind: ResourceKind, mistake: Mistake
) -> None:
    spec = None if mistake.without_spec else mistake.spec(MINIMAL[kind.kind])
    with pytest.raises(Refused) as refusal:
        server.create(collection(kind), manifest(kind, mistake.name, spec), dry_run=True)
    for part in mistake.expect:
        assert part in str(refusal.value)


@pytest.mark.parametrize(("kind", "spelling"), ACCEPTED)
def test_what_is_unambiguous_is_sent_as_the_api_has_it(
    server: Server, kind: ResourceKind, spelling: Accepted
) -> None:
    sent = manifest(kind, "accepted", spelling.spec(MINIMAL[kind.kind]))
    stored = server.create(collection(kind), sent, dry_run=True)
    body = encode(kind, kind.spec.model_validate(stored["spec"]), ANY_REFERENCE)
    assert {name: body[name] for name in spelling.sends} == spelling.sends


@pytest.mark.parametrize("role", ["agentrun", "acs:ram::1234567890:role/my role"])
def test_a_wrong_role_is_told_once(server: Server, kubernetes: Toolset, role: str) -> None:
    kind = catalogue()["ModelProxy"]
    spec = {**MINIMAL["ModelProxy"], "executionRoleArn": role}
    with pytest.raises(Refused) as refusal:
        server.create(collection(kind), manifest(kind, "wrong", spec), dry_run=True)
    # Quirk: before Kubernetes 1.35 a rule's refusal names the type in the place of the value.
    shown = "string" if kubernetes.version.startswith("v1.34.") else role
    assert str(refusal.value).endswith(
        f'"wrong" is invalid: spec.executionRoleArn: Invalid value: "{shown}": must be the ARN of '
        "a RAM role, acs:ram::<account>:role/<name>, like acs:ram::1234567890:role/agentrun"
    )


def test_a_spec_error_never_repeats_a_secret_reference(server: Server) -> None:
    kind = catalogue()["Credential"]
    spec = copy.deepcopy(MINIMAL["Credential"])
    put(spec, "apiKey.valueFrom", {"value": "canary-value"})
    with pytest.raises(Refused) as refusal:
        server.create(collection(kind), manifest(kind, "spoilt", spec), dry_run=True)
    assert "canary-value" not in str(refusal.value)
