# The demo cameras' pictures: real ones, read from Debian packages that are
# fetched but not installed, and made once into what cameras send: yuv420p,
# no B-frames, a keyframe a second, a minute or more.  $MEDIA is shared by all
# runs of a checkout.

# In this order: what is fetched soonest comes first.
MEDIA_FILES="portraits.mp4 cockatoo.mp4 tree.mjpeg street.mp4 street_small.mp4"

H264=(-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 0 -sc_threshold 0
    -maxrate 2500k -bufsize 2500k)
AAC=(-c:a aac -b:a 96k -ac 2)


# media_fetch PACKAGE PATH...: those files alone, into $MEDIA/from.
media_fetch() {
    local package=$1 path new="$MEDIA/from/$1"
    shift

    for path; do
        [ -e "$MEDIA/from/${path##*/}" ] || break
        shift
    done
    [ $# != 0 ] || return 0

    echo "fetching $package"
    rm -rf "$new"
    mkdir -p "$new"
    (
        cd "$new" &&
            apt-get -q -o APT::Sandbox::User=root download "$package" &&
            dpkg-deb --fsys-tarfile ./*.deb |
            tar -x --transform='s|.*/||' "${@/#/.}" &&
            mv -- "${@##*/}" ..
    ) && rm -r "$new"
}


media_fetch_imageio() {
    local images=/usr/lib/python3/dist-packages/imageio/resources/images

    media_fetch python3-imageio $images/cockatoo.mp4 $images/astronaut.png
}


media_fetch_matplotlib() {
    media_fetch python-matplotlib-data \
        /usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
}


media_fetch_opencv() {
    local data=/usr/share/doc/opencv-doc/examples/data

    media_fetch opencv-doc $data/vtest.avi $data/tree.avi
}


# media_make FILE ARGUMENT...: ffmpeg's output, whole or not at all.
media_make() {
    local file=$1
    shift

    echo "making $file"
    ffmpeg -nostdin -v error -y "$@" "$MEDIA/part.$file" &&
        mv "$MEDIA/part.$file" "$MEDIA/$file"
}


# media_repeat FILE TIMES ONCE: plays ONCE that often, as it is.
media_repeat() {
    media_make "$1" -stream_loop $(($2 - 1)) -i "$MEDIA/$3" -c copy \
        -movflags +faststart
}


media_make_cockatoo() {
    media_fetch_imageio &&
        media_make cockatoo-once.mp4 -i "$MEDIA/from/cockatoo.mp4" \
            "${H264[@]}" -crf 25 -g 20 "${AAC[@]}" &&
        media_repeat cockatoo.mp4 5 cockatoo-once.mp4
}


# A camera that pans over two faces for 20 s of 30, and then leaves them for
# more than 5 s, so that what was detected ends.
media_make_portraits() {
    local x

    x="if(lt(t,20),825-125*cos(2*PI*t/20),"
    x+="350+350*cos(PI*max(0,min(t-20,2)/2-max(0,t-28)/2)))"

    media_fetch_imageio && media_fetch_matplotlib &&
        media_make portraits.png -i "$MEDIA/from/astronaut.png" \
            -i "$MEDIA/from/grace_hopper.jpg" -filter_complex "
                [0]format=rgb24,split[a][b];
                [a]scale=700:480,gblur=sigma=60[wall];
                [b]scale=480:480[left];
                [1]format=rgb24,scale=410:480[right];
                [wall][left][right]hstack=3" -frames:v 1 -update 1 &&
        media_make portraits-once.mp4 -loop 1 -framerate 15 -t 30 \
            -i "$MEDIA/portraits.png" -vf "crop=640:480:x='$x':y=0" \
            "${H264[@]}" -crf 24 -g 15 &&
        media_repeat portraits.mp4 3 portraits-once.mp4
}


media_make_street() {
    media_fetch_opencv &&
        media_make street.mp4 -i "$MEDIA/from/vtest.avi" "${H264[@]}" \
            -crf 25 -g 10 -movflags +faststart
}


# What the same camera sends as its substream.
media_make_street_small() {
    media_make street_small.mp4 -i "$MEDIA/street.mp4" "${H264[@]}" \
        -vf scale=384:288 -crf 27 -g 10 -movflags +faststart
}


media_make_tree() {
    media_fetch_opencv &&
        media_make tree.mjpeg -i "$MEDIA/from/tree.avi" -r 15 \
            -vf scale=640:480:out_range=full,format=yuvj420p -c:v mjpeg \
            -q:v 5 -f mjpeg
}


# Makes what is missing; one run of a checkout at a time.
media_make_all() {
    local file

    mkdir -p "$MEDIA"
    exec 8> "$MEDIA/lock"
    flock 8

    for file in $MEDIA_FILES; do
        [ -e "$MEDIA/$file" ] || "media_make_${file%.*}" || return 1
    done

    rm -f "$MEDIA"/*-once.mp4 "$MEDIA/portraits.png"
    exec 8>&-
}
