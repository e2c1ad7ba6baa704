# What `make run` says: numbered steps with their seconds, log lines,
# one-sentence refusals.  Coloured, and redrawn, on a terminal only.

if [ -t 1 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m' CLEAR=$'\r\e[K'
else
    BOLD='' DIM='' RED='' PLAIN='' CLEAR=''
fi

STEP=0
STEPS=0
STEP_DETAIL='' # a function that reads a log and says how far it is
STEP_JOB=''


# say WHO WHAT: one line of the log.
say() {
    printf '%s%(%H:%M:%S)T %-10s%s %s\n' "$DIM" -1 "$1" "$PLAIN" "$2"
}


# One thing that cannot be done.
regret() {
    printf '%s%svstream: %s%s\n' "$CLEAR" "$RED" "$1" "$PLAIN" >&2
}


die() {
    regret "$1"
    exit "${2:-1}"
}


# The end of a log, indented, before a refusal that names it.
log_show() {
    grep -avE '^(pm|dl)status:' "$1" | tail -n "${2:-12}" |
        sed 's/^/    /' >&2
}


# step_show TEXT SECONDS DETAIL
step_show() {
    printf '%s[%2d/%d] %s ...%s%s' "$CLEAR" "$STEP" "$STEPS" "$1" \
        "${2:+ $2 s}" "${3:+ ($3)}"
}


# A step that was nothing to do.
step_done() {
    STEP=$((STEP + 1))
    step_show "$1" '' "$2"
    echo
}


# Waits for STEP_JOB and shows its seconds: each one on a terminal, each tenth
# elsewhere.
step_watch() {
    local text=$1 log=$2 began=$SECONDS passed shown=0

    while kill -0 "$STEP_JOB" 2> /dev/null; do
        sleep 0.2
        passed=$((SECONDS - began))
        [ -n "$CLEAR" ] || [ $((passed % 10)) = 0 ] || continue
        [ $passed != $shown ] || continue

        shown=$passed
        step_show "$text" $passed "${STEP_DETAIL:+$($STEP_DETAIL "$log")}"
        [ -n "$CLEAR" ] || echo
    done

    wait "$STEP_JOB"
}


# step TEXT LOG COMMAND...: runs it, its output in LOG; its status.
step() {
    local text=$1 log=$2 began=$SECONDS rc=0
    shift 2

    STEP=$((STEP + 1))
    [ -z "$CLEAR" ] || step_show "$text"

    set -m # a process group of its own, so that step_stop ends all of it
    "$@" > "$log" 2>&1 9>&- < /dev/null &
    STEP_JOB=$!
    set +m
    step_watch "$text" "$log" || rc=$?
    STEP_JOB=''

    step_show "$text" $((SECONDS - began)) "$([ $rc = 0 ] || echo failed)"
    echo
    return $rc
}


# Ends the step at hand; an installation is waited for instead.
step_stop() {
    [ -n "$STEP_JOB" ] || return 0

    if [ "$STEP_DETAIL" = packages_detail ]; then
        say run "the installation of packages is finished first"
    else
        kill -TERM -- "-$STEP_JOB" 2> /dev/null
    fi
    wait "$STEP_JOB" 2> /dev/null
    STEP_JOB=''
}
