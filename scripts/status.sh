#!/usr/bin/env bash
# Prints where the platform runs as "key: value" lines. Exit code 0: it answers; 3: it does not run.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -s state/status.yml ] || die "Nothing was deployed from this checkout: run make up." 3
running || die "$(status_value url) does not answer: run make up to repair it, or make down to remove it." 3
for key in place url ca kubeconfig registry jupyterhub_chart dask_gateway_chart; do
    printf '%s: %s\n' "$key" "$(status_value "$key")"
done
