#!/usr/bin/env bash
# From a clone to a running platform: what is missing on the machine, the virtual environment, the inventory, the play.
# Usage: up.sh [options of ansible-playbook]. INVENTORY names the inventory (default: hosts).
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

install_packages requirements/debian.txt
use_venv ansible
if [ ! -e "$INVENTORY" ] && [ "$INVENTORY" = hosts ]; then
    cp hosts.example hosts
    say "Made hosts from hosts.example: one control plane and one worker on this machine."
fi
[ -e "$INVENTORY" ] || die "There is no inventory $INVENTORY: copy hosts.example and name your machines in it."
ansible-playbook -i "$INVENTORY" z2jh.yml "$@"
