#!/usr/bin/env bash
# Lint, types, unit and chart tests: all that needs no cluster. Every tool runs, then the failed ones are named.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

failed=()
run() {
    local name=$1 begin=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        printf '%-14s ok      %3d s\n' "$name" $((SECONDS - begin))
    else
        failed+=("$name")
        printf '%-14s FAILED  %3d s\n' "$name" $((SECONDS - begin))
        sed 's/^/    /' "$log"
    fi
}

# helm is built like every other program of the platform; check needs it alone.
provide_helm() {
    command -v helm >/dev/null && return
    [ -x "$cache_dir/bin/helm" ] ||
        ansible-playbook -i localhost, playbooks/helm.yml
    export PATH="$PATH:$cache_dir/bin"
}

typed_packages() {
    local package
    for package in images/*/src; do
        [ ! -d "$package" ] || mypy --strict "$package" || return 1
    done
    mypy plugins scripts
}

shell_files() { git ls-files --cached --others --exclude-standard '*.sh' .ci/run; }

log=$(mktemp) && trap 'rm -f "$log"' EXIT
use_venv test
export ANSIBLE_HOME=${ANSIBLE_HOME:-$cache_dir/ansible} PYTHONDONTWRITEBYTECODE=1
run helm provide_helm
run yamllint yamllint --strict .
run ruff-check ruff check --no-cache .
run ruff-format ruff format --no-cache --check .
run mypy typed_packages
mapfile -t scripts < <(shell_files)
run shellcheck shellcheck --external-sources "${scripts[@]}"
run ansible-lint ansible-lint --offline --strict
mapfile -t tests < <(ls -d tests/unit tests/charts images/*/tests 2>/dev/null)
run pytest pytest --numprocesses 2 "${tests[@]}"
tail -n 1 "$log"
[ "${#failed[@]}" = 0 ] || die "make check found something to mend in: ${failed[*]}."
