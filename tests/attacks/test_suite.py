"""The suite itself: its answers are worth what it says, and every attack is code that runs."""

import ast
import json
from collections import Counter

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.attacks.attack import cell_of, files_of
from tests.attacks.course import MOST, NAME, POINTS, RIGHT, WORTH, WRONG, cells
from tests.attacks.suite import KINDS, everything

BROKEN_ON_PURPOSE = {
    "tamper_surrogates",
    "honest_failing_cells",
    "honest_cell_magic",
    "honest_bash",
    "honest_writes_file",
}


@pytest.fixture(scope="module")
def released():
    """The notebook as students get it, made without nbgrader."""
    found = []
    for name, (kind, source) in cells().items():
        marks = {"grade_id": name, "schema_version": 3, "locked": kind != "solution", "grade": kind == "test"}
        marks |= {"solution": kind == "solution", "task": kind == "task"}
        cell_type = "markdown" if kind == "task" else "code"
        outputs = {"outputs": [], "execution_count": None} if cell_type == "code" else {}
        found.append({"cell_type": cell_type, "id": name, "metadata": {"nbgrader": marks}, "source": source, **outputs})
    text = {"cell_type": "markdown", "id": "text", "metadata": {}, "source": "# All ways to ask"}
    return {"cells": [text, *found], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def worth(answers: dict[str, str]) -> dict[str, float]:
    """What each test gives, where instructor and student share one namespace."""
    names: dict = {}
    got = {}
    for name, (kind, source) in cells().items():
        if kind != "test":
            if kind != "task":
                exec(answers.get(name, source), names)
            continue
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and name == "primes-partial" else None
        try:
            exec(compile(tree, name, "exec"), names)
            got[name] = float(eval(ast.unparse(last), names)) if last else POINTS[name]
        except Exception:
            got[name] = 0.0
    return got


def test_right_answers_earn_everything_and_wrong_ones_nothing():
    assert sum(POINTS.values()) == MOST == sum(worth(RIGHT).values())
    assert set(worth(WRONG).values()) == {0.0}


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_alone_is_worth_what_is_said(name):
    alone = {**WRONG, name: RIGHT[name]}
    if name == "sum_of_squares":  # its tests ask for both
        alone["squares"] = RIGHT["squares"]
    assert sum(worth(alone).values()) == WORTH[name]


def test_every_class_is_there_and_every_attack_says_what_it_tries():
    count = Counter(attack.kind for attack in everything().values())
    assert set(count) == set(KINDS)
    assert sum(not attack.honest for attack in everything().values()) > 300
    tries = Counter(attack.tries for attack in everything().values())
    assert not [words for words, times in tries.items() if times > 1 or not words]
    for attack in everything().values():
        assert not attack.after or attack.after < attack.name, f"{attack.name} is graded before its accomplice"


@pytest.mark.parametrize("name", sorted(everything()))
def test_every_submission_can_be_written_and_is_code(name, released):
    attack = everything()[name]
    values = {"COURSE": "/course", "HOME": "/home/x", "PORT": "5", "NAMESPACE": "none"}
    content = files_of(attack, released, values)[f"{NAME}.ipynb"]
    for text in (attack.first, attack.last, attack.each, *attack.answers.values()):
        if name not in BROKEN_ON_PURPOSE:
            ast.parse(TransformerManager().transform_cell(text.replace("@PORT@", "5")))
    if not attack.change and not attack.place:
        notebook = json.loads(content)
        assert "@COURSE@" not in content.decode()
        for answer in attack.right:
            assert attack.answers.get(answer, RIGHT[answer]) in cell_of(notebook, answer)["source"]
