"""Every knob of the operator: grouped, frozen, with its unit and the reason for its default."""

from dataclasses import dataclass, field
from typing import Literal

from agentrun_operator.core.grants import Allowance


@dataclass(frozen=True, slots=True)
class Polling:
    """How often the cloud is read."""

    transition_seconds: float = 5.0
    """Between two LISTs of a collection in which something of ours is in transition."""
    steady_seconds: float = 60.0
    """Between two LISTs of a quiet collection; drift is seen within this time."""
    detail_seconds: float = 1800.0
    """Between two GETs of an object whose LIST items do not tell everything."""
    slow_seconds: float = 60.0
    """Between two looks at a resource that is past its deadline."""
    unseen_intervals: float = 3.25
    """After so many poll intervals without a good look, Ready becomes Unknown: three looks missed,
    and a quarter of one more because looks are spread."""
    few: int = 3
    """Up to this many objects of one account and kind are read one by one instead of by LIST."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full-jitter exponential backoff."""

    base_seconds: float = 1.0
    cap_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class MassAbsence:
    """How many resources of one account may vanish before none of them is made up for."""

    percent: int = 10
    """Of the account's resources on record."""
    minimum: int = 3
    """So many may always vanish: a small account is made up for as one resource is."""
    window_seconds: float = 600.0
    """Time within which they count together: several polls, and the calls that confirm them."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The operator's own account, for objects that name none; None forbids that."""

    account_id: str
    region: str
    endpoint: str | None = None
    checks_identity: bool = True
    """Ask the token service whose keys these are, before anything else."""
    token_service: str | None = None
    """URL of the token service; None: the one that belongs to the endpoint."""
    allow: tuple[Allowance, ...] = ()
    """What namespaces may reach in it that their own objects did not make."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one operator process."""

    controller_class: str = ""
    """Objects of another class are not ours."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty: the whole cluster. ClusterAccount needs the whole cluster."""
    operator_namespace: str = "agentrun-system"
    """Where the Secrets of ClusterAccounts live."""
    cluster_id: str = ""
    """Stands in ownership tags; empty: the uid of kube-system, read at start."""
    leader_election: bool = True
    """Compete for a Lease in the operator's namespace; without it, run one replica only."""
    lease_name: str = "agentrun-operator"
    identity: str = ""
    """Holder name of the Lease; empty: the Pod's name, elsewhere the host's with a random part."""
    workers: int = 32
    """Passes at work at a time, those that wait for the cloud not counted; and how many of one
    account may be in flight, those included."""
    polling: Polling = field(default_factory=Polling)
    backoff: Backoff = field(default_factory=Backoff)
    mass_absence: MassAbsence = field(default_factory=MassAbsence)
    """Where an account does not say otherwise."""
    resync_seconds: float = 600.0
    """Between two metadata LISTs that look for objects that are gone or were missed."""
    create_settle_seconds: float = 60.0
    """How long after a lost answer a resource may still appear: absence proves nothing before."""
    absence_confirm_seconds: float = 5.0
    """Between the two answers that prove the end of what we deleted; four times as long where a
    resource on record vanished without us, so that one wrong answer creates no second one."""
    create_timeout_seconds: int = 600
    update_timeout_seconds: int = 600
    delete_timeout_seconds: int = 300
    """Defaults of `spec.timeouts`."""
    requests_per_second: float = 20.0
    """Budget of an account that names none; the API publishes no number."""
    endpoint_allow_list: tuple[str, ...] = ()
    """URL patterns beside the official hosts, e.g. `http://127.0.0.1:*`."""
    own_account: OwnAccount | None = None
    instance_role: bool = False
    """Use the RAM role of the ECS node as the operator's own keys; off, because elsewhere the
    question hangs."""
    secret_access: Literal["watch", "get"] = "watch"
    """`get`: no list or watch on Secrets; a rotation is then seen at the poll interval."""
    max_objects_per_namespace: int = 5000
    """That have something in AgentRun; what is new beyond it is not served."""
    loop_held_seconds: float = 0.2
    """A task that holds the loop longer is logged and counted: meanwhile nobody is served."""
    secret_namespaces: tuple[str, ...] = ()
    """Namespaces whose Secrets may be read; empty: all that are watched, and the operator's own."""
    drain_seconds: float = 20.0
    """How long running passes may finish their calls at shutdown."""
    bind_host: str = "0.0.0.0"
    bind_port: int = 8080
    """Where /healthz, /readyz and /metrics are served."""
    debug_host: str = "127.0.0.1"
    """Of /debug, which names objects: whoever may read it had better be in the Pod already."""
    debug_port: int = 0
    """Of /debug; 0: it is not served."""

    @property
    def secrets_from(self) -> tuple[str, ...]:
        """Where Secrets may be read; empty: wherever we look. ClusterAccounts keep theirs here."""
        if not self.secret_namespaces:
            return ()
        own = () if self.namespaces else (self.operator_namespace,)
        return tuple(dict.fromkeys((*self.secret_namespaces, *own)))
