"""What is told of requests to the API server."""

import pytest

from agentrun_operator.kube.client import core_path, custom_path
from agentrun_operator.kube.tracing import resource_of


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (core_path("secrets", "team", "keys"), "secrets"),
        (core_path("secrets", "team"), "secrets"),
        (core_path("namespaces", "", "kube-system"), "namespaces"),
        (core_path("namespaces"), "namespaces"),
        (custom_path("tools", "team", "search", status=True), "tools/status"),
        (custom_path("tools", "team", "search"), "tools"),
        (custom_path("tools"), "tools"),
        (custom_path("clusteraccounts", "", "shared", status=True), "clusteraccounts/status"),
        ("/apis/agentrun.dev/v1alpha1", ""),
        ("/", ""),
    ],
)
def test_a_request_is_called_by_its_resource_without_names(path: str, resource: str) -> None:
    assert resource_of(path) == resource
