"""Problem set 00: the catalogue that a student plans for."""

from labkit.grading.seeds import dice


def order_for(name: str) -> dict:
    """One training run: samples, batch, epochs, step_s, efficiency, and deadline_s, all of them numbers."""
    random = dice(name, "ps00 order")
    samples, batch = int(random.integers(300_000, 950_000)), int(random.choice([32, 48, 64, 96]))
    epochs, efficiency = int(random.integers(4, 13)), float(random.choice([0.6, 0.7, 0.8, 0.9]))
    # Milliseconds that are a prime: no deadline then falls exactly on a step, where rounding would decide.
    step_s = float(random.choice([211, 263, 307, 353, 401, 457, 503, 557, 607, 653, 709, 757])) / 1000
    alone_s = samples * epochs * step_s / (batch * efficiency)
    quarters = max(1, round(alone_s / 900 / random.uniform(3, 15)))  # of an hour
    return {
        "samples": samples,
        "batch": batch,
        "epochs": epochs,
        "step_s": step_s,
        "efficiency": efficiency,
        "deadline_s": 900 * quarters,
    }
