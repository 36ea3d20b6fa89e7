"""What a person or a test may do to a simulated cloud from outside: settings, faults, resources.

May be used from any thread: every step runs under the cloud's lock.
"""

import copy
from collections.abc import Mapping
from typing import Any

from agentrun_simulator.clock import Clock, SystemClock
from agentrun_simulator.cloud import Cloud
from agentrun_simulator.errors import not_found
from agentrun_simulator.family import Family
from agentrun_simulator.faults import Fault
from agentrun_simulator.seeding import SeedFile
from agentrun_simulator.settings import Settings
from agentrun_simulator.store import Record, Tenant


class Controls:
    """The AgentRun cloud in memory, and what may be done to it behind the back of its clients.

    Args:
        settings: Accounts, latencies and switches; the defaults serve one demo account.
        clock: Source of time; tests pass one they can move.
    """

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self._initial = settings or Settings()
        self._cloud = Cloud(self._initial, clock or SystemClock())
        self._seed = SeedFile()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._cloud.settings

    def configure(self, changes: Mapping[str, Any]) -> Settings:
        """Change settings by their JSON names; switches may be given one by one.

        Raises:
            pydantic.ValidationError: a name is unknown or a value not allowed.
        """
        with self._cloud.lock:
            now = self.settings
            merged = now.model_dump(by_alias=True) | dict(changes)
            switches = now.switches.model_dump(by_alias=True) | dict(changes.get("switches", {}))
            self._cloud.apply_settings(Settings.model_validate(merged | {"switches": switches}))
            return self.settings

    def reset(self) -> None:
        """Forget resources, faults and log, and go back to the start, seed file included."""
        with self._cloud.lock:
            self._cloud.apply_settings(self._initial)
            self._cloud.clear()
            self._cloud.faults.remove()
            self._cloud.log.clear()
            self.sow(self._seed)

    def sow(self, seed: SeedFile) -> None:
        """Add what a seed file says, now and after every reset.

        Raises:
            ServiceError: the service would refuse a resource; what stands before it is there.
            pydantic.ValidationError: a setting is unknown or not allowed.
        """
        with self._cloud.lock:
            self._seed = seed
            self.configure(seed.settings)
            for resource in seed.resources:
                self._cloud.plant(resource)
            for fault in seed.faults:
                self._cloud.faults.add(fault)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the logged requests with a larger `seq`, oldest first, secrets masked."""
        with self._cloud.lock:
            return [entry.shown() for entry in self._cloud.log.entries(since)]

    def clear_requests(self) -> None:
        """Forget the logged requests; sequence numbers go on."""
        with self._cloud.lock:
            self._cloud.log.clear()

    def inject(self, fault: Fault) -> int:
        """Put a fault in force and return its id."""
        with self._cloud.lock:
            return self._cloud.faults.add(fault)

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force, oldest first."""
        with self._cloud.lock:
            return self._cloud.faults.shown()

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Lift one fault, or all."""
        with self._cloud.lock:
            self._cloud.faults.remove(fault_id)

    def resources(
        self, account: str | None = None, region: str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """Return all resources of an account as answers would show them, by family name.

        The first account and the default region serve where none is named.
        """
        with self._cloud.lock:
            tenant = self._tenant(account, region)
            return {
                family: [
                    copy.deepcopy(self._cloud.engine.render(tenant, record))
                    for record in tenant.records(family)
                ]
                for family in list(tenant.families())
            }

    def edit(
        self,
        family: str,
        key: str,
        changes: Mapping[str, Any],
        account: str | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        """Change fields of a resource behind everybody's back; None removes a field.

        `status` and `statusReason` end a transition that is under way. The second timestamp
        moves, as it would after an edit in the console.

        Raises:
            ServiceError: 404 when there is no such family, key or name.
        """
        with self._cloud.lock:
            tenant = self._tenant(account, region)
            record = self._record(tenant, family, key)
            old_name = record.name
            fields = copy.deepcopy(dict(changes))
            if "status" in fields:
                record.status = fields.pop("status")
                record.pending.pop("status", None)
            record.reason = fields.pop("statusReason", record.reason)
            kept = {name: value for name, value in record.data.items() if name not in fields}
            record.data = kept | {n: v for n, v in fields.items() if v is not None}
            record.updated = self._cloud.clock.now()
            tenant.rename(record, old_name)
            tenant.index(record)
            return copy.deepcopy(self._cloud.engine.render(tenant, record))

    def remove(
        self, family: str, key: str, account: str | None = None, region: str | None = None
    ) -> None:
        """Delete a resource behind everybody's back, at once, with its children, whoever uses it.

        Raises:
            ServiceError: 404 when there is no such family, key or name.
        """
        with self._cloud.lock:
            tenant = self._tenant(account, region)
            record = self._record(tenant, family, key)
            for user, is_child in list(tenant.users(record)):
                if is_child:
                    tenant.remove(user)
            tenant.remove(record)

    def _tenant(self, account: str | None, region: str | None) -> Tenant:
        first = self.settings.accounts[0].account_id
        return self._cloud.tenant(account or first, region or self.settings.default_region)

    def _record(self, tenant: Tenant, family_name: str, key: str) -> Record:
        family: Family | None = self._cloud.engine.families.get(family_name)
        if family is None:
            raise not_found("family", family_name)
        for record in tenant.records(family_name):
            if key in (record.key, record.name):
                return record
        raise not_found(family.noun, key)
