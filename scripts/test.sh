#!/usr/bin/env bash
# Everything: the checks, the platform if it does not answer, then the tests on the live deployment and in a browser.
# Usage: test.sh [options of pytest]
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

install_packages requirements/debian.txt requirements/debian-test.txt
scripts/check.sh
running || scripts/up.sh
use_venv test
mapfile -t tests < <(ls -d tests/deployment tests/attacks tests/faults tests/browser 2>/dev/null)
[ "${#tests[@]}" -gt 0 ] || die "The tests of a live platform are missing from this checkout."
KUBECONFIG=$(kubeconfig) pytest "$@" "${tests[@]}"
