#!/usr/bin/env bash
# Makes the programs present that the demo and the tests speak to. On Debian as root it installs what is missing, without
# starting any service; elsewhere it says what is missing and what is skipped without it.
# Usage: system-packages.sh PACKAGE...
set -euo pipefail

declare -A program=(
    [orthanc]=Orthanc [dcmtk]=storescu [dicom3tools]=dciodvfy [prometheus]=promtool [chromium]=chromium
)
declare -A without=(
    [orthanc]="the demo uses its small embedded archive as PACS; tests against Orthanc are skipped"
    [dcmtk]="tests that send with DCMTK's storescu are skipped"
    [dicom3tools]="conformance checks with dciodvfy are skipped"
    [prometheus]="checks of alert rules and dashboards with promtool are skipped"
    [chromium]="tests that open the pages in a browser are skipped"
)

present() { PATH="$PATH:/usr/sbin:/sbin" command -v "${program[$1]}" >/dev/null; }

missing=()
for package in "$@"; do present "$package" || missing+=("$package"); done
[[ ${#missing[@]} -eq 0 ]] && exit 0

install_quietly() {
    # Debian starts a service as it is installed, unless this script forbids it.
    local policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing: ${missing[*]}"
    install_quietly "${missing[@]}" || echo "apt-get could not install them; going on without." >&2
fi

still_missing=()
for package in "${missing[@]}"; do
    present "$package" && continue
    still_missing+=("$package")
    echo "Missing: $package (program ${program[$package]}): ${without[$package]}." >&2
done
if [[ ${#still_missing[@]} -gt 0 ]]; then
    echo "On Debian: sudo apt-get install --no-install-recommends ${still_missing[*]}" >&2
fi
