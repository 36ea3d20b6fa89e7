"""Everything that is generated from code, and whether the files on disk still equal it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.chart import CRD_CHARTS, RULES, crd_template, rules_template
from agentrun_operator.crdgen.crd import custom_resource_definition
from agentrun_operator.crdgen.decision_tables import decision_page
from agentrun_operator.crdgen.kustomize import configuration, samples
from agentrun_operator.crdgen.ram import policy_page, policy_text
from agentrun_operator.crdgen.reference import reference_index, reference_page
from agentrun_operator.crdgen.render import HEADER, MARK, yaml_text

REFERENCE = "docs/reference"
RAM_PAGE = f"{REFERENCE}/permissions.md"
DECISIONS = f"{REFERENCE}/decision-tables.md"
RAM_POLICY = f"{REFERENCE}/ram-policy.json"
KUSTOMIZE = "docs/kustomize"
SAMPLES = "samples/kustomization.yaml"
_FOLDERS = ("crds", *(chart.folder for chart in CRD_CHARTS), REFERENCE, KUSTOMIZE)
"""Folders in which a generated file that nobody generates any more is stale."""


def generate(kinds: Iterable[ResourceKind]) -> Mapping[str, str]:
    """Return the generated files: path relative to the repository → text.

    Raises:
        GenerationError: a kind cannot be expressed; the message names the field.
    """
    catalogue = sorted(kinds, key=lambda k: k.kind)
    files: dict[str, str] = {}
    for kind in catalogue:
        crd = custom_resource_definition(kind)
        files[f"crds/{kind.plural}.yaml"] = HEADER + yaml_text(crd)
        for chart in CRD_CHARTS:
            files[f"{chart.folder}/{kind.plural}.yaml"] = crd_template(crd, chart)
        files[f"{REFERENCE}/{kind.kind.lower()}.md"] = reference_page(kind)
    files[f"{KUSTOMIZE}/agentrun.yaml"] = HEADER + yaml_text(configuration(catalogue))
    files[SAMPLES] = HEADER + yaml_text(samples(catalogue))
    files[RULES] = rules_template(catalogue)
    files[RAM_POLICY] = policy_text(catalogue)
    files[RAM_PAGE] = policy_page(catalogue)
    files[DECISIONS] = decision_page()
    files[f"{REFERENCE}/README.md"] = reference_index(catalogue)
    return files


def write(root: Path, kinds: Iterable[ResourceKind]) -> tuple[str, ...]:
    """Bring the files below `root` up to date; return the paths that were written or removed."""
    files = generate(kinds)
    stale = _stale(root, files)
    for path in stale:
        target = root / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files[path], encoding="utf-8")
        else:
            target.unlink()
    return stale


def check(root: Path, kinds: Iterable[ResourceKind]) -> tuple[str, ...]:
    """Return the paths below `root` that `write` would write or remove; empty when up to date."""
    return _stale(root, generate(kinds))


def _stale(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    differing = (path for path, text in files.items() if _text(root / path) != text)
    leftovers = (
        path
        for folder in _FOLDERS
        for found in sorted((root / folder).glob("*"))
        if (path := f"{folder}/{found.name}") not in files and MARK in (_text(found) or "")
    )
    return (*differing, *leftovers)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
