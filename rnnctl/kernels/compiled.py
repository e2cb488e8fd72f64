"""Decorators that compile kernels with numba for this machine. Machine code is kept in files (rnnctl.kernels.files)."""

from __future__ import annotations

import hashlib
import inspect
import pickle
from functools import cache
from pathlib import Path

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from rnnctl.determinism import kernel_compiler
from rnnctl.kernels.files import SUFFIX, kernel_files

# Sums may be reordered and contracted, so that they can be vectorised. Unlike with full fastmath, NaN and infinity are
# propagated: the trainer recognises a diverged run by them.
FAST = {"contract", "reassoc", "nsz", "arcp"}

CELLS = "rnnctl.cells."  # each package here is a cell with its kernels


class KernelCache(FunctionCache):
    """What numba asks for compiled versions of a function before it compiles one. Raises nothing.

    numba's own cache raises if a file is damaged, if the disk is full, or if there is no folder to write to. It knows
    only the source of the function itself, while a kernel contains the loops that are inlined into it. Processes that
    add versions of a function at the same time may exchange them.
    """

    def __init__(self, function):
        self._py_func = function
        self.enable()

    @property
    def cache_path(self):
        target = kernel_files().target
        return None if target is None else str(target.folder)

    def load_overload(self, sig, target_context):
        target_context.refresh()
        if not self._enabled:
            return None
        key = self._key(sig, target_context.codegen())
        loaded = kernel_files().load(self._name(key), lambda content: _restored(content, key, target_context))
        if loaded is None and self._py_func.__module__.startswith(CELLS):
            kernel_files().say_compiling(self._py_func.__module__.removeprefix(CELLS).partition(".")[0])
        return loaded

    def save_overload(self, sig, data):
        if self._enabled and not data.lifted and not data.library.has_dynamic_globals:
            key = self._key(sig, data.codegen)
            kernel_files().save(self._name(key), dumps((key, data._reduce())))

    def flush(self):
        """Do nothing: a version that is compiled again replaces the one that is kept."""

    def _key(self, sig, codegen):
        """Return what the machine code depends on: types, processor, the function's own code, and all sources."""
        return self._index_key(sig, codegen), _sources(inspect.getfile(self._py_func)), kernel_compiler()

    def _name(self, key):
        function = self._py_func
        digest = hashlib.sha256(repr((function.__code__.co_firstlineno, key)).encode()).hexdigest()
        return f"{function.__module__}.{function.__qualname__}-{digest[:32]}{SUFFIX}".replace("<locals>", "")


def _restored(content, key, target_context):
    """Return the compiled version in the content of a file. Raise ValueError if there is none for this key."""
    try:
        kept, payload = pickle.loads(content)
        if kept == key:
            return CompileResult._rebuild(target_context, *payload)
    except Exception as error:  # whatever pickle, numba and LLVM raise
        raise ValueError(f"{type(error).__name__}: {error}") from error
    raise ValueError("it is another kernel")


@cache
def _sources(module: str) -> str:
    """Return a hash of a module's source and of all sources that its kernels may inline."""
    paths = [Path(module), *sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def _compiled(**options):
    def decorate(function):
        dispatcher = njit(fastmath=FAST, error_model="numpy", **options)(function)
        dispatcher._cache = KernelCache(function)
        return dispatcher

    return decorate


kernel = _compiled(nogil=True)
# A loop inside kernels, compiled into each of them by LLVM. Without forced inlining there would be two versions, one in
# the function's own library and one in the caller's, optimised separately: a process that has just compiled both runs
# the first, a process that loads the caller from disk the second, and reordered sums can differ in their last bits.
force_inlined = _compiled(forceinline=True)
# The same, but inlined by numba before type inference.
inlined = _compiled(inline="always")
