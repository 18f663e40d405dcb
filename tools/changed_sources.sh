#!/usr/bin/env bash
# List the C++ sources to run clang-tidy on: those changed since the base of this change, or all of them if
# there is no base. CROUPIER_LINT_BASE names the base; default: the upstream branch, else the commit before.
# Benchmarks are left out: clang-tidy takes their loops (`for (auto _ : state)`) for dead stores.
set -euo pipefail
base="${CROUPIER_LINT_BASE:-}"
if [ -z "$base" ]; then
    for candidate in origin/main HEAD~1; do
        if git rev-parse -q --verify "$candidate^{commit}" >/dev/null 2>&1 &&
            [ "$(git rev-parse "$candidate")" != "$(git rev-parse HEAD)" ]; then
            base="$candidate"
            break
        fi
    done
fi
if [ -n "$base" ]; then
    git diff --name-only --diff-filter=d "$base" -- 'src/*.cc' ':!*_benchmark.cc'
else
    git ls-files 'src/*.cc' ':!*_benchmark.cc'
fi
