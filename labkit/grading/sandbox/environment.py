"""The variables that student code starts with: none of ours, and the same on every machine."""

BACKEND = "module://matplotlib_inline.backend_inline"


def places(home: str, temporary: str) -> dict[str, str]:
    """The variables that name folders, all of which the inmate may write."""
    return {
        "HOME": home,
        "TMPDIR": temporary,
        "LABKIT_HOME": f"{home}/labkit",
        "IPYTHONDIR": f"{home}/ipython",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "NUMBA_CACHE_DIR": f"{home}/numba",
        "TORCHINDUCTOR_CACHE_DIR": f"{home}/inductor",
        "XDG_CACHE_HOME": f"{home}/cache",
    }


def variables(programs: str, package: str, home: str, temporary: str) -> dict[str, str]:
    """All of them. `programs`: the folder of the Python; `package`: the folder that holds labkit."""
    return {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": package,
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "USER": "student",
        "LOGNAME": "student",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": BACKEND,
        **places(home, temporary),
    }
