"""Pod-like `env` and `envFrom`, and the map that they become."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import Field

from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.core.fields import (
    ConfigMapReference,
    Local,
    SecretReference,
    SpecModel,
    Unordered,
    Unquoted,
    ValueFrom,
)
from agentrun_operator.core.kind import Caution, Derived, Rule
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.resolution import Resolution

MAX_VARIABLES = 128
"""In all: what `env` may hold alone. The API publishes no number of its own."""
MAX_BYTES = 1_572_864
"""Of all names and values: what one Kubernetes object can hold at most."""

_SHOWN_KEYS = 4
_VARIABLE = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"


class EnvVar(SpecModel):
    """One environment variable: exactly one of value and valueFrom."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=_VARIABLE)]
    """Name of the variable."""
    value: Annotated[str | None, Field(max_length=8192), Unquoted()] = None
    """Its value; not for secrets."""
    value_from: ValueFrom | None = None
    """Where its value comes from."""


class EnvFromSource(SpecModel):
    """All keys of a Secret or ConfigMap as variables: exactly one of the two."""

    prefix: Annotated[str | None, Field(max_length=253)] = None
    """Text before each key."""
    secret_ref: SecretReference | None = None
    """The Secret."""
    config_map_ref: ConfigMapReference | None = None
    """The ConfigMap."""


class EnvironmentSpec(ResourceSpec):
    """A workload with environment variables."""

    env: Annotated[tuple[EnvVar, ...], Local(), Unordered("name"), Field(max_length=128)] = ()
    """Environment variables, at most 128 with those of envFrom, over which they win."""
    env_from: Annotated[tuple[EnvFromSource, ...], Local(), Field(max_length=16)] = ()
    """Secrets and ConfigMaps whose keys become variables, at most 16; later ones win. With env, 128
    variables at most."""


class HasEnvironment(Protocol):
    """The part of a spec that is read here."""

    @property
    def env(self) -> tuple[EnvVar, ...]:
        """Single variables."""

    @property
    def env_from(self) -> tuple[EnvFromSource, ...]:
        """Whole sources."""


def environment(spec: HasEnvironment, resolution: Resolution) -> dict[str, str] | None:
    """Return environmentVariables; None where the spec names none.

    Raises:
        ReferenceNotFound: a Secret or ConfigMap lacks the key that the spec names.
        InvalidParameter: they are too many, or too large.
    """
    if not spec.env and not spec.env_from:
        return None
    found: dict[str, str] = {}
    for source in spec.env_from:
        prefix = source.prefix or ""
        found |= {f"{prefix}{key}": value for key, value in _all_of(source, resolution).items()}
    for variable in spec.env:
        value = variable.value_from
        found[variable.name] = resolution.value(value) if value else variable.value or ""
    _check_bounds(spec, found)
    return found


def _check_bounds(spec: HasEnvironment, found: Mapping[str, str]) -> None:
    if len(found) > MAX_VARIABLES:
        raise InvalidParameter(
            f"spec.env and spec.envFrom give {len(found)} variables, at most {MAX_VARIABLES} are "
            f"taken; name the keys that are needed in spec.env (valueFrom){_sources(spec)}"
        )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > MAX_BYTES:
        raise InvalidParameter(
            f"spec.env and spec.envFrom give {size} bytes, at most {MAX_BYTES} are taken; "
            f"mount large values as files or fetch them at start{_sources(spec)}"
        )


def _sources(spec: HasEnvironment) -> str:
    """Name the sources that may hold fewer keys, the first of them."""
    refs = (ref for source in spec.env_from for ref in (source.secret_ref, source.config_map_ref))
    names = [repr(ref.name) for ref in refs if ref is not None]
    return f", or take keys out of {', '.join(names[:4])}" if names else ""


def _all_of(source: EnvFromSource, resolution: Resolution) -> Mapping[str, str]:
    place = _place_of(source)
    return resolution.all_of(*place) if place is not None else {}


def _place_of(source: EnvFromSource) -> tuple[str, str] | None:
    """Return which Secret or ConfigMap it is, and its name."""
    if source.secret_ref is not None:
        return "Secret", source.secret_ref.name
    if source.config_map_ref is not None:
        return "ConfigMap", source.config_map_ref.name
    return None


def left_out(spec: HasEnvironment, resolution: Resolution) -> Caution | None:
    """Say which keys of envFrom become no variable, as the API takes nothing but text."""
    given = {variable.name for variable in spec.env}
    places = {
        (place, source.prefix or "") for source in spec.env_from if (place := _place_of(source))
    }
    keys = [
        f"{key!r} of {what} {name!r}"
        for (what, name), prefix in sorted(places)
        for key in resolution.unreadable_of(what, name)
        if f"{prefix}{key}" not in given
    ]
    if not keys:
        return None
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return Caution(
        "LeftOut",
        f"spec.envFrom leaves out {', '.join(keys[:_SHOWN_KEYS])}{more}, whose values are no "
        "UTF-8 text; mount or fetch them, or take these keys out",
    )


ENVIRONMENT = Derived(
    "environmentVariables",
    "env",
    environment,
    secret=True,
    plain=("env",),
    exact=True,
    clear={},
)
ENVIRONMENT_RULES = (
    Rule(
        "!has(self.env) || self.env.all(e, has(e.value) != has(e.valueFrom))",
        "env[]: exactly one of value and valueFrom must be set; keep one",
        "env",
    ),
    Rule(
        "!has(self.envFrom) || self.envFrom.all(e, has(e.secretRef) != has(e.configMapRef))",
        "envFrom[]: exactly one of secretRef and configMapRef must be set; keep one",
        "envFrom",
    ),
)
