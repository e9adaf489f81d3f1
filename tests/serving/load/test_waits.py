import numpy as np
import pytest

from labkit.serving.load.waits import corrected, histogram, percentile_ms


def values_of(made) -> list[int]:
    return [
        step.value_iterated_to for step in made.get_recorded_iterator() for _ in range(step.count_at_value_iterated_to)
    ]


def test_percentiles_are_those_of_the_samples_to_three_digits():
    waits = np.random.default_rng(0).lognormal(-6, 1, 20_000)
    made = histogram(waits)
    for percent in (50, 99, 99.9):
        expected = np.percentile(waits, percent, method="inverted_cdf") * 1e3
        assert percentile_ms(made, percent, len(waits)) == pytest.approx(expected, rel=2e-3)
    assert made.get_total_count() == len(waits)
    assert made.get_max_value() / 1e6 == pytest.approx(waits.max(), rel=1e-3)


@pytest.mark.parametrize(("percent", "needed"), [(50, 2), (99, 100), (99.9, 1000)])
def test_too_few_samples_have_no_percentile(percent, needed):
    made = histogram(np.full(5000, 0.004))
    assert percentile_ms(made, percent, needed - 1) is None
    assert percentile_ms(made, percent, needed) == pytest.approx(4, rel=1e-3)


def test_a_long_wait_stands_for_those_that_it_kept_from_asking():
    assert values_of(corrected(np.array([0.001, 0.0045]), 0.001)) == pytest.approx(
        [1000, 1500, 2500, 3500, 4500], rel=1e-3
    )


@pytest.mark.parametrize("wait", [0.0005, 0.001, 0.00101, 0.0019])
def test_a_wait_below_twice_the_interval_kept_nobody(wait):
    assert corrected(np.array([wait]), 0.001).get_total_count() == 1


def test_the_example_of_hdr_histograms_readme():
    # A request every 10 ms answered in 1 ms, for 100 s, and then one that takes 100 s: half the time nothing worked.
    waits = np.array([0.001] * 10_000 + [100.0])
    assert histogram(waits).get_value_at_percentile(99) < 1_100
    made = corrected(waits, 0.010)
    assert made.get_total_count() == pytest.approx(20_000, rel=1e-3)
    assert made.get_value_at_percentile(49.9) < 1_100
    assert made.get_value_at_percentile(75) == pytest.approx(50e6, rel=0.01)


def test_the_same_wait_many_times_is_corrected_as_often():
    one, many = corrected(np.array([0.0105]), 0.001), corrected(np.full(7, 0.0105), 0.001)
    assert many.get_total_count() == 7 * one.get_total_count() == 70


def test_a_minute_is_corrected_by_the_microsecond():
    # A value at a time, this would take as long as the wait did.
    assert corrected(np.array([60.0]), 5e-6).get_total_count() == pytest.approx(12_000_000, rel=1e-3)


def test_waits_beyond_the_scale_are_put_at_its_ends():
    assert values_of(histogram(np.array([0.0, -1e-9, 4000.0]))) == pytest.approx([1, 1, 3.6e9], rel=1e-3)


def test_no_waits_at_all():
    assert histogram(np.array([])).get_total_count() == 0
