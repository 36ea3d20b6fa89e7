"""What `make api-diff` tells of an SDK that pip gets, here from a folder of this machine."""

import re
import shutil
import zipfile
from importlib import metadata, util
from pathlib import Path

import pytest

from apimap.__main__ import main

PACKAGE = "alibabacloud_agentrun20250910"
INSTALLED = metadata.version(PACKAGE)
CHANGED = "99.0.0"

WINGS = """
    def create_wing_with_options(
        self,
        request: main_models.CreateWorkspaceRequest,
        headers: Dict[str, str],
        runtime: RuntimeOptions,
    ) -> main_models.CreateWorkspaceResponse:
        req = open_api_util_models.OpenApiRequest(
            headers = headers,
            body = Utils.parse_to_map(request.body)
        )
        params = open_api_util_models.Params(
            action = 'CreateWing',
            version = '2025-09-10',
            protocol = 'HTTPS',
            pathname = f'/2025-09-10/agents/wings',
            method = 'POST',
            auth_type = 'AK',
            style = 'ROA',
            req_body_type = 'json',
            body_type = 'json'
        )
"""
EXPECTED = (Path(__file__).parent / "golden" / "api-diff.txt").read_text()


def wheel_of(sdk: Path, version: str, folder: Path) -> None:
    """Write a wheel with the installed SDK's metadata and the sources of a folder."""
    distribution = metadata.distribution(PACKAGE)
    info = f"{PACKAGE}-{version}.dist-info"
    described = distribution.read_text("METADATA") or ""
    with zipfile.ZipFile(folder / f"{PACKAGE}-{version}-py3-none-any.whl", "w") as wheel:
        for path in sorted(sdk.rglob("*.py")):
            wheel.write(path, f"{PACKAGE}/{path.relative_to(sdk).as_posix()}")
        wheel.writestr(
            f"{info}/METADATA",
            re.sub(r"^Version: .*$", f"Version: {version}", described, flags=re.MULTILINE),
        )
        wheel.writestr(f"{info}/WHEEL", distribution.read_text("WHEEL") or "")
        wheel.writestr(f"{info}/RECORD", "")


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Replace texts in a file, each of which has to be there."""
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


def change(sdk: Path) -> None:
    """Add, remove and change a little of an SDK."""
    edit(
        sdk / "client.py",
        ("def get_access_token_with_options(", "def get_access_token_with_nothing("),
        (
            "'ap-southeast-1':",
            "'ap-north-1': 'agentrun.ap-north-1.aliyuncs.com', 'ap-southeast-1':",
        ),
        (
            "\n    def list_model_providers_with_options(",
            WINGS + "\n    def list_model_providers_with_options(",
        ),
    )
    edit(
        sdk / "models/_list_custom_domains_request.py",
        ("STANDARD and SANDBOX.", "STANDARD, SANDBOX and GATE."),
    )
    edit(
        sdk / "models/_nasmount_config.py",
        ("enable_tls: bool", "enable_tls: str"),
        ("        server_addr: str = None,\n", ""),
        (
            "        mount_dir: str = None,\n",
            "        mount_dir: str = None,\n        wing: List[str] = None,\n",
        ),
        (
            "m.get('serverAddr') is not None:\n            self.server_addr = m.get('serverAddr')",
            "m.get('wing') is not None:\n            self.wing = m.get('wing')",
        ),
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for pip with the SDK as it is installed, and a changed one."""
    spec = util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    folder = tmp_path_factory.mktemp("index")
    wheel_of(Path(spec.origin).parent, INSTALLED, folder)
    copy = tmp_path_factory.mktemp("sdk") / PACKAGE
    shutil.copytree(Path(spec.origin).parent, copy)
    change(copy)
    wheel_of(copy, CHANGED, folder)
    return folder


@pytest.fixture(autouse=True)
def _pip_without_a_network(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))


def test_the_pinned_version_is_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", INSTALLED]) == 0
    assert capsys.readouterr().out == (
        f"{PACKAGE}: {INSTALLED} beside our {INSTALLED}: no difference\n"
    )


def test_the_newest_version_is_told_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff"]) == 1
    assert capsys.readouterr().out == EXPECTED.format(ours=INSTALLED)


def test_a_version_that_does_not_exist_is_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "99.9.9"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"pip cannot download {PACKAGE}==99.9.9" in shown.err
