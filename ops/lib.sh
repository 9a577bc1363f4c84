# lib: what the scripts of this folder share. Sourced by bash scripts that have set -euo pipefail.

# Heading of a step; bold on terminals alone, and never with NO_COLOR.
step () {
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

die () {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

cores () {
    nproc 2>/dev/null || echo 2
}

# configure PRESET [CMAKE FLAG...]; says something only if it fails.
configure () {
    local preset=$1 log
    shift
    log=$(mktemp)
    if ! cmake --preset "$preset" "$@" > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "cmake could not configure the preset \"$preset\"; its messages are above"
    fi
    rm -f "$log"
}

# build PRESET [TARGET]; a line of progress on terminals alone.
build () {
    local command=(cmake --build --preset "$1" --parallel "$(cores)" ${2:+--target "$2"})
    if [ -t 1 ]; then
        "${command[@]}"
    else
        "${command[@]}" -- --quiet | { grep -v '^ninja: no work to do' || true; }
    fi
}
