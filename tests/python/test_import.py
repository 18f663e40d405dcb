import ast
import logging
import re
from pathlib import Path

import pyarrow as pa
import pytest
from child_script import run_script

import croupier
from croupier import _core


def test_version_is_that_of_the_version_file():
    root = Path(__file__).parents[2]
    assert croupier.__version__ == (root / "VERSION").read_text().strip()


def test_every_public_name_is_there():
    for name in croupier.__all__:
        assert getattr(croupier, name) is not None


def test_import_loads_nothing_but_itself_and_a_little_of_the_standard_library(tmp_path):
    """What a worker waits for when it starts: every name here is time, so the list is short."""
    script = """
import sys
import pyarrow


def libraries():
    with open("/proc/self/maps") as maps:
        return {line.split("/")[-1].strip() for line in maps if ".so" in line}


before = set(sys.modules), libraries()
import croupier
roots = {name.partition(".")[0] for name in set(sys.modules) - before[0]}
print(*sorted(roots - sys.stdlib_module_names))
slow = {"asyncio", "concurrent", "ctypes", "multiprocessing", "pydoc", "secrets", "ssl", "unittest"}
print(*sorted(roots & slow))
print(*sorted(name for name in set(sys.modules) - before[0] if name.startswith("pyarrow")))
print(*sorted(name for name in libraries() - before[1] if ".cpython-" not in name))
"""
    assert run_script(tmp_path, script) == "croupier\n\n\n\n"


def test_what_measures_shuffles_is_imported_when_it_is_asked_for(tmp_path):
    script = """
import sys
import croupier
assert "croupier.quality" not in sys.modules
from croupier import ShuffleQuality, shuffle_quality
assert croupier.shuffle_quality is shuffle_quality is croupier.quality.shuffle_quality
try:
    croupier.nothing
except AttributeError as error:
    print(error)
"""
    assert run_script(tmp_path, script) == "module 'croupier' has no attribute 'nothing'\n"


def test_another_pyarrow_is_an_import_error_that_names_both(monkeypatch):
    monkeypatch.setattr(pa, "__version__", "19.0.1")
    supported = re.escape(pa.cpp_build_info.version.partition(".")[0])
    with pytest.raises(ImportError, match=rf"pyarrow 19\.0\.1; supported .*: {supported}$"):
        _core._load_extension("1900")


def test_logging_is_silent_until_the_application_wants_it(tmp_path):
    script = """
import logging
import croupier
logging.getLogger("croupier").warning("nobody listens")
"""
    assert run_script(tmp_path, script) == ""
    assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger("croupier").handlers)


def parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [each.arg for each in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]


def runtime_parameters(function) -> list[str]:
    signature = function.__nb_signature__[0][0]
    # Defaults stand there as numbers of a list: "\0".
    definition = re.sub(r"\\\d+", "None", signature) + ":\n    ..."
    return parameters(ast.parse(definition).body[0])


def public_names(names) -> set[str]:
    ours = ("__arrow", "__iter__", "__next__")
    return {name for name in names if not name.startswith("_") or name.startswith(ours)}


def test_stubs_fit_the_extension():
    """Names and parameters of the stub are those of nanobind's own signatures."""
    stub = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text())
    extension = _core._extension
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert public_names(vars(extension)) == {*classes, *functions}
    for name, node in classes.items():
        members = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
        runtime = getattr(extension, name)
        assert public_names(vars(runtime)) == public_names(members), name
        for member, function in members.items():
            if hasattr(getattr(runtime, member), "__nb_signature__"):
                expected = runtime_parameters(getattr(runtime, member))
                assert len(parameters(function)) == len(expected), (name, member)
                if "arg" not in expected:
                    assert parameters(function) == expected, (name, member)
    for name, node in functions.items():
        assert parameters(node) == runtime_parameters(getattr(extension, name)), name
