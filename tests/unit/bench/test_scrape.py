"""The bench of a scrape stands in for the engine, and has to know what the metrics ask of it."""

from bench.scrape import measure


def test_a_scrape_is_measured_on_the_present_metrics() -> None:
    found = measure(120)
    assert found["objects"] == 120
    assert found["series_of_the_fleet"] > 0
    assert found["memory_bytes_per_object"] > 0
