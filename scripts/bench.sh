#!/usr/bin/env bash
# Measures the live deployment and prints a table. Usage: bench.sh [options of pytest]
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

running || die "The platform does not answer: run make up first." 3
use_venv test
[ -d tests/bench ] || die "tests/bench is missing from this checkout."
KUBECONFIG=$(kubeconfig) pytest --capture=no "$@" tests/bench
