# The Debian packages that vstream needs, in the groups in which they are
# installed: the first picture waits for the first group alone.

PACKAGES_GATEWAY="gcc libc6-dev make pkg-config nginx nginx-dev redis-server
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
    libturbojpeg0-dev libhiredis-dev libjansson-dev libmicrohttpd-dev
    libcyaml-dev libyaml-dev libev-dev librdkafka-dev libssl-dev
    libcurl4-openssl-dev"

PACKAGES_CAMERAS="ffmpeg libgstrtspserver-1.0-dev
    libgstreamer-plugins-base1.0-dev gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good"

PACKAGES_CHECKS="perl libio-socket-ssl-perl libcmocka-dev clang-format binutils
    curl openssl nghttp2-client prometheus chromium procps ca-certificates
    kcat python3-pip python3-jsonschema libnginx-mod-rtmp iproute2 nftables
    clang clang-tidy-14 cppcheck valgrind gcovr"

# What vstream is measured against, and with.
PACKAGES_BENCH="gunicorn python3-flask python3-opencv libnginx-mod-nchan wrk
    nghttp2-client iproute2 strace"

# Apache Kafka itself is no package: Maven fetches it, Java runs it.
PACKAGES_KAFKA="ca-certificates"

# Node.js, Java and Maven may be of another's making; Debian's packages
# conflict with such a Node.js.
command -v node > /dev/null || PACKAGES_CHECKS+=" nodejs"
command -v npm > /dev/null || PACKAGES_CHECKS+=" npm"
command -v javac > /dev/null || PACKAGES_CHECKS+=" default-jdk-headless"
command -v java > /dev/null || PACKAGES_KAFKA+=" default-jre-headless"
command -v mvn > /dev/null || PACKAGES_KAFKA+=" maven"


# packages_missing PACKAGE...: those of them that are not installed.
packages_missing() {
    local package state

    dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2> /dev/null |
        while read -r package state; do
            [ "$state" != installed ] || echo "$package"
        done | sort -u | comm -13 - <(printf '%s\n' "$@" | sort -u)
}


# What apt says of its progress, in a few words.
packages_detail() {
    local kind percent

    IFS=: read -r kind _ percent _ < <(
        tail -n 5 "$1" | grep -aE '^(pm|dl)status:' | tail -n 1)

    case $kind in
        dlstatus) echo "download ${percent%.*} %" ;;
        pmstatus) echo "installation ${percent%.*} %" ;;
    esac
}


# Whether root can be had; asks for sudo's password where it must.
packages_may_install() {
    [ "$(id -u)" = 0 ] && return 0
    command -v sudo > /dev/null || return 1
    sudo -n true 2> /dev/null && return 0
    [ -t 0 ] && echo "sudo, to install Debian packages:" && sudo -v
}


# Runs install-packages as root, with the packages in $@.
packages_install() {
    local script="$ROOT/conf/local/install-packages"

    if [ "$(id -u)" = 0 ]; then
        bash "$script" "$@"
    else
        sudo -n bash "$script" "$@"
    fi
}


# Why the installation that wrote the log $1 failed, in one sentence.
packages_refusal() {
    local lost

    lost=$(sed -n 's/^E: Unable to locate package //p
        s/^E: Package .\(.*\). has no installation candidate$/\1/p' "$1" |
        tr '\n' ' ')

    if grep -qaE 'Could not resolve|Temporary failure|Could not connect|Failed to fetch' "$1"; then
        echo "these Debian packages are missing, and the network that they" \
            "come from cannot be reached: $MISSING"
    elif [ -n "$lost" ]; then
        echo "Debian's package lists do not have ${lost% }: vstream is made" \
            "for Debian 12, and /etc/apt names where packages come from"
    else
        log_show "$1" 6
        echo "apt-get failed to install $MISSING; all it said is in $1"
    fi
}


# packages_need TEXT PACKAGE...: installs what is missing, or dies.
packages_need() {
    packages_try "$@" || die "$REFUSAL"
}


# The same, but says in REFUSAL why it fails.
packages_try() {
    local text=$1 log="$RUN_DIR/logs/packages.log"
    shift

    REFUSAL="no apt-get here: vstream is made for Debian 12"
    command -v apt-get > /dev/null || return

    MISSING=$(packages_missing "$@" | tr '\n' ' ')
    MISSING=${MISSING% }
    if [ -z "$MISSING" ]; then
        step_done "$text" "all here"
        return
    fi

    REFUSAL="Debian packages are missing, and to install them takes root or \
sudo: apt-get install --no-install-recommends $MISSING"
    packages_may_install || return

    STEP_DETAIL=packages_detail
    # shellcheck disable=SC2086
    step "$text" "$log" packages_install $MISSING || {
        REFUSAL=$(packages_refusal "$log")
        STEP_DETAIL=
        return 1
    }
    STEP_DETAIL=
}


# python_fetch FOLDER REQUIREMENTS LOG: what these name of PyPI, whole or not at
# all; with Debian's own Python, whatever else is on this machine.
python_fetch() {
    rm -rf "$1" "$1.new"

    /usr/bin/python3 -m pip install --no-cache-dir --no-deps \
        --root-user-action ignore --require-hashes -r "$2" \
        --target "$1.new" > "$3" 2>&1 &&
        cp "$2" "$1.new/" && mv "$1.new" "$1" || {
        log_show "$3" 3
        return 1
    }
}
