# How old a picture is when viewers have it, and where the time went: from the
# camera that made it, through vstream-ingest, Redis and nginx, to its last
# byte.  All clocks are one, that of this machine.
#
# An MJPEG camera says in each picture when it was made, and that passes
# through.  One of H.264 shows the number of each picture in its pixels, which
# a viewer finds again by decoding.

package Latency;

use v5.36;

use POSIX qw(ceil);

use Vstream::CameraServer;
use Vstream::Gateway qw(pinned);
use Vstream::Ingest;
use Vstream::Rtsp;
use Vstream::Test;
use Vstream::Viewer;

use constant FPS => 30;

# Blocks of a picture's upper edge, black or white, are the bits of its number.
use constant { BITS => 8, EDGE => 16 };

my $path = '/live/c1/stream.mjpg';

# Most that is ours, from a picture's last byte at ingest to that at a viewer,
# p50 and p99 in ms; how much of it is Redis's and nginx's.
my %budget = (1000 => [ 11, 35 ]);
my %fanout = (200 => [ 2.3, 8 ], 1000 => [ 10.7, 24 ]);
my @hop = (0.45, 1.5);
my $encoding = 7; # 1080p, decoded, made smaller, encoded

sub rows { return ('latency' => \&mjpeg, 'latency-h264' => \&h264) }


sub mjpeg ($bench) {
    my $camera = http_camera('--clock', '--fps', FPS, '--file',
        clip('frames.mjpeg'));
    my $stack = start($bench, $camera->url('/video.mjpg'));

    for my $viewers (1, 200, 1000) {
        my $run = $bench->quietly(sub { watched($bench, $stack, $viewers) });
        my @say = ($bench, $run, $viewers == 1 ? '1 viewer'
            : "$viewers viewers");

        stage(@say, 'camera to ingest', 'transfer');
        stage(@say, 'ingest to Redis', 'hop', @hop);
        stage(@say, 'Redis to last byte', 'fanout',
            @{ $fanout{$viewers} // [] });
        stage(@say, 'ingest to last byte', 'ours',
            @{ $budget{$viewers} // [] });
        stage(@say, 'made to last byte', 'all');
    }

    $camera->stop;
    $_->stop for @{ $stack->{servers} };
}

# Redis and nginx as in other rows, and vstream-ingest with one camera.
sub start ($bench, $source, %options) {
    my $gateway = Vstream::Gateway->start($bench, feed => 0);
    my $redis = $gateway->redis;
    my $ingest = start_ingest($redis, level => 'error',
        around => pinned('load'));

    declare($redis, 'c1', $source, %options);
    wait_for(sub {
        $gateway->nginx->get('/live/c1/frame.jpg')->{status} == 200;
    }, 3 * patience()) or die "the camera does not stream\n";

    return { gateway => $gateway, redis => $redis,
        servers => [ $ingest, $gateway ] };
}

# Some watch for a while, one at Redis: { stage => [ ms, sorted ] }.
sub watched ($bench, $stack, $viewers) {
    my $seconds = $bench->seconds(2, 6);
    my $file = folder() . '/times';
    my $frames = frame_times($bench, $stack, $seconds + 4);

    $bench->measured(@{ pinned('load', $bench->program('mjpeg_load'), '-n',
        $viewers, '-t', $seconds, '-o', $file,
        $stack->{gateway}->nginx->port, $path) });

    my %frames = $frames->();
    my %stage;

    open my $times, '<', $file or die "$file: $!\n";
    while (<$times>) {
        my ($seq, undef, $end) = split;
        my $frame = $frames{$seq} or next;

        push @{ $stage{fanout} }, $end - $frame->{came};
        push @{ $stage{ours} }, $end - $frame->{taken};
        push @{ $stage{all} }, $end - $frame->{made} if $frame->{made};
        $frame->{is_seen} = 1;
    }

    of_frames(\%stage, values %frames);

    return { stages => sorted_ms(\%stage) };
}

# Stages that a frame goes through once.
sub of_frames ($stage, @frames) {
    for my $frame (grep { $_->{is_seen} } @frames) {
        push @{ $stage->{hop} }, $frame->{came} - $frame->{taken};
        push @{ $stage->{transfer} }, $frame->{taken} - $frame->{made}
            if $frame->{made};
    }
}

sub sorted_ms ($stage) {
    return { map {
        $_ => [ map { $_ / 1000 } sort { $a <=> $b } @{ $stage->{$_} } ]
    } keys %$stage };
}

# Starts somebody who is subscribed.  What is returned waits for his end, and
# returns { seq => { taken, made, came } }.
sub frame_times ($bench, $stack, $seconds) {
    my $redis = $stack->{redis};
    my $command = pinned('load', $bench->program('frame_times'), '-p',
        $redis->port, '-a', $redis->password('admin'), '-n',
        'vs:{c1}:frame', '-d', $seconds);

    open my $pipe, '-|', @$command or die "frame_times: $!\n";

    return sub {
        my %frames;

        while (<$pipe>) {
            my (undef, $seq, $taken, $made, $came) = split;
            $frames{$seq} = { taken => $taken, made => $made, came => $came };
        }
        close $pipe or die "frame_times fails\n";

        return %frames;
    };
}

# Tells a stage by its p50 and its p99, each against its gate where it has one.
sub stage ($bench, $run, $of, $name, $stage, @gates) {
    my $ages = $run->{stages}{$stage} or die "no picture: $stage\n";
    my ($p50, $p99) = map { $ages->[ ceil($_ * @$ages) - 1 ] } 0.5, 0.99;
    my %how = (unit => 'ms', quiet => $run->{quiet});

    if (!@gates) {
        $bench->note("$name, p50, $of", %how, value => $p50, base => $p99,
            against => 'p99');
        return;
    }

    $bench->note("$name, p50, $of", %how, value => $p50, gate => $gates[0]);
    $bench->note("$name, p99, $of", %how, value => $p99, gate => $gates[1]);
}


# 1080p that is decoded, made smaller and encoded.
sub h264 ($bench) {
    my $log = write_file('sent', '');
    my @units = access_units(
        Vstream::Ingest::read_file(clip('numbered.h264')));
    my $camera = rtsp_server(sub ($client) { send_units($client, $log, @units) });
    my $stack = start($bench, "rtsp://127.0.0.1:$camera->{port}/street",
        width => 1280);

    for my $viewers (1, 200) {
        my $run = $bench->quietly(sub {
            numbered_watched($bench, $stack, $viewers, $log);
        });
        my @say = ($bench, $run, 'H.264, ' . ($viewers == 1 ? '1 viewer'
            : "$viewers viewers"));

        stage(@say, 'camera to ingest', 'transfer');
        stage(@say, 'ingest to Redis', 'hop', $encoding + $hop[0],
            $encoding + $hop[1]);
        stage(@say, 'Redis to last byte', 'fanout');
        stage(@say, 'ingest to last byte', 'ours');
        stage(@say, 'made to last byte', 'all');
    }

    $camera->signal('KILL')->wait_end;
    $_->stop for @{ $stack->{servers} };
}

# Sends them for ever, and notes when: "NUMBER MICROSECONDS".
sub send_units ($client, $log, @units) {
    my $start = time;

    open my $file, '>>', $log or return;
    $file->autoflush(1);

    for (my $n = 0;; $n++) {
        my $left = $start + $n / FPS - time;

        sleep $left if $left > 0;
        printf $file "%d %.0f\n", $n % @units, 1e6 * time;
        print $client rtp_packets(90000 / FPS * $n, $units[ $n % @units ])
            or return;
    }
}

# As watched(), by one viewer who keeps all pictures, among others.
sub numbered_watched ($bench, $stack, $viewers, $log) {
    my $gateway = $stack->{gateway};
    my $seconds = $bench->seconds(2, 6);

    $gateway->view(count => $viewers - 1, path => $path) if $viewers > 1;

    my $frames = frame_times($bench, $stack, $seconds + 2);
    my $viewer = Vstream::Viewer->watch($gateway->nginx, $path);
    my $warm = time + 1;
    my (@parts, %stage);

    while (time < $warm + $seconds) {
        my $part = $viewer->part(1) // next;
        push @parts, $part if $part->{came} > $warm;
    }
    $viewer->close;
    $gateway->dismiss;

    my %frames = $frames->();
    my @made = made($log, @parts);

    for my $n (0 .. $#parts) {
        my $frame = $frames{ $parts[$n]{headers}{'x-frame-seq'} } or next;
        my $end = 1e6 * $parts[$n]{came};

        @$frame{qw(made is_seen)} = ($made[$n], 1);
        push @{ $stage{fanout} }, $end - $frame->{came};
        push @{ $stage{ours} }, $end - $frame->{taken};
        push @{ $stage{all} }, $end - $frame->{made};
    }

    of_frames(\%stage, values %frames);

    return { stages => sorted_ms(\%stage) };
}

# When the pictures of these parts were sent, the last time before they came.
sub made ($log, @parts) {
    my @numbers = numbers(map { $_->{jpeg} } @parts);
    my %sent;

    for (split /\n/, Vstream::Ingest::read_file($log)) {
        my ($number, $time) = split;
        push @{ $sent{$number} }, $time;
    }

    return map {
        my $came = 1e6 * $parts[$_]{came};
        my @before = grep { $_ < $came } @{ $sent{ $numbers[$_] } // [] };

        $before[-1] // die "picture $numbers[$_] was not sent\n";
    } 0 .. $#parts;
}

# The numbers in their pixels.
sub numbers (@jpegs) {
    my $path = write_file('seen.mjpeg', join '', @jpegs);

    open my $pipe, '-|:raw', qw(ffmpeg -nostdin -v error -f mjpeg -i), $path,
        '-vf', "crop=iw:@{[ EDGE ]}:0:0,scale=@{[ BITS ]}:1:flags=area,format=gray",
        qw(-vsync 0 -f rawvideo -) or die "ffmpeg: $!\n";
    my $luma = do { local $/; <$pipe> };
    close $pipe or die "ffmpeg fails\n";

    return map { oct '0b' . join '', reverse map { $_ > 127 ? 1 : 0 }
        unpack 'C*', $_ } unpack "(a@{[ BITS ]})*", $luma;
}

1;
