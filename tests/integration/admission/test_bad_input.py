"""Some of the specs of `make soak ARGS="--specs N"`: refused with a message, or reconciled."""

from bad_input.gate import Gate
from bad_input.trial import Tally, quiet_logs, try_batch
from integration.admission.server import Server


def test_any_spec_is_refused_with_a_message_or_reconciled(server: Server) -> None:
    tally = Tally()
    with quiet_logs():
        try_batch(120, 7, Gate(server), tally)
    assert tally.problems == []
    assert tally.admitted > 40
    assert tally.endings["refused"] > 20
    assert tally.endings["Available"] > 20
