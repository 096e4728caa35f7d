#!/bin/sh
# Lock every *.in beside this file: one resolution first, then one hashed list an image under its versions, so that the
# images never disagree about a package. The index comes from the machine's own uv or pip settings. Needs uv on PATH.
set -eu
cd "$(dirname "$0")"
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT

compile() {
    uv pip compile --quiet --no-header --no-emit-index-url --python-version 3.13 \
        --no-annotate --python-platform x86_64-manylinux_2_36 --only-binary :all: "$@"
}

compile --upgrade --strip-extras --output-file "$constraints" ./*.in
for input in *.in; do
    rm -f "${input%.in}.txt"
    compile --constraints "$constraints" --generate-hashes --output-file "${input%.in}.txt" "$input"
done
