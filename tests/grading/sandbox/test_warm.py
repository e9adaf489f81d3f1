"""What the course's own code needs works in an inmate of the room that grading uses."""

from labkit.grading.sandbox import Limits
from tests.grading.sandbox.conftest import GENEROUS
from tests.grading.sandbox.inside import line, run, script

TWO_RANKS = """
    import torch, torch.distributed as dist
    def rank(number):
        dist.init_process_group("gloo", init_method="file:///tmp/meet", rank=number, world_size=2)
        total = torch.tensor([number + 1.0])
        dist.all_reduce(total)
        say(number, total.item())
        sys.stdout.flush()
        os._exit(0)
    children = []
    for number in range(2):
        child = os.fork()
        if not child:
            try:
                rank(number)
            except BaseException:
                say(traceback.format_exc())
                os._exit(1)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
"""


def test_imports_are_warm_and_single_threaded(warm):
    code = """
        say(all(name in sys.modules for name in ("numpy", "torch", "numba", "matplotlib.pyplot")))
        say(len(os.listdir("/proc/self/task")), sys.modules["torch"].get_num_threads())
    """
    assert run(warm, code).said == ["True", "1 1"]


def test_ranks_talk_over_loopback(warm):
    assert sorted(run(warm, TWO_RANKS).said) == ["0 3.0", "1 3.0"]


def test_ranks_meet_over_tcp(warm):
    code = TWO_RANKS.replace("file:///tmp/meet", "tcp://127.0.0.1:29511")
    assert sorted(run(warm, code).said) == ["0 3.0", "1 3.0"]


def test_numba_runs_in_parallel(warm):
    code = """
        import numba, numpy as np
        @numba.njit(parallel=True)
        def total(x):
            found = 0.0
            for i in numba.prange(len(x)):
                found += x[i]
            return found
        say(total(np.ones(1000)))
    """
    assert run(warm, code).said == ["1000.0"]


def test_a_network_trains(warm):
    code = """
        import torch
        torch.manual_seed(0)  # a start from which one step leads down
        model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        optimizer = torch.optim.AdamW(model.parameters())
        torch.set_num_threads(2)
        loss = model(torch.ones(512, 8)).square().mean()
        loss.backward()
        optimizer.step()
        say(model(torch.ones(512, 8)).square().mean().item() < loss.item())
    """
    assert run(warm, code).said == ["True"]


def test_processes_and_programs_run(warm):
    code = """
        import concurrent.futures, math, multiprocessing, subprocess
        with multiprocessing.get_context("fork").Pool(2) as pool:
            say(pool.map(math.factorial, range(5)))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            say(list(pool.map(math.factorial, range(5))))
        program = [sys.executable, "-c", "import labkit; print(6 * 7)"]
        say(subprocess.run(program, capture_output=True, text=True).stdout)
        say(subprocess.run("cat /etc/hostname /etc/hosts | wc -l", shell=True, capture_output=True).returncode)
    """
    assert run(warm, code).said == ["[1, 1, 2, 6, 24]"] * 2 + ["42", "", "0"]


def test_processes_are_spawned_from_a_file(warm):
    code = """
        sys.path.insert(0, os.getcwd())
        import multiprocessing, helper
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            say(pool.map(helper.double, [1, 2]))
    """
    assert run(warm, code, **{"helper.py": b"def double(x):\n    return 2 * x\n"}).said == ["[2, 4]"]


def test_figures_and_cells(warm):
    code = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('/tmp/figure.png'); answer = 42")
        say(shell.user_ns["answer"], os.path.getsize("/tmp/figure.png") > 1000)
    """
    assert run(warm, code).said[-1] == "42 True"


def test_an_interrupt_ends_a_cell_in_numpy(warm):
    code = """
        import numpy as np
        try:
            say("busy")
            while True:
                np.linalg.svd(np.ones((40, 40)))
        except KeyboardInterrupt:
            say("interrupted")
    """
    with warm.admit(GENEROUS, script(code)) as inmate:
        assert line(inmate) == "busy"
        inmate.interrupt()
        assert line(inmate) == "interrupted"


def test_inmates_are_small(warm):
    """They share the warm process's pages: torch is counted once, not in each."""
    code = """
        children = [os.fork() for _ in range(2)]
        time.sleep(1)
        say("here") if all(children) else time.sleep(600)
    """
    assert run(warm, code, Limits(memory_mb=300)).said == ["here"]
