#!/usr/bin/env bash
# Checks that an interpreter can make the virtual environment. Usage: require-python.sh PYTHON
set -euo pipefail
python=${1:?an interpreter is required}

command -v "$python" >/dev/null || {
    echo "'$python' was not found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "'$python' is $("$python" -V); Python 3.11 or newer is required: make PYTHON=/path/to/python3" >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null && exit 0

# Debian ships these two apart from the interpreter.
if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
else
    echo "'$python' has no venv module; on Debian: apt-get install python3-venv" >&2
    exit 1
fi
