"""Choose the compiled part of Croupier that was built for the installed pyarrow.

There is one extension module for each supported major version of pyarrow, because it shares
pyarrow's libarrow, whose binary interface changes with every major.
"""

import importlib
import sys
from types import ModuleType

# First, so that libarrow is loaded from pyarrow wherever that lies.
import pyarrow as pa

_PREFIX = "_core_"


def _supported_majors() -> list[int]:
    import pkgutil

    package = sys.modules[__package__]
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(int(name[len(_PREFIX) :]) // 100 for name in names if name.startswith(_PREFIX))


def _load_extension(so_version: str) -> ModuleType:
    name = f"{__package__}.{_PREFIX}{so_version}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        majors = ", ".join(str(major) for major in _supported_majors())
        raise ImportError(
            f"croupier does not support pyarrow {pa.__version__}; supported major versions: "
            f"{majors or 'none, for the extension is not built'}"
        ) from None


_extension = _load_extension(pa.cpp_build_info.so_version)

__version__: str = _extension.__version__
AsyncCall = _extension.AsyncCall
BatchStream = _extension.BatchStream
Blob = _extension.Blob
Completions = _extension.Completions
Database = _extension.Database
Loader = _extension.Loader
MemoryFolder = _extension.MemoryFolder
Permutation = _extension.Permutation
PermutationBuilder = _extension.PermutationBuilder
PermutationTable = _extension.PermutationTable
TableSource = _extension.TableSource
TableWriter = _extension.TableWriter
do_later = _extension.do_later
end_calls = _extension.end_calls
allocated_bytes = _extension.allocated_bytes
evaluate = _extension.evaluate
make_memory_folder = _extension.make_memory_folder
open_database = _extension.open_database
open_dataset = _extension.open_dataset
read_config = _extension.read_config
read_store_counters = _extension.read_store_counters
start_python = _extension.start_python
without_credentials = _extension.without_credentials
