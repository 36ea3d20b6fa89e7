"""A second cloud behind another endpoint."""

from agentrun_simulator.settings import Settings as CloudSettings
from agentrun_simulator.simulator import Simulator
from fakes.cloud import MAIN, OTHER
from fakes.lab import Lab

ELSEWHERE = "http://elsewhere.test"
CHANGED = ("False", "AccountChanged")
"""What an object says whose account leads there by now."""


def another_cloud(lab: Lab) -> Simulator:
    """Bring a second cloud, in which the same keys are good."""
    cloud = Simulator(CloudSettings(accounts=(MAIN, OTHER)), lab.cloud.time)
    lab.cloud.elsewhere[ELSEWHERE] = cloud
    return cloud
