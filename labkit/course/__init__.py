"""The road that assignments travel, on nbgrader: release, fetch, validate, submit, collect, grade, feedback, export."""

import sys

from tqdm import tqdm

# nbgrader brings jsonschema, which imports this if it can: a grammar of international addresses, built anew by every
# process in over a second. Nothing here checks such addresses.
sys.modules.setdefault("rfc3987_syntax", None)

tqdm.monitor_interval = 0  # its thread would stand beside every fork that a court is
