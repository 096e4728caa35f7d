#!/usr/bin/env bash
# Compiles requirements/*.in to locks with hashes. Usage: lock.sh [options of uv pip compile, such as --upgrade]
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

use_venv ansible
cd requirements
for name in ansible checkov test; do
    uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command scripts/lock.sh "$@" "$name.in" --output-file "$name.txt"
done
