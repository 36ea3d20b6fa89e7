"""Runs the steps of a release for real, and sees that what was tampered with is refused.

The steps are those of `tools/release/publish`, which the workflow of a release runs too. What
differs: the registry is of this machine, and a key made for the occasion signs in place of an
identity that only the workflow has; so the public log of signatures is left out.
"""

import base64
import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

from charttools.metadata import CHARTS, ROOT
from charttools.programs import helm
from charttools.release import stage
from controlplane import ensure
from image.builders import Builder
from release.errors import ReleaseError
from release.programs import COSIGN, CRANE

PUBLISH = ROOT / "tools" / "release" / "publish"
CHANGELOG = "## {version}\n\n### Added\n- What this test publishes.\n"
REPOSITORY = "team"
IMAGES = ("agentrun-operator", "agentrun-simulator")


class Release:
    """One version, published to one registry.

    Attributes:
        home: Folder for keys, charts and the bill of materials; private to us.
        registry: Host and path of images and charts.
        version: What is published.
    """

    def __init__(self, home: Path, host: str, version: str) -> None:
        self.home = home
        self.registry = f"{host}/{REPOSITORY}"
        self.version = version
        self._environ = {
            "PATH": f"{ensure(COSIGN)}:{helm(4).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "COSIGN_PASSWORD": secrets.token_hex(16),
            "REGISTRY": self.registry,
            "VERSION": version,
            "SIGN_OPTIONS": f"--key={home / 'cosign.key'} --tlog-upload=false",
            "VERIFY_OPTIONS": self._verified_by("cosign.pub"),
            "PUSH_OPTIONS": "--plain-http",
        }

    def make_key(self, name: str = "cosign") -> None:
        """Write a key pair, its private half encrypted."""
        self._run("cosign", "generate-key-pair", f"--output-key-prefix={self.home / name}")

    def publish(self, builder: Builder, tag: str, bill: Path) -> None:
        """Take all steps of a release."""
        self.step("absent")
        for image in IMAGES:
            reference = f"{self.registry}/{image}:{self.version}"
            builder.push(f"localhost/{image}:{tag}", reference)
        operator, simulator = (f"{self.registry}/{i}@{self._digest(i)}" for i in IMAGES)
        self.step("sign", operator, simulator)
        self.step("attest", str(bill), operator)
        staged, changes = self.home / "staged", CHANGELOG.format(version=self.version)
        stage(staged, version=self.version, registry=self.registry, changelog=changes)
        self.step("charts", str(staged), str(self.home / "packages"))
        self.step("verify")

    def step(self, *arguments: str, **environ: str) -> str:
        """Take a step of a release; return what it printed.

        Raises:
            ReleaseError: it failed.
        """
        return self._run(str(PUBLISH), *arguments, **environ)

    def expect_refusal(self, what: str, says: str, *arguments: str, **environ: str) -> None:
        """Take a step that must fail, and tell that it does.

        Raises:
            ReleaseError: it does not, or for another reason.
        """
        try:
            self.step(*arguments, **environ)
        except ReleaseError as refusal:
            if says not in str(refusal):
                raise
        else:
            raise ReleaseError(f"not refused: {what}")
        print(f"release check: refused: {what}", flush=True)

    def refuse_another_key(self) -> None:
        """See that a signature by somebody else is none."""
        self.make_key("other")
        options = self._verified_by("other.pub")
        self.expect_refusal(
            "a signature by another key", "no matching", "verify", VERIFY_OPTIONS=options
        )

    def refuse_another_image(self) -> None:
        """See that a tag that was moved to something else is noticed."""
        image = f"{self.registry}/{IMAGES[0]}"
        signed = self._digest(IMAGES[0])
        crane = str(ensure(CRANE) / "crane")
        self._run(crane, "mutate", f"{image}:{self.version}", "--label=changed=yes",
                  f"--tag={image}:{self.version}")  # fmt: skip
        self.expect_refusal("a tag that leads to another image", "no signatures", "verify")
        self._run(crane, "tag", f"{image}@{signed}", self.version)
        self.step("verify")

    def refuse_another_chart(self) -> None:
        """See that a chart that was replaced under its version is noticed."""
        name = CHARTS.joinpath("agentrun-operator").name
        chart = self.home / "staged" / name
        (chart / "templates" / "NOTES.txt").write_text("Something else.\n")
        self._run("helm", "package", str(chart), f"--destination={self.home}")
        package = str(self.home / f"{name}-{self.version}.tgz")
        self._run("helm", "push", package, f"oci://{self.registry}/charts", "--plain-http")
        self.expect_refusal("a chart that was replaced", "no signatures", "verify")

    def read_bill(self) -> dict[str, Any]:
        """Return the bill of materials that is attested, its signature verified."""
        image = f"{self.registry}/{IMAGES[0]}:{self.version}"
        options = self._environ["VERIFY_OPTIONS"].split()
        command = ("cosign", "verify-attestation", *options, "--type=cyclonedx", image)
        payload = json.loads(self._run(*command))["payload"]
        predicate: dict[str, Any] = json.loads(base64.b64decode(payload))["predicate"]
        return predicate

    def _verified_by(self, key: str) -> str:
        return f"--key={self.home / key} --insecure-ignore-tlog=true"

    def _digest(self, image: str) -> str:
        crane = str(ensure(CRANE) / "crane")
        return self._run(crane, "digest", f"{self.registry}/{image}:{self.version}").strip()

    def _run(self, *command: str, **environ: str) -> str:
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env=self._environ | environ,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            shown = " ".join((Path(command[0]).name, *command[1:]))
            raise ReleaseError(f"{shown}:\n{done.stdout}{done.stderr}".rstrip())
        return done.stdout


def check(release: Release, builder: Builder, tag: str, bill: Path) -> None:
    """Publish, and try what must be refused; tell each check that holds.

    Raises:
        ReleaseError: one does not.
    """
    release.make_key()
    release.publish(builder, tag, bill)
    print("release check: images and charts are published, signed and verified", flush=True)
    if release.read_bill() != json.loads(bill.read_text()):
        raise ReleaseError("the bill of materials that is attested is not the one of the image")
    print("release check: the bill of materials is attested", flush=True)
    release.expect_refusal("a version that exists", "exists; a release needs", "absent")
    release.refuse_another_key()
    release.refuse_another_image()
    release.refuse_another_chart()
