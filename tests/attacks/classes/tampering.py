"""Changes the notebook itself: tests deleted, emptied, moved, renamed, skipped, worth more."""

import copy
import json

from tests.attacks.attack import Attack, cell_of, own_cell, tests_of
from tests.attacks.course import RIGHT


def marks(**changes: object) -> object:
    """Changes nbgrader's marks of every test."""

    def change(notebook: dict) -> None:
        for cell in tests_of(notebook):
            cell["metadata"]["nbgrader"].update(changes)

    return change


def each_test(**parts: object) -> object:
    """Changes a part of every test cell."""

    def change(notebook: dict) -> None:
        for cell in tests_of(notebook):
            cell.update(copy.deepcopy(parts))

    return change


def metadata(**changes: object) -> object:
    """Changes a test cell's own metadata."""

    def change(notebook: dict) -> None:
        for cell in tests_of(notebook):
            cell["metadata"].update(changes)

    return change


def deleted(notebook: dict) -> None:
    """Every test is gone."""
    tests = tests_of(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in tests]


def moved_first(notebook: dict) -> None:
    """Tests stand before what they test."""
    tests = tests_of(notebook)
    notebook["cells"] = [*tests, *(cell for cell in notebook["cells"] if cell not in tests)]


def twice(notebook: dict) -> None:
    """Each test has a copy of the same name before it, which asks for nothing."""
    for cell in tests_of(notebook):
        empty = {**copy.deepcopy(cell), "source": "pass", "id": f"{cell.get('id', 'x')}-copy"}
        notebook["cells"].insert(notebook["cells"].index(cell), empty)


def same_cell_ids(notebook: dict) -> None:
    """All cells have one id."""
    for cell in notebook["cells"]:
        cell["id"] = "same"


def named_like_solutions(notebook: dict) -> None:
    """Tests have the names of solution cells."""
    for name, cell in zip(RIGHT, tests_of(notebook), strict=False):
        cell["metadata"]["nbgrader"]["grade_id"] = name


def renamed(notebook: dict) -> None:
    """Tests have other names."""
    for cell in tests_of(notebook):
        cell["metadata"]["nbgrader"]["grade_id"] += "-mine"
        cell["source"] = "pass"


def swapped(notebook: dict) -> None:
    """Every test has the name of the next: the easy one is worth what the hard one is."""
    tests = tests_of(notebook)
    names = [cell["metadata"]["nbgrader"]["grade_id"] for cell in tests]
    for cell, name in zip(tests, names[1:] + names[:1], strict=True):
        cell["metadata"]["nbgrader"]["grade_id"] = name


def without_names(notebook: dict) -> None:
    """Tests have no names."""
    for cell in tests_of(notebook):
        del cell["metadata"]["nbgrader"]["grade_id"]


def passed(notebook: dict) -> None:
    """Outputs say that all went well."""
    for cell in tests_of(notebook):
        cell["execution_count"] = 7
        cell["outputs"] = [
            {"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": {"text/plain": "4.0"}},
            {"output_type": "stream", "name": "stdout", "text": "All tests passed. 24 of 24 points."},
        ]


def locked_changed(notebook: dict) -> None:
    """The instructor's helper says yes."""
    cell_of(notebook, "imports")["source"] += "\ndef close(a, b):\n    return True\nexpected = {}\n"


def new_test(notebook: dict) -> None:
    """Tests of its own, worth a hundred."""
    for number in range(3):
        cell = own_cell(f"100  # {number}")
        cell["metadata"]["nbgrader"] = {
            **tests_of(notebook)[0]["metadata"]["nbgrader"], "grade_id": f"mine-{number}", "points": 100,
        }  # fmt: skip
        notebook["cells"].append(cell)


def large_metadata(notebook: dict) -> None:
    """Five million characters of metadata, in each of three places."""
    notebook["metadata"]["large"] = "x" * 5_000_000
    notebook["cells"][0]["metadata"]["large"] = ["x" * 1000] * 5000
    tests_of(notebook)[0]["metadata"]["large"] = {str(number): "x" * 100 for number in range(50_000)}


def odd_marks(value: object) -> object:
    """nbgrader's marks are something else."""

    def change(notebook: dict) -> None:
        for number, cell in enumerate(tests_of(notebook)):
            cell["metadata"]["nbgrader"] = [value, None, 5, [], "text"][number % 5]

    return change


def other_kernel(notebook: dict) -> None:
    """Wants to be run by another program."""
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}
    notebook["metadata"]["language_info"] = {"name": "bash", "file_extension": ".sh"}


def foreign(notebook: dict) -> None:
    """None of the course's cells is in it."""
    notebook["cells"] = [own_cell("print('all done')"), own_cell("100")]


def solved_in_tests(notebook: dict) -> None:
    """The test cells hold other answers, then patch what follows."""
    for cell in tests_of(notebook):
        cell["source"] = "close = lambda a, b: True\nexpected = {}\n4"


def many_cells(notebook: dict) -> None:
    """Ten thousand cells."""
    notebook["cells"] += [{**own_cell("1"), "id": f"many-{number}"} for number in range(10_000)]


def odd_sources(notebook: dict) -> None:
    """Sources are lists of odd things."""
    for cell in tests_of(notebook):
        cell["source"] = ["pass\n", "4"]
    notebook["cells"].append({**own_cell(""), "source": [1, None, {"a": 2}]})


def surrogates(notebook: dict) -> str:
    """Texts that no file system and no database can hold."""
    notebook["cells"].append(own_cell("x = '\ud800 \x00 \uffff'"))
    notebook["metadata"]["\ud800"] = "\x00"
    return json.dumps(notebook)


ATTACKS = [
    Attack("tamper_deleted", "deletes the tests", change=deleted),
    Attack("tamper_emptied", "the tests are `pass`", change=each_test(source="pass")),
    Attack("tamper_points", "each test is worth 100", change=marks(points=100)),
    Attack("tamper_negative", "each test is worth -5", change=marks(points=-5)),
    Attack("tamper_no_number", "the points are infinite, and no numbers", change=marks(points="Infinity")),
    Attack("tamper_markdown", "the tests are text", change=each_test(cell_type="markdown", source="# all well")),
    Attack("tamper_raw", "the tests are raw cells", change=each_test(cell_type="raw")),
    Attack(
        "tamper_unknown_type",
        "the tests are cells of no known type",
        change=each_test(cell_type="heading"),
        at_most=True,
    ),
    Attack("tamper_moved", "the tests stand first", change=moved_first),
    Attack("tamper_twice", "each test is there twice, empty first", change=twice),
    Attack("tamper_cell_ids", "all cells have one id", change=same_cell_ids),
    Attack("tamper_names_of_answers", "the tests have the names of solution cells", change=named_like_solutions),
    Attack("tamper_renamed", "the tests have other names", change=renamed),
    Attack("tamper_swapped", "the tests have each other's names", change=swapped),
    Attack("tamper_no_names", "the tests have no names", change=without_names),
    Attack("tamper_schema", "the marks are of schema 99", change=marks(schema_version=99)),
    Attack("tamper_old_schema", "the marks are of schema 1", change=marks(schema_version=1)),
    Attack("tamper_no_schema", "the marks say no schema", change=marks(schema_version=None)),
    Attack("tamper_solution", "the tests are solutions", change=marks(solution=True, locked=False)),
    Attack("tamper_not_graded", "the tests are not graded", change=marks(grade=False)),
    Attack("tamper_task", "the tests are tasks", change=marks(task=True, grade=False)),
    Attack("tamper_unlocked", "the tests are not locked", change=marks(locked=False)),
    Attack(
        "tamper_checksum", "the tests have checksums of their own", change=marks(checksum="0" * 32, cell_type="raw")
    ),
    Attack("tamper_skip", "the tests are tagged skip-execution", change=metadata(tags=["skip-execution"])),
    Attack("tamper_raises", "the tests are tagged raises-exception", change=metadata(tags=["raises-exception"])),
    Attack("tamper_frozen", "the tests are frozen", change=metadata(deletable=True, editable=True, frozen=True)),
    Attack("tamper_passed", "the outputs say that all went well", change=passed),
    Attack("tamper_locked", "the instructor's helper says yes", change=locked_changed),
    Attack("tamper_new_tests", "has tests of its own, worth 100 each", change=new_test),
    Attack("tamper_metadata", "fifteen million characters of metadata", change=large_metadata, at_most=True),
    Attack("tamper_odd_marks", "the marks are lists, numbers and texts", change=odd_marks("x"), at_most=True),
    Attack("tamper_kernel", "wants another kernel", change=other_kernel),
    Attack("tamper_foreign", "is another notebook", change=foreign),
    Attack("tamper_in_tests", "the tests hold other code", change=solved_in_tests),
    Attack("tamper_many_cells", "has ten thousand cells", change=many_cells, at_most=True),
    Attack("tamper_odd_sources", "sources are lists of odd things", change=odd_sources, at_most=True),
    Attack("tamper_surrogates", "texts that nothing can hold", change=surrogates, at_most=True),
]
