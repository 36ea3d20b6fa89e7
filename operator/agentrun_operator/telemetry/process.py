"""What is true of this process at the moment of a scrape: nobody pushes it."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ProcessState(Collector):
    """Asks, at each scrape, those who know; `app` names them."""

    def __init__(self) -> None:
        """Begin as a process that does not lead."""
        self.leads: Callable[[], bool] = lambda: False
        self.watch_ages: Callable[[], Mapping[str, float]] = dict

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the process."""
        leader = GaugeMetricFamily(
            "agentrun_operator_leader",
            "1 while this process holds the Lease or needs none, 0 while it waits for it",
        )
        leader.add_metric((), float(self.leads()))
        yield leader
        ages = GaugeMetricFamily(
            "agentrun_watch_age_seconds",
            "Seconds since a watch of the cluster began or brought an event, the longest of the "
            "resource; a watch begins anew every 5 minutes",
            labels=("resource",),
        )
        for resource, seconds in self.watch_ages().items():
            ages.add_metric((resource,), seconds)
        yield ages
