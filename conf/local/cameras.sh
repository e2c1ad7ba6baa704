# The demo cameras: `pattern`, which needs nothing, is there at once; the
# others join one by one when the programs and pictures that they need are
# made.  nginx reads who they are from $RUN_DIR/cameras.conf.

CAMERAS="pattern portraits cockatoo mjpeg street"


# The picture files of camera $1 in $MEDIA; none for the pattern.
camera_media() {
    case $1 in
        portraits | cockatoo) echo "$1.mp4" ;;
        street) echo street.mp4 street_small.mp4 ;;
        mjpeg) echo tree.mjpeg ;;
    esac
}


# Whether camera $1 could run now.
camera_is_ready() {
    local media

    for media in $(camera_media "$1"); do
        [ -e "$MEDIA/$media" ] || return 1
    done

    case $1 in
        portraits | street) [ -x "$BUILD/rtsp_camera" ] ;;
        mjpeg) [ -x "$BUILD/http_camera" ] ;;
    esac
}


cameras_are_ready() {
    local camera

    for camera in $CAMERAS; do
        camera_is_ready "$camera" || return 1
    done
}


# The line of nginx.conf that declares camera $1.
camera_line() {
    case $1 in
        pattern)
            echo "test: 'name=Test pattern' fps=30 width=1280"
            ;;
        portraits)
            echo "rtsp://127.0.0.1:$PORT_PORTRAITS/portraits name=Portraits"
            ;;
        cockatoo)
            echo "file:$MEDIA/cockatoo.mp4 name=Cockatoo"
            ;;
        mjpeg)
            echo "http://127.0.0.1:$PORT_MJPEG/video.mjpg name=Tree"
            ;;
        street)
            echo "rtsp://\${STREET}@127.0.0.1:$PORT_STREET/street name=Street" \
                "substream=rtsp://\${STREET}@127.0.0.1:$PORT_STREET/small"
            ;;
    esac
}


# The password of `street`: made once in a run's folder, its camera's half in
# one file, ingest's in another.
camera_password() {
    local dir=$RUN_DIR/credentials word

    [ ! -s "$dir/STREET" ] || return 0
    word=$(head -c 15 /dev/urandom | base64 | tr '+/' '-_')
    (
        umask 077
        mkdir -p "$RUN_DIR/data"
        echo "$word" > "$RUN_DIR/data/street.password"
        echo "demo:$word" > "$dir/STREET"
    )
}


start_street() {
    process_start street "$BUILD/rtsp_camera" --port "$PORT_STREET" \
        --mount /street --file "$MEDIA/street.mp4" --user demo \
        --password-file "$RUN_DIR/data/street.password" \
        --mount /small --file "$MEDIA/street_small.mp4" --user demo \
        --password-file "$RUN_DIR/data/street.password"
}


start_portraits() {
    process_start portraits "$BUILD/rtsp_camera" --port "$PORT_PORTRAITS" \
        --mount /portraits --file "$MEDIA/portraits.mp4"
}


start_mjpeg() {
    process_start mjpeg "$BUILD/http_camera" --port "$PORT_MJPEG" \
        --file "$MEDIA/tree.mjpeg" --fps 15
}


# Until the server of camera $1 listens, so that the first dial finds it.
camera_wait() {
    local port=PORT_${1^^}

    port_wait "${!port}"
}


# Starts the cameras that have become ready and declares them; 0 when there
# were any.
cameras_join() {
    local camera new=''

    for camera in $CAMERAS; do
        [[ " $JOINED " != *" $camera "* ]] || continue
        camera_is_ready "$camera" || continue

        case $camera in
            street | portraits | mjpeg)
                "start_$camera"
                camera_wait "$camera"
                ;;
        esac
        new+=" $camera"
    done
    [ -n "$new" ] || return 1

    JOINED+=$new
    for camera in $JOINED; do
        echo "vstream_camera $camera $(camera_line "$camera");"
    done > "$RUN_DIR/cameras.conf.new"
    mv "$RUN_DIR/cameras.conf.new" "$RUN_DIR/cameras.conf"
}


# In the background, on the first run: what the other cameras need.
cameras_prepare() {
    local rc=0

    # shellcheck disable=SC2086
    packages_try "Debian packages for the cameras" $PACKAGES_CAMERAS || {
        regret "$REFUSAL"
        return 1
    }
    step "building the cameras" "$RUN_DIR/logs/build.log" build cameras || {
        regret "the cameras were not built; why is in $RUN_DIR/logs/build.log"
        return 1
    }

    STEP_DETAIL=cameras_detail
    step "the cameras' pictures" "$RUN_DIR/logs/media.log" media_make_all || {
        regret "some demo cameras have no pictures; why is in \
$RUN_DIR/logs/media.log"
        rc=1
    }
    STEP_DETAIL=
    return $rc
}


cameras_detail() {
    grep -aE '^(fetching|making) ' "$1" | tail -n 1
}


# What the page shows, as a table.
cameras_status() {
    local answer=$RUN_DIR/data/cameras.json

    http_get /api/v1/cameras "$answer" || {
        echo "no answer from $URL/"
        return 1
    }

    perl -MJSON::PP -0777 -ne '
        for my $c (@{ decode_json($_)->{cameras} }) {
            my $size = $c->{width} ? "$c->{width}x$c->{height}" : "";
            my $why = join ": ", grep { length } @$c{qw(reason detail)};
            printf "%-10s %-12s %-9s %s viewers%s\n", @$c{qw(id state)},
                $size, $c->{viewers} // 0, length $why ? "  $why" : "";
        }' "$answer"
}
