"""Every kind against the simulated cloud: what was sent is never taken for drift afterwards."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.drift import find_drift, find_removed
from agentrun_operator.core.identity import AccountIdentity, Locator
from agentrun_operator.core.kind import KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.wire import applied_paths, encode, field_rules, update_extras
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import AccountConnection, ExternalAPI
from agentrun_simulator.simulator import Simulator
from fakes.examples import FULL, RESOLUTION, body_of

NAME = "team-a-chat"
UPDATABLE = [name for name, kind in catalogue().items() if kind.rest and kind.rest.updatable]
SETTLED = (Phase.READY, Phase.IDLE, Phase.CREATE_FAILED, Phase.UPDATE_FAILED)


@pytest.fixture
async def api(simulator: Simulator, endpoint: str) -> AsyncIterator[ExternalAPI]:
    account = simulator.settings.accounts[0]
    connection = AccountConnection(
        AccountIdentity(account.account_id, "cn-hangzhou"),
        f"http://{endpoint}",
        {
            "accessKeyId": account.access_key_id,
            "accessKeySecret": account.access_key_secret.get_secret_value(),
        },
        requests_per_second=1000,
    )
    cloud = AgentRunCloud(environ={}, allow_list=("http://127.0.0.1:*",))
    async with aclosing(cloud.connect(connection)) as client:
        yield client


class Resource:
    """One resource of a kind in the cloud."""

    def __init__(self, api: ExternalAPI, kind: str, name: str = NAME) -> None:
        self.kind: ResourceKind = catalogue()[kind]
        assert self.kind.rest
        self.rest: Rest = self.kind.rest
        self.name = name
        self._api = api
        self._at = Locator(name)

    async def create(self, spec: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
        body = self.desired(spec)
        answer = await self._api.create(
            self.rest,
            {
                **body_of(self.kind.kind, spec),
                self.rest.name_field or self.rest.id_field: self.name,
            },
            parent=parent,
        )
        key = answer[self.rest.id_field] if self.rest.key is KeyedBy.ID else self.name
        self._at = Locator(key, parent)
        await self.settled()
        return body

    async def update(self, spec: dict[str, Any]) -> None:
        immutable = {rule.api for rule in field_rules(self.kind) if rule.immutable}
        body = {k: v for k, v in self.desired(spec).items() if k not in immutable}
        parsed = self.kind.spec.model_validate(spec)
        body |= update_extras(self.kind, parsed, RESOLUTION)
        await self._api.update(self.rest, self._at, body)
        await self.settled()

    def desired(self, spec: dict[str, Any]) -> dict[str, Any]:
        return encode(self.kind, self.kind.spec.model_validate(spec), RESOLUTION)

    async def settled(self) -> Any:
        found = (await self._api.read(self.rest, self._at)).resource
        assert found
        assert self.kind.phase_of(found) in SETTLED
        return found

    async def listed(self) -> Any:
        page = await self._api.read_page(
            self.rest,
            parent=self._at.parent,
            partition={
                query: FULL[self.kind.kind][name] for query, name in self.rest.partitions.items()
            },
        )
        key = self.rest.name_field or self.rest.id_field
        return next(item for item in page.items if item[key] == self.name)

    @property
    def key(self) -> str:
        return self._at.key


Made = dict[tuple[str, str], Resource]


async def prepared(
    api: ExternalAPI, kind: str, name: str = NAME, made: Made | None = None
) -> tuple[Resource, dict[str, Any]]:
    """Create a resource of a kind from its full spec, and before it what that refers to."""
    made = {} if made is None else made
    resource, spec, parent = Resource(api, kind, name), FULL[kind], None
    for need in dependencies(resource.kind, spec):
        target = need.kind, need.name
        if need.kind in FULL and target not in made:
            made[target], _ = await prepared(api, *target, made)
        if need.path == resource.rest.parent:
            parent = made[target].key
    return resource, await resource.create(spec, parent)


@pytest.mark.parametrize("kind", FULL)
async def test_a_created_resource_shows_no_drift(api: ExternalAPI, kind: str) -> None:
    resource, desired = await prepared(api, kind)
    observed = await resource.settled()
    assert resource.kind.phase_of(observed) is Phase.READY
    assert find_drift(resource.kind, desired, observed, partial=False) == ()
    assert find_drift(resource.kind, desired, await resource.listed(), partial=True) == ()


@pytest.mark.parametrize("kind", FULL)
async def test_nothing_is_left_over_of_what_was_never_taken_back(
    api: ExternalAPI, kind: str
) -> None:
    resource, desired = await prepared(api, kind)
    applied = applied_paths(resource.kind, desired)
    observed = await resource.settled()
    assert find_removed(resource.kind, applied, desired, observed) == ()


@pytest.mark.parametrize("kind", UPDATABLE)
async def test_an_update_with_every_field_is_taken_and_shows_no_drift(
    api: ExternalAPI, kind: str
) -> None:
    resource, _ = await prepared(api, kind)
    spec = {**FULL[kind], "description": "changed"}
    await resource.update(spec)
    observed = await resource.settled()
    assert observed["description"] == "changed"
    assert find_drift(resource.kind, resource.desired(spec), observed, partial=False) == ()


@pytest.mark.parametrize("kind", FULL)
async def test_status_can_be_filled_from_an_answer(api: ExternalAPI, kind: str) -> None:
    resource, _ = await prepared(api, kind)
    shown = resource.kind.observed.model_validate(await resource.settled())
    assert resource.key in {str(v) for v in shown.model_dump().values()} or (
        resource.rest.key is KeyedBy.NAME
    )
    assert "k-1" not in shown.model_dump_json()
