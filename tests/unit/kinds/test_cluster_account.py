"""What a ClusterAccount says of the other kinds."""

from agentrun_operator.kinds import catalogue


def test_a_grant_may_name_each_kind_with_a_resource() -> None:
    rules = catalogue()["ClusterAccount"].rules
    [rule] = [rule for rule in rules if "unknown kind" in rule.message]
    kinds = [kind.kind for kind in catalogue().values() if not kind.is_local]
    assert [kind for kind in kinds if f"'{kind}'" not in rule.rule] == []
