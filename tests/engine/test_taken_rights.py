"""The operator's rights are taken away while it runs: the object says so, not the log alone."""

from typing import Any

import pytest

from agentrun_operator.reconcile.ports import ClusterForbidden, Json, SecretData
from engine.specs import CREDENTIAL, SECRET_VALUE
from fakes.cluster import FakeCluster
from fakes.lab import Lab


class Forbidding(FakeCluster):
    """A cluster whose RBAC rules allow the operator less than its chart says."""

    no_secrets = False

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        if self.no_secrets:
            raise ClusterForbidden(f"GET secrets/{name}: HTTP 403; extend the RBAC rules")
        return await super().secret(namespace, name)


async def forbidding() -> tuple[Lab, Forbidding]:
    lab = Lab()
    cluster = lab.cluster = Forbidding(lab.clock, lab.calls)
    lab.restart()
    await lab.ready_account()
    cluster.put_secret("keys", {"token": SECRET_VALUE})
    return lab, cluster


def denials(cluster: Forbidding) -> list[str]:
    return [event.message for event in cluster.events if event.reason == "AccessDenied"]


async def test_a_secret_that_may_not_be_read_is_told_once() -> None:
    lab, cluster = await forbidding()
    cluster.no_secrets = True
    key = cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(300)
    assert denials(cluster) == ["GET secrets/keys: HTTP 403; extend the RBAC rules"]
    cluster.no_secrets = False
    await lab.elapse(300)
    assert lab.ready(key) == ("True", "Available")
    cluster.no_secrets = True
    lab.edit(key, description="anew")
    await lab.elapse(30)
    assert len(denials(cluster)) == 2


async def test_a_status_that_may_not_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, cluster = await forbidding()
    patch = cluster.client.patch

    async def refuse(path: str, *rest: Any, **more: Any) -> Json:
        if path.endswith("/status"):
            raise ClusterForbidden("PATCH status: HTTP 403; extend the RBAC rules")
        return await patch(path, *rest, **more)

    monkeypatch.setattr(cluster.client, "patch", refuse)
    cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(300)
    assert denials(cluster) == ["PATCH status: HTTP 403; extend the RBAC rules"]
