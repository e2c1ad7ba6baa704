#!/usr/bin/perl

# file: every codec and container that comes to hand, played for ever at its
# own pace; colours; and no way out of the folders that may be read.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my @moving = qw(-f lavfi -i testsrc2=size=640x360:rate=20:duration=4);
my @x264 = qw(-c:v libx264 -preset veryfast);
my @plain = (@moving, @x264, qw(-g 20 -bf 0 -pix_fmt yuv420p));
my @halves = ('-f', 'lavfi', '-i', 'color=black:size=320x240:rate=10:duration=2,'
    . 'format=rgb24,drawbox=x=160:w=160:h=240:color=white:t=fill');
my $roots = "$FindBin::Bin/../../build/t/clips";

sub play ($path, %options) {
    my $configure = { file_roots => $roots, %{ $options{configure} // {} } };

    return drive("file:$path", folder => $folder, %options,
        configure => $configure);
}


subtest 'H.264: keyframes until somebody watches' => sub {
    my $camera = play(clip('plain.mp4', @plain), seconds => 6, watch => 3.5);
    my ($watched) = $camera->events('WATCHED');
    my @live = $camera->live;

    is_deeply $camera->stream,
        { codec => 'h264', width => 640, height => 360 }, 'what it is';
    is scalar($camera->unwatched), 4, 'a keyframe, a still';
    cmp_ok $live[0]{ms} - $watched->{ms}, '<', 300,
        "the first viewer is served after "
        . ($live[0]{ms} - $watched->{ms}) . ' ms';
    cmp_ok $live[0]{age_us}, '<', 300000, 'with a fresh picture';
    cmp_ok abs(@live - 50), '<=', 4, 'then all: ' . @live;
    cmp_ok abs($camera->counts->{fps_milli} - 20000), '<', 1500,
        '20 fps, past the end of the file too';
    cmp_ok abs($camera->counts->{keyframe_ms} - 1000), '<', 100,
        'a keyframe a second';
    is $camera->counts->{broken}, 0, 'none broken';
    is $camera->counts->{skipped}, 0, 'none skipped';
    is_deeply [ map { $_->{json}{message} } $camera->events('LOG') ], [],
        'and nothing to say';
};

subtest 'stills more often than keyframes' => sub {
    my $clip = clip('rare.mp4', @moving, @x264, qw(-g 80 -bf 0));
    my $camera = play($clip, seconds => 4);

    cmp_ok scalar($camera->stills), '<=', 2, 'usually none between keyframes';

    $camera = play($clip, seconds => 4,
        configure => { still_ms => 500, still_is_set => 'true' });
    cmp_ok abs($camera->stills - 8), '<=', 2,
        'still=0.5 decodes what it needs: ' . $camera->stills;

    my @ages = sort { $a <=> $b } map { $_->{age_us} } $camera->stills;
    cmp_ok $ages[-1], '<', 1500000, 'and they are fresh';
};

subtest 'frames for Kafka' => sub {
    my $camera = play(clip('plain.mp4'), seconds => 4, watch => 2,
        configure => { kafka_keyframe => 'true' });
    my @kafka = grep { $_->{kafka} } $camera->frames;

    cmp_ok abs($camera->unwatched - 2), '<=', 1,
        'keyframe: nothing more is decoded';
    is scalar(grep { !$_->{kafka} } $camera->unwatched), 0, 'and all are sent';
    cmp_ok abs(@kafka - 4), '<=', 1, 'watched, still one a second';
    is scalar(grep { !$_->{live} && !$_->{still} } @kafka), 0,
        'of those made anyway';

    $camera = play(clip('rare.mp4'), seconds => 3,
        configure => { kafka_fps_milli => 5000 });
    @kafka = grep { $_->{kafka} } $camera->frames;
    cmp_ok abs(@kafka - 15), '<=', 3, 'a rate is kept to: ' . @kafka;
    cmp_ok scalar($camera->stills), '<=', 4, 'and stills are as they were';

    $camera = play(clip('rare.mp4'), seconds => 2,
        configure => { kafka_fps_milli => 20000, still_ms => 0 });
    @kafka = grep { $_->{kafka} } $camera->frames;
    cmp_ok abs(@kafka - 40), '<=', 6, 'up to every frame: ' . @kafka;
    is scalar($camera->stills), 0, 'with still=off too';

    $camera = play(clip('plain.mp4'), seconds => 4,
        configure => { kafka_fps_milli => 500, still_ms => 0 });
    @kafka = grep { $_->{kafka} } $camera->frames;
    cmp_ok abs(@kafka - 2), '<=', 1, 'slower than keyframes: ' . @kafka;
    is scalar($camera->frames), scalar(@kafka), 'and only those are decoded';

    $camera = play(clip('plain.mp4'), seconds => 1.2);
    is scalar(grep { $_->{kafka} } $camera->frames), 0, 'none without Kafka';
};

subtest 'a first viewer between rare keyframes' => sub {
    my $camera = play(clip('rare.mp4'), seconds => 3, watch => 1.7);
    my ($watched) = $camera->events('WATCHED');
    my ($first) = $camera->live;

    cmp_ok $first->{ms} - $watched->{ms}, '<', 300, 'is served at once';
    cmp_ok $first->{age_us}, '<', 300000, 'with a fresh picture';
};

subtest 'B-frames and 4:4:4' => sub {
    # white grows from the left, eight columns with each picture
    my $clip = clip('b444.mp4', qw(-f lavfi -i),
        'color=black:size=640x360:rate=20:duration=4,format=yuv444p', '-vf',
        'geq=lum=\'16+219*lt(X\,N*8)\':cb=128:cr=128', @x264,
        qw(-g 80 -bf 3 -pix_fmt yuv444p));
    my $camera = play($clip, seconds => 3.5, watch => 1, frames => 1);
    my @live = $camera->live;
    my @white = map {
        scalar grep { $_ > 128 } unpack 'C*',
            substr gray($camera->jpeg($_->{n}), $folder), 640 * 100, 640
    } @live[1 .. 24];
    my @steps = map { $white[$_] - $white[ $_ - 1 ] } 1 .. $#white;

    cmp_ok abs(@live - 50), '<=', 5, 'all pictures: ' . @live;
    is $camera->counts->{broken}, 0, 'none broken';
    is scalar(grep { $_ < 6 } @steps), 0,
        'in the order in which they are shown' or diag "@steps";
};

subtest 'other codecs and containers' => sub {
    my @streams = (
        [ 'hevc.mp4', 'hevc', @moving, qw(-c:v libx265 -preset ultrafast),
            '-x265-params', 'log-level=none:keyint=20' ],
        [ 'plain.ts', 'h264', @plain ],
        [ 'plain.mkv', 'h264', @plain ],
        [ 'raw.h264', 'h264', @plain ],
        [ 'mpeg4.avi', 'mpeg4', @moving, qw(-c:v mpeg4 -g 20) ],
        [ 'vp8.webm', 'vp8', @moving, qw(-c:v libvpx -deadline realtime) ],
    );

    for (@streams) {
        my ($name, $codec, @arguments) = @$_;
        my $camera = play(clip($name, @arguments), seconds => 2.5,
            watch => 1);

        is $camera->stream->{codec}, $codec, "$name: codec";
        is $camera->stream->{width}, 640, "$name: width";
        cmp_ok abs($camera->live - 30), '<=', 6,
            "$name: pictures: " . $camera->live;
    }
};

subtest 'MJPEG is passed through' => sub {
    my $clip = clip('tree.avi', @moving, qw(-c:v mjpeg -q:v 4));
    my $single = "$folder/single.mjpeg";
    my $camera = play($clip, seconds => 2, watch => 0.5, frames => 1);

    system qw(ffmpeg -v error -y -i), $clip, qw(-c copy -f mjpeg), $single;
    open my $file, '<:raw', $single or die "$single: $!";
    my $all = do { local $/; <$file> };

    my @lost = grep { index($all, $camera->jpeg($_->{n})) < 0 }
        $camera->frames;

    cmp_ok scalar($camera->live), '>=', 25, 'pictures: ' . $camera->live;
    is scalar(@lost), 0, 'each is one of the file, byte for byte';

    $camera = play($clip, seconds => 1, frames => 1,
        configure => { quality => 50, quality_is_set => 'true' });
    cmp_ok index($all, $camera->jpeg(1)), '<', 0, 'quality= encodes anew';
    $camera = play($clip, seconds => 1, configure => { width => 320 });
    is(($camera->frames)[0]{size}, '320x180', 'width= too');
};

subtest 'a supervisor that is slow' => sub {
    # of one picture a second, each too large for the socket
    my @noise = qw(-f lavfi -i nullsrc=size=1280x720:rate=1:duration=8 -vf
        geq=lum=random(1)*255:cb=128:cr=128);
    my %clips = (
        'noise.mp4' => clip('noise.mp4', @noise, @x264, qw(-g 1 -crf 10)),
        'noise.avi' => clip('noise.avi', @noise, qw(-c:v mjpeg -q:v 2)),
    );

    for (sort keys %clips) {
        my $camera = play($clips{$_}, seconds => 6, watch => 0, pause => 2.5);
        my @after = grep { $_->{ms} >= 4500 && $_->{ms} < 4900 } $camera->live;

        is scalar(@after), 2, "$_: what was under way, and the newest";
        cmp_ok $after[1]{age_us}, '<', 1200000, "$_: it is the newest";
        cmp_ok $camera->counts->{late}, '>=', 1, "$_: the others are counted";
    }
};

subtest 'black and white' => sub {
    my $to = 'scale=out_range=tv:out_color_matrix=';
    my @clips = (
        [ 'bw601.mp4', '-vf', "${to}bt601", qw(-pix_fmt yuv420p
            -color_range tv -colorspace smpte170m) ],
        [ 'bw709.mp4', '-vf', "${to}bt709", qw(-pix_fmt yuv420p
            -color_range tv -colorspace bt709) ],
        [ 'bwfull.mp4', '-vf', 'scale=out_range=pc',
            qw(-pix_fmt yuvj420p -color_range pc) ],
        [ 'bw422.mp4', '-vf', "${to}bt601", qw(-pix_fmt yuv422p
            -color_range tv) ],
    );

    for my $width (0, 160) {
        for (@clips) {
            my ($name, @arguments) = @$_;
            my $clip = clip($name, @halves, @x264, qw(-crf 1 -g 10),
                @arguments);
            my $camera = play($clip, seconds => 1, frames => 1,
                configure => { width => $width, quality => 95 });
            my $gray = gray($camera->jpeg(1), $folder);
            my $w = $width || 320;
            my $row = substr $gray, $w * 50, $w;
            my ($black) = sort { $b <=> $a } unpack 'C*',
                substr $row, 8, $w / 2 - 24;
            my ($white) = sort { $a <=> $b } unpack 'C*',
                substr $row, $w / 2 + 16, $w / 2 - 24;

            cmp_ok $black, '<=', 3, "$name, width $width: black is $black";
            cmp_ok $white, '>=', 252, "$name, width $width: white is $white";
        }
    }
};

subtest 'shapes' => sub {
    my $clip = clip('anamorphic.mp4', qw(-f lavfi -i
        testsrc2=size=704x576:rate=10:duration=2), @x264,
        qw(-vf setsar=16/11 -g 10));

    my $camera = play($clip, seconds => 1, configure => { width => 640 });
    is(($camera->frames)[0]{size}, '640x360', 'pixels that are not square');
    $camera = play($clip, seconds => 1);
    is(($camera->frames)[0]{size}, '704x576', 'without width, as it comes');
};

subtest 'a size that changes' => sub {
    my $first = clip('small.h264', qw(-f lavfi -i
        testsrc2=size=320x240:rate=20:duration=1), @x264, qw(-g 20 -bf 0));
    my $second = clip('large.h264', qw(-f lavfi -i
        testsrc2=size=640x480:rate=20:duration=1), @x264, qw(-g 20 -bf 0));
    my $both = "$folder/both.h264";

    system "cat $first $second > $both";

    my $camera = play($both, seconds => 4, watch => 0,
        configure => { file_roots => $folder });
    my %sizes = map { $_->{size} => 1 } $camera->live;

    is_deeply [ sort keys %sizes ], [ '320x240', '640x480' ], 'is followed';
    cmp_ok scalar($camera->events('STREAM')), '>=', 3, 'and told';
};

subtest 'a hole in the recording' => sub {
    my $clip = clip('hole.mp4', qw(-f lavfi -i
        testsrc2=size=320x240:rate=20:duration=2), '-vf',
        'setpts=PTS+gte(N\,20)*6/TB', qw(-vsync vfr), @x264, qw(-g 20 -bf 0));
    my $camera = play($clip, seconds => 6, watch => 0);

    is $camera->reason, '', 'is no stall';
    cmp_ok abs($camera->live - 115), '<=', 10,
        'and not waited for: ' . $camera->live;

    # slow on purpose
    $clip = clip('slow.mp4', qw(-f lavfi -i
        testsrc2=size=320x240:rate=1/2:duration=8), @x264, qw(-g 1));
    $camera = play($clip, seconds => 7, watch => 0);
    is $camera->reason, '', 'a slow one is no stall';
    cmp_ok abs($camera->live - 4), '<=', 1, 'and keeps its pace: '
        . $camera->live;
};

subtest 'damaged files' => sub {
    my $path = clip('plain.mp4');
    my $cut = "$folder/cut.mp4";
    my $empty = write_file('empty.mp4', '');
    my $text = write_file('text.mp4', "not a video\n" x 1000);
    my $playlist = write_file('list.m3u8',
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:$path\n");
    my $concat = write_file('list.ffconcat',
        "ffconcat version 1.0\nfile $path\n");
    my %root = (configure => { file_roots => $folder }, seconds => 3);

    system "head -c 20000 $path > $cut";

    for ($cut, $empty, $text, $playlist, $concat) {
        my $camera = play($_, %root);

        like $camera->reason, qr/^(protocol_error|no_video|ended)$/,
            "$_: " . $camera->reason;
        is scalar($camera->frames), 0, 'no picture';
        ok length $camera->detail, 'says: ' . $camera->detail;
    }

    # cut off in the middle of its pictures: what is there is played for ever
    my $raw = "$folder/cut.h264";

    system 'head -c 60000 ' . clip('raw.h264') . " > $raw";
    my $camera = play($raw, %root, watch => 0);
    cmp_ok scalar($camera->live), '>', 20, 'a stream that is cut off loops';
};

subtest 'files that name others' => sub {
    my $path = clip('plain.mp4');
    my $relative = $path =~ s{^/}{}r; # safe to concat
    my %files = (
        'list.mp4' => "ffconcat version 1.0\nfile $relative\n",
        'dash.mp4' => '<?xml version="1.0"?><MPD '
            . 'xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            . 'mediaPresentationDuration="PT10S" profiles='
            . '"urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
            . '<AdaptationSet mimeType="video/mp4"><Representation id="1" '
            . "bandwidth=\"1000\"><BaseURL>file://$path</BaseURL>"
            . '</Representation></AdaptationSet></Period></MPD>',
        'hls.mp4' => "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
            . "file://$path\n",
        'udp.sdp' => "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\n"
            . "c=IN IP4 127.0.0.1\nt=0 0\nm=video 16890 RTP/AVP 96\n"
            . "a=rtpmap:96 H264/90000\n",
    );

    chdir '/';

    for (sort keys %files) {
        my $camera = play(write_file($_, $files{$_}), seconds => 2,
            configure => { file_roots => $folder });

        is $camera->reason, 'protocol_error', "$_ is not followed";
        is scalar($camera->frames), 0, "$_: no picture";
        like $camera->detail, qr/other files are not played/, "$_: says why";
    }

    chdir "$FindBin::Bin/../..";
};

subtest 'folders that may be read' => sub {
    my $clip = clip('plain.mp4');
    my ($in, $out) = ("$folder/in", "$folder/out");

    mkdir $_ for $in, $out, "$folder/in2";
    system 'cp', $clip, "$in/a.mp4";
    system 'cp', $clip, "$out/a.mp4";
    system 'cp', $clip, "$folder/in2/a.mp4";
    symlink "$out/a.mp4", "$in/link.mp4";
    symlink $out, "$in/folder";
    symlink "$in/a.mp4", "$in/inside.mp4";
    symlink $in, "$folder/name";
    POSIX::mkfifo("$in/fifo.mp4", 0600);

    my %root = (configure => { file_roots => $in }, seconds => 1);
    my %want = (
        "$in/a.mp4" => '',
        "$in/inside.mp4" => '',
        "$folder/name/a.mp4" => '',
        "$in/../in/a.mp4" => '',
        "$out/a.mp4" => 'source_denied',
        "$in/link.mp4" => 'source_denied',
        "$in/folder/a.mp4" => 'source_denied',
        "$in/../out/a.mp4" => 'source_denied',
        "$folder/in2/a.mp4" => 'source_denied',
        "$in/fifo.mp4" => 'source_denied',
        "$in" => 'source_denied',
        "/dev/zero" => 'source_denied',
        "/proc/self/environ" => 'source_denied',
        "$in/nothing.mp4" => 'not_found',
    );

    for (sort keys %want) {
        is play($_, %root)->reason, $want{$_}, $_ =~ s/^\Q$folder//r;
    }

    is play("$in/a.mp4", seconds => 1, configure => { file_roots => '' })
        ->reason, 'source_denied', 'no folder allowed';
    is play("$in/a.mp4", seconds => 1,
        configure => { file_roots => "$folder/none,$in/" })->reason, '',
        'the second of two';
    is play($clip, seconds => 1, configure => { max_pixels => 640 * 360 - 1 })
        ->reason, 'too_large', 'one pixel too many';
    is play($clip, seconds => 1, configure => { max_pixels => 640 * 360 })
        ->reason, '', 'just as many as allowed';
};

finish();
