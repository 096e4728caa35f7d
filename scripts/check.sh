#!/usr/bin/env bash
# Lint, types, unit and chart tests: all that needs no cluster. Every tool runs, then the failed ones are named.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

# run NAME COMMAND...: one line with the result and the time; what was said is shown when it failed.
run() {
    local name=$1 begin=$SECONDS log=$work/$1.log
    shift
    if "$@" >"$log" 2>&1; then
        printf '%-14s ok      %3d s  %s\n' "$name" $((SECONDS - begin)) "$(passed "$log")"
    else
        echo "$name" >>"$work/failed"
        printf '%-14s FAILED  %3d s\n%s\n' "$name" $((SECONDS - begin)) "$(sed 's/^/    /' "$log")"
    fi
}

# How many tests passed, over all runs of pytest in a log.
passed() { sed -n 's/.*\b\([0-9]\+\) passed.*/\1/p' "$1" | awk '{n += $1} END {if (n) print n " passed"}'; }

# helm is built like every other program of the platform, unless it is there in this version, and Cilium's chart fetched.
provide_charts() { ansible-playbook -i hosts.example playbooks/charts.yml; }

# Checkov has an environment of its own, as it holds back packages that the others share.
provide_checkov() { (use_venv checkov && type -P checkov); }

# The packages of images are checked and tested by their own configuration, each in its folder.
in_each_image() {
    local folder result=0
    for folder in images/*/"$1"; do
        (cd "$(dirname "$folder")" && "${@:2}") || result=1
    done
    return $result
}
types() { mypy plugins scripts/*.py && in_each_image src env MYPYPATH=src mypy --strict src; }
image_tests() { in_each_image tests pytest --quiet -p no:cacheprovider; }
shell_scripts() { git ls-files -z --cached --others --exclude-standard '*.sh' .ci/run | xargs -0 shellcheck --external-sources; }

use_venv test
export ANSIBLE_HOME=${ANSIBLE_HOME:-$cache_dir/ansible} PATH="$PATH:$cache_dir/bin" PYTHONDONTWRITEBYTECODE=1
# By the content of files, so that another checkout has it too.
export MYPY_CACHE_DIR=$cache_dir/mypy
# Two at a time: each half takes about as long as the other.
{
    # A fresh clone has no inventory of its own yet.
    run ansible-lint env ANSIBLE_INVENTORY=hosts.example ansible-lint --offline --strict --nocolor -q
    run image-tests image_tests
    run charts provide_charts
    CHECKOV=$(provide_checkov) || echo checkov >>"$work/failed"
    export CHECKOV
    run chart-tests pytest --numprocesses 2 tests/charts
} &
beside=$!
run yamllint yamllint --strict .
run ruff-check ruff check --no-cache .
run ruff-format ruff format --no-cache --check .
run shellcheck shell_scripts
run mypy types
run unit-tests pytest tests/unit tests/notebooks
wait "$beside" || echo "what ran beside" >>"$work/failed"
[ ! -e "$work/failed" ] || die "make check found something to mend in: $(paste -sd ' ' "$work/failed")."
