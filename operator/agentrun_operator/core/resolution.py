"""What the references of one spec resolved to; filled by the engine, read by encoders."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.fields import Reference, SecretSource, ValueFrom


@dataclass(frozen=True, slots=True)
class Resolution:
    """Values behind references. Its repr shows no value."""

    references: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(kind, object name) → what stands on the wire: external name, or id for a parent."""
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """Secret name → key → decoded value."""
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """ConfigMap name → key → value."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Secret name → `<uid>/<resourceVersion>`, for what cannot be read back."""
    percent_weights: bool = False
    """Whether this account's API takes endpoint weights as percent instead of as fractions."""

    def reference(self, kind: str, reference: Reference) -> str:
        """Return the wire name behind a reference."""
        if reference.name is None:
            return reference.external_name or ""
        return self.references[(kind, reference.name)]

    def secret(self, name: str, key: str) -> str:
        """Return one value of a Secret.

        Raises:
            ReferenceNotFound: the Secret has no such key.
        """
        return _pick(self.secrets, "Secret", name, key)

    def config_map(self, name: str, key: str) -> str:
        """Return one value of a ConfigMap.

        Raises:
            ReferenceNotFound: the ConfigMap has no such key.
        """
        return _pick(self.config_maps, "ConfigMap", name, key)

    def value(self, source: ValueFrom | SecretSource) -> str:
        """Return the value that a source names.

        Raises:
            ReferenceNotFound: the Secret or ConfigMap has no such key.
        """
        if isinstance(source, SecretSource):
            return self.secret(source.secret_key_ref.name, source.secret_key_ref.key)
        if source.secret_key_ref is not None:
            return self.secret(source.secret_key_ref.name, source.secret_key_ref.key)
        if source.config_map_key_ref is not None:
            return self.config_map(source.config_map_key_ref.name, source.config_map_key_ref.key)
        return ""

    def registry_login(self, secret_name: str, image: str) -> tuple[str, str]:
        """Return (user, password) for an image's registry from a dockerconfigjson Secret.

        Raises:
            ReferenceNotFound: no `.dockerconfigjson`, or it has no entry for that registry.
        """
        host = image.split("/", 1)[0]
        try:
            logins = json.loads(self.secret(secret_name, ".dockerconfigjson"))["auths"]
            entry = next(logins[k] for k in logins if _host(k) == host)
            if "username" in entry:
                return str(entry["username"]), str(entry.get("password", ""))
            user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (ValueError, KeyError, TypeError, StopIteration, AttributeError):
            # The original error may quote the document, so it is not chained.
            raise ReferenceNotFound(
                f"Secret {secret_name!r} holds no login for registry {host!r}; it must be of type "
                "kubernetes.io/dockerconfigjson with an entry for that host"
            ) from None
        return user, password


def _host(registry: str) -> str:
    return registry.removeprefix("https://").removeprefix("http://").split("/", 1)[0]


def _pick(sources: Mapping[str, Mapping[str, str]], what: str, name: str, key: str) -> str:
    try:
        return sources[name][key]
    except KeyError:
        raise ReferenceNotFound(
            f"{what} {name!r} has no key {key!r}; add the key or correct the reference"
        ) from None
