"""The samples as they are applied: pointed at the simulated cloud, with Secrets made up here."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from agentrun_operator.core.identity import API_VERSION
from rig.chart import REPOSITORY
from rig.cloud import CloudAccount

FOLDER = REPOSITORY / "samples"
KEYS_SECRET = "agentrun-keys"
"""Secret with the access key of the samples' Account."""
CHAT_SECRET = "chat-keys"
"""Secret with the values that the samples' Credentials and environments refer to."""


def manifests(namespace: str, endpoint: str) -> list[dict[str, Any]]:
    """Return the samples in a namespace, their Account at an endpoint."""
    found = [
        document
        for file in sorted(FOLDER.glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
        if document["apiVersion"]
        == API_VERSION  # beside them stand a namespace and a kustomization
    ]
    for each in found:
        each["metadata"]["namespace"] = namespace
        if each["kind"] == "Account":
            each["spec"]["endpoint"] = endpoint
    return found


def secret(namespace: str, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": dict(values),
    }


def key_secret(namespace: str, account: CloudAccount) -> dict[str, Any]:
    """Return the Secret that an Account logs in with."""
    values = {
        "accessKeyId": account.access_key_id,
        "accessKeySecret": account.access_key_secret,
    }
    return secret(namespace, KEYS_SECRET, values)


def chat_secret(namespace: str) -> dict[str, Any]:
    """Return the Secret that the samples refer to, with fresh values each time."""
    values = {name: f"sk-{name}-{secrets.token_hex(12)}" for name in ("inbound", "openai", "bot")}
    return secret(namespace, CHAT_SECRET, values)


def as_list(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return many manifests as the one document that `kubectl apply` reads."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}
