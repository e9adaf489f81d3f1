"""Findings: sentences whose numbers come from the run."""

import math

from labkit.notebook.show import show
from labkit.notebook.stops import NotQuite


def finding(template: str, **numbers) -> None:
    """Say a sentence with numbers from the run, as in `finding("costs {ratio:.1f} times more", ratio=r)`.

    Raises NotQuite (a ValueError) where a number is missing, not finite or does not fit its format.
    """
    for name, number in numbers.items():
        if isinstance(number, float) and not math.isfinite(number):
            raise NotQuite(f"The finding's number {name} is {number}. Look at the cell that computes it.")
    try:
        sentence = template.format(**numbers)
    except (KeyError, IndexError) as error:
        raise NotQuite(f"The finding needs a number for {{{error.args[0]}}}: pass it by name.") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise NotQuite(f"The finding cannot be written: {error}.") from None
    show(sentence)
