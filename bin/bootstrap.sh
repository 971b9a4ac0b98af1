# Sourced by bin/reactor and bin/test with $here, where they are, and $requirements, the lock they
# need. Leaves $root and $venv, installed. When nothing is to be done no Python is started.

root=$(CDPATH='' cd -- "$(dirname -- "$here")/.." && pwd -P) || exit 1
venv=$root/.venv

installed() {
    [ -x "$venv/bin/python" ] && cmp -s "$root/$requirements" "$venv/installed/$requirements" &&
        { [ -z "${REACTOR_PYTHON:-}" ] || [ "$(cat "$venv/installed/python")" = "$REACTOR_PYTHON" ]; }
}

# Print the first Python that will do; otherwise say in one line what is missing.
find_python() {
    missing="Python 3.11 or later is missing: install it, or set REACTOR_PYTHON to one"
    for candidate in ${REACTOR_PYTHON:+"$REACTOR_PYTHON"} \
        python3.13 python3.12 python3.11 python3 python3.14 python; do
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
            [ -z "${REACTOR_PYTHON:-}" ] || missing="REACTOR_PYTHON=$REACTOR_PYTHON is not a Python 3.11 or later"
            [ -z "${REACTOR_PYTHON:-}" ] || break
            continue
        }
        if "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
        missing="$candidate is here but its venv module is not: 'apt install python3-venv', or set REACTOR_PYTHON"
        [ -z "${REACTOR_PYTHON:-}" ] || break
    done
    printf '%s: %s\n' "${0##*/}" "$missing" >&2
    return 1
}

if ! installed; then
    python=$(find_python) || exit 69
    "$python" -I "$root/bin/bootstrap.py" "$root" "$requirements" || exit
fi
