"""`labkit ...`: every command of the kit. Each imports what it needs when it runs, so that `labkit --help` is quick."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from labkit.errors import WrongUse

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
serve = typer.Typer(no_args_is_help=True, help="Serve a model directory over the Open Inference Protocol.")
app.add_typer(serve, name="serve")

course = typer.Typer(no_args_is_help=True, help="Assignments: release, fetch, validate, submit, collect, grade.")
app.add_typer(course, name="course")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

CourseFolder = Annotated[
    Path | None, typer.Option("--course", help="The folder of another nbgrader course; without it, this clone's.")
]
Assignments = Annotated[list[str] | None, typer.Argument(metavar="[PS]...", help="Assignments; all of them if none.")]
Assignment = Annotated[str, typer.Argument(metavar="PS", help="The assignment, such as ps00.")]


def show(result: dict, text: str, as_json: bool) -> None:
    """Print one result: a JSON object for programs, or text for people."""
    print(json.dumps(result, indent=2, allow_nan=False) if as_json else text)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this machine, and say what to do about what is missing."""
    from labkit.environment import doctor as room

    checks = room.examine()
    show(room.as_dict(checks), room.as_text(checks), as_json)
    raise typer.Exit(0 if room.is_well(checks) else 1)


@app.command()
def lab(
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8888,
) -> None:
    """Open your own copies of the notebooks in JupyterLab."""
    from labkit.editions import lab as room

    raise typer.Exit(room.open_lab(browser=browser, port=port))


@app.command()
def notebooks(
    names: Annotated[list[str] | None, typer.Argument(help="Notebooks by name or number; all of them if none.")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Rewrite them from their text form, with outputs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Format, execute and check the executed edition in notebooks/."""
    from labkit.editions import check as room

    reports = room.rewrite(names or []) if fix else room.check(names or [])
    show(room.as_dict(reports), room.as_text(reports), as_json)
    raise typer.Exit(0 if all(report.ok for report in reports) else 1)


@app.command()
def bench(
    name: str,
    op: Annotated[str | None, typer.Option(help="kernels: measure this op only.")] = None,
    threads: Annotated[int | None, typer.Option(help="kernels: threads for each side; one is what counts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure, as ratios interleaved in one run. Without a known NAME, lists the benches."""
    from labkit import bench as room

    result = room.run(name, op=op, threads=threads)
    show(result, room.as_text(result), as_json)


@app.command()
def portfolio(as_json: AsJson = False) -> None:
    """Write one page of your predictions, explanations and decision records."""
    from labkit.notebook import portfolio as room

    page = room.write()
    show({"page": str(page)}, f"Your portfolio: {page}", as_json)


@serve.command("export-example")
def export_example(directory: Path, as_json: AsJson = False) -> None:
    """Write the shipped classifier into a model directory, as `cnn` and as `photo`."""
    from labkit.serving import example

    models = example.export_example(directory)
    show({"directory": str(directory), "models": models}, f"{', '.join(models)} written to {directory}", as_json)


@serve.command("build")
def build_server(
    engines: Annotated[list[str] | None, typer.Argument(metavar="[ENGINE]...", help="All of them if none.")] = None,
    sanitize: Annotated[str, typer.Option(help="'address,undefined' or 'thread', to look for faults.")] = "",
    as_json: AsJson = False,
) -> None:
    """Compile the C++ server's programs beforehand; `run` does it on first use."""
    from labkit.serving import build as room

    built = {engine: str(room.program(engine, sanitize)) for engine in engines or room.ENGINES}
    show({"built": built}, "\n".join(built.values()), as_json)


@serve.command("run")
def run_server(
    directory: Path,
    engine: Annotated[
        str,
        typer.Option(help="openvino, executorch or virtual (in C++); onnxruntime or torch (in Python)."),
    ] = "openvino",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 0,
    host: Annotated[str | None, typer.Option(help="The address to listen on; only this machine if not given.")] = None,
    threads: Annotated[int | None, typer.Option(help="The engine's threads; one if not given.")] = None,
    max_batch: Annotated[int | None, typer.Option(help="Rows that are computed together; 32 if not given.")] = None,
    max_delay_ms: Annotated[float | None, typer.Option(help="How long a request may wait for others; 0.")] = None,
    max_queue: Annotated[int | None, typer.Option(help="Requests that may wait; one more gets a 503; 1024.")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="What has waited longer gets a 504; never.")] = None,
    service_ms: Annotated[float | None, typer.Option(help="virtual: the time of a batch.")] = None,
    service_per_row_ms: Annotated[float | None, typer.Option(help="virtual: and of each row in it.")] = None,
    service: Annotated[str | None, typer.Option(help="virtual: constant or exponential times.")] = None,
) -> None:
    """Serve a model directory on 127.0.0.1 until stopped; SIGTERM drains. Options after --port are the C++ server's."""
    from labkit.serving import process as room

    options = {name: value for name, value in locals().items() if name not in ("directory", "engine", "room")}
    room.serve_here(directory, engine, {name: value for name, value in options.items() if value is not None})


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="http://127.0.0.1:PORT, or with a path /v2/models/NAME.")],
    model: Annotated[str | None, typer.Option(help="The model to ask; without it, the URL's, or else cnn.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Requests a second, at random moments (open loop); without it, closed loop.")
    ] = None,
    connections: Annotated[int | None, typer.Option(help="At once; 256 in an open loop, else 32.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to measure, after the warm-up.")] = 5.0,
    warmup: Annotated[float, typer.Option(help="Seconds that do not count.")] = 0.5,
    timeout: Annotated[float, typer.Option(help="Seconds after which a request has failed.")] = 10.0,
    rows: Annotated[int, typer.Option(help="In each request.")] = 1,
    binary: Annotated[bool, typer.Option("--binary", help="Send raw tensors instead of JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Of the requests and of their moments.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Ask a server as fast as it answers, or at a rate, and say how long the answers took."""
    from labkit.serving import load as room

    options = {"model": model, "seconds": seconds, "warmup": warmup, "timeout": timeout, "rows": rows}
    options |= {"binary": binary, "seed": seed} | ({} if connections is None else {"connections": connections})
    result = room.closed_loop(url, **options) if rate is None else room.open_loop(url, rate, **options)
    show(result.as_dict(), result.as_text(), as_json)


@course.command("build")
def build_assignments(
    names: Assignments = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; say what is not built.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the notebooks of assignments/source from their text forms."""
    from labkit.course import shelf as room

    if check:
        stale = room.stale(names or [])
        text = (
            f"Not what the text says: {', '.join(stale)} (labkit course build)." if stale else "All as the text says."
        )
        show({"ok": not stale, "stale": stale}, text, as_json)
        raise typer.Exit(1 if stale else 0)
    built = [str(path) for path in room.build(names or [])]
    show({"built": built}, "\n".join(built) or "Nothing had changed.", as_json)


@course.command("check")
def check_assignments(names: Assignments = None, as_json: AsJson = False) -> None:
    """Grade the graders: nothing solved earns 0, the reference all, each wrong solution loses what it should."""
    from labkit.course import check as room

    reports = room.check(names or [])
    show(room.as_dict(reports), room.as_text(reports), as_json)
    raise typer.Exit(0 if room.is_well(reports) else 1)


@course.command()
def release(
    assignment: Assignment,
    due: Annotated[str, typer.Option(help='When it is due, such as "2026-12-01 23:59".')] = "",
    folder: CourseFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make the students' version of an assignment, and put it where they fetch it."""
    from labkit.course import exchange
    from labkit.course.room import find

    show_rows("release", assignment, exchange.release(find(folder), assignment, due), as_json)


@course.command()
def fetch(assignment: Assignment, folder: CourseFolder = None, as_json: AsJson = False) -> None:
    """Get an assignment, and feedback that waits. Nothing of yours is overwritten."""
    from labkit.course import exchange
    from labkit.course.room import find

    show_rows("fetch", assignment, exchange.fetch(find(folder), assignment), as_json)


@course.command("validate")
def validate_assignment(assignment: Assignment, folder: CourseFolder = None, as_json: AsJson = False) -> None:
    """Run your own notebook top to bottom, and say which visible checks hold."""
    from labkit.course import validate as room
    from labkit.course.room import find

    findings = room.validate(find(folder), assignment)
    show(room.as_dict(assignment, findings), room.as_text(findings), as_json)
    raise typer.Exit(0 if room.is_well(findings) else 1)


@course.command()
def submit(
    assignment: Assignment,
    student: Annotated[str, typer.Option(help="Hand in under another id than your user name.")] = "",
    folder: CourseFolder = None,
    as_json: AsJson = False,
) -> None:
    """Hand your copy in. Every submission is kept."""
    from labkit.course import exchange
    from labkit.course.room import find

    show_rows("submit", assignment, exchange.submit(find(folder), assignment, student), as_json)


@course.command()
def collect(
    assignment: Assignment,
    source: Annotated[Path | None, typer.Option("--from", help="A zip or folder from a learning platform.")] = None,
    roster: Annotated[Path | None, typer.Option(help="A CSV with the columns name,student.")] = None,
    folder: CourseFolder = None,
    as_json: AsJson = False,
) -> None:
    """Collect submissions from the exchange, or from a learning platform's download."""
    from labkit.course import collect as room
    from labkit.course.room import find

    show_rows("collect", assignment, room.collect(find(folder), assignment, source, roster), as_json)


@course.command("grade")
def grade_assignment(
    assignment: Assignment,
    jobs: Annotated[int, typer.Option(help="How many at once; 0 takes as many as there are cores.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Judge anew what is judged already.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Keep the regrades that wait.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Forget the regrades that wait.")] = False,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Run student code without a sandbox.")] = False,
    folder: CourseFolder = None,
    as_json: AsJson = False,
) -> None:
    """Grade what was collected, into nbgrader's gradebook. What is judged already is not judged again."""
    from labkit.course import grade as room
    from labkit.course.room import find

    if accept and discard:
        raise WrongUse("--accept keeps the regrades that wait, --discard forgets them: say one of the two.")
    settle = "accept" if accept else "discard" if discard else ""
    result = room.grade(find(folder), assignment, jobs, unsafe, again, settle)
    show(result, room.as_text(result), as_json)


@course.command()
def feedback(assignment: Assignment, folder: CourseFolder = None, as_json: AsJson = False) -> None:
    """Make the students' feedback pages, and put them where they fetch them."""
    from labkit.course import feedback as room
    from labkit.course.room import find

    show_rows("feedback", assignment, room.feedback(find(folder), assignment), as_json)


@course.command()
def export(
    assignment: Assignment,
    to: Annotated[Path | None, typer.Option(help="The CSV to write.")] = None,
    folder: CourseFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write the grades as nbgrader's CSV."""
    from labkit.course import feedback as room
    from labkit.course.room import find

    path, rows = room.export(find(folder), assignment, to)
    show(
        {"assignment": assignment, "did": "export", "file": str(path), "rows": rows},
        f"{len(rows)} grades in {path}",
        as_json,
    )


def show_rows(did: str, assignment: str, rows: list, as_json: bool) -> None:
    """Print what a command of the course did, a row a student."""
    from labkit.course import rows as room

    show(room.as_dict(did, assignment, rows), room.as_text(rows), as_json)


def main() -> None:
    """Run one command; wrong use exits with status 2 and one sentence on standard error."""
    try:
        app()
    except WrongUse as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
