# Sourced by the scripts beside it: where the checkout is, and what they need on the machine.
# shellcheck shell=bash
set -euo pipefail
# A profile that others may write is refused, so nothing that is made here may be writable by them.
umask 022
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
VENV="$ROOT/.venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore DEBIAN_FRONTEND=noninteractive

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# quietly WHAT CMD...: say what is being done; show the command's output only when it fails.
quietly() {
    local what=$1 log status=0
    shift
    log=$(mktemp)
    say "$what ..."
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

# need PROGRAM PACKAGE...: install Debian packages unless the program is there; needs root.
need() {
    local program=$1
    shift
    ! PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "no $program here; install it with: apt-get install $*"
        return 1
    fi
    apt_lists
    quietly "installing $*" install_packages "$@"
}

# Install Debian packages, and start none of the services that come with them (invoke-rc.d(8)).
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt-get install -y --no-install-recommends "$@"
)

# The package lists, fetched once per run of a script.
apt_lists() {
    [ -z "${APT_LISTS_DONE:-}" ] || return 0
    quietly "fetching Debian's package lists" apt-get update
    export APT_LISTS_DONE=1
}

# unpacked PACKAGE: a Debian package below .debs, not installed: what it would start stays off.
unpacked() {
    [ ! -d "$ROOT/.debs/$1" ] || return 0
    command -v apt-get >/dev/null || {
        say "no apt-get here to fetch the package $1 with"
        return 1
    }
    [ "$(id -u)" -ne 0 ] || apt_lists
    local folder
    mkdir -p "$ROOT/.debs"
    folder=$(mktemp -d "$ROOT/.debs/fetch.XXXXXX")
    fetch() (cd "$folder" && apt-get download "$1" && dpkg-deb -x ./*.deb files)
    if quietly "fetching $1" fetch "$1"; then mv "$folder/files" "$ROOT/.debs/$1"; fi
    rm -rf "$folder"
    [ -d "$ROOT/.debs/$1" ]
}

# keep_modules FILES FOLDER: the modules that tests in a guest load, of a kernel package's files.
keep_modules() {
    mkdir -p "$2"
    find "$1" \( -name 'veth.ko*' -o -name 'sch_netem.ko*' \) -exec cp {} "$2" \;
}

find_python() {
    local name
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

# make_venv [EXTRA]: .venv with tunekit installed from this checkout, made anew only when what it
# is made from has changed. One that was made with more than is asked for is good too.
make_venv() {
    local extra=${1:-} stamp="$VENV/.made-from" source python
    source=$(sha256sum <pyproject.toml)
    if [ -x "$VENV/bin/tunekit" ]; then
        case $(cat "$stamp" 2>/dev/null) in "$source dev" | "$source $extra") return 0 ;; esac
    fi
    need python3 python3 python3-venv
    python=$(find_python) || die "tunekit needs Python 3.11 or later; set PYTHON=/path/to/one"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        [ "$(id -u)" -eq 0 ] || die "no venv module here; install it with: apt-get install python3-venv"
        apt_lists
        quietly "installing python3-venv" apt-get install -y --no-install-recommends python3-venv
    fi
    quietly "making .venv with $("$python" --version)" "$python" -m venv "$VENV"
    quietly "installing tunekit into .venv" "$VENV/bin/pip" install -e ".${extra:+[$extra]}"
    printf '%s\n' "$source $extra" >"$stamp"
}

# Git keeps no permissions but the executable bit: what a clone made under another umask lets
# others write, root would rightly refuse to apply.
guard_profiles() { chmod go-w "$ROOT" "$ROOT/profiles" "$ROOT"/profiles/*.yaml; }
