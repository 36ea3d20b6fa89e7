"""The Kubernetes releases that CRDs and admission policies are tested on.

`tools/kubernetes` pins the one that every command runs on. Each folder in it, named after a minor
version, pins one more: these folders are the only list of them.
"""

from collections.abc import Mapping
from dataclasses import replace

from controlplane.binaries import KUBERNETES, Toolset
from controlplane.errors import ControlPlaneError

VARIABLE = "AGENTRUN_TEST_KUBERNETES"
"""Environment variable with the minor version that integration tests run on, such as 1.35."""


def releases() -> Mapping[str, Toolset]:
    """Return the releases by minor version, the oldest first.

    Only what go.mod pins counts: `KUBEBUILDER_ASSETS` holds one release, and cannot stand in for
    several.
    """
    modules = [KUBERNETES.module, *(each.parent for each in KUBERNETES.module.glob("*/go.mod"))]
    found = [replace(KUBERNETES, module=module, assets_variable=None) for module in modules]
    return {minor_version(each): each for each in sorted(found, key=_order)}


def chosen(environ: Mapping[str, str]) -> Toolset:
    """Return the release that the environment names, KUBERNETES where it names none.

    Raises:
        ControlPlaneError: no folder pins that minor version.
    """
    wanted = environ.get(VARIABLE)
    if not wanted:
        return KUBERNETES
    known = releases()
    if wanted not in known:
        raise ControlPlaneError(f"{VARIABLE} is {wanted!r}, none of {', '.join(known)}")
    return known[wanted]


def minor_version(toolset: Toolset) -> str:
    """Return the minor version of a release, such as 1.35."""
    return toolset.version.removeprefix("v").rpartition(".")[0]


def _order(toolset: Toolset) -> tuple[int, ...]:
    return tuple(map(int, minor_version(toolset).split(".")))
