"""What happens in a history besides the engine: an explicit list, so that it can be minimised."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from soak import moves
from soak.attacks import ATTACKS, LENT_ATTACKS, STRICT_ATTACKS, UNMARKED
from soak.chance import Chance
from soak.slots import DRAWN, NAMESAKES, NAMESPACE, NAMESPACES, SECOND, SLOTS, closure

ACTIVE_SECONDS = 150.0
"""How long users and faults are at work."""
ALONE = 25
"""Every so many seeds a trouble comes alone."""
ATTACK = 13
"""Of so many seeds, the one that leads through a history of `attacks`."""


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
class CrashPoint:
    """Where the operator is to die: around one of its calls, counted over a whole history."""

    number: int
    """From 1, in the order of sending."""
    is_after: bool
    """After the call took effect and before anybody learns of the answer; else before it."""


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
    strict: bool = False
    """The owners of shared accounts grant one role and one model service, and nothing else."""
    crash: CrashPoint | None = None
    """A death of the operator that is no step, because its moment is counted in calls."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the history is about."""
        named = {SLOTS[s.options["slot"]].namespace for s in self.steps if "slot" in s.options}
        return NAMESPACES if SECOND in named else (NAMESPACE,)


def generate(seed: int) -> Schedule:
    """Return the history of a seed; each has its own mixture of troubles, and some have one."""
    chance = Chance(seed)
    if seed % ALONE == 0:
        return _alone(seed, chance)
    if seed % ALONE == ATTACK:
        return _attack(seed, chance)
    count = 1 + int(chance.unit("size") * 4)
    names = closure([chance.choice("slot", DRAWN) for _ in range(count)])
    # The stream keeps its name: with another one each seed would be another history.
    namesakes = [NAMESAKES[n] for n in names if n in NAMESAKES and chance.happens("rival", 0.8)]
    names = closure([*names, *namesakes])
    strict = chance.happens("strict", 0.4)
    if strict:
        # Two tenants of one account: neither shows anything without the other.
        reaching = chance.choice("second tenant", moves.REACHING)
        names = closure([*names, reaching, moves.COVETED[reaching]])
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
    for _ in range(int(chance.unit("extras") * 4)):
        maker = chance.choice("extra", _EXTRAS)
        name, options = maker(chance, names)
        at = round(chance.between("when extra", 10.0, ACTIVE_SECONDS - 10.0), 1)
        steps.append(Step(at, name, options))
    said = _defaults(chance, names) if chance.happens("has defaults", 0.5) else []
    steps = [*said, *steps]
    lending = chance.choice("lending", ("", "", "names", "selector"))
    gone = {step.options["namespace"] for step in said if step.name == "force_out"}
    # Another account has to be there that takes the place of one that is forced out.
    lending = lending or ("names" if gone else "")
    lent = tuple(n for n in NAMESPACES if lending and chance.happens("lent", 0.5))
    lent = tuple(n for n in lent if n not in gone)
    if strict:
        steps += _reaches(chance, names)
        lending, lent = chance.choice("lent strictly", ("names", "selector")), NAMESPACES
    return Schedule(
        seed=seed,
        two_leaders=two_leaders,
        few=chance.choice("few", (0, 0, 3)),
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        ends_empty=chance.happens("ends empty", 0.6),
        last_troubles=_last_troubles(chance, names),
        lending=lending,
        lent=lent,
        strict=strict,
    )


def _reaches(chance: Chance, names: list[str]) -> list[Step]:
    """Return what objects of the second namespace try with what is the first one's."""
    steps = []
    for name in names:
        if name not in moves.REACHING:
            continue
        for _ in range(2):
            at = round(chance.between("when it reaches", 5.0, ACTIVE_SECONDS), 1)
            steps.append(Step(at, *moves.reach(chance, [name])))
    return steps


def _defaults(chance: Chance, names: list[str]) -> list[Step]:
    """Return what accounts say from the beginning, edits of it, and an account forced out."""
    steps = [Step(0.0, *moves.defaults(chance, names)) for _ in range(4)]
    for _ in range(int(chance.unit("edits of defaults") * 4)):
        at = round(chance.between("when defaults", 10.0, ACTIVE_SECONDS), 1)
        steps.append(Step(at, *moves.defaults(chance, names)))
    for _ in range(int(chance.unit("forced out") * 3.0)):
        at = round(chance.between("when forced out", 20.0, ACTIVE_SECONDS - 10.0), 1)
        steps.append(Step(at, *moves.force_out(chance, names)))
        if chance.happens("restart then", 0.5):
            steps.append(Step(round(at + 0.5, 1), "restart", {"graceful": False}))
    return steps


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
    # A Credential is never adopted unless told so: it has to be known for its own.
    lost: tuple[Step, ...] = (
        Step(20.0, "crash", {"pattern": "Create.*", "is_after": True, "nth": 1}),
        Step(21.0, "apply", {"slot": "cred", "variant": 0, "policies": {}}),
        Step(21.9, "apply", {"slot": "cred", "variant": 1, "policies": None}),
    )
    troubles: tuple[tuple[Step, ...], ...] = (
        revoked,
        lost,
        *_lost_updates(name),
        *_whose(name),
        (Step(20.0, "outage", {"seconds": 110.0}),),
        (Step(0.5, "edit_under_report", {"slot": name, "variant": 1}),),
        (Step(10.0, "policy", reports), Step(30.0, "cloud_edit", {"slot": name})),
        _edited_while_paused(name),
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


def _attack(seed: int, chance: Chance) -> Schedule:
    """Return a history of an attack; each comes once in so many of these seeds as there are."""
    attack = ATTACKS[seed // ALONE % len(ATTACKS)]
    steps = tuple(Step(*step) for step in attack(chance.choice("attacked", UNMARKED)))
    is_strict = attack in STRICT_ATTACKS
    is_lent = is_strict or attack in LENT_ATTACKS
    return Schedule(
        seed=seed,
        two_leaders=False,
        few=chance.choice("few", (0, 0, 3)),
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        ends_empty=True,
        active_seconds=180.0,
        lending="names" if is_lent else "",
        lent=NAMESPACES if is_strict else (),
        strict=is_strict,
    )


def _whose(name: str) -> Iterator[tuple[Step, ...]]:
    """Yield histories in which it is not plain whose a resource is, nor since when."""
    edit = {"slot": "bare", "variant": 1, "policies": None}
    made = Step(1.0, "apply", {**edit, "variant": 0})
    # The original is lost, and what it made stays: the copy must not take that for its own.
    yield (
        Step(1.0, "apply", {**edit, "slot": "solo", "variant": 0}),
        Step(20.0, "copy_status", {"slot": "b-solo"}),
        Step(20.0, "lose_namespace", {"namespace": SLOTS["solo"].namespace}),
        Step(60.0, "delete", {"slot": "b-solo"}),
    )
    yield (made, Step(25.0, "take_over", {"slot": "bare"}), Step(60.0, "apply", edit))
    yield (
        Step(20.0, "cloud_delete", {"slot": name}),
        Step(80.0, "old_status", {"slot": name, "share": 0.0}),
    )
    yield (
        made,
        Step(20.0, "cloud_delete", {"slot": "bare"}),
        Step(80.0, "old_status", {"slot": "bare", "share": 0.0}),
    )
    yield (Step(0.0, "squat", {"slot": "bare", "tag": ""}), made)
    fleet = ("cred", "svc", "solo", "bare", "ep", "tpl")
    many = tuple(Step(1.0, "apply", {**edit, "slot": s, "variant": 0}) for s in fleet)
    yield (*many, Step(60.0, "emptied", {"seconds": 60.0}))
    yield (*many, *(Step(60.0, "cloud_delete", {"slot": s}) for s in fleet))


def _lost_updates(name: str) -> Iterator[tuple[Step, ...]]:
    """Yield histories in which answers of updates get lost, or updates land late."""
    fault: dict[str, Any] = {"action": "Update.*", "times": 6, "effect": "drop-after"}
    yield (
        Step(18.0, "fault", fault),
        Step(20.0, "fight", {"slot": name, "seconds": 270.0}),
    )
    rotate = {"what": "rotate", "namespace": SLOTS["svc"].namespace}
    late = {"action": "Update.*", "times": 1, "effect": "drop-late", "seconds": 14.0}
    yield (
        Step(1.0, "apply", {"slot": "svc", "variant": 0, "policies": {"driftPolicy": "Report"}}),
        Step(30.0, "fault", late),
        Step(31.0, "secret", rotate),
        Step(36.0, "secret", rotate),
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
    namespace = SLOTS[moves.slot(chance, names)].namespace
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


_LAST_TROUBLES = (moves.fault, moves.lost_answer, moves.failure, moves.kube_fault, moves.crash)


def _edited_while_paused(name: str) -> tuple[Step, ...]:
    return (
        Step(20.0, "annotate", {"slot": name, "what": "pause"}),
        Step(30.0, "apply", {"slot": name, "variant": 1, "policies": None}),
        Step(60.0, "annotate", {"slot": name, "what": "unpause"}),
    )


def _last_troubles(chance: Chance, names: list[str]) -> tuple[Step, ...]:
    if chance.happens("peaceful end", 0.5):
        return ()
    found = []
    for _ in range(2):
        maker = chance.choice("last trouble", _LAST_TROUBLES)
        name, options = maker(chance, names)
        if name == "fault" and chance.happens("aimed", 0.6):
            options["action"] = "Delete.*"
        found.append(Step(ACTIVE_SECONDS, name, options))
    return tuple(found)


def _arrivals(chance: Chance, names: list[str]) -> list[Step]:
    steps = []
    for name in names:
        policies = {}
        if chance.happens("has policy", 0.25):
            field_name, value = moves.policy(chance)
            policies = {field_name: value}
        if chance.happens("squatted", 0.2):
            steps.append(Step(0.0, "squat", moves.squat(chance, [name])[1]))
        at = round(chance.between("arrival", 0.0, 8.0), 1)
        options = {"slot": name, "variant": 0, "policies": policies}
        steps.append(Step(at, "apply", options))
    return steps


_MIXTURE = (
    moves.edit,
    moves.recreate,
    moves.annotate,
    moves.edit_policy,
    moves.secret,
    moves.config_map,
    moves.account,
    moves.cloud_edit,
    moves.cloud_delete,
    moves.fight,
    moves.squat,
    moves.fault,
    moves.fault,
    moves.lost_answer,
    moves.lost_answer,
    moves.failure,
    moves.kube_fault,
    moves.kube_fault,
    moves.silence,
    moves.cut_watch,
    moves.slow_watch,
    moves.crash,
    moves.crash,
    moves.crash,
    moves.restart,
    moves.freeze,
    moves.jump,
)


_EXTRAS = (
    moves.foreign_keys,
    moves.gone_and_back,
    moves.retain_late,
    moves.restart_policy,
    moves.lie,
    moves.outage,
    moves.copy_status,
    moves.old_status,
    moves.take_over,
    moves.address_map,
    moves.crd,
)
"""Beside the mixture, from streams of their own: they disturb no history of an older seed but
where they happen."""


def _mixture(chance: Chance) -> list[moves.Maker]:
    """Pick some of the troubles; all at once would hide each other."""
    picked = (maker for maker in _MIXTURE if chance.happens("mixture", 0.45))
    return [moves.edit, moves.delete, *picked]
