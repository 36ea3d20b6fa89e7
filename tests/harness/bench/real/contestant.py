"""Who can take part: what a file says about a program, and the templates of its objects.

docs/benchmarks/contestants.md is the page for those who write such a file.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = Path(__file__).parents[1] / "contestants"
"""Those that come with the bench, by the name of their file."""
BUILT_IN = tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))
OPERATOR = "agentrun_operator"
"""The one that the rig itself starts, under the chart's rights."""


class ContestantError(Exception):
    """A file cannot be used; the message names it, and what to do."""


class Contestant(BaseModel):
    """What a file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """What pages call it."""
    about: str = ""
    """One sentence for the page: how it was run."""
    takes: Literal["objects", "files"]
    """Whether it watches objects of the cluster, or a folder of files."""
    version: str = ""
    """Shell command that prints its version."""
    prepare: str = ""
    """Shell command that runs once, before it starts: installs CRDs, for example."""
    start: str = ""
    """Shell command that runs until it is killed."""
    setup: str = ""
    """Template of what each namespace holds before the fleet."""
    manifests: Mapping[str, str]
    """Family of the cloud → template of the object, or the file, that stands for a resource."""
    ready: tuple[str, ...] = ("Ready",)
    """Types of the conditions that are all True once an object is Ready."""
    metrics: str = ""
    """Template of the URL of its metrics, if it counts its passes as controller-runtime does."""


def load(path: Path) -> Contestant:
    """Read a file; a name of one that comes with the bench will do as well.

    Raises:
        ContestantError: there is none, or it is not as it has to be.
    """
    file = FOLDER / f"{path}.yaml" if str(path) in BUILT_IN else path
    try:
        found = Contestant.model_validate(yaml.safe_load(file.read_text()))
    except OSError as error:
        raise ContestantError(
            f"{file}: {error.strerror}; name a file, or one of {BUILT_IN}"
        ) from None
    except ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise ContestantError(
            f"{file}: correct {where}; see docs/benchmarks/contestants.md"
        ) from None
    except yaml.YAMLError as error:
        raise ContestantError(f"{file} is no YAML: {error}") from None
    if not found.start and file != FOLDER / f"{OPERATOR}.yaml":
        raise ContestantError(f"{file} has no `start`; say how the program is started")
    return found


class Thing(BaseModel):
    """One member of the fleet: a resource of the cloud, and the object or file that asks for it."""

    model_config = ConfigDict(frozen=True)

    family: str
    name: str
    namespace: str
    number: int
    """Things of one number belong together: the endpoint 7 is one of the runtime 7."""


def fleet(size: int, families: Iterable[str], namespaces: Iterable[str]) -> list[Thing]:
    """Return a fleet in equal shares of families; whoever refers to another one comes after it."""
    kinds, places = list(families), list(namespaces)
    found = []
    for place in range(size):
        number, which = divmod(place, len(kinds))
        family = kinds[which]
        found.append(
            Thing(
                family=family,
                name=f"{family.lower()}-{number}",
                namespace=places[number % len(places)],
                number=number,
            )
        )
    return found


def filled(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template.

    Raises:
        ContestantError: it wants what there is none of.
    """
    try:
        return Template(template).substitute(values)
    except KeyError as error:
        raise ContestantError(
            f"a template uses ${{{error.args[0]}}}; there are {', '.join(sorted(values))}"
        ) from None
    except ValueError as error:
        raise ContestantError(f"a template is wrong: {error}; a plain $ is written $$") from None


def manifest(contestant: Contestant, thing: Thing, description: str) -> str:
    """Return the object or the file of one member, as text."""
    values = {
        "name": thing.name,
        "namespace": thing.namespace,
        "number": str(thing.number),
        "description": description,
    }
    return filled(contestant.manifests[thing.family], values)


def body(contestant: Contestant, thing: Thing, description: str) -> dict[str, Any]:
    """Return the object of one member."""
    found: dict[str, Any] = yaml.safe_load(manifest(contestant, thing, description))
    return found


def is_ready(seen: Mapping[str, Any], wanted: Iterable[str]) -> bool:
    """Return whether all conditions are True, on the newest generation where that is told."""
    status = seen.get("status") or {}
    generation = seen["metadata"].get("generation")
    states = {each["type"]: each for each in status.get("conditions") or ()}
    told = [status.get("observedGeneration")]
    told += [states[each].get("observedGeneration") for each in wanted if each in states]
    is_old = any(each is not None and each != generation for each in told)
    return not is_old and all(states.get(each, {}).get("status") == "True" for each in wanted)
