# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run. The scripts run from the top of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

INVENTORY=${INVENTORY:-hosts}
# As for Ansible, what the inventory says wins.
cache_dir=$(cat group_vars/all/settings.yml "$INVENTORY" 2>/dev/null | sed -n 's/^ *cache_dir *[:=] *//p' | tail -n 1 | tr -d "\"'") || true

say() { printf '%s\n' "$*" >&2; }
die() {
    printf 'Stopped: %s\n' "$1" >&2
    exit "${2:-1}"
}

# The Debian packages that are listed in requirements/debian.txt and in the files named, but are not installed.
missing_packages() {
    local wanted
    mapfile -t wanted < <(sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$@")
    printf '%s\n' "${wanted[@]}" | grep -vxFf <(
        dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p'
    ) || true
}

# apt_get LOG ARGUMENTS...: waits up to five minutes while another program, such as an automatic upgrade, holds a lock of apt's.
apt_get() {
    local log=$1 deadline=$((SECONDS + ${APT_LOCK_SECONDS:-300}))
    shift
    until LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >"$log" 2>&1; do
        grep -q 'Could not get lock' "$log" || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        say "Waiting for another program that uses apt: $(grep -m 1 'Could not get lock' "$log")"
        sleep 5
    done
}

# Installs the packages listed in the files named. Asks apt nothing when all of them are there.
install_packages() {
    local missing log
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "This machine has no apt: run from a Debian 12 or Ubuntu 24.04 machine."
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] ||
        die "These Debian packages are missing and only root can install them: ${missing[*]}. Run as root (sudo make up)."
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    log=$(mktemp)
    apt_get "$log" update ||
        die "apt-get update failed: $(tail -n 1 "$log") Look at /etc/apt/sources.list and whether its mirror answers (everything it said is in $log)."
    apt_get "$log" install --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" ||
        die "apt-get could not install ${missing[*]}: $(tail -n 1 "$log") (everything it said is in $log)"
    rm -f "$log"
}

# use_venv ansible|test: puts the virtual environment of requirements/<name>.txt first in PATH, making it when it is
# missing. Its folder is named after the lock's hash; one that was cut off while it was made is made again.
use_venv() {
    local lock=requirements/$1.txt venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "Python 3.11 or newer is needed to run Ansible: install python3 (Debian 12 has 3.11)."
    venv=$cache_dir/venv-$1-$({ cat "$lock"; python3 --version; } | sha256sum | cut -c1-16)
    if [ ! -e "$venv/complete" ]; then
        mkdir -p "$cache_dir" 2>/dev/null || true
        [ -w "$cache_dir" ] ||
            die "$cache_dir cannot be written: run as root, or name another folder as cache_dir in group_vars/all/settings.yml."
        say "Making the virtual environment from $lock (one to two minutes) ..."
        # Scripts in a virtual environment name its folder, so it is made in its place; "complete" is written last.
        rm -rf "$venv"
        python3 -m venv "$venv" || die "No virtual environment could be made: install Debian's python3-venv."
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r "$lock" ||
            die "pip could not install $lock: PyPI (or the index pip is configured for) did not answer, or a file did not match its hash; the lines above name it."
        # Every run of Ansible and every module it starts would compile what it imports again, where Python may not keep it.
        "$venv/bin/python" -m compileall -q -j 0 -x 'ansible_collections/(?!ansible/|kubernetes/|containers/|community/crypto/)|/tests?/' \
            "$venv"/lib/python3*/site-packages >/dev/null || true
        : >"$venv/complete"
        prune_venvs "$1" "$venv"
    fi
    touch "$venv" 2>/dev/null || true
    export PATH="$venv/bin:$PATH"
}

# Removes the environments of earlier locks that nothing has used for two weeks.
prune_venvs() {
    find "$cache_dir" -maxdepth 1 -type d -name "venv-$1-*" ! -path "$2" -mtime +14 -exec rm -rf {} +
}

# The configuration of kubectl, or nothing when no platform was made from this checkout.
kubeconfig() {
    [ ! -s state/status.yml ] || status_value kubeconfig
}

# True when the platform answers: the sign-in address of state/status.yml over https.
running() {
    local url ca
    [ -s state/status.yml ] || return 1
    url=$(status_value url)
    ca=$(status_value ca)
    [ -n "$url" ] && curl --silent --fail --output /dev/null --max-time 10 ${ca:+--cacert "$ca"} "$url/hub/health"
}

# status_value KEY: one value of state/status.yml.
status_value() {
    sed -n "s/^$1: *//p" state/status.yml | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}
