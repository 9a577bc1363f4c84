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

# serve_judge FOLDER: installs a small model there unless it is, and serves it; sets judge_url and judge_pid, which the caller ends.
serve_judge () {
    local folder=$1 port
    "$root/ops/tiny-judge" install "$folder"
    for _ in 1 2 3; do
        port=$(shuf --input-range 20000-32000 --head-count 1)
        "$root/ops/tiny-judge" serve "$folder" "$port" > "$folder/server.log" 2>&1 &
        judge_pid=$!
        judge_url=http://127.0.0.1:$port/v1
        for _ in $(seq 600); do
            kill -0 "$judge_pid" 2> /dev/null || break
            ! is_serving "$port" || return 0
            sleep 0.2
        done
        kill "$judge_pid" 2> /dev/null || true
    done
    die "the model's server did not start; see $folder/server.log"
}

# llama.cpp answers 503 until the model is loaded.
is_serving () {
    local line
    {
        printf 'GET /health HTTP/1.0\r\n\r\n' >&3 && read -r -t 5 line <&3 && [[ $line == *" 200 "* ]]
    } 2> /dev/null 3<> "/dev/tcp/127.0.0.1/$1"
}
