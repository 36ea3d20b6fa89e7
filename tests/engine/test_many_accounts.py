"""An account costs its own keys' check and its objects' looks, however many there are beside it."""

from bench.accounts import measure


async def test_an_account_more_costs_no_more_than_the_others() -> None:
    found = await measure(3)
    many, one = found["many_accounts"], found["one_account"]
    assert (many["clients"], one["clients"]) == (3, 1)
    assert many["objects"] == one["objects"] == 12
    for figures in (many, one):
        # One LIST proves that the keys may read; the token service tells whose they are.
        assert (figures["account_calls"], figures["account_identity_calls"]) == (1, 1)
        assert figures["account_calls_per_minute_without_objects"] == 0
        assert figures["ready_identity_calls"] == figures["rest_identity_calls"] == 0
        assert figures["rest_cloud_writes"] == figures["rest_kubernetes_writes"] == 0
        assert figures["restart_cloud_writes"] == figures["restart_kubernetes_writes"] == 0
        assert figures["restart_identity_calls_per_account"] == 1
    # By itself each object is read once in 30 to 60 seconds, and once after a restart.
    assert 1 <= many["rest_calls_per_object_and_minute"] <= 2
    assert many["restart_calls_per_object"] == 1
    assert many["ready_calls_per_object"] <= 4
    assert 0 < many["engine_kib_per_account_without_objects"] < 40
