"""Finding the cluster: kubeconfig, a Pod's ServiceAccount, and what is refused."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.reconcile.ports import ClusterUnavailable

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SECRET = "s3cr3t-t0ken"


def kubeconfig(
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://10.0.0.1:6443/"}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "here", "context": context or {"cluster": "c", "user": "u"}}],
    }


def written(folder: Path, document: Any, name: str = "config") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_a_kubeconfig_gives_server_namespace_and_token(tmp_path: Path) -> None:
    document = kubeconfig(context={"cluster": "c", "user": "u", "namespace": "team"})
    access = ClusterAccess.load(written(tmp_path, document))
    assert (access.server, access.namespace) == ("https://10.0.0.1:6443", "team")
    assert access.token == SECRET
    assert SECRET not in repr(access)


def test_kubeconfig_files_are_read_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "client.key").write_text("KEY", encoding="utf-8")
    data = base64.b64encode(PEM.encode()).decode()
    access = ClusterAccess.load(
        written(
            tmp_path,
            kubeconfig(
                cluster={"server": "https://api", "certificate-authority-data": data},
                user={"client-certificate-data": data, "client-key": "pki/client.key"},
            ),
        )
    )
    assert (access.ca, access.certificate, access.key) == (PEM, PEM, "KEY")


def test_a_token_file_is_resolved_and_left_for_later(tmp_path: Path) -> None:
    access = ClusterAccess.load(written(tmp_path, kubeconfig(user={"tokenFile": "token"})))
    assert access.token_file == tmp_path / "token"


def test_several_files_are_merged_first_word_wins(tmp_path: Path) -> None:
    first = written(tmp_path, {"current-context": "here"}, "first")
    second = written(tmp_path, {**kubeconfig(), "current-context": "elsewhere"}, "second")
    environ = {"KUBECONFIG": f"{first}:{tmp_path / 'missing'}:{second}"}
    assert ClusterAccess.load(environ=environ).server == "https://10.0.0.1:6443"


def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    for name, text in (("token", SECRET), ("ca.crt", PEM), ("namespace", "operators\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    access = ClusterAccess.load(environ=environ, service_account=tmp_path)
    assert (access.server, access.namespace) == ("https://[fd00::1]:6443", "operators")
    assert (access.ca, access.token_file) == (PEM, tmp_path / "token")


def test_the_home_kubeconfig_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube", kubeconfig())
    assert ClusterAccess.load(environ={"HOME": str(tmp_path)}).token == SECRET


def test_a_pod_without_a_token_is_told_to_mount_one(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    with pytest.raises(ClusterUnavailable, match="automountServiceAccountToken"):
        ClusterAccess.load(environ=environ, service_account=tmp_path)


def test_no_cluster_at_all_is_told_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="set KUBECONFIG"):
        ClusterAccess.load(environ={"HOME": str(tmp_path)})


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match=r"cannot read .*/nowhere: FileNotFoundError"):
        ClusterAccess.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(["a list"], "not a mapping", id="no mapping"),
        pytest.param({"clusters": []}, "no current-context", id="no context"),
        pytest.param(
            kubeconfig(context={"cluster": "gone", "user": "u"}),
            "has no cluster 'gone'",
            id="dangling cluster",
        ),
        pytest.param(
            kubeconfig(context={"cluster": "c", "user": "gone"}),
            "has no user 'gone'",
            id="dangling user",
        ),
        pytest.param(kubeconfig(cluster={"server": "api:6443"}), "no http", id="server no URL"),
        pytest.param(
            kubeconfig(cluster={"server": "https://api", "tls-server-name": "x"}),
            "tls-server-name is not supported",
            id="server name",
        ),
        pytest.param(
            kubeconfig(user={"exec": {"command": "login", "env": [{"value": SECRET}]}}),
            "exec plugin.*kubectl create token",
            id="exec",
        ),
        pytest.param(
            kubeconfig(user={"auth-provider": {"name": "oidc"}}), "auth provider", id="provider"
        ),
        pytest.param(
            kubeconfig(user={"username": "root", "password": SECRET}), "user name", id="basic"
        ),
        pytest.param(
            kubeconfig(user={"client-certificate-data": base64.b64encode(b"x").decode()}),
            "go together",
            id="certificate without key",
        ),
        pytest.param(
            kubeconfig(user={"client-key-data": "%%%" + SECRET}), "no base64 PEM", id="garbage"
        ),
    ],
)
def test_unusable_kubeconfigs_say_why_without_secrets(
    tmp_path: Path, document: Any, message: str
) -> None:
    with pytest.raises(ClusterUnavailable, match=message) as caught:
        ClusterAccess.load(written(tmp_path, document))
    assert SECRET not in str(caught.value)


def test_broken_yaml_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"token: [{SECRET}", encoding="utf-8")
    with pytest.raises(ClusterUnavailable, match="not valid YAML") as caught:
        ClusterAccess.load(path)
    assert SECRET not in str(caught.value)
