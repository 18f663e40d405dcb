"""The checks of the repository itself find what they are for."""

import subprocess

import check_layers
import check_statics
import pytest


@pytest.mark.parametrize(
    ("file", "line", "finding"),
    [
        ("base/a.cc", '#include "croupier/table/b.h"', "base includes table, to its right"),
        ("format/a.h", '#include "croupier/loader.h"', "format includes loader, to its right"),
        ("table/a.cc", '#include "croupier/tables/b.h"', "includes tables, which is no room"),
        ("table/a.cc", '#include "croupier/testing/golden.h"', "only tests include the room"),
        ("format/a.cc", "#include <mutex>", "knows no threads"),
        ("loader/a.cc", "#include <arrow/api.h>", "includes all of Arrow"),
        ("storage/a.cc", "pthread_atfork(nullptr, nullptr, F);", "watch forks"),
        ("kitchen/a.cc", "", "kitchen is no room"),
    ],
)
def test_what_breaks_the_layering_is_found(tmp_path, file, line, finding):
    path = tmp_path / "src" / "croupier" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"// A file.\n{line}\n")
    (found,) = check_layers.check_tree(tmp_path)
    assert finding in found
    assert file in found


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("table/a.cc", '#include "croupier/base/b.h"'),
        ("loader/a.cc", '#include "croupier/permutation.h"'),
        ("format/a_test.cc", '#include "croupier/testing/golden.h"'),
        ("format/a_test.cc", "#include <thread>"),
    ],
)
def test_what_keeps_the_layering_passes(tmp_path, file, line):
    path = tmp_path / "src" / "croupier" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"// A file.\n{line}\n")
    assert check_layers.check_tree(tmp_path) == []


def test_a_public_header_belongs_to_a_room(tmp_path):
    header = tmp_path / "include" / "croupier" / "surprise.h"
    header.parent.mkdir(parents=True)
    header.write_text("#pragma once\n")
    (found,) = check_layers.check_tree(tmp_path)
    assert "belongs to no room" in found


def test_a_static_that_a_function_makes_at_its_first_call_is_found(tmp_path):
    source = tmp_path / "a.cc"
    source.write_text(
        "#include <string>\n"
        "namespace croupier {\n"
        "const std::string& Late() { static const std::string late(40, 'x'); return late; }\n"
        "const std::string early(40, 'x');\n"
        "}\n"
    )
    subprocess.run(["c++", "-c", source, "-o", tmp_path / "a.o"], check=True)
    (found,) = check_statics.guarded_statics(str(tmp_path / "a.o"))
    assert "croupier::Late" in found
