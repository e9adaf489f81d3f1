"""Counting what a value holds, while it is written and once more while it is read."""

from dataclasses import dataclass

from labkit.grading.judge.limits import Limits


class Budget:
    """Counts what a value holds against the limits, and raises `error` beyond them."""

    def __init__(self, limits: Limits, error: type[Exception]):
        self.limits = limits
        self.error = error
        self.items = 0
        self.size = 0
        self.reached = 0  # the deepest level so far

    def spend(self, items: int, size: int) -> None:
        """Counts so many more items and bytes."""
        self.items += items
        self.size += size
        if self.items > self.limits.items:
            raise self.error(f"more than {self.limits.items} values at once cannot cross")
        if self.size > self.limits.size:
            raise self.error(f"more than {self.limits.size >> 20} MB at once cannot cross")

    def deeper(self, depth: int, levels: int = 1) -> int:
        """The depth of what is inside a container at `depth`, so many levels below."""
        depth += levels
        if depth > self.limits.depth:
            raise self.error(f"lists nested more than {self.limits.depth} deep cannot cross")
        self.reached = max(self.reached, depth)
        return depth


@dataclass(frozen=True)
class Cost:
    """What an object has cost, and costs once more where it is met again: who walks the value walks it there too."""

    items: int
    size: int
    levels: int

    def again(self, budget: Budget, depth: int) -> None:
        """Counts it at this depth."""
        budget.spend(self.items, self.size)
        budget.deeper(depth, self.levels)


class Metering:
    """Counts what one object costs while it is read or written, inside others that are counted too."""

    def __init__(self, budget: Budget, depth: int):
        self.budget, self.depth = budget, depth
        self.before = budget.items, budget.size, budget.reached
        budget.reached = depth

    def cost(self) -> Cost:
        """What has been spent since."""
        items, size, reached = self.before
        levels = self.budget.reached - self.depth
        self.budget.reached = max(self.budget.reached, reached)
        return Cost(self.budget.items - items, self.budget.size - size, levels)
