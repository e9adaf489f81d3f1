"""Every student's night has one machine that is clearly right, and the wishes of the message conflict."""

import tomllib
from collections import Counter

import pytest

from labkit.grading.nights import MOST_EUROS, night_for
from labkit.home import course


@pytest.fixture(scope="module")
def machines():
    text = (course() / "assignments" / "source" / "ps05" / "machines.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["machine"]


def spent(night, machine):
    """Hours and euros, job by job."""
    seconds = 0.0
    for job in night["jobs"]:
        compute, memory = job["flops"] / machine["gflops"] / 1e9, job["moved"] / machine["gb_per_s"] / 1e9
        seconds += max(compute, memory) / job["share"]
    return seconds / 3600, seconds / 3600 * machine["euros_per_hour"]


def test_speed_and_money_conflict_in_every_night(machines):
    chosen = Counter()
    for number in range(200):
        night = night_for(f"student {number}", machines)
        found = {machine["name"]: spent(night, machine) for machine in machines}
        in_time = {name: euros for name, (hours, euros) in found.items() if hours <= night["hours"]}
        cheapest, second = sorted(in_time, key=in_time.get)[:2]
        assert in_time[second] > 1.02 * in_time[cheapest]
        assert in_time[cheapest] < MOST_EUROS < found["the tower"][1]
        assert min(euros for _, euros in found.values()) < 0.98 * in_time[cheapest]
        assert all(abs(hours / night["hours"] - 1) > 0.02 for hours, _ in found.values())
        chosen[cheapest] += 1
    assert len(chosen) >= 3
    assert max(chosen.values()) < 140


def test_a_machine_of_the_file_says_what_its_comment_promises(machines):
    assert len({machine["name"] for machine in machines}) == len(machines) == 7
    numbers = {"cores", "gflops", "gb_per_s", "last_cache_mb", "memory_gb", "euros_per_hour"}
    assert all(machine[field] > 0 for machine in machines for field in numbers)
    assert max(machines, key=lambda machine: machine["gflops"])["name"] == "the tower"
