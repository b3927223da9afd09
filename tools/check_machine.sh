#!/bin/sh
# Names, in one go, everything that this machine lacks. Usage: check_machine.sh PYTHON
python=$1
missing=""
lacks() { missing="$missing\n  - $1"; }

if ! command -v "$python" >/dev/null 2>&1; then
    lacks "Python 3.11 to 3.13 ('$python' is not on PATH; PYTHON= chooses another)"
else
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    case $version in
        3.11 | 3.12 | 3.13) ;;
        *) lacks "Python 3.11 to 3.13 ('$python' is $version; PYTHON= chooses another)" ;;
    esac
    "$python" -c 'import venv, ensurepip' 2>/dev/null \
        || lacks "Python's venv module (on Debian and Ubuntu: the package python3-venv)"
fi
command -v g++ >/dev/null 2>&1 || lacks "g++ (Verilator compiles its models with it)"
command -v make >/dev/null 2>&1 || lacks "make"
command -v perl >/dev/null 2>&1 || lacks "perl (Verilator's front end)"

if [ -n "$missing" ]; then
    printf "hwsim needs what this machine lacks:$missing\n" >&2
    exit 2
fi
