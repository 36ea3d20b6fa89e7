"""The open questions of the API, each answered in the way that is not the simulator's default."""

from collections.abc import Mapping
from typing import Any

from fakes.lab import Lab

OTHER_ANSWERS: dict[str, Any] = {
    "emptyList": "clear",
    "emptyText": "not-set",
    "workspaceUpdate": "ignored",
    "nameScope": "workspace",
    "nameFilter": "prefix",
    "nestedPut": "merge",
    "duplicateStatus": 500,
    "duplicateSandboxId": "return-existing",
    "deleteWithChildren": "cascade",
    "deleteInUse": "allow",
    "refuseUnknownFields": True,
    "writeInTransition": "refuse",
    "unsetFields": "zero",
    "registryPassword": "echoed",
    "providerApiKey": "omitted",
    "requireModelType": True,
}
"""The answer to each open question that is not the default; the other switches concern no kind."""
# What concerns no kind of ours, or needs everything that is named to exist.
ELSEWHERE = {"flowDraft", "deleteImBot", "mcpAfterStop", "checkReferences"}


def lab_with(answer: Mapping[str, Any]) -> Lab:
    lab = Lab()
    lab.simulator.configure({"switches": answer})
    return lab
