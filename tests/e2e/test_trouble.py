"""What people get wrong, and what the object then says; the operator goes on serving others."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from rig import Rig, eventually, is_ready
from rig.rig import free_port
from rig.samples import KEYS_SECRET, secret
from rig.waiting import condition

Manifest = dict[str, Any]
Change = Callable[[Manifest], None]


def service(namespace: str, name: str = "qwen") -> Manifest:
    return {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "modelType": "llm",
            "provider": "tongyi",
            "providerSettings": {"modelNames": ["qwen-max"]},
        },
    }


def wait_for_reason(rig: Rig, kind: str, name: str, namespace: str, reason: str) -> str:
    """Wait until Ready is False for a reason and return its message."""

    def found() -> Mapping[str, Any]:
        ready = condition(rig.get(kind, name, namespace), "Ready")
        return ready if (ready.get("status"), ready.get("reason")) == ("False", reason) else {}

    return str(eventually(found, f"{kind}/{name} not Ready for {reason}")["message"])


def set_endpoint(endpoint: str | None, region: str = "cn-hangzhou") -> Change:
    def change(account: Manifest) -> None:
        account["spec"] |= {"endpoint": endpoint, "region": region}
        if endpoint is None:
            del account["spec"]["endpoint"]

    return change


def set_secret(name: str) -> Change:
    def change(account: Manifest) -> None:
        account["spec"]["credentials"]["secretRef"]["name"] = name

    return change


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        pytest.param(
            set_endpoint("https://collector.example.com"),
            ("InvalidParameter", "collector.example.com.*allow"),
            id="an endpoint that is not on the allow-list",
        ),
        pytest.param(
            set_endpoint(f"http://127.0.0.1:{free_port()}"),
            ("ProviderUnavailable", "no connection.*endpoint"),
            id="an endpoint where nobody listens",
        ),
        pytest.param(
            set_endpoint(None, region="xx-nowhere-1"),
            ("ProviderUnavailable", "no connection.*region"),
            id="a region that does not exist",
        ),
        pytest.param(
            set_secret("forgotten"),
            ("CredentialsNotFound", "forgotten"),
            id="a Secret that does not exist",
        ),
        pytest.param(
            set_secret("half"),
            ("CredentialsInvalid", "accessKeySecret"),
            id="a Secret without a key",
        ),
        pytest.param(
            set_secret("foreign"),
            ("CredentialsInvalid", "access key"),
            id="a key that the cloud does not know",
        ),
    ],
)
def test_an_account_says_what_is_wrong_with_it(
    rig: Rig, namespace: str, account: Manifest, change: Change, verdict: tuple[str, str]
) -> None:
    rig.apply(
        [
            secret(namespace, "half", {"accessKeyId": "LTAI0"}),
            secret(namespace, "foreign", {"accessKeyId": "LTAI0", "accessKeySecret": "wrong"}),
        ]
    )
    reason, said = verdict
    broken = copy.deepcopy(account)
    change(broken)
    since = rig.cloud.position()
    rig.apply([broken, service(namespace)])
    message = wait_for_reason(rig, "account", "default", namespace, reason)
    assert re.search(said, message), message
    wait_for_reason(rig, "modelservice", "qwen", namespace, "DependencyNotReady")
    assert rig.cloud.writes(since=since) == []


def test_a_corrected_secret_needs_no_other_push(
    rig: Rig, namespace: str, account: Manifest
) -> None:
    wrong = {"accessKeyId": rig.account.access_key_id, "accessKeySecret": "wrong"}
    rig.apply([secret(namespace, KEYS_SECRET, wrong), account, service(namespace)])
    wait_for_reason(rig, "account", "default", namespace, "CredentialsInvalid")
    right = wrong | {"accessKeySecret": rig.account.access_key_secret}
    rig.apply([secret(namespace, KEYS_SECRET, right)])
    rig.wait_ready(namespace)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        pytest.param({"name": "nowhere", "key": "key"}, "nowhere", id="no such Secret"),
        pytest.param({"name": "keys", "key": "nokey"}, "nokey", id="no such key"),
    ],
)
def test_a_missing_value_is_named_and_picked_up_once_there(
    rig: Rig, namespace: str, account: Manifest, reference: Mapping[str, str], said: str
) -> None:
    credential: Manifest = {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "Credential",
        "metadata": {"name": "waiting", "namespace": namespace},
        "spec": {
            "purpose": "Inbound",
            "apiKey": {"headerName": "X-API-Key", "valueFrom": {"secretKeyRef": dict(reference)}},
        },
    }
    rig.apply([secret(namespace, "keys", {"key": "value"}), account, credential])
    message = wait_for_reason(rig, "credential", "waiting", namespace, "ReferenceNotFound")
    assert said in message
    rig.apply([secret(namespace, reference["name"], {reference["key"]: "value"})])
    rig.wait_ready(namespace)


def test_an_object_without_an_account_says_so(rig: Rig, namespace: str, account: Manifest) -> None:
    rig.apply([service(namespace)])
    message = wait_for_reason(rig, "modelservice", "qwen", namespace, "CredentialsNotFound")
    assert "Account" in message
    rig.apply([account])
    rig.wait_ready(namespace)


def test_the_cloud_may_be_gone_for_a_while(rig: Rig, namespace: str, account: Manifest) -> None:
    rig.apply([account])
    rig.wait_ready(namespace)
    rig.cloud.fault("error", action=".*ModelService.*", status=503, times=None)
    rig.apply([service(namespace)])
    wait_for_reason(rig, "modelservice", "qwen", namespace, "ProviderUnavailable")
    for probe in ("healthz", "readyz"):  # a restart would bring no cloud back
        assert httpx.get(f"{rig.operator_url}/{probe}", trust_env=False).is_success
    rig.cloud.clear_faults()
    rig.wait_ready(namespace)


def test_trouble_in_one_namespace_is_none_of_anothers(
    rig: Rig, namespace: str, account: Manifest
) -> None:
    lost = "test-neighbour"
    rig.create_namespace(lost)
    broken = copy.deepcopy(account)
    broken["metadata"]["namespace"] = lost
    rig.apply([broken, service(lost, "lost")])
    wait_for_reason(rig, "account", "default", lost, "CredentialsNotFound")
    rig.apply([account, service(namespace)])
    assert all(map(is_ready, rig.wait_ready(namespace)))
    rig.delete_all(lost)
    rig.kubectl("delete", "namespace", lost, "--wait=false")


def test_a_document_too_deep_for_a_parser_ends_no_operator(
    rig: Rig, namespace: str, account: Manifest
) -> None:
    template = {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "SandboxTemplate",
        "metadata": {"name": "deep", "namespace": namespace},
        "spec": {"type": "CodeInterpreter", "templateConfiguration": "deep"},
    }
    levels = 3000
    document = '{"a":' * levels + "{}" + "}" * levels
    text = json.dumps(template).replace(': "deep"}}', f": {document}}}}}")
    rig.kubectl("create", "--filename=-", input=text)
    where = ("sandboxtemplate/deep", f"--namespace={namespace}")
    messages = "--output=jsonpath={.status.conditions[*].message}"

    def told() -> bool:
        return "templateConfiguration is nested more than" in rig.kubectl("get", *where, messages)

    eventually(told, "the object to say that it is too deep")
    rig.kill_operator()
    rig.start_operator()  # now it comes in a LIST
    rig.kubectl("delete", *where)
    rig.apply([account, service(namespace)])
    rig.wait_ready(namespace)
