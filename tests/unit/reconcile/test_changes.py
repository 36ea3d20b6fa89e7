"""Whom a change of an object concerns."""

from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.changes import concerns_users


def runtime(status: str, reason: str, **more: Any) -> KubeObject:
    return KubeObject(
        key=ObjectKey("AgentRuntime", "team-a", "base"),
        uid="uid-1",
        generation=1,
        resource_version="1",
        created_at="2026-01-05T09:00:00Z",
        deleted_at="",
        finalizers=(),
        annotations={},
        spec={},
        status={
            "externalId": "ar-1",
            "conditions": [{"type": "Ready", "status": status, "reason": reason}],
            **more,
        },
    )


@pytest.mark.parametrize(
    ("before", "now", "concerned"),
    [
        (("True", "Available"), ("False", "Updating"), True),
        (("False", "Updating"), ("False", "ProviderFailed"), False),
        (("False", "AccountChanged"), ("False", "AlreadyExistsNotOwned"), True),
        (("False", "ExternalNameConflict"), ("False", "Updating"), True),
        (("False", "ExternalNameConflict"), ("False", "AlreadyExistsNotOwned"), False),
    ],
)
def test_users_are_told_what_they_may_rely_on(
    before: tuple[str, str], now: tuple[str, str], *, concerned: bool
) -> None:
    assert concerns_users(runtime(*before), runtime(*now)) is concerned


@pytest.mark.parametrize(
    ("published", "newest", "concerned"),
    [("ar-1", "2", True), ("ar-1", "1", False), ("ar-0", "2", False)],
    ids=["another one", "the same", "of a resource that is gone"],
)
def test_users_are_told_of_a_published_version(
    published: str, newest: str, *, concerned: bool
) -> None:
    first = runtime("True", "Available", latestVersion="1", published={"externalId": published})
    second = replace(first, status={**first.status, "latestVersion": newest})
    assert concerns_users(first, second) is concerned
