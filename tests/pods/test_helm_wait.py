"""`helm install --wait` of a user's chart: Helm 4 asks kstatus, and kstatus reads our status.

No health check, no hook and no annotation is needed: the status alone says when it is done.
"""

import copy
from typing import Any

from kwok.release import Released, UserChart
from rig import is_ready
from rig.waiting import condition

Manifest = dict[str, Any]

ENOUGH = 60
SHORT = 6
"""A deadline, in seconds, that is meant to pass; a pass of the operator takes a tenth of it."""
EARLY = 20.0
"""Well before ENOUGH."""


def edited(manifest: Manifest, **spec: Any) -> Manifest:
    changed = copy.deepcopy(manifest)
    changed["spec"] |= spec
    return changed


def test_it_returns_when_everything_is_ready(
    released: Released, chart: UserChart, namespace: str, account: Manifest, template: Manifest
) -> None:
    released.cloud.fault("slow", action="CreateTemplate", seconds=4)
    done = chart.wait("install", [account, template], seconds=ENOUGH)
    objects = released.objects(namespace)  # at once: nothing is waited for here
    assert (done.code, len(objects)) == (0, 2), done.output
    assert all(map(is_ready, objects))
    assert done.seconds > 4


def test_it_ends_early_when_an_object_is_stalled(
    released: Released, chart: UserChart, namespace: str, account: Manifest, service: Manifest
) -> None:
    refusal = {"status": 400, "code": "InvalidParameter", "message": "Refused.", "times": None}
    released.cloud.fault("error", action="CreateModelService", **refusal)
    done = chart.wait("install", [account, service], seconds=ENOUGH)
    assert done.code != 0
    assert "ModelService" in done.output
    assert "Failed" in done.output
    assert done.seconds < EARLY
    assert condition(released.get("modelservice", "qwen", namespace), "Stalled")


def test_it_waits_while_a_retry_may_help(
    released: Released, chart: UserChart, namespace: str, account: Manifest, service: Manifest
) -> None:
    released.cloud.fault("error", action=".*ModelService.*", status=503, times=None)
    done = chart.wait("install", [account, service], seconds=SHORT)
    assert done.code != 0
    assert "InProgress" in done.output
    assert done.seconds >= SHORT
    assert condition(released.get("modelservice", "qwen", namespace), "Reconciling")
    released.cloud.clear_faults()
    done = chart.wait("upgrade", [account, service], seconds=ENOUGH)
    assert done.code == 0, done.output


def test_it_waits_for_what_an_object_refers_to(
    released: Released, chart: UserChart, namespace: str, account: Manifest, service: Manifest
) -> None:
    """A reference to nothing is no failure: it may come with another chart."""
    del account
    done = chart.wait("install", [service], seconds=SHORT)
    assert done.code != 0
    assert "InProgress" in done.output
    assert condition(released.get("modelservice", "qwen", namespace), "Reconciling")


def test_an_edit_is_not_done_before_it_is_seen(
    released: Released, chart: UserChart, namespace: str, account: Manifest, service: Manifest
) -> None:
    """The object still says Ready, of a generation that is gone."""
    assert chart.wait("install", [account, service], seconds=ENOUGH).code == 0
    released.stop_operator()
    service = edited(service, description="second")
    done = chart.wait("upgrade", [account, service], seconds=SHORT)
    assert done.code != 0
    assert "InProgress" in done.output
    body = released.get("modelservice", "qwen", namespace)
    assert condition(body, "Ready")["status"] == "True"
    assert not is_ready(body)
    released.start_operator()
    done = chart.wait("upgrade", [account, service], seconds=ENOUGH)
    assert done.code == 0, done.output
    (resource,) = released.cloud.resources()["ModelService"]
    assert resource["description"] == "second"


def test_ten_edits_in_a_row(
    released: Released, chart: UserChart, account: Manifest, service: Manifest
) -> None:
    """Each time Helm returns, the cloud has what was asked for."""
    assert chart.wait("install", [account, service], seconds=ENOUGH).code == 0
    for number in range(10):
        wanted = f"edit {number}"
        changed = edited(service, description=wanted)
        done = chart.wait("upgrade", [account, changed], seconds=ENOUGH)
        assert done.code == 0, done.output
        (resource,) = released.cloud.resources()["ModelService"]
        assert resource["description"] == wanted


def test_nothing_is_done_without_an_operator(
    released: Released, chart: UserChart, namespace: str, account: Manifest, service: Manifest
) -> None:
    """What kstatus would call done without the status that the CRD presets."""
    released.stop_operator()
    done = chart.wait("install", [account, service], seconds=SHORT)
    assert done.code != 0
    assert "InProgress" in done.output
    assert released.get("account", "default", namespace)["status"]["observedGeneration"] == -1
    released.start_operator()
    done = chart.wait("upgrade", [account, service], seconds=ENOUGH)
    assert done.code == 0, done.output


def test_an_uninstall_waits_for_the_cloud(
    released: Released, chart: UserChart, namespace: str, account: Manifest, template: Manifest
) -> None:
    assert chart.wait("install", [account, template], seconds=ENOUGH).code == 0
    released.cloud.fault("slow", action="DeleteTemplate", seconds=2)
    done = chart.uninstall()
    assert done.code == 0, done.output
    assert done.seconds > 2
    assert released.objects(namespace) == []
    assert "Template" not in released.cloud.resources()
