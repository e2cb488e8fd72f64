"""Import a module of a user from the very bytes that are hashed.

Its source is compiled here and never read from a cache of bytecode, which tells edits apart by seconds only: so the
hash of a part says what runs. A module whose file has changed since it was imported is imported anew.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.permission import OPTION, permission
from rnnctl.words import shortened

HASH_DIGITS = 16


@dataclass(frozen=True)
class Source:
    """The source of a module. digest: the hash of its bytes, which is part of what a run is."""

    module: str
    file: Path
    text: bytes

    @property
    def digest(self) -> str:
        """The hash of the source."""
        return hashlib.sha256(self.text).hexdigest()[:HASH_DIGITS]


_LOADED: dict[str, Source] = {}  # by the name of the module
_OPENED: set[str] = set()  # folders that were put on the path for the sake of a module that was found there


def find_source(module: str) -> Source:
    """Return the source of a module on Python's path, or else in the folders of the permission. Nothing is imported.

    Raise CodeError if there is none.
    """
    file = _file_of(module)
    if file is None:
        folders = ", ".join(map(str, permission().folders))
        where = "on Python's path" + (f" or in {folders}" if folders else "")
        hint = f"; did you mean {module.removesuffix('.py')}?" if module.endswith(".py") else ""
        raise CodeError(f"there is no module {module} {where}{hint}")
    if file.suffix != ".py":
        raise CodeError(f"the module {module} has no source file, and a run is known by the source of its parts")
    try:
        return Source(module, file.resolve(), file.read_bytes())
    except OSError as error:
        raise CodeError(f"the module {module} cannot be read: {file}: {error.strerror}") from None


def loaded_sources() -> list[Source]:
    """Return the sources of the modules of users that are loaded."""
    return list(_LOADED.values())


def load(source: Source) -> ModuleType:
    """Return the module of a source, imported if it is not loaded yet.

    Raise CodeError if that is not allowed, if it raises an error, or if the name is taken by a module of another file.
    """
    name = source.module
    loaded, known = sys.modules.get(name), _LOADED.get(name)
    if loaded is not None and known == source:
        return loaded
    if not permission().covers(name, source.file):
        raise CodeError(
            f"the code of {name} ({source.file}) is not imported unasked: add {OPTION}, or run "
            f"rnnctl trust {name} once in this workspace"
        )
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        if file is None or Path(file).resolve() != source.file:
            where = "Python itself" if file is None else file
            raise CodeError(f"the module {name} is loaded from {where}, and cannot be loaded from {source.file} too")
    return _imported(source)


def _file_of(module: str) -> Path | None:
    """Return the file of a module, None if there is none. The packages around it are not imported."""
    top, *below = module.split(".")
    spec = _found(top)
    if spec is None:
        return None
    if not below:
        return None if spec.origin is None else Path(spec.origin)
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    *packages, leaf = below
    for name in packages:
        folders = [folder / name for folder in folders if (folder / name).is_dir()]
    files = [file for folder in folders for file in (folder / leaf / "__init__.py", folder / f"{leaf}.py")]
    return next((file for file in files if file.is_file()), None)


def _found(top: str) -> ModuleSpec | None:
    """Return where a module or package without a dot in its name lies, whether or not such a one is loaded already."""
    for finder in sys.meta_path:
        if finder is PathFinder:
            spec = PathFinder.find_spec(top, [place for place in sys.path if place not in _OPENED])
        else:
            spec = finder.find_spec(top, None)
        if spec is not None:
            return spec
    return PathFinder.find_spec(top, list(map(str, permission().folders)))


class _OfBytes(SourceFileLoader):
    """Loads a module from bytes that were read before."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.module, str(source.file))
        self._text = source.text

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self._text, self.path)
        return code


def _imported(source: Source) -> ModuleType:
    name = source.module
    _open_folder_of(source)
    before = sys.modules.get(name)
    try:
        above, _, leaf = name.rpartition(".")
        package = importlib.import_module(above) if above else None
        spec = spec_from_file_location(name, source.file, loader=_OfBytes(source))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        if package is not None:
            setattr(package, leaf, module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
        raise CodeError(f"the module {name} cannot be imported: {told(error, source.file)}") from error
    _LOADED[name] = source
    return module


def _open_folder_of(source: Source) -> None:
    """Put the folder that the module was found in on the path, at its end: the module may import its neighbours."""
    levels = source.module.count(".") + (source.file.name == "__init__.py")
    folder = str(source.file.parents[levels])
    if folder in map(str, permission().folders) and folder not in sys.path:
        sys.path.append(folder)
        _OPENED.add(folder)


def told(error: BaseException, file: Path | None = None) -> str:
    """Return an error of a user's code in a line: its kind, what it says, and the last line of the file in its way."""
    text = shortened(" ".join(str(error).split()))
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        return what
    place, traceback = "", error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if file is None or code.co_filename == str(file):
            place = f" ({Path(code.co_filename).name}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return what + place
