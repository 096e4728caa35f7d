#!/usr/bin/env bash
# Removes what the play made, nothing else; caches and hosts stay. Asks first, unless CI is set or --yes is given.
# Usage: down.sh [--yes] [options of ansible-playbook]
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

confirmation=()
if [ "${1:-}" = --yes ]; then
    shift
    confirmation=(-e teardown_confirmation=yes)
elif [ -n "${CI:-}" ]; then
    confirmation=(-e teardown_confirmation=yes)
fi
if [ ! -e "$INVENTORY" ]; then
    [ ! -e state ] ||
        die "There is no inventory $INVENTORY, and state/ is of a platform that runs somewhere: give its inventory (INVENTORY=...)."
    die "There is no inventory $INVENTORY, so there is nothing to remove." 0
fi
use_venv ansible
# Without a confirmation the playbook asks for it.
ansible-playbook -i "$INVENTORY" playbooks/teardown.yml "${confirmation[@]}" "$@"
