"""Whether what is written for the CRDs of the last release still works with those of today.

While there is no release the last state of the CRDs stands in. crdify compares: fields, types,
enums, defaults, bounds, and as "unhandled" whatever else changes what is valid, such as a rule or
a pattern. Words are left out: descriptions, and what a rule says when it refuses.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charttools.errors import ChartError, UnavailableError
from charttools.metadata import ROOT
from charttools.programs import CRDIFY, acquire, version_of

FOLDER = "crds"
MAIN = "origin/main"
CONFIG: Mapping[str, Any] = {
    "unhandledEnforcement": "Error",
    "validations": [
        # What was valid stays valid.
        {"name": "enum", "enforcement": "Error", "configuration": {"additionPolicy": "Allow"}},
    ],
}
_NETWORKED = (
    *("agentruntimes", "memorycollections", "modelproxies", "modelservices"),
    *("sandboxtemplates", "tools"),
)
_OPENED = (
    *(f"{plural} ^.spec.network.mode" for plural in _NETWORKED),
    *(f"{plural} ^.spec.code.language" for plural in ("agentruntimes", "tools")),
    *(
        f"{plural} ^.spec.container.imageRegistryType"
        for plural in ("agentruntimes", "sandboxtemplates", "tools")
    ),
    *("agentruntimes ^.spec.protocol.type", "credentials ^.spec.purpose"),
    *("customdomains ^.spec.type", "modelproxies ^.spec.mode", "sandboxtemplates ^.spec.type"),
)
ACCEPTED: Mapping[str, str] = {
    **{
        place.replace(" ", ".agentrun.dev ", 1) + " ": "an enum became a rule that admits more"
        for place in _OPENED
    },
    **{
        f"{plural}.agentrun.dev ^.spec unhandled": "modes that are not known need no VPC"
        for plural in _NETWORKED
    },
}
"""Beginnings of findings ("sandboxes.agentrun.dev ^.spec.x maxLength"), and why each was meant.

An entry goes with the next release, or while there is none with the next change of the CRDs.
"""


@dataclass(frozen=True)
class History:
    """Where the CRDs of before may be found.

    Attributes:
        releases: Tags before the commit at hand, the newest first.
        head: The commit at hand.
        fork: Where its branch left the main one; empty if that is unknown.
        is_edited: Whether the CRDs are not as committed.
        changes: The last two commits that changed CRDs, the newest first; one, if there was one.
    """

    releases: Sequence[str]
    head: str
    fork: str
    is_edited: bool
    changes: Sequence[str]


def check() -> str:
    """Hold the CRDs to those of the last release; return by which crdify, and with what.

    Raises:
        ChartError: an object or a client of theirs may break; the message says where.
        UnavailableError: crdify is missing, or a history to compare with.
    """
    program = acquire(CRDIFY)
    base, what = last_state(history(ROOT))
    old = {Path(path).name: _git(ROOT, "show", f"{base}:{path}") for path in _listed(base)}
    new = {path.name: path.read_text() for path in (ROOT / FOLDER).glob("*.yaml")}
    broken = [
        finding
        for finding in findings(program, old, new)
        if not any(finding.startswith(accepted) for accepted in ACCEPTED)
    ]
    if broken:
        told = "\n".join(broken)
        raise ChartError(f"the CRDs are not compatible with {what}:\n{told}")
    return f"{version_of(program)}: compatible with {what}"


def history(root: Path) -> History:
    """Read what the repository tells of the CRDs of before.

    Raises:
        UnavailableError: the folder has no history of its own, or only the end of it.
    """
    if not (root / ".git").exists():
        raise UnavailableError("there is no history here; a clone has the CRDs of before")
    if shutil.which("git") is None:
        raise UnavailableError("there is no git, to read the history with")
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise UnavailableError("the history is cut off; git fetch --unshallow --tags gets it")
    # What is about to become a release is compared with the one before; candidates come first.
    releases = ["tag", "--list", "v[0-9]*", "--merged=HEAD", "--no-contains=HEAD"]
    order = ["-c", "versionsort.suffix=-"]
    has_main = _git(root, "for-each-ref", f"refs/remotes/{MAIN}")
    return History(
        releases=_git(root, *order, *releases, "--sort=-version:refname").split(),
        head=_git(root, "rev-parse", "HEAD").strip(),
        fork=_git(root, "merge-base", "HEAD", MAIN).strip() if has_main else "",
        is_edited=bool(_git(root, "status", "--porcelain", "--", FOLDER)),
        changes=_git(root, "log", "--format=%H", "--max-count=2", "--", FOLDER).split(),
    )


def last_state(known: History) -> tuple[str, str]:
    """Return the commit or tag whose CRDs people may have, and what it is in words.

    Raises:
        UnavailableError: there never were other CRDs.
    """
    if known.releases:
        return known.releases[0], f"the release {known.releases[0]}"
    if known.fork not in ("", known.head):
        return known.fork, f"{MAIN} at {known.fork[:12]}"
    if known.is_edited:
        return known.head, "the last commit"
    if known.changes[1:]:
        return known.changes[1], f"the CRDs before their last change, of {known.changes[1][:12]}"
    raise UnavailableError("there is no release, and no earlier commit has other CRDs")


def findings(program: Path, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield what may break: CRD, path, validation, and what crdify says about it.

    Args:
        program: crdify.
        old: CRDs of before, by file name.
        new: Those of today.

    Raises:
        ChartError: crdify could not compare.
    """
    with tempfile.TemporaryDirectory(prefix="agentrun-crds-") as text:
        folder = Path(text)
        config = folder / "config.yaml"
        config.write_text(json.dumps(CONFIG))
        for name in sorted(old):
            before = wordless(yaml.load(old[name], yaml.CSafeLoader))
            crd = before["metadata"]["name"]
            if name not in new:
                yield f"{crd} is gone"
                continue
            after = wordless(yaml.load(new[name], yaml.CSafeLoader))
            sources = []
            for age, document in (("old", before), ("new", after)):
                path = folder / f"{age}-{name}"
                path.write_text(json.dumps(document))
                sources.append(f"file://{path}")
            yield from (f"{crd} {each}" for each in _compared(program, config, sources))


def wordless(node: Any) -> Any:
    """Return a CRD without descriptions and without what its rules say."""
    if isinstance(node, list):
        return [wordless(each) for each in node]
    if not isinstance(node, dict):
        return node
    # A property may have the name of a keyword; what it is then is no text.
    kept = {k: v for k, v in node.items() if k != "description" or not isinstance(v, str)}
    rules = kept.get("x-kubernetes-validations")
    if isinstance(rules, list):
        words = ("message", "messageExpression")
        kept["x-kubernetes-validations"] = [
            {k: v for k, v in rule.items() if k not in words} for rule in rules
        ]
    return {k: wordless(v) for k, v in kept.items()}


def _compared(program: Path, config: Path, sources: list[str]) -> Iterator[str]:
    command = [str(program), f"--config={config}", "--output=json", *sources]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        raise ChartError(f"crdify could not compare:\n{done.stdout}{done.stderr}") from error
    yield from _said("", report.get("crdValidation") or [])
    for group in ("sameVersionValidation", "servedVersionValidation"):
        for properties in (report.get(group) or {}).values():
            for path in sorted(properties):
                yield from _said(f"{path} ", properties[path])


def _said(where: str, results: list[dict[str, Any]]) -> Iterator[str]:
    for result in sorted(results, key=lambda each: str(each["name"])):
        for error in result.get("errors") or []:
            yield f"{where}{result['name']}: {error}"


def _listed(commit: str) -> list[str]:
    paths = _git(ROOT, "ls-tree", "--name-only", commit, f"{FOLDER}/").splitlines()
    return [path for path in paths if path.endswith(".yaml")]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise UnavailableError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
