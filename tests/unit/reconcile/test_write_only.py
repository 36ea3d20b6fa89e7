"""What no read returns is sent when it changed, and for no other reason."""

from unit.reconcile.specs import SAMPLES, ready
from unit.reconcile.test_drift_policies import updates


async def test_a_request_after_a_restart_sends_no_secret_again() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.restart()
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.get(key).status["lastRequest"] == "now"
    assert updates(lab) == 0


async def test_an_edit_while_we_were_down_sends_what_may_have_changed() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.edit(key, description="edited")
    lab.restart()
    await lab.elapse(60)
    assert updates(lab) == 1
    assert lab.ready(key) == ("True", "Available")
