"""Objects of every kind come to rest in one process, and each costs a handful of calls once."""

from bench.kinds import SPECS, AllKinds, counts, kind_of


async def test_every_kind_is_ready_and_quiet_together() -> None:
    fleet = AllKinds(4)
    await fleet.open()
    found = await counts(fleet)
    together, kinds = found["all_kinds"], found["kinds"]
    assert together["objects"] == 4 * len(kinds) == 4 * len(SPECS)
    assert together["rest_cloud_writes"] == together["rest_kubernetes_writes"] == 0
    assert together["restart_cloud_writes"] == together["restart_kubernetes_writes"] == 0
    for kind, figures in kinds.items():
        assert figures["ready_kubernetes_writes_per_object"] <= 4, kind
        assert 0 < figures["ready_calls_per_object"] < 10, kind
        # One LIST a minute shows all of a kind; accounts are asked nothing.
        assert figures["rest_calls_per_minute"] <= 1.2, kind


def test_an_operation_counts_for_the_kind_that_it_names() -> None:
    actions = ("GetAgentRuntimeEndpoint", "ListAgentRuntimeVersions", "PauseSandbox", "GetTemplate")
    expected = ["AgentRuntimeEndpoint", "AgentRuntime", "Sandbox", "SandboxTemplate"]
    assert [kind_of(action) for action in actions] == expected
    assert kind_of("GetCallerIdentity") == kind_of("write_status") == ""
