# Apache Kafka: its jars, fetched once by Maven into build/kafka/lib, for the
# demo and the tests alike.

KAFKA_LIB=$ROOT/build/kafka/lib
KAFKA_POM=$ROOT/conf/local/kafka/pom.xml


# Whether the jars are there, and those that pom.xml names now.
kafka_is_fetched() {
    cmp -s "$KAFKA_POM" "$KAFKA_LIB/pom.xml"
}


# Whole or not at all, one run of a checkout at a time.  Maven's own folder is
# kept until then, so that a second try goes on where the first ended.
kafka_fetch() {
    local folder=$ROOT/build/kafka

    kafka_is_fetched && return
    mkdir -p "$folder"
    exec 8> "$folder/lock"
    flock 8

    if ! kafka_is_fetched; then
        echo "fetching Apache Kafka"
        rm -rf "$folder/lib.new"
        mvn -B -f "$KAFKA_POM" -Dfolder="$folder" \
            -Dmaven.repo.local="$folder/repository" \
            dependency:copy-dependencies &&
            cp "$KAFKA_POM" "$folder/lib.new/" &&
            rm -rf "$KAFKA_LIB" &&
            mv "$folder/lib.new" "$KAFKA_LIB" &&
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


# For the tests.
kafka_make() {
    local log=$ROOT/build/kafka/fetch.log

    kafka_is_fetched && return
    mkdir -p "${log%/*}"
    echo "fetching Apache Kafka"
    kafka_fetch > "$log" 2>&1 || die "$(kafka_refusal "$log")"
}
