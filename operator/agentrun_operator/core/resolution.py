"""What the references of one spec resolved to; filled by the engine, read by encoders."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agentrun_operator.core.errors import ReferenceNotFound, Unresolved
from agentrun_operator.core.fields import (
    NEWEST_VERSION,
    Reference,
    SecretDocument,
    SecretSource,
    ValueFrom,
)
from agentrun_operator.core.one_line import one_line

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, slots=True)
class Resolution:
    """Values behind references. Its repr shows no value."""

    references: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(kind, object name) → what keys its resource in the API: external name, or id."""
    external_names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(kind, object name) → external name, also of what an id keys."""
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """Secret name → key → decoded value."""
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """ConfigMap name → key → value."""
    unreadable: frozenset[tuple[str, str, str]] = frozenset()
    """(Secret or ConfigMap, its name, key) of values that are no UTF-8 text."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Secret name → `<uid>/<resourceVersion>`, for what cannot be read back."""
    edited_at: datetime | None = None
    """When a Secret or ConfigMap was last edited; None where all are as they were made."""
    newest_versions: Mapping[str, str] = field(default_factory=dict)
    """JSON name of a reference → number of the newest version of what it leads to."""
    compatibility: Mapping[str, str] = field(default_factory=dict)
    """`spec.compatibility` of the account: in what its API differs."""

    def reference(self, kind: str, reference: Reference, *, by_name: bool = False) -> str:
        """Return the key behind a reference, or by request the name.

        Raises:
            ReferenceNotFound: it was left unresolved.
        """
        if reference.name is None:
            return reference.external_name or ""
        known = self.external_names if by_name else self.references
        try:
            return known[(kind, reference.name)]
        except KeyError:
            raise Unresolved(f"{kind} {reference.name!r} is not resolved") from None

    def version(self, reference: str, version: str | None) -> str | None:
        """Return what stands on the wire for a version of what a reference leads to.

        Raises:
            ReferenceNotFound: it was left unresolved.
        """
        if version != NEWEST_VERSION:
            return version
        try:
            return self.newest_versions[reference]
        except KeyError:
            raise Unresolved(f"the newest version behind {reference} is not resolved") from None

    def secret(self, name: str, key: str) -> str:
        """Return one value of a Secret.

        Raises:
            ReferenceNotFound: the Secret has no such key.
        """
        return self._pick(self.secrets, "Secret", name, key)

    def config_map(self, name: str, key: str) -> str:
        """Return one value of a ConfigMap.

        Raises:
            ReferenceNotFound: the ConfigMap has no such key.
        """
        return self._pick(self.config_maps, "ConfigMap", name, key)

    def all_of(self, what: str, name: str) -> Mapping[str, str]:
        """Return every value of a Secret or ConfigMap (`what`).

        Raises:
            ReferenceNotFound: it was left unresolved.
        """
        found = (self.secrets if what == "Secret" else self.config_maps).get(name)
        if found is None:
            raise Unresolved(f"{what} {name!r} is not resolved")
        return found

    def unreadable_of(self, what: str, name: str) -> list[str]:
        """Return the keys of a Secret or ConfigMap (`what`) whose values are no UTF-8 text."""
        return sorted(key for kind, owner, key in self.unreadable if (kind, owner) == (what, name))

    def value(self, source: ValueFrom | SecretSource) -> str:
        """Return the value that a source names; what can only be a secret is one line, not empty.

        Raises:
            ReferenceNotFound: the Secret or ConfigMap has no such key, or the secret is empty or
                holds control characters.
        """
        if isinstance(source, SecretSource):
            name, key = source.secret_key_ref.name, source.secret_key_ref.key
            where = f"key {key!r} of Secret {name!r}"
            has_lines = isinstance(source, SecretDocument)
            return one_line(self.secret(name, key), where, may_have_lines=has_lines)
        if source.secret_key_ref is not None:
            return self.secret(source.secret_key_ref.name, source.secret_key_ref.key)
        if source.config_map_key_ref is not None:
            return self.config_map(source.config_map_key_ref.name, source.config_map_key_ref.key)
        return ""

    def document(self, source: ValueFrom, path: str) -> str:
        """Return the text that a source names at a path, where an empty one says nothing.

        Raises:
            ReferenceNotFound: the Secret or ConfigMap has no such key, or nothing stands there.
        """
        text = self.value(source)
        selected = source.secret_key_ref or source.config_map_key_ref
        if selected is not None and not text.strip():
            what = "Secret" if source.secret_key_ref else "ConfigMap"
            where = f"key {selected.key!r} of {what} {selected.name!r}"
            raise ReferenceNotFound(f"{path}: {where} is empty; fill it in")
        return text

    def _pick(
        self, sources: Mapping[str, Mapping[str, str]], what: str, name: str, key: str
    ) -> str:
        if (what, name, key) in self.unreadable:
            raise ReferenceNotFound(
                f"key {key!r} of {what} {name!r} is no UTF-8 text, and AgentRun takes nothing "
                "else; check how it was encoded"
            )
        if name not in sources:
            raise Unresolved(f"{what} {name!r} is not resolved")
        try:
            return sources[name][key]
        except KeyError:
            raise ReferenceNotFound(
                f"{what} {name!r} has no key {key!r}; add the key or correct the reference"
            ) from None

    def by_version(self) -> "Resolution":
        """Return a resolution in which each secret is told by its place and version alone.

        What is encoded with it changes as the values do, and may be digested for a status: the
        digest of a secret itself could be guessed.
        """
        return _ByVersion(
            references=self.references,
            external_names=self.external_names,
            secrets={
                name: {key: f"{name}/{key}@{self.versions.get(name)}" for key in data}
                for name, data in self.secrets.items()
            },
            config_maps=self.config_maps,
            versions=self.versions,
            newest_versions=self.newest_versions,
            compatibility=self.compatibility,
        )

    def registry_login(self, secret_name: str, image: str) -> tuple[str, str]:
        """Return (user, password) for an image's registry from a dockerconfigjson Secret.

        Raises:
            ReferenceNotFound: no `.dockerconfigjson`, or it has no entry for that registry, or the
                entry holds control characters.
        """
        host, path = _registry_of(image)
        found = _login(self.secret(secret_name, ".dockerconfigjson"), host, path)
        if found is None:
            # Raised out here, so that no parser's error with the document in it hangs on to it.
            raise ReferenceNotFound(
                f"Secret {secret_name!r} holds no login for registry {host!r}; it must be of type "
                "kubernetes.io/dockerconfigjson with an entry for that host"
            )
        user, password = found
        where = f"in key '.dockerconfigjson' of Secret {secret_name!r} for registry {host!r}"
        return (
            one_line(user, f"the user name {where}"),
            one_line(password, f"the password {where}") if password else "",
        )


class _ByVersion(Resolution):
    """Has no document to read a login from."""

    __slots__ = ()

    def registry_login(self, secret_name: str, image: str) -> tuple[str, str]:
        """Return the place and version of the Secret, for an image."""
        return image, self.secret(secret_name, ".dockerconfigjson")


def _registry_of(image: str) -> tuple[str, str]:
    """Split an image reference into host and path, as container runtimes do."""
    first, slash, rest = image.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if is_host else (_DOCKER_HUB, image)
    host = _DOCKER_HUB if host in _DOCKER_HUB_HOSTS else host
    return host, path.partition("@")[0].partition(":")[0]


def _login(document: str, host: str, path: str) -> tuple[str, str] | None:
    """Return the login of the entry that fits best: same host, longest prefix of the path."""
    try:
        entries = json.loads(document)["auths"].items()
        fitting = [
            (len(prefix), entry)
            for name, entry in entries
            for at, prefix in [_scope(name)]
            if at == host and f"{path}/".startswith(f"{prefix}/" if prefix else "")
        ]
        return _credentials(max(fitting, key=lambda fit: fit[0])[1])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _scope(name: str) -> tuple[str, str]:
    """Split the name of an entry into (host, path prefix); `/v1/` and `/v2/` are no path."""
    bare = name.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, path = bare.partition("/")
    host = _DOCKER_HUB if host in _DOCKER_HUB_HOSTS else host
    return host, "" if path in ("v1", "v2") else path


def _credentials(entry: Mapping[str, str]) -> tuple[str, str]:
    if entry.get("username"):
        return str(entry["username"]), str(entry.get("password") or "")
    user, colon, password = base64.b64decode(entry["auth"]).decode().partition(":")
    if not (user and colon):
        raise ValueError("`auth` is not user:password")
    return user, password
