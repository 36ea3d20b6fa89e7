"""Command line: `python -m demo [--once] [--picture FILE]`."""

import argparse
import sys
import threading
import traceback
from pathlib import Path

from controlplane import ControlPlaneError
from demo.picture import Picture
from demo.screen import Screen
from demo.story import Step, StepFailed, Story
from demo.terminal import own_keyboard
from rig import SAMPLES_NAMESPACE, Rig, RigError
from rig.samples import KEYS_SECRET

INTERRUPTED = 130
OTHER_NAMESPACE = "team-a"
"""Where a visitor may try what the samples do not show."""
TRANSITION_SECONDS = 1.5
"""Long enough to be seen in the table."""


def main() -> int:
    """Tell the story; returns the exit code: 0 all verified, 1 a step failed, 130 interrupted.

    Who interrupts at a terminal has seen enough, which is no failure: 0 then too.
    """
    parser = argparse.ArgumentParser(
        prog="demo", description="Show the operator at work on this machine, step by step."
    )
    parser.add_argument(
        "--once", action="store_true", help="do not stay up at the end, on a terminal either"
    )
    parser.add_argument(
        "--picture", metavar="FILE", type=Path, help="write what is shown as an SVG, if all is well"
    )
    parser.add_argument(
        "--dashboard", metavar="FILE", type=Path,
        help="scrape it with Prometheus (built once), and draw the chart's dashboard as an SVG",
    )  # fmt: skip
    options = parser.parse_args()
    picture = Picture() if options.picture else None
    with own_keyboard():
        screen = Screen(picture=picture)
        code = _tell(screen, is_once=options.once, dashboard=options.dashboard)
    if picture is not None and code == 0:
        picture.save(options.picture)
    return code


def _tell(screen: Screen, *, is_once: bool, dashboard: Path | None) -> int:
    rig = Rig(transition_seconds=TRANSITION_SECONDS, report=screen.say)
    story = Story(rig, screen, dashboard)
    stays = screen.is_terminal and not is_once
    end = story.deletion_after_a_visit if stays else story.deletion
    steps = (*story.until_deletion, *end)
    try:
        for number, step in enumerate(steps, start=1):
            if stays and step in end:
                _stay(rig, screen)
            screen.headline(number, len(steps), step.title)
            if not _run(step, story, screen):
                return 1
    except KeyboardInterrupt:
        screen.say("interrupted; stopping everything")
        return 0 if screen.is_terminal else INTERRUPTED
    finally:
        story.stop()
        rig.stop()
    screen.end("every step was verified")
    return 0


def _run(step: Step, story: Story, screen: Screen) -> bool:
    """Run a step; return whether it was verified, otherwise show what is needed to see why."""
    try:
        step.run()
    except RigError as error:
        screen.failed(step.title, f"{error.what}\n\n{error.evidence or story.evidence()}")
    except (StepFailed, ControlPlaneError) as error:
        screen.failed(step.title, f"{error}\n\n{story.evidence()}")
    except Exception:  # noqa: BLE001 - the step must be named whatever happened
        screen.failed(step.title, f"{traceback.format_exc()}\n{story.evidence()}")
    else:
        return True
    return False


def _stay(rig: Rig, screen: Screen) -> None:
    """Let the visitor play until Ctrl-C."""
    screen.end("It stays up; play in another terminal, and press Ctrl-C here to delete everything")
    screen.offer(
        (
            f"export KUBECONFIG={rig.plane.kubeconfig}",
            f"alias kubectl={rig.plane.programs / 'kubectl'}",
            f"kubectl get agentrun --namespace {SAMPLES_NAMESPACE}",
            f"kubectl describe modelproxy unlucky --namespace {SAMPLES_NAMESPACE}",
            f"kubectl edit modelproxy chat --namespace {SAMPLES_NAMESPACE}",
            f"tail --follow {rig.operator_log_file}",
            f"curl --silent {rig.operator_url}/metrics | grep agentrun_resource_condition",
            f"curl --silent {rig.cloud.url}/admin/resources # what the cloud holds",
            f"# the same as a page, for a browser: {rig.cloud.url}",
        )
    )
    screen.note("In a namespace of your own, with keys that are made up for the simulated cloud")
    screen.offer(
        (
            f"kubectl create namespace {OTHER_NAMESPACE}",
            f"kubectl create secret generic {KEYS_SECRET} --namespace {OTHER_NAMESPACE} \\",
            f"    --from-literal=accessKeyId={rig.account.access_key_id} \\",
            f"    --from-literal=accessKeySecret={rig.account.access_key_secret}",
            "kubectl apply --filename=- <<EOF",
            "apiVersion: agentrun.dev/v1alpha1",
            "kind: Account",
            f"metadata: {{name: default, namespace: {OTHER_NAMESPACE}}}",
            "spec:",
            f'  accountId: "{rig.account.account_id}"',
            f"  region: {rig.account.region}",
            f"  endpoint: {rig.cloud.url}",
            f"  credentials: {{secretRef: {{name: {KEYS_SECRET}}}}}",
            "EOF",
        )
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    sys.exit(main())
