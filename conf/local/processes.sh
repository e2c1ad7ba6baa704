# The processes of a run: each is started in a session of its own (so that
# Ctrl-C reaches `run` alone, which ends them in order), and known by its pid
# together with the time at which it started (so that no other process is ever
# ended in its place).

STOP_ORDER="nginx ingest-a ingest-b kafka street portraits mjpeg redis"


# When process $1 started, in the kernel's ticks; nothing if it has ended.
pid_born() {
    local stat fields

    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    read -ra fields <<< "${stat##*) }"
    [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}


# The pid of the process that $RUN_DIR/pids/$1 names, where it still runs.
process_pid() {
    local pid born

    { read -r pid born < "$RUN_DIR/pids/$1"; } 2> /dev/null || return 1
    [ -n "$born" ] && [ "$(pid_born "$pid")" = "$born" ] && echo "$pid"
}


process_note() {
    echo "$2 $(pid_born "$2")" > "$RUN_DIR/pids/$1"
}


# process_start NAME COMMAND...: in the background, its output in its log.
process_start() {
    local name=$1
    shift

    setsid "$@" >> "$RUN_DIR/logs/$name.log" 2>&1 < /dev/null 8>&- 9>&- &
    process_note "$name" $!
}


# process_wait NAME TENTHS: 0 when it has ended by then.
process_wait() {
    local i

    for ((i = 0; i < $2; i++)); do
        process_pid "$1" > /dev/null || return 0
        sleep 0.1
    done
    return 1
}


# SIGTERM, and after 8 s SIGKILL to it and to what it started.
process_stop() {
    local pid

    if pid=$(process_pid "$1"); then
        kill -TERM "$pid" 2> /dev/null
        process_wait "$1" 80 || kill -KILL -- "-$pid" 2> /dev/null
    fi
    rm -f "$RUN_DIR/pids/$1"
}


processes_stop() {
    local name

    for name in $STOP_ORDER; do
        process_stop "$name"
    done
}


# How process $1, that ended with status $2, did so.
process_end() {
    if [ "$2" -gt 128 ]; then
        echo "was killed by SIG$(kill -l $(($2 - 128)))"
    else
        echo "ended with status $2"
    fi
}


# The inode of the socket that listens on port $1; nothing where none does.
port_inode() {
    awk -v port="$(printf ':%04X' "$1")" \
        '$2 ~ port "$" && $4 == "0A" { print $10; exit }' \
        /proc/net/tcp /proc/net/tcp6 2> /dev/null
}


# port_wait PORT: until something listens there, at most 5 s.
port_wait() {
    local i

    for ((i = 0; i < 100; i++)); do
        [ -z "$(port_inode "$1")" ] || return 0
        sleep 0.05
    done
    return 1
}


# port_owner PORT: who listens there; nothing where nobody does.
port_owner() {
    local inode pid

    inode=$(port_inode "$1")
    [ -n "$inode" ] || return 0

    for pid in /proc/[0-9]*; do
        if find "$pid/fd" -lname "socket:\[$inode\]" 2> /dev/null |
            grep -q .; then
            echo "$(< "$pid/comm") (pid ${pid#/proc/})"
            return
        fi
    done
    echo "a process of another user"
}


# port_free N: the Nth port of this run.  They are counted from PORT, in
# blocks of eight below the kernel's own range; a taken one is passed over.
port_free() {
    local port=$((20000 + PORT * 8 % 12000 + $1))

    while [ -n "$(port_inode $port)" ]; do
        port=$((20000 + (port - 20000 + 8) % 12000))
    done
    echo $port
}
