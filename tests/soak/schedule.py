"""What happens in a history besides the engine: an explicit list, so that it can be minimised."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soak.chance import Chance
from soak.slots import NAMESPACE, NAMESPACES, RIVALS, SECOND, SLOTS, VARIANTS, closure

ACTIVE_SECONDS = 150.0
"""How long users and faults are at work."""
_ALONE = 25
"""Every so many seeds a trouble comes alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens."""

    at: float
    """Seconds after the start."""
    name: str
    """A method of `actions.Actions`."""
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.at:6.1f}s {self.name} {options}".rstrip()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A history before it happens."""

    seed: int
    two_leaders: bool
    few: int
    """`Polling.few`: from how many objects on a collection is read by LIST."""
    steps: tuple[Step, ...]
    ends_empty: bool
    """Everything is deleted at the end."""
    last_troubles: tuple[Step, ...] = ()
    """What goes wrong during that deletion."""
    active_seconds: float = ACTIVE_SECONDS
    """How long users and faults are at work."""
    lending: str = ""
    """How the ClusterAccount `default` is lent: by "names", by "selector"; empty: there is none."""
    lent: tuple[str, ...] = ()
    """Namespaces that have no account of their own."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the history is about."""
        named = {SLOTS[s.options["slot"]].namespace for s in self.steps if "slot" in s.options}
        return NAMESPACES if SECOND in named else (NAMESPACE,)


def generate(seed: int) -> Schedule:
    """Return the history of a seed; each has its own mixture of troubles, and some have one."""
    chance = Chance(seed)
    if seed % _ALONE == 0:
        return _alone(seed, chance)
    count = 1 + int(chance.unit("size") * 4)
    names = closure([chance.choice("slot", sorted(SLOTS)) for _ in range(count)])
    rivals = [RIVALS[n] for n in names if n in RIVALS and chance.happens("rival", 0.8)]
    names = closure([*names, *rivals])
    two_leaders = chance.happens("two leaders", 0.2)
    makers = _mixture(chance)
    steps = _arrivals(chance, names)
    if two_leaders or chance.happens("burst", 0.2):
        steps += _burst(chance, names, freezes=two_leaders)
    if chance.happens("namespace ends", 0.2):
        steps += _end_of_namespace(chance, names)
    for _ in range(6 + int(chance.unit("length") * 16)):
        maker = chance.choice("maker", makers)
        name, options = maker(chance, names)
        steps.append(Step(round(chance.between("when", 0.0, ACTIVE_SECONDS), 1), name, options))
    lending = chance.choice("lending", ("", "", "names", "selector"))
    return Schedule(
        seed=seed,
        two_leaders=two_leaders,
        few=chance.choice("few", (0, 0, 3)),
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        ends_empty=chance.happens("ends empty", 0.6),
        last_troubles=_last_troubles(chance, names),
        lending=lending,
        lent=tuple(n for n in NAMESPACES if lending and chance.happens("lent", 0.5)),
    )


def _alone(seed: int, chance: Chance) -> Schedule:
    """Return one object and one trouble that needs its time, undisturbed."""
    name = chance.choice("alone", ("solo", "bare", "svc", "tpl"))
    namespace = SLOTS[name].namespace
    end = {"namespace": namespace, "seconds": 10.0, "first": "Secret"}
    reports = {"slot": name, "field": "driftPolicy", "value": "Report"}
    late: dict[str, Any] = {"slot": "tpl" if name != "tpl" else "svc", "variant": 0, "policies": {}}
    revoked: tuple[Step, ...] = (
        Step(20.0, "account", {"what": "revoke", "namespace": namespace}),
        Step(120.0, "apply", late),
    )
    troubles: tuple[tuple[Step, ...], ...] = (
        revoked,
        (Step(10.0, "policy", reports), Step(30.0, "cloud_edit", {"slot": name})),
        (Step(20.0, "fight", {"slot": name, "seconds": 270.0}),),
        (Step(20.0, "lose_watch", {"slot": name}),),
        (Step(20.0, "end_namespace", end),),
        (Step(20.0, "end_namespace", end), Step(20.5, "restart", {"graceful": True})),
    )
    apply = Step(1.0, "apply", {"slot": name, "variant": 0, "policies": {}})
    trouble = chance.choice("trouble alone", troubles)
    is_lent = trouble is revoked
    return Schedule(
        seed=seed,
        two_leaders=False,
        few=0,
        steps=(apply, *trouble),
        ends_empty=True,
        active_seconds=300.0,
        lending="names" if is_lent else "",
        lent=(namespace,) if is_lent else (),
    )


def _burst(chance: Chance, names: list[str], *, freezes: bool) -> list[Step]:
    """Return many edits within moments, while the watch is late or the leader stands still."""
    begin = round(chance.between("burst", 20.0, 80.0), 1)
    trouble = Step(begin, "slow_watch", {"seconds": chance.choice("late", (2.0, 5.0))})
    if freezes:
        trouble = Step(begin, "freeze", {"seconds": chance.choice("frozen", (9.0, 25.0, 25.0))})
    steps = [trouble]
    for number in range(3):
        for name in names:
            at = round(begin + chance.between("edit of burst", -2.0, 10.0), 1)
            options = {"slot": name, "variant": number, "policies": None}
            steps.append(Step(at, "apply", options))
    return steps


def _end_of_namespace(chance: Chance, names: list[str]) -> list[Step]:
    """Return the end of a namespace, by deletion or by loss, and often its return."""
    at = round(chance.between("end", 15.0, 110.0), 1)
    namespace = SLOTS[_slot(chance, names)].namespace
    steps = [Step(at, "lose_namespace", {"namespace": namespace})]
    if chance.happens("deleted", 0.7):
        options = {
            "namespace": namespace,
            "seconds": chance.choice("end takes", (1.0, 10.0, 30.0)),
            "first": chance.choice("end first", ("", "Secret", "Account", "ConfigMap")),
        }
        steps = [Step(at, "end_namespace", options)]
        if chance.happens("restart in end", 0.4):
            steps.append(Step(at + 2.0, "restart", {"graceful": True}))
    if chance.happens("returns", 0.7):
        options = {"namespace": namespace, "status": chance.happens("with status", 0.4)}
        back = round(chance.between("return", at + 1.0, ACTIVE_SECONDS - 5.0), 1)
        steps.append(Step(back, "restore_namespace", options))
    return steps


def _last_troubles(chance: Chance, names: list[str]) -> tuple[Step, ...]:
    if chance.happens("peaceful end", 0.5):
        return ()
    found = []
    for _ in range(2):
        maker = chance.choice("last trouble", (_fault, _lost_answer, _failure, _kube_fault, _crash))
        name, options = maker(chance, names)
        if name == "fault" and chance.happens("aimed", 0.6):
            options["action"] = "Delete.*"
        found.append(Step(ACTIVE_SECONDS, name, options))
    return tuple(found)


Maker = Callable[[Chance, list[str]], tuple[str, dict[str, Any]]]


def _arrivals(chance: Chance, names: list[str]) -> list[Step]:
    steps = []
    for name in names:
        policies = {}
        if chance.happens("has policy", 0.25):
            field_name, value = _policy(chance)
            policies = {field_name: value}
        if chance.happens("squatted", 0.2):
            steps.append(Step(0.0, "squat", _squat(chance, [name])[1]))
        at = round(chance.between("arrival", 0.0, 8.0), 1)
        options = {"slot": name, "variant": 0, "policies": policies}
        steps.append(Step(at, "apply", options))
    return steps


def _mixture(chance: Chance) -> list[Maker]:
    """Pick some of the troubles; all at once would hide each other."""
    makers: list[Maker] = [_edit, _delete]
    for maker in (
        _edit,
        _recreate,
        _annotate,
        _edit_policy,
        _secret,
        _config_map,
        _account,
        _cloud_edit,
        _cloud_delete,
        _fight,
        _squat,
        _fault,
        _fault,
        _lost_answer,
        _lost_answer,
        _failure,
        _kube_fault,
        _kube_fault,
        _silence,
        _cut_watch,
        _slow_watch,
        _crash,
        _crash,
        _crash,
        _restart,
        _freeze,
        _jump,
    ):
        if chance.happens("mixture", 0.45):
            makers.append(maker)  # noqa: PERF401 - the table reads better as a loop
    return makers


# ---------------------------------------------------------------- users


def _slot(chance: Chance, names: list[str]) -> str:
    return chance.choice("which", names)


def _edit(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    variant = int(chance.unit("variant") * VARIANTS)
    return "apply", {"slot": _slot(chance, names), "variant": variant, "policies": None}


def _delete(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "delete", {"slot": _slot(chance, names)}


def _recreate(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "recreate", {
        "slot": _slot(chance, names),
        "variant": int(chance.unit("variant") * VARIANTS),
    }


def _annotate(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("annotation", ("pause", "pause-until", "unpause", "request", "force"))
    return "annotate", {"slot": _slot(chance, names), "what": what}


def _policy(chance: Chance) -> tuple[str, str]:
    return chance.choice(
        "policy",
        (
            ("deletionPolicy", "Retain"),
            ("deletionPolicy", "Delete"),
            ("adoptionPolicy", "Adopt"),
            ("adoptionPolicy", "Never"),
            ("managementPolicy", "Observe"),
            ("driftPolicy", "Report"),
            ("driftPolicy", "Ignore"),
        ),
    )


def _edit_policy(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    field_name, value = _policy(chance)
    if chance.happens("policy off", 0.4):
        value = ""
    return "policy", {"slot": _slot(chance, names), "field": field_name, "value": value}


def _secret(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("secret", ("rotate", "rotate", "back", "delete", "malformed", "touch"))
    return "secret", {"what": what, "namespace": SLOTS[_slot(chance, names)].namespace}


def _config_map(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("config map", ("rotate", "rotate", "delete"))
    return "config_map", {"what": what, "namespace": SLOTS[_slot(chance, names)].namespace}


def _account(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("account", _ACCOUNTS)
    return "account", {"what": what, "namespace": SLOTS[_slot(chance, names)].namespace}


_ACCOUNTS = (
    "bad-keys",
    "no-keys",
    "good-keys",
    "good-keys",
    "delete",
    "move",
    "lend",
    "own",
    "revoke",
    "allow",
)

# ---------------------------------------------------------------- the cloud


def _cloud_edit(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "cloud_edit", {"slot": _slot(chance, names)}


def _fight(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "fight", {
        "slot": _slot(chance, names),
        "seconds": chance.choice("fights", (20.0, 140.0)),
    }


def _cloud_delete(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "cloud_delete", {"slot": _slot(chance, names)}


def _squat(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    tag = chance.choice("tag", ("", "k8s:elsewhere/team-a/x", "x-agentrun-super"))
    return "squat", {"slot": _slot(chance, names), "tag": tag}


_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("error", {"status": 503}),
    ("error", {"status": 500, "code": "ERR_INTERNAL_SERVER_ERROR", "applied": True}),
    ("error", {"status": 429, "code": "Throttling.User"}),
    (
        "error",
        {"status": 429, "code": "Throttling.User", "headers": {"retry-after": "7"}},
    ),
    ("error", {"status": 403, "code": "NoPermission", "message": "not allowed"}),
    ("error", {"status": 403, "code": "QuotaExceeded", "message": "no room"}),
    ("html", {"status": 502}),
    ("html", {"status": 502, "applied": True}),
    ("html", {"status": 404}),
    ("empty", {"status": 200}),
    ("empty", {"status": 200, "applied": True}),
    ("empty", {"status": 503}),
    ("drop-before", {}),
    # Within the read timeout, and beyond it. Neither beyond the settle window: the engine counts
    # on a create being carried out by then, or not at all.
    ("delay", {"seconds": 4.0}),
    ("delay", {"seconds": 9.0}),
    ("slow", {"seconds": 60.0}),
)
_ACTIONS = (".*", "Create.*", "Update.*", "Delete.*", "Get.*", "List.*")


def _fault(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect, options = chance.choice("fault", _FAULTS)
    times = chance.choice("fault times", (1, 1, 2, 5))
    action = chance.choice("fault action", _ACTIONS)
    return "fault", {"effect": effect, "action": action, "times": times, **options}


def _lost_answer(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect = chance.choice("lost", ("drop-after", "drop-after", "drop-late", "drop-before"))
    action = chance.choice("lost action", ("Create.*", "Create.*", "Update.*", "Delete.*"))
    options: dict[str, Any] = {"effect": effect, "action": action, "times": 1}
    if effect == "drop-late":
        options["seconds"] = chance.choice("late by", (2.0, 8.0, 14.0))
    return "fault", options


def _failure(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect = chance.choice("failure", ("create-failed", "update-failed", "delete-failed"))
    return "fault", {"effect": effect, "action": ".*", "times": chance.choice("fails", (1, 2))}


# ---------------------------------------------------------------- the cluster


def _kube_fault(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    pattern = chance.choice(
        "kube call", ("status .*", "patch .*", "get .*", "list .*", "post .*", "watch .*", ".*")
    )
    return "kube_fault", {
        "pattern": pattern,
        "status": chance.choice("kube status", (409, 429, 500, 503, 401, 410)),
        "applied": chance.happens("kube applied", 0.3),
        "times": chance.choice("kube times", (1, 1, 3, 10)),
    }


def _silence(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "silence", {
        "seconds": round(chance.between("silent", 5, 60), 1),
        "relists": chance.happens("relists", 0.5),
    }


def _cut_watch(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    nth = chance.choice("every nth", (1, 2, 5))
    what = chance.choice("cut", ("cut", "cut", "expire", "compact", "lost"))
    if what == "expire":
        return "expire", {"nth": nth}
    if what == "lost":
        return "lose_watch", {"slot": _slot(chance, names)}
    return "hang_up", {"nth": nth, "expires": what == "compact"}


def _slow_watch(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "slow_watch", {"seconds": round(chance.between("slow", 1, 15), 1)}


# ---------------------------------------------------------------- the process

_CALLS = (
    "Create.*",
    "Update.*",
    "Delete.*",
    "Get.*",
    "List.*",
    "status .*",
    "patch .*",
    "get .*",
    "list .*",
    "watch .*",
    ".*",
)


def _crash(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "crash", {
        "pattern": chance.choice("crash at", _CALLS),
        "is_after": chance.happens("crash after", 0.7),
        "nth": chance.choice("crash nth", (1, 1, 2, 3)),
    }


def _restart(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "restart", {"graceful": chance.happens("graceful", 0.6)}


def _freeze(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "freeze", {"seconds": chance.choice("frozen", (3.0, 9.0, 14.0, 25.0, 60.0))}


def _jump(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "jump", {"seconds": chance.choice("jump", (-300.0, -20.0, 20.0, 300.0))}
