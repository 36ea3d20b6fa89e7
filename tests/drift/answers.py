"""The open questions of the API, answered in mixtures: no answer may lean on another one."""

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

import pytest

from drift.filled import VARIANTS, Variant
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


def answered(again: Iterable[Variant] = VARIANTS) -> pytest.MarkDecorator:
    """Return a mark that runs a test over `variant` and `answer`.

    Each variant has a mixture of its own; where it comes again, each question has the answer that
    the first mixture has not. So both answers meet every field, and any two answers meet somewhere.
    """
    cases = [pytest.param(v, _mixture(v, 0), id=f"{v.title}-some") for v in VARIANTS]
    cases += [pytest.param(v, _mixture(v, 1), id=f"{v.title}-the-others") for v in again]
    return pytest.mark.parametrize(("variant", "answer"), cases)


def _mixture(variant: Variant, side: int) -> dict[str, Any]:
    return {
        name: answer
        for name, answer in OTHER_ANSWERS.items()
        if crc32(f"{variant.title}/{name}".encode()) % 2 == side
    }


def lab_with(answer: Mapping[str, Any]) -> Lab:
    lab = Lab()
    lab.simulator.configure({"switches": answer})
    return lab
