"""Every setting can be set from outside, and a value that makes no sense names its variable."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from agentrun_operator.cli import main
from agentrun_operator.core.grants import Allowance
from agentrun_operator.core.settings import OwnAccount, Settings
from agentrun_operator.environment import PREFIX, SettingsError, described, settings_from

EVERYTHING = {
    "CONTROLLER_CLASS": "blue",
    "NAMESPACES": "a, b",
    "NAMESPACE": "system",
    "CLUSTER_ID": "c1",
    "LEADER_ELECTION": "false",
    "LEASE_NAME": "another",
    "IDENTITY": "me",
    "WORKERS": "7",
    "POLL_TRANSITION_SECONDS": "1.5",
    "POLL_STEADY_SECONDS": "30",
    "POLL_DETAIL_SECONDS": "900",
    "POLL_SLOW_SECONDS": "90",
    "POLL_UNSEEN_INTERVALS": "4",
    "POLL_FEW": "0",
    "BACKOFF_BASE_SECONDS": "2",
    "BACKOFF_CAP_SECONDS": "100",
    "RESYNC_SECONDS": "60",
    "CREATE_SETTLE_SECONDS": "30",
    "ABSENCE_CONFIRM_SECONDS": "3",
    "MASS_ABSENCE_PERCENT": "20",
    "MASS_ABSENCE_MINIMUM": "0",
    "MASS_ABSENCE_WINDOW_SECONDS": "300",
    "CREATE_TIMEOUT_SECONDS": "100",
    "UPDATE_TIMEOUT_SECONDS": "200",
    "DELETE_TIMEOUT_SECONDS": "400",
    "REQUESTS_PER_SECOND": "5",
    "ENDPOINT_ALLOW_LIST": "https://a.example",
    "ACCOUNT_ID": "1001",
    "REGION": "cn-hangzhou",
    "INSTANCE_ROLE": "true",
    "SECRET_ACCESS": "get",
    "MAX_OBJECTS_PER_NAMESPACE": "100",
    "SECRET_NAMESPACES": "team-a,team-b",
    "LOOP_HELD_SECONDS": "0.5",
    "DRAIN_SECONDS": "10",
    "BIND_HOST": "127.0.0.1",
    "BIND_PORT": "0",
    "DEBUG_HOST": "0.0.0.0",
    "DEBUG_PORT": "8081",
}


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings."""
    found: dict[str, Any] = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        if is_dataclass(value) and not isinstance(value, OwnAccount):
            found |= flat(value, f"{prefix}{each.name}.")
        else:
            found[f"{prefix}{each.name}"] = value
    return found


def test_nothing_set_is_the_defaults() -> None:
    assert settings_from({}) == Settings()


def test_every_setting_can_be_set() -> None:
    changed = flat(settings_from({f"{PREFIX}{name}": text for name, text in EVERYTHING.items()}))
    defaults = flat(Settings())
    assert [name for name in changed if changed[name] == defaults[name]] == []
    assert changed["polling.few"] == 0
    assert changed["delete_timeout_seconds"] == 400


def test_help_lists_every_variable_with_its_default() -> None:
    listed = dict(described())
    of_the_account = ("ENDPOINT", "IDENTITY_CHECK", "STS_ENDPOINT", "ACCOUNT_ALLOW")
    assert listed.keys() == {f"{PREFIX}{name}" for name in (*EVERYTHING, *of_the_account)}
    assert listed[f"{PREFIX}WORKERS"] == "32"
    assert listed[f"{PREFIX}LEADER_ELECTION"] == "true"
    assert listed[f"{PREFIX}NAMESPACES"] == ""


def test_help_keeps_names_and_defaults_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"], {})
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name, default in described():
        assert [name, *default.split()] in shown


@pytest.mark.parametrize("name", ["CREATE_TIMEOUT_SECONDS", "DRAIN_SECONDS", "WORKERS"])
@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_a_value_that_makes_no_sense_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{PREFIX}{name}"):
        settings_from({f"{PREFIX}{name}": text})


def own(**more: str) -> OwnAccount | None:
    given = {"ACCOUNT_ID": "1001", "REGION": "cn-hangzhou", **more}
    return settings_from({f"{PREFIX}{name}": text for name, text in given.items()}).own_account


def test_the_own_account_says_how_its_keys_are_checked() -> None:
    assert own() == OwnAccount("1001", "cn-hangzhou")
    assert own(IDENTITY_CHECK="Verify") == OwnAccount("1001", "cn-hangzhou")
    assert own(IDENTITY_CHECK="Off") == OwnAccount("1001", "cn-hangzhou", checks_identity=False)
    found = own(STS_ENDPOINT="https://sts.example")
    assert found is not None
    assert found.token_service == "https://sts.example"
    with pytest.raises(SettingsError, match="IDENTITY_CHECK is 'no'; use Verify or Off"):
        own(IDENTITY_CHECK="no")


def test_the_own_account_grants_like_a_cluster_account() -> None:
    found = own(ACCOUNT_ALLOW='[{"namespaces": ["a"], "grants": ["force"], "names": ["x-*"]}]')
    assert found is not None
    assert found.allow == (Allowance(namespaces=("a",), grants=("force",), names=("x-*",)),)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("nonsense", "the text"),
        ('[{"namespaces": ["a"]}]', "0.grants"),
        ('[{"namespaces": ["a"], "grants": ["everything"]}]', "0.grants.0"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(text: str, where: str) -> None:
    with pytest.raises(SettingsError, match=f"ACCOUNT_ALLOW is no JSON list.*{where}"):
        own(ACCOUNT_ALLOW=text)
