# Redis, ingest and nginx of the local stack: their configuration, written
# into $RUN_DIR from the templates of conf/, their start, and what their logs
# say.

SOCKET_MAX=107 # bytes of a Unix socket's path


# stack_render TEMPLATE FILE: fills in the @WORDS@.
stack_render() {
    local text word

    text=$(< "$1")
    for word in "${!WORDS[@]}"; do
        text=${text//@$word@/"${WORDS[$word]}"}
    done
    printf '%s\n' "$text" > "$2"
}


stack_configure() {
    local socket=$RUN_DIR/redis.sock

    PORT_STREET=$(port_free 1)
    PORT_PORTRAITS=$(port_free 2)
    PORT_MJPEG=$(port_free 3)
    kafka_configure

    declare -gA WORDS=(
        [ROOT]=$ROOT [RUN_DIR]=$RUN_DIR [PORT]=$PORT
        [CONF]=$ROOT/conf [HTML]=$ROOT/html [MEDIA]=$MEDIA
        [MODULE]=$BUILD/ngx_vstream_module.so
        [REDIS]=unix:$socket [REDIS_SOCKET]=$socket [REDIS_PORT]=0
        [KAFKA]=$(kafka_section)
    )

    stack_password nginx
    stack_password ingest
    stack_render "$ROOT/conf/redis/users.acl" "$RUN_DIR/users.acl"

    if [ ${#socket} -gt $SOCKET_MAX ]; then
        say redis "on a port: $socket is too long for a Unix socket"
        WORDS[REDIS_SOCKET]='""'
        WORDS[REDIS_PORT]=$(port_free 0)
        WORDS[REDIS]=redis://127.0.0.1:${WORDS[REDIS_PORT]}
    fi

    stack_render "$ROOT/conf/local/redis.conf" "$RUN_DIR/redis.conf"
    stack_render "$ROOT/conf/nginx.conf" "$RUN_DIR/nginx.conf"
    stack_configure_ingest a 4
    stack_configure_ingest b 5
    stack_configure_listen
}


# stack_password USER: a new one for each run, which nobody needs to know.
stack_password() {
    local password

    password=$(head -c 24 /dev/urandom | base64)
    (umask 077 && echo "$password" > "$RUN_DIR/redis-$1.password")
    WORDS[${1^^}_SHA256]=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
}


# What nginx.conf includes, so that it can be a file of plain values.
stack_configure_listen() {
    cat > "$RUN_DIR/local.conf" << END
listen 127.0.0.1:$PORT;
END
}


stack_configure_ingest() {
    WORDS[REPLICA]=$1
    WORDS[INGEST_PORT]=$(port_free "$2")
    stack_render "$ROOT/conf/local/ingest.yaml" "$RUN_DIR/ingest-$1.yaml"
}


start_redis() {
    process_start redis redis-server "$RUN_DIR/redis.conf"
}


start_ingest-a() {
    process_start ingest-a "$BUILD/vstream-ingest" \
        --config "$RUN_DIR/ingest-a.yaml"
}


start_ingest-b() {
    process_start ingest-b "$BUILD/vstream-ingest" \
        --config "$RUN_DIR/ingest-b.yaml"
}


# Its workers are the user who runs this: they read html/ and the sockets.
start_nginx() {
    local nginx main="daemon off;"

    nginx=$(command -v nginx || echo /usr/sbin/nginx)
    [ "$(id -u)" != 0 ] || main+=" user root;"

    process_start nginx env ${VSTREAM_PRELOAD:+LD_PRELOAD="$VSTREAM_PRELOAD"} \
        "$nginx" -p "$RUN_DIR" -e "$RUN_DIR/logs/error.log" \
        -c "$RUN_DIR/nginx.conf" -g "$main"
}


# Starts all, in the order in which they need each other, and waits for the
# first picture.
stack_start() {
    stack_configure
    camera_password
    rm -f "$RUN_DIR"/redis.sock

    start_redis
    step_done "Redis" "pid $(process_pid redis)"
    JOINED=''
    cameras_join
    start_ingest-a
    start_ingest-b
    step_done "two replicas of vstream-ingest" \
        "pids $(process_pid ingest-a), $(process_pid ingest-b)"
    start_nginx
    step_done "nginx" "pid $(process_pid nginx)"

    step "the first picture" "$RUN_DIR/logs/first.log" stack_first_picture ||
        die "$(stack_refusal)"
}


# http_get PATH FILE: the whole answer's body in FILE; 0 if it was a 200.
http_get() {
    local answer rc=1 line

    answer=$(timeout 3 bash -c '
        exec 3<> "/dev/tcp/127.0.0.1/$1" || exit
        printf "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" "$2" >&3
        cat <&3 > "$3"' - "$PORT" "$1" "$2.whole" 2>&1) || return 1

    [ -z "$answer" ] && read -r line < "$2.whole" &&
        [[ $line == HTTP/1.1\ 200* ]] && rc=0
    LC_ALL=C sed '1,/^\r$/d' "$2.whole" > "$2"
    rm -f "$2.whole"
    return $rc
}


# Until a whole JPEG is served; not if it takes more than a minute, or if one
# of those that have to make it has ended.
stack_first_picture() {
    local picture=$RUN_DIR/data/first.jpg end=$((SECONDS + 60))

    while [ $SECONDS -lt $end ] && [ -z "$(stack_ended)" ]; do
        if http_get /live/pattern/frame.jpg "$picture" &&
            [ "$(head -c 2 "$picture" | od -An -tx1)" = " ff d8" ] &&
            [ "$(tail -c 2 "$picture" | od -An -tx1)" = " ff d9" ]; then
            return
        fi
        sleep 0.1
    done
    return 1
}


# Those of the stack that should run and do not.
stack_ended() {
    local name

    for name in redis ingest-a ingest-b nginx; do
        process_pid $name > /dev/null || echo $name
    done
}


# Why there is no picture: the last words of who did not come up.
stack_refusal() {
    local name ended

    ended=$(stack_ended)
    for name in $ended; do
        log_show "$RUN_DIR/logs/$name.log" 3
    done

    if [ -n "$ended" ]; then
        echo "${ended//$'\n'/ and } ended; the logs are in $RUN_DIR/logs"
    else
        echo "no picture came within a minute; the logs are in $RUN_DIR/logs"
    fi
}


# What is worth reading of the logs, as it is written.
stack_follow() {
    local line who=run

    tail --pid=$$ -n 0 -F "$RUN_DIR"/logs/{error,ingest-a,ingest-b,redis,kafka}.log \
        2> /dev/null |
        while read -r line; do
            case $line in
                '') ;;
                '==> '*' <==') who=${line##*/} who=${who%.log <==} ;;
                *) stack_line "$who" "$line" ;;
            esac
        done
}


# One line of the log of $1, if people would miss it.
stack_line() {
    case $1 in
        error)
            [[ $2 == *'[notice]'* || $2 == *'[info]'* ]] ||
                say nginx "${2#* * }"
            ;;
        redis)
            [[ $2 != *' # '* ]] || say redis "${2#* # }"
            ;;
        kafka)
            [[ ! $2 =~ ^[0-9:.]+\ (ERROR|FATAL)\  ]] || say kafka "${2#* }"
            ;;
        *)
            say "$1" "${2#??:??:??.??? }"
            ;;
    esac
}


# Stands by: starts what has died, lets the cameras join that have become
# ready, and Kafka.
stack_watch() {
    local name rc
    local -A deaths=()

    while :; do
        { sleep 0.5 & wait $!; } 2> /dev/null # bash names who was killed

        for name in $STOP_ORDER; do
            [ -e "$RUN_DIR/pids/$name" ] || continue
            process_pid "$name" > /dev/null && continue

            deaths[$name]=$((${deaths[$name]:-0} + 1))
            stack_again "$name" "${deaths[$name]}"
        done

        if cameras_join; then
            say cameras "now:$JOINED"
            kill -HUP "$(process_pid nginx)"
        fi
        kafka_join
    done
}


stack_again() {
    local pid rc=0

    read -r pid _ < "$RUN_DIR/pids/$1"
    { wait "$pid"; } 2> /dev/null || rc=$?
    kill -KILL -- "-$pid" 2> /dev/null

    if [ "$2" -gt 20 ]; then
        rm "$RUN_DIR/pids/$1"
        say "$1" "$(process_end "$1" $rc); that is enough, it stays away"
        return
    fi

    say "$1" "$(process_end "$1" $rc); starting it again"
    [ "$2" -lt 5 ] || sleep 1
    "start_$1"
}
