"""Where the API server is and how to prove who we are: kubeconfig, or a Pod's ServiceAccount.

The `kubernetes` package could read both, for 19 MB of resident memory. kopf's own logins without it
read a Pod's token once, pass over what they cannot use, and serve kopf's requests alone. The two
formats are small and stable (docs/decisions/0006-no-kubernetes-client-package.md).
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from agentrun_operator.reconcile.ports import ClusterUnavailable

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts a Pod's token, CA and namespace."""

_UNSUPPORTED_USER = {
    "exec": "an exec plugin",
    "auth-provider": "an auth provider",
    "username": "a user name and password",
    "as": "impersonation",
}


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """How to reach one API server. The repr shows no secret."""

    server: str
    """Base URL, without a trailing slash."""
    namespace: str = "default"
    """Namespace of the context, or of the Pod."""
    ca: str | None = None
    """PEM of the authorities to trust; None: those of the system."""
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    """Read again and again, because the kubelet rotates it; wins over `token`."""
    certificate: str | None = None
    """PEM of the client certificate."""
    key: str | None = field(default=None, repr=False)
    """PEM of the client certificate's key."""
    verify: bool = True
    proxy: str | None = None

    @classmethod
    def load(
        cls,
        kubeconfig: Path | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> Self:
        """Find the cluster: the given file, `KUBECONFIG`, the Pod, then `~/.kube/config`.

        Raises:
            ClusterUnavailable: nothing was found, or what was found cannot be used; the message
                says what to change.
        """
        if kubeconfig is not None:
            return cls._of_files([kubeconfig])
        if environ.get("KUBECONFIG"):
            return cls._of_files([Path(p) for p in environ["KUBECONFIG"].split(os.pathsep) if p])
        if environ.get("KUBERNETES_SERVICE_HOST"):
            return cls._of_pod(environ, service_account)
        default = Path(environ.get("HOME", "/")) / ".kube" / "config"
        if default.is_file():
            return cls._of_files([default])
        raise ClusterUnavailable(
            "no cluster configured: set KUBECONFIG, or run in a Pod with a ServiceAccount token"
        )

    @classmethod
    def _of_pod(cls, environ: Mapping[str, str], folder: Path) -> Self:
        token = folder / "token"
        if not token.is_file():
            raise ClusterUnavailable(
                f"this looks like a Pod, but {token} is missing: set "
                "automountServiceAccountToken: true, or set KUBECONFIG"
            )
        host = environ["KUBERNETES_SERVICE_HOST"]
        host = f"[{host}]" if ":" in host else host
        namespace = folder / "namespace"
        return cls(
            server=f"https://{host}:{environ.get('KUBERNETES_SERVICE_PORT') or '443'}",
            namespace=_read(namespace).strip() if namespace.is_file() else "default",
            ca=_read(folder / "ca.crt"),
            token_file=token,
        )

    @classmethod
    def _of_files(cls, paths: list[Path]) -> Self:
        # Like kubectl: missing files of a list are skipped, the first word on a name wins.
        documents = [(p, _parse(p)) for p in paths if len(paths) == 1 or p.is_file()]
        files = ", ".join(str(p) for p in paths)
        name = next((d["current-context"] for _, d in documents if d.get("current-context")), None)
        if name is None:
            raise ClusterUnavailable(f"kubeconfig {files} has no current-context")
        context, _ = _entry(documents, "context", str(name), files)
        cluster, home = _entry(documents, "cluster", str(context.get("cluster")), files)
        user, user_home = _entry(documents, "user", str(context.get("user")), files)
        server = _server(cluster, files)
        certificate, key = _credentials(user, user_home, files)
        token_file = user.get("tokenFile")
        return cls(
            server=server,
            namespace=str(context.get("namespace") or "default"),
            ca=_pem(cluster, "certificate-authority", home, files),
            token=user.get("token"),
            token_file=user_home / token_file if token_file else None,
            certificate=certificate,
            key=key,
            verify=not cluster.get("insecure-skip-tls-verify"),
            proxy=cluster.get("proxy-url"),
        )


def _server(cluster: Mapping[str, Any], files: str) -> str:
    server = str(cluster.get("server") or "").rstrip("/")
    if urlsplit(server).scheme not in {"http", "https"}:
        raise ClusterUnavailable(f"kubeconfig {files}: server {server!r} is no http(s) URL")
    if cluster.get("tls-server-name"):
        raise ClusterUnavailable(
            f"kubeconfig {files}: tls-server-name is not supported; use the name that the API "
            "server's certificate carries as server"
        )
    return server


def _credentials(user: Mapping[str, Any], home: Path, files: str) -> tuple[str | None, str | None]:
    for name, what in _UNSUPPORTED_USER.items():
        if user.get(name):
            raise ClusterUnavailable(
                f"kubeconfig {files}: the user logs in by {what}, which is not supported; use a "
                "token, a tokenFile or a client certificate (`kubectl create token` makes a token)"
            )
    certificate = _pem(user, "client-certificate", home, files)
    key = _pem(user, "client-key", home, files)
    if (certificate is None) is not (key is None):
        raise ClusterUnavailable(
            f"kubeconfig {files}: client-certificate and client-key go together; one is missing"
        )
    return certificate, key


def _entry(
    documents: list[tuple[Path, dict[str, Any]]], what: str, name: str, files: str
) -> tuple[dict[str, Any], Path]:
    """Return one named entry, and the folder that its relative paths start from."""
    for path, document in documents:
        for entry in document.get(f"{what}s") or ():
            if isinstance(entry, dict) and entry.get("name") == name:
                return entry.get(what) or {}, path.parent
    raise ClusterUnavailable(f"kubeconfig {files} has no {what} {name!r}")


def _pem(owner: Mapping[str, Any], name: str, home: Path, files: str) -> str | None:
    data, path = owner.get(f"{name}-data"), owner.get(name)
    if data:
        try:
            return base64.b64decode(data, validate=False).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
            raise ClusterUnavailable(f"kubeconfig {files}: {name}-data is no base64 PEM") from None
    return _read(home / path) if path else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterUnavailable(f"cannot read {path}: {error.__class__.__name__}") from None


def _parse(path: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        # The parser's message quotes the file, which holds credentials.
        raise ClusterUnavailable(f"kubeconfig {path} is not valid YAML") from None
    if not isinstance(document, dict):
        raise ClusterUnavailable(f"kubeconfig {path} is no kubeconfig: it is not a mapping")
    return document
