#!/usr/bin/env bash
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install those of the Debian packages named as arguments that are missing, and start none of their services.
set -euo pipefail

policy=/usr/sbin/policy-rc.d

is_installed() {
    # python3-venv is wanted for what it does: a Python from elsewhere brings that along.
    if [ "$1" = python3-venv ] && python3 -c 'import ensurepip, venv' 2>/dev/null; then
        return 0
    fi
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian or Ubuntu: these must be there already, under whatever names: $*" >&2
    exit 0
fi

missing=()
for package in "$@"; do
    is_installed "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi

if [ "$(id --user)" -ne 0 ]; then
    echo "These Debian packages are missing, and only root can install them:" >&2
    echo "    apt-get install ${missing[*]}" >&2
    exit 1
fi

echo "Installing ${missing[*]}"
# Packaged servers start when they are installed unless this file forbids it.
if [ ! -e "$policy" ]; then
    trap 'rm --force "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
fi
# --no-remove: fail rather than replace a server of another maker that somebody uses here.
if ! messages=$(
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2 2>&1 &&
        apt-get install --quiet=2 --yes --no-install-recommends --no-remove "${missing[@]}" 2>&1
); then
    echo "$messages" >&2
    exit 1
fi

# Nor shall they start with the next boot.
if command -v systemctl >/dev/null; then
    for service in postgresql mariadb prometheus; do
        case " ${missing[*]} " in
            *" $service "* | *" $service-server "*) systemctl --quiet disable "$service" || true ;;
        esac
    done
fi
