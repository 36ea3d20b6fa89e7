"""Whatever becomes of a Secret and an endpoint: no call reaches an account of somebody else."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.settings import Settings as CloudSettings
from agentrun_simulator.simulator import Simulator
from engine.specs import SAMPLES
from fakes.cloud import MAIN, OTHER, TEMPORARY, keys_of
from fakes.lab import Lab

ASKED = "GetCallerIdentity"
DEFAULT = ObjectKey("Account", "team-a", "default")
GATEWAY, ELSEWHERE = "http://gateway.test", "http://elsewhere.test"
ENDPOINTS = (None, GATEWAY, ELSEWHERE)
SECRETS: Mapping[str, Mapping[str, str] | None] = {
    "right": keys_of(MAIN),
    "rotated": keys_of(TEMPORARY),
    "another account's": keys_of(OTHER),
    "wrong secret": {**keys_of(OTHER), "accessKeySecret": "garbage"},
    "garbage": {"accessKeyId": "x y", "accessKeySecret": ""},
    "missing": None,
}
KINDS = ("Credential", "ModelProxy", "AgentRuntime", "SandboxTemplate")
"""Keyed by a name and by an id, with ARNs and without."""

steps = st.lists(
    st.one_of(
        st.tuples(st.just("secret"), st.sampled_from(sorted(SECRETS))),
        st.tuples(st.just("endpoint"), st.sampled_from(ENDPOINTS)),
        st.tuples(st.just("create"), st.sampled_from(KINDS)),
        st.tuples(st.just("delete"), st.sampled_from(KINDS)),
        st.tuples(st.just("edit"), st.sampled_from(KINDS)),
        st.tuples(st.just("elapse"), st.sampled_from((0.0, 7.0, 65.0))),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("identity"), st.sampled_from((None, {"mode": "Off"}))),
    ),
    max_size=12,
)


def is_kept(raw: Mapping[str, Any]) -> bool:
    return raw["kind"] in KINDS


class Tenant:
    """One namespace, what its owner does in it, and the clouds around."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.elsewhere = Simulator(CloudSettings(accounts=(MAIN, OTHER)), self.lab.cloud.time)
        self.lab.cloud.elsewhere |= {GATEWAY: self.lab.simulator, ELSEWHERE: self.elsewhere}
        self.living: dict[str, ObjectKey] = {}
        self.edits = 0
        self.has_secret = True
        self.was_off = False

    async def open(self) -> None:
        """Bring one object that stays, so that the account is somewhere."""
        await self.lab.ready_account()
        self.lab.cluster.put_secret("keys", {"token": "x"})
        self.lab.cluster.apply("AgentRuntime", "anchor", SAMPLES["AgentRuntime"].spec)
        await self.lab.elapse(15)

    def put_secret(self, which: str) -> None:
        data = SECRETS[which]
        if data is not None:
            self.lab.cluster.put_secret("default-keys", data)
        elif self.has_secret:
            self.lab.cluster.delete_secret("default-keys")
        self.has_secret = data is not None

    async def take(self, step: str, what: Any) -> None:
        lab = self.lab
        if step == "secret":
            self.put_secret(what)
        elif step == "endpoint":
            lab.edit(DEFAULT, endpoint=what)
        elif step == "identity":
            self.was_off |= what is not None
            lab.edit(DEFAULT, identityCheck=what)
        elif step == "create" and what not in self.living:
            self.edits += 1
            name = f"{what.lower()}-{self.edits}"
            self.living[what] = lab.cluster.apply(what, name, SAMPLES[what].spec)
        elif step == "delete" and what in self.living:
            lab.cluster.delete(self.living.pop(what))
        elif step == "edit" and what in self.living:
            self.edits += 1
            lab.edit(self.living[what], description=f"edit {self.edits}")
        elif step == "restart":
            lab.restart()
        elif step == "elapse":
            await lab.elapse(what)

    def check(self) -> None:
        """Only the question whose keys these are reaches anybody else.

        Where nobody is to be asked, a known resource is looked for instead, and nothing else.
        """
        for request in self.lab.simulator.requests():
            is_look = self.was_off and request["action"].startswith("Get")
            is_own = request["account"] in (MAIN.account_id, "")
            assert is_own or is_look or request["action"] == ASKED
        for request in self.elsewhere.requests():
            # The same account in another cloud: one known resource is looked for, nothing else.
            is_probe = request["account"] == MAIN.account_id or self.was_off
            is_get = request["action"].startswith("Get")
            assert request["action"] == ASKED or (is_probe and is_get)

    def leaked(self) -> set[str]:
        """Return what there is in any account beyond the objects that are left, or is missing."""
        wanted = {raw["metadata"]["name"] for raw in self.lab.cluster.all() if is_kept(raw)}
        names = {"credentialName", "modelProxyName", "agentRuntimeName", "templateName"}
        found: set[str] = set()
        for cloud in (self.lab.simulator, self.elsewhere):
            for account in (MAIN.account_id, OTHER.account_id):
                for family, items in cloud.resources(account).items():
                    if family != "Workspace":
                        found |= {str(item[n]) for item in items for n in names if n in item}
        return found ^ wanted


@settings(max_examples=40)
@given(steps)
@example(
    [
        ("identity", {"mode": "Off"}),
        ("elapse", 7.0),
        ("secret", "another account's"),
        ("restart", None),
        ("create", "ModelProxy"),
        ("elapse", 65.0),
    ]
)
@example([("identity", {"mode": "Off"}), ("secret", "another account's"), ("restart", None)])
@example([("secret", "another account's"), ("create", "ModelProxy"), ("elapse", 65.0)])
@example(
    [
        ("create", "Credential"),
        ("elapse", 7.0),
        ("secret", "another account's"),
        ("delete", "Credential"),
        ("elapse", 65.0),
        ("restart", None),
    ]
)
@example(
    [
        ("create", "ModelProxy"),
        ("elapse", 7.0),
        ("endpoint", ELSEWHERE),
        ("delete", "ModelProxy"),
        ("restart", None),
        ("elapse", 65.0),
    ]
)
def test_no_call_reaches_an_account_that_nobody_is_pinned_to(
    history: list[tuple[str, Any]],
) -> None:
    async def live() -> None:
        tenant = Tenant()
        await tenant.open()
        for step, what in history:
            await tenant.take(step, what)
        await tenant.lab.elapse(20)
        tenant.check()
        # With the right keys and endpoint back, all goes on by itself, and nothing was lost.
        await tenant.take("secret", "right")
        await tenant.take("endpoint", None)
        await tenant.take("identity", None)
        await tenant.lab.elapse(1000)
        tenant.check()
        assert tenant.leaked() == set()
        for key in [DEFAULT, *tenant.living.values()]:
            assert tenant.lab.ready(key) == ("True", "Available"), tenant.lab.message(key)

    asyncio.run(live())
