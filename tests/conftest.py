"""For all tests: properties judge results, not how busy the machine is.

The examples follow from the test's code, so that a change is refused for what it does and not for
what happened to be drawn that day; what is drawn anew each time is the soak's.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same each time",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same each time")
