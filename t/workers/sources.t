#!/usr/bin/perl

# Each kind of source through the whole of vstream-ingest: its status, its
# stills, what is pushed and when.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my $password = 'a b:c@/%';
my $secret = write_file('password', "$password\n");
my $clip = clip('gop1s.mp4');
my $jpegs = clip('gop1s.mjpeg');

my $redis = start_redis();
my $digest = rtsp_camera('--mount', '/street', '--file', $clip,
    '--user', 'viewer', '--password-file', $secret);
my $basic = rtsp_camera('--auth', 'basic', '--mount', '/yard',
    '--file', $clip, '--user', 'viewer', '--password-file', $secret);
my $http = http_camera('--file', $jpegs, '--fps', '10');
my $ingest = start_ingest($redis,
    environment => { VSTREAM_CAMERA_STREET => "viewer:$password",
        VSTREAM_CAMERA_YARD => $password });

my %cameras = (
    digest => [ $digest->url('/street', '${STREET}'), 'h264', 320, 240, 15 ],
    basic => [ $basic->url('/yard', 'viewer:${YARD}'), 'h264', 320, 240, 15 ],
    mjpeg => [ $http->url('/video.mjpg'), 'mjpeg', 320, 240, 10 ],
    file => [ "file:$clip", 'h264', 320, 240, 15 ],
    pattern => [ 'test:', 'test', 1280, 720, 30 ],
);

# Pictures of a file of JPEGs, by checksum.
my %pictures = map { sha256_hex($_) => 1 }
    split /(?<=\xff\xd9)(?=\xff\xd8)/, Vstream::Ingest::read_file($jpegs);

# Width and height that ffmpeg finds when it decodes a JPEG; undef: it cannot.
sub decoded ($jpeg) {
    my $path = write_file('decoded.jpg', $jpeg);
    my $said = `ffmpeg -nostdin -v info -xerror -i $path -f null - 2>&1`;

    return $? == 0 && $said =~ /Video: mjpeg.*? (\d+x\d+)/ ? $1 : undef;
}

# The newest still: { id, t (seconds), w, h, jpeg }; undef: there is none.
sub still ($id) {
    my $entries = $redis->command('XREVRANGE', "vs:{$id}:still", '+', '-',
        'COUNT', 1);
    return undef if !@$entries;

    my %still = (id => $entries->[0][0], @{ $entries->[0][1] });
    $still{t} /= 1e6;

    return \%still;
}

# How many more there are of something in the status after so long, per second.
sub rate ($id, $field, $seconds) {
    my ($from, $before) = (time(), camera_status($redis, $id)->{$field});

    sleep $seconds;

    return (camera_status($redis, $id)->{$field} - $before)
        / (time() - $from);
}


for my $id (sort keys %cameras) {
    declare($redis, $id, $cameras{$id}[0]);
}

for my $id (sort keys %cameras) {
    my ($source, $codec, $width, $height, $fps) = @{ $cameras{$id} };

    my $status = camera_is($redis, $id, "$id: streams, with codec and size",
        state => 'streaming', reason => '', detail => '', codec => $codec,
        width => $width, height => $height, owner => 'replica-1');
    is $status->{dials}, 1, "$id: dialled once";
    is $status->{epoch}, epoch_of($redis, $id), "$id: epoch";

    ok wait_for(sub { still($id) }, patience()), "$id: has a still";
    my $still = still($id);
    is decoded($still->{jpeg}), "${width}x$height", "$id: which decodes";
    is "$still->{w}x$still->{h}", "${width}x$height", "$id: and has its size";
    like $still->{id}, qr/^$status->{epoch}-[1-9]\d*$/, "$id: and epoch";
    ok abs(time() - $still->{t}) < 10, "$id: and time";
    ok wait_for(sub {
        my $measured = camera_status($redis, $id)->{fps} // 0;
        $measured > 0.8 * $fps && $measured < 1.2 * $fps;
    }, patience()), "$id: about $fps fps"
        or diag explain camera_status($redis, $id);
}

is $digest->dials, 1, 'the camera with Digest says the same';
ok wait_for(sub { camera_status($redis, 'basic')->{keyframe_ms} }, 10)
    && abs(camera_status($redis, 'basic')->{keyframe_ms} - 1000) < 200,
    'a keyframe a second';


subtest 'without viewers' => sub {
    my $from = time();
    my %before = map { $_ => camera_status($redis, $_) } keys %cameras;

    sleep 4;

    for my $id (sort keys %cameras) {
        my $status = camera_status($redis, $id);
        my $frames = $status->{frames_published}
            - $before{$id}{frames_published};

        ok $frames >= 1 && $frames <= time() - $from + 1,
            "$id: a still a second at most" or diag $frames;
        is $status->{frames_dropped}, $before{$id}{frames_dropped},
            "$id: nothing is dropped";
        is $ingest->metric('vstream_ingest_camera_frames_pushed_total'
            . "{camera=\"$id\"}"), 0, "$id: nothing is pushed";
        cmp_ok $status->{heard_unix_us} / 1e6, '>', $from, "$id: is heard";
    }
};


subtest 'the first viewer' => sub {
    my @took;

    for my $id (sort keys %cameras) {
        my ($source, $codec, $width, $height, $fps) = @{ $cameras{$id} };
        my $viewer = Vstream::Subscriber->new($redis, $id);
        my $first = $viewer->frame;

        push @took, $first->{came} - $viewer->{since};
        is decoded($first->{jpeg}), "${width}x$height",
            "$id: gets a picture that decodes";
        cmp_ok $first->{came} - $first->{t}, '<', 1, "$id: a fresh one";

        my @frames = $viewer->frames(2);
        cmp_ok scalar @frames, '>', 0.5 * 2 * $fps, "$id: and all the others"
            or diag scalar @frames;

        my @bad = grep {
            $frames[$_]{epoch} != $frames[0]{epoch}
                || $frames[$_]{seq} <= $frames[ $_ - 1 ]{seq}
                || $frames[$_]{t} <= $frames[ $_ - 1 ]{t}
        } 1 .. $#frames;
        is @bad, 0, "$id: seq and time rise";
        is camera_status($redis, $id)->{dials}, 1, "$id: over one connection";

        if ($id eq 'mjpeg') {
            is_deeply [ grep { !$pictures{ sha256_hex($_->{jpeg}) } }
                @frames ], [], 'mjpeg: passed through byte for byte';
        }

        $viewer->close;
        ok wait_for(sub { !$ingest->camera($id)->{watched} }, patience()),
            "$id: leaves, and nobody watches";
    }

    # Five looks; one may have met a busy moment of this machine.
    my ($slowest, $second) = sort { $b <=> $a } @took;
    cmp_ok $second, '<', 0.8, 'within about half a second'
        or diag "@took";
    note "first picture after @took s";
};


subtest 'width, fps and quality' => sub {
    declare($redis, 'small', "file:$clip", width => 160, fps => 5);
    declare($redis, 'poor', $http->url('/video.mjpg'), quality => 5);
    declare($redis, 'good', "file:$clip", quality => 95);
    declare($redis, 'plain', "file:$clip");
    declare($redis, 'never', "file:$clip", still => 'off');

    my %frames;

    for my $id (qw(small poor good plain)) {
        camera_is($redis, $id, "$id: streams", state => 'streaming');
        my $viewer = Vstream::Subscriber->new($redis, $id);
        $viewer->frame;
        $frames{$id} = [ $viewer->frames(2) ];
        $viewer->close;
    }

    my @small = @{ $frames{small} };
    is decoded($small[-1]{jpeg}), '160x120', 'width: height follows';
    cmp_ok scalar @small, '<=', 12, 'fps: no more than asked for';
    cmp_ok scalar @small, '>=', 5, 'fps: and not much less';

    my %size = map { $_ => length $frames{$_}[-1]{jpeg} } keys %frames;
    cmp_ok $size{good}, '>', 1.3 * $size{plain}, 'quality: more bytes';
    is grep({ $pictures{ sha256_hex($_->{jpeg}) } } @{ $frames{poor} }), 0,
        'quality: MJPEG is encoded anew where it is asked for';
    cmp_ok $size{poor}, '<', $size{plain}, 'quality: fewer bytes';

    camera_is($redis, 'never', 'still=off: streams', state => 'streaming');
    is still('never'), undef, 'still=off: has none';
    withdraw($redis, qw(small poor good plain never));
};


subtest 'changed and withdrawn' => sub {
    declare($redis, 'pattern', 'test:', width => 640);
    ok wait_for(sub { (still('pattern') // {})->{w} == 640 }, patience()),
        'a changed camera starts anew';
    ok wait_for(sub { !keys %{ camera_status($redis, 'never') } },
        patience()), 'a withdrawn one has no status any more';
    ok wait_for(sub { !$ingest->camera('never') }, patience()),
        'and no process';
    is $redis->command('EXISTS', 'vs:{small}:lease'), 0, 'and no lease';
    is $redis->command('XLEN', 'vs:{small}:still'), 0, 'and no still';
    is $redis->command('EXISTS', 'vs:{small}:still'), 1,
        'but its stream stays, for the epoch';

    $redis->command('DEL', 'vs:{_}:set:tests', 'vs:{_}:cameras');
    $redis->command('SPUBLISH', 'vs:{_}:news', '*');
    sleep 0.5;
    is scalar $ingest->held, 5, 'a Redis without records withdraws nothing';
};

$_->stop for $digest, $basic, $http;
finish();
