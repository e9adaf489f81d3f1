"""Where compiled kernels are kept, so that only the first call ever waits for the compiler.

Numba's own cache differs in three ways that would hurt here: it knows only the file of the function itself, so that a
change in `simd.py` would leave an old `exp` inside every cached softmax; it refuses to *import* a module where nothing
is writable; and a damaged file in it is an error. Here the key is all of this package's source, and a cache that cannot
be used is no cache.
"""

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import numba
import platformdirs
from numba.core import caching

PACKAGE = Path(__file__).parent


def keep_compiled(dispatcher) -> None:
    """Let a dispatcher keep its machine code on disk, if there is a place for it."""
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except (RuntimeError, OSError):  # nowhere to write, or a function without a file, as from a notebook's cell
        return


def folder() -> Path:
    """NUMBA_CACHE_DIR where that is set, else the user's cache folder."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR) / "labkit-kernels"
    return platformdirs.user_cache_path("labkit", appauthor=False) / "kernels"


@cache
def package_stamp() -> str:
    """A hash of all source of this package: kernels call each other across files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class _Place(caching._CacheLocator):
    """Tells Numba the folder, and what the source was when a function was compiled."""

    def __init__(self, function, path: str):
        self._py_file, self._line = path, function.__code__.co_firstlineno  # the first name is Numba's own

    @classmethod
    def from_function(cls, py_func, py_file):
        if not os.path.isfile(py_file):
            return None
        place = cls(py_func, py_file)
        try:
            place.ensure_cache_path()
        except OSError:
            return None
        return place

    def get_cache_path(self) -> str:
        return str(folder())

    def get_source_stamp(self) -> tuple[str, str]:
        return package_stamp(), hashlib.sha256(Path(self._py_file).read_bytes()).hexdigest()

    def get_disambiguator(self) -> str:
        where = hashlib.sha256(str(Path(self._py_file).resolve()).encode()).hexdigest()[:8]
        return f"{self._line}-{where}"


class _Files(caching.CompileResultCacheImpl):
    _locator_classes = (_Place,)


class KernelCache(caching.FunctionCache):
    """Numba's cache in our folder. A file that cannot be read is compiled again; one that cannot be written is not."""

    _impl_class = _Files

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file raises whatever its bytes happen to mean to pickle
            return None

    def save_overload(self, sig, data):
        with suppress(OSError):  # the disk is full, or became read-only
            try:
                super().save_overload(sig, data)
            except Exception:  # the index is damaged: begin a new one
                self.flush()
                super().save_overload(sig, data)
