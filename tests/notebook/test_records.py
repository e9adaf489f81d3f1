"""The journal: two kernels lose nothing, damage is set aside, a failed write leaves no trace."""

import os
import subprocess
import sys

import pytest

from labkit.errors import WrongUse
from labkit.notebook.records import everything, folder, journal

WRITER = """
import sys
from labkit.notebook import measured, predict
predict("shared", "s", low=1, best=float(sys.argv[1]), high=9)
for i in range(20):
    predict(f"{sys.argv[1]}-{i}", "s", low=1, best=2, high=3)
    measured(f"{sys.argv[1]}-{i}", i)
"""


def test_two_kernels_at_once_lose_nothing_and_agree_on_the_first_answer():
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, name], stdout=subprocess.DEVNULL, env=os.environ)
        for name in ("2", "3")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    kept = everything()
    assert len(kept.of("measurement")) == 40
    assert len(kept.of("prediction")) == 41
    assert len(kept.of("prediction", name="shared")) == 1


@pytest.mark.parametrize(
    "damage", [b'{"kind": "meas', b"\xff\xfe\n", b"[1]\n", b'{"kind": "prediction", "name": "x"}\n']
)
def test_a_damaged_journal_is_kept_beside_and_the_rest_goes_on(damage, capsys):
    with journal() as kept:
        kept.append("measurement", lab="", name="a", unit="s", value=1.0)
    path = folder() / "journal.jsonl"
    whole = path.read_bytes() + damage
    path.write_bytes(whole)
    with journal() as kept:
        kept.append("measurement", lab="", name="b", unit="s", value=2.0)
    assert [record["name"] for record in everything().records] == ["a", "b"]
    assert (folder() / "journal.damaged-1.jsonl").read_bytes() == whole
    assert "1 unreadable line" in capsys.readouterr().out


def test_a_full_disk_leaves_the_journal_as_it_was(monkeypatch):
    with journal() as kept:
        kept.append("measurement", lab="", name="a", unit="s", value=1.0)
        before = kept.path.read_bytes()

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WrongUse, match="No space left"):
            kept.append("measurement", lab="", name="b", unit="s", value=1.0)
        assert kept.path.read_bytes() == before
