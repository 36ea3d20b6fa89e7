"""How each program of the control plane is run: its files, and its command line."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
ALL = (ETCD, API_SERVER, CONTROLLER_MANAGER)

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # Who, which verb, which object and the answer's code; no bodies, so no Secret values.
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
AUDIT_LOG_MEGABYTES = 10_000
"""Beyond what any test writes: a rotated log would lose counts."""


@dataclass(frozen=True)
class Layout:
    """Where one control plane keeps its files and listens.

    Attributes:
        home: Folder of this control plane alone, readable by its owner only.
        etcd_port: Loopback port of etcd's clients.
        api_port: Loopback port of the API server.
        process_ids: By program, filled by the launcher.
    """

    home: Path
    etcd_port: int
    api_port: int
    process_ids: dict[str, int] = field(default_factory=dict)

    @property
    def etcd_url(self) -> str:
        """Address of etcd."""
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def etcd_data(self) -> Path:
        """Folder of etcd's data."""
        return self.home / "etcd"

    @property
    def certificates(self) -> Path:
        """Folder the API server writes its self-signed serving certificate to."""
        return self.home / "certificates"

    @property
    def ca_file(self) -> Path:
        """The serving certificate with its issuer: what clients trust."""
        return self.certificates / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator."""
        return self.home / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON record per line."""
        return self.home / "audit.log"

    @property
    def audit_policy(self) -> Path:
        """What the audit log holds."""
        return self.home / "audit-policy.json"

    @property
    def service_account_key(self) -> Path:
        """Key that signs the tokens of ServiceAccounts."""
        return self.home / "service-account.key"

    @property
    def tokens(self) -> Path:
        """Static tokens the API server accepts: the administrator's."""
        return self.home / "tokens.csv"

    def log(self, component: str) -> Path:
        """Output of one program."""
        return self.home / f"{component}.log"


def write_files(layout: Layout, admin_token: str) -> None:
    """Write what the programs read at start."""
    layout.audit_policy.write_text(json.dumps(AUDIT_POLICY))
    write_private(layout.tokens, f'{admin_token},admin,admin,"system:masters"\n')
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    write_private(layout.service_account_key, pem.decode())


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(content)


def etcd(programs: Path, layout: Layout) -> list[str]:
    """Return the command line of etcd: in a scratch folder, durability traded for speed."""
    return [
        str(programs / ETCD),
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        "--listen-peer-urls=http://127.0.0.1:0",  # no peer will come; any port does
        "--unsafe-no-fsync",
        # Its default of 2 GiB is full after a few writes to hundreds of objects of a megabyte.
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


def api_server(programs: Path, layout: Layout) -> list[str]:
    """Return the command line of kube-apiserver."""
    return [
        str(programs / API_SERVER),
        f"--etcd-servers={layout.etcd_url}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={layout.api_port}",
        f"--cert-dir={layout.certificates}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.service_account_key}",
        f"--service-account-signing-key-file={layout.service_account_key}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={layout.tokens}",
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        f"--audit-log-maxsize={AUDIT_LOG_MEGABYTES}",
    ]


def controller_manager(programs: Path, layout: Layout) -> list[str]:
    """Return the command line of kube-controller-manager.

    Without it there is no garbage collection, no end to a namespace, no ServiceAccount.
    """
    return [
        str(programs / CONTROLLER_MANAGER),
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={layout.service_account_key}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=300",  # the default of 20 makes its start, dozens of tokens, take seconds
        "--kube-api-burst=600",
        f"--cert-dir={layout.certificates}",
        "--secure-port=0",
    ]
