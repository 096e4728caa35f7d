#!/usr/bin/env bash
# Breaks the live platform on purpose and sees that it recovers: faults, drift, reboots, nodes that come and go, interrupted runs, for
# which the platform is taken down with all homes and made again. Then place hosts, on machines of the tests' own. It takes two hours.
# Usage: life.sh [--yes] [options of pytest]
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --yes ]; then
    shift
elif [ -z "${CI:-}" ]; then
    read -r -p "This takes the platform down, with every home directory on it. Type yes to go on: " answer || true
    [ "${answer:-}" = yes ] || die "Nothing was done: the answer was not yes."
fi
running || die "The platform does not answer: run make up first." 3
use_venv test
KUBECONFIG=$(kubeconfig) pytest -m life "$@" tests/faults tests/browser tests/deployment/test_drift.py tests/deployment/test_reboot.py tests/deployment/test_restore.py \
    tests/deployment/test_scale.py tests/deployment/test_interruption.py tests/machines
