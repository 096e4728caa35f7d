#!/usr/bin/env bash
# Lock every *.in beside this file, each package in the newest version there is: one resolution first, then one hashed list
# an image under its versions, so that the images never disagree about a package. The index is that of uv's or pip's settings.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

use_venv ansible
cd images/requirements
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
