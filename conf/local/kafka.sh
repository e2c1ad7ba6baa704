# Apache Kafka: its jars, fetched once by Maven into build/kafka/lib for the
# demo and the tests alike, and the broker of a run.  It starts when pictures
# move already: nothing that people watch waits for Java.

KAFKA_LIB=$ROOT/build/kafka/lib
KAFKA_POM=$ROOT/conf/local/kafka/pom.xml
KAFKA_STATE='' # then starting, then running


# Whether the jars are in folder $1, and those that pom.xml names now.
kafka_is_fetched() {
    cmp -s "$KAFKA_POM" "$1/pom.xml"
}


# kafka_fetch FOLDER [VERSION]: whole or not at all, one run of a checkout at a
# time.  Maven's own folder is kept until then, so that a second try goes on
# where the first ended.
kafka_fetch() {
    local folder=$ROOT/build/kafka

    mkdir -p "$folder"
    exec 8> "$folder/lock"
    flock 8

    if ! kafka_is_fetched "$1"; then
        rm -rf "$1.new"
        mvn -B -f "$KAFKA_POM" -Dfolder="$folder" -Djars="$1.new" \
            ${2:+-Dkafka="$2"} -Dmaven.repo.local="$folder/repository" \
            dependency:copy-dependencies &&
            cp "$KAFKA_POM" "$1.new/" && rm -rf "$1" && mv "$1.new" "$1" &&
            rm -rf "$folder/repository" "$folder/target" || return 1
    fi

    exec 8>&-
}


# Why Maven, whose log is $1, did not bring them, in one sentence.
kafka_refusal() {
    if grep -qaE 'Unknown host|Connect to|Connection refused|timed out|Network is unreachable|Temporary failure' \
        "$1"; then
        echo "Apache Kafka is not here yet, and the network that Maven" \
            "fetches it from cannot be reached; all it said is in $1"
    else
        log_show "$1" 6
        echo "Maven failed to fetch Apache Kafka; all it said is in $1"
    fi
}


# For the tests: the demo's, the last one that takes SCRAM of Debian's
# librdkafka, and a client for Python.
kafka_make() {
    kafka_make_one "$KAFKA_LIB"
    kafka_make_one "$KAFKA_LIB-3.9" 3.9.1
    kafka_make_python
}


kafka_make_one() {
    local log=$ROOT/build/kafka/fetch.log

    ! kafka_is_fetched "$1" || return 0
    mkdir -p "${log%/*}"
    echo "fetching Apache Kafka${2:+ $2}"
    kafka_fetch "$@" > "$log" 2>&1 || die "$(kafka_refusal "$log")"
}


kafka_make_python() {
    local folder=$ROOT/build/kafka/python log=$ROOT/build/kafka/pip.log
    local wanted=$ROOT/conf/local/kafka/requirements.txt

    ! cmp -s "$wanted" "$folder/requirements.txt" || return 0
    echo "fetching kafka-python"
    python_fetch "$folder" "$wanted" "$log" ||
        die "pip failed to fetch kafka-python; all it said is in $log"
}


# Whether nothing has to be fetched before it can start; or need not start.
kafka_is_ready() {
    [ "$KAFKA" != on ] ||
        { kafka_is_fetched "$KAFKA_LIB" && command -v java > /dev/null; }
}


# In the background, on the first run.
kafka_prepare() {
    local log=$RUN_DIR/logs/kafka-fetch.log

    # shellcheck disable=SC2086
    packages_try "Debian packages for Kafka" $PACKAGES_KAFKA || {
        regret "$REFUSAL"
        return 1
    }
    step "fetching Apache Kafka" "$log" kafka_fetch "$KAFKA_LIB" || {
        regret "$(kafka_refusal "$log")"
        return 1
    }
}


# Its address, which ingest knows from the beginning, and its configuration.
kafka_configure() {
    case $KAFKA in
        off)
            KAFKA_ADDRESS=''
            ;;
        on)
            KAFKA_ADDRESS=127.0.0.1:$(port_free 6)
            mkdir -p "$RUN_DIR/kafka"
            local -A WORDS=([KAFKA_ADDRESS]=$KAFKA_ADDRESS
                [CONTROLLER]=127.0.0.1:$(port_free 7) [RUN_DIR]=$RUN_DIR)
            stack_render "$ROOT/conf/local/kafka/server.properties" \
                "$RUN_DIR/kafka/server.properties"
            ;;
        *)
            KAFKA_ADDRESS=$KAFKA
            ;;
    esac
    echo "$KAFKA_ADDRESS" > "$RUN_DIR/kafka.address"
}


# What ingest's configuration says of it.
kafka_section() {
    [ -n "$KAFKA_ADDRESS" ] || return 0
    cat << END
kafka:
  brokers:
    - '$KAFKA_ADDRESS'
  topics:
    create: true
END
}


# What people watch goes before it.
start_kafka() {
    KAFKA_STATE=starting
    process_start kafka nice -n 5 "$ROOT/conf/local/kafka/broker" \
        "$RUN_DIR/kafka"
}


# Starts it once it can be, and says when it answers.
kafka_join() {
    [ -n "$KAFKA_ADDRESS" ] && [ "$KAFKA_STATE" != running ] || return 0

    if [ "$KAFKA" = on ] && [ -z "$KAFKA_STATE" ]; then
        ! kafka_is_ready || start_kafka
        return
    fi
    kafka_answers || return 0

    KAFKA_STATE=running
    printf '%skafka is running at %s%s\n' "$BOLD" "$KAFKA_ADDRESS" "$PLAIN"
}


# Whether it answers the first question of every client: which versions of
# which requests it knows (ApiVersions, key 18).
kafka_answers() {
    timeout 1 bash -c '
        exec 3<> "/dev/tcp/$1/$2" || exit
        printf "\0\0\0\12\0\22\0\0\0\0\0\1\377\377" >&3
        [ "$(head -c 8 <&3 | wc -c)" = 8 ]' - \
        "${KAFKA_ADDRESS%:*}" "${KAFKA_ADDRESS##*:}" 2> /dev/null
}
