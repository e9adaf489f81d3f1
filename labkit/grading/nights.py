"""Problem set 05: the work of one night in the shop, and a machine to rent for it."""

from labkit.grading.seeds import dice

MOST_EUROS = 6.0  # what a night may cost
CLEAR = 1.03  # by this factor at least two machines differ, so that rounding never decides


def night_for(name: str, machines: list[dict]) -> dict:
    """One night: its `hours`, and its `jobs`, a list of job, flops, moved (bytes) and share (of the roof it reaches).

    Some machines are too slow for it, the cheapest among them, and the fastest of all costs more than MOST_EUROS.
    """
    random = dice(name, "ps05 night")
    while True:
        compare, shares = random.uniform(8, 40), random.uniform(0.2, 4)  # 1e15 FLOPs, 1e15 bytes
        night = {
            "hours": float(random.choice([3.0, 3.5, 4.0, 4.5])),
            "jobs": [
                _job("compare all", compare * 1e15, compare * 1e15 / random.uniform(60, 200), random.uniform(0.6, 0.9)),
                _job("make shares", shares * 1e15 / random.uniform(1, 4), shares * 1e15, random.uniform(0.7, 0.95)),
                _job("pack the answers", 0.0, shares * 1e14, 0.5),
            ],
        }
        if _is_fair(night, machines):
            return night


def _costs(night: dict, machines: list[dict]) -> dict[str, tuple[float, float]]:
    """Hours and euros of a night on each machine, by its name."""
    found = {}
    for machine in machines:
        compute, memory = 1e9 * machine["gflops"], 1e9 * machine["gb_per_s"]
        hours = sum(max(job["flops"] / compute, job["moved"] / memory) / job["share"] for job in night["jobs"]) / 3600
        found[machine["name"]] = hours, hours * machine["euros_per_hour"]
    return found


def _job(job: str, flops: float, moved: float, share: float) -> dict:
    return {"job": job, "flops": float(f"{flops:.3g}"), "moved": float(f"{moved:.3g}"), "share": round(share, 2)}


def _is_fair(night: dict, machines: list[dict]) -> bool:
    found = _costs(night, machines)
    fastest = max(machines, key=lambda machine: machine["gflops"])["name"]
    in_time = sorted(euros for hours, euros in found.values() if hours <= night["hours"])
    least = min(euros for _, euros in found.values())
    clear = all(not 1 / CLEAR < hours / night["hours"] < CLEAR for hours, _ in found.values())
    return (
        clear
        and 2 <= len(in_time) < len(machines)
        and in_time[1] > CLEAR * in_time[0]
        and CLEAR * least < in_time[0] < MOST_EUROS / CLEAR
        and found[fastest][1] > MOST_EUROS
    )
