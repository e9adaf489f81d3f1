"""A lab course on the architecture of machine-learning systems."""

import os

__version__ = "0.1.0"

# Torch's threads spin while they wait for each other. Beside anything else that wants the processor (a browser, another
# kernel) a training step then takes several times longer. Asleep they cost little. It has to be set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
