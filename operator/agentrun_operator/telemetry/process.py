"""What is true of this process at the moment of a scrape: nobody pushes it."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ProcessState(Collector):
    """Asks, at each scrape, those who know; `app` names them."""

    def __init__(self) -> None:
        """Begin as a process that does not lead."""
        self.leads: Callable[[], bool] = lambda: False

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the process."""
        leader = GaugeMetricFamily(
            "agentrun_operator_leader",
            "1 while this process holds the Lease or needs none, 0 while it waits for it",
        )
        leader.add_metric((), float(self.leads()))
        yield leader
