"""What `make test-kubernetes` says of a version that it cannot test."""

import pytest

import minor_versions


def test_a_version_that_nothing_pins_is_refused_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert minor_versions.main(["1.35", "1.3", "-k", "Tool"]) == 2
    told = capsys.readouterr().out
    assert told == "no folder of tools/kubernetes pins 1.3; there is 1.34, 1.35, 1.36\n"


def test_every_test_that_is_named_exists() -> None:
    for each in minor_versions.TESTS:
        assert (minor_versions.INTEGRATION / each.partition("::")[0]).exists()
