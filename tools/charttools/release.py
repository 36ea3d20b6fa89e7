"""The charts as a release publishes them: its version, its registry, and what changed."""

import re
import shutil
from pathlib import Path

import yaml

from charttools.errors import ChartError
from charttools.metadata import CHARTS

KINDS = {"security", "removed", "deprecated", "added", "changed", "fixed"}
"""Sections of the changelog, which are Artifact Hub's kinds of changes too."""


def stage(folder: Path, *, version: str, registry: str, changelog: str) -> None:
    """Copy both charts into a folder, with version, registry and changes of a release.

    Args:
        folder: Where to, one folder per chart.
        version: Of the release, such as 1.2.3.
        registry: Host and path that hold the images.
        changelog: Text of CHANGELOG.md.

    Raises:
        ChartError: the changelog has no section for the version.
    """
    changes = changes_of(changelog, version)
    for source in sorted(CHARTS.iterdir()):
        chart = folder / source.name
        shutil.copytree(source, chart)
        document = yaml.safe_load((chart / "Chart.yaml").read_text())
        document |= {"version": version, "appVersion": version}
        annotations = document["annotations"]
        annotations["artifacthub.io/changes"] = yaml.safe_dump(changes, sort_keys=False)
        annotations["artifacthub.io/prerelease"] = str(
            version.startswith("0.") or "-" in version
        ).lower()
        is_secure = any(change["kind"] == "security" for change in changes)
        annotations["artifacthub.io/containsSecurityUpdates"] = str(is_secure).lower()
        if "artifacthub.io/images" in annotations:
            images = [
                {"name": name, "image": f"{registry}/{name}:{version}"}
                for name in ("agentrun-operator", "agentrun-simulator")
            ]
            annotations["artifacthub.io/images"] = yaml.safe_dump(images, sort_keys=False)
        (chart / "Chart.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        values = chart / "values.yaml"
        values.write_text(values.read_text().replace('registry: ""', f"registry: {registry}"))


def changes_of(changelog: str, version: str) -> list[dict[str, str]]:
    """Return the changes of a version: kind and description of each.

    Raises:
        ChartError: the changelog has no section for it, or an empty one.
    """
    section = re.search(
        rf"^## {re.escape(version)}(?= |$)[^\n]*\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if section is None:
        raise ChartError(f"CHANGELOG.md has no section '## {version}'; write it first")
    changes = []
    kind = ""
    for line in section[1].splitlines():
        if line.startswith("### "):
            kind = line[4:].strip().lower()
        elif line.startswith("- ") and kind in KINDS:
            changes.append({"kind": kind, "description": line[2:].strip()})
    if not changes:
        raise ChartError(f"CHANGELOG.md lists no change under '## {version}'")
    return changes


def page_of(changelog: str, version: str, *, registry: str, verify: str) -> str:
    """Return the page of a release as Markdown: how to install and verify it, and what changed.

    Args:
        changelog: Text of CHANGELOG.md.
        version: Of the release, such as 1.2.3.
        registry: Host and path that hold images and charts.
        verify: Options that tell cosign whose signature to expect.

    Raises:
        ChartError: see `changes_of`.
    """
    operator = f"{registry}/agentrun-operator:{version}"
    lines = [
        "```console",
        f"$ helm install agentrun-operator oci://{registry}/charts/agentrun-operator \\",
        f"    --version {version} --namespace agentrun-system --create-namespace --wait",
        f"$ cosign verify {verify} {operator}",
        f"$ cosign verify {verify} {registry}/charts/agentrun-operator:{version}",
        f"$ cosign verify-attestation {verify} --type cyclonedx {operator}  # bill of materials",
        "```",
    ]
    return "\n".join([*lines, "", notes_of(changelog, version)])


def notes_of(changelog: str, version: str) -> str:
    """Return the changes of a version as Markdown.

    Raises:
        ChartError: see `changes_of`.
    """
    kinds: dict[str, list[str]] = {}
    for change in changes_of(changelog, version):
        kinds.setdefault(change["kind"], []).append(change["description"])
    sections = (
        f"### {kind.capitalize()}\n" + "".join(f"- {text}\n" for text in texts)
        for kind, texts in kinds.items()
    )
    return "\n".join(sections)
