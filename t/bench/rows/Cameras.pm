# What cameras cost: a picture decoded and shown, against the sum of what must
# be done for it; and how many cameras one core takes in.

package Cameras;

use v5.36;

use List::Util qw(max min);

use Vstream::CameraServer;
use Vstream::Stack;
use Vstream::Test;

use constant FPS => 30;

# Of their frames, cameras that fit on a core show so many.
use constant SHOWN => 0.99;

# One that nobody watches gives a still for each keyframe, that is, each second.
use constant STILLS => 0.95;

my %modes = (
    'MJPEG passed through, watched' => {
        watched => 1, first => 6, source => sub {
            return map { http_camera('--file', clip('frames.mjpeg'), '--fps',
                FPS) } 1 .. 4;
        }, path => '/video.mjpg',
    },
    'H.264 1080p30, keyframes alone' => {
        first => 6, gate => 30, source => \&camera, path => '/hd',
    },
    'H.264 1080p30 to JPEG 720p30, watched' => {
        watched => 1, first => 1, gate => 2.5, aim => 3, source => \&camera,
        path => '/hd', camera => { width => 1280 },
    },
);

sub rows {
    return ('decode-cpu' => \&decode, 'cameras-per-core' => \&per_core);
}
sub quick { return 'decode-cpu' }

sub camera {
    return rtsp_camera('--mount', '/hd', '--file', clip('hd30.mp4'));
}


# CPU of a camera process for a picture, against the primitives alone.
sub decode ($bench) {
    my $seconds = $bench->seconds(1, 4);
    my $stack = Vstream::Stack->start(measured => 'ingest', path => '/hd',
        sources => [ camera() ], camera => { width => 1280 });

    $stack->set(1) or die "the camera does not come\n";

    my @pairs = $bench->interleaved(
        ours => sub {
            $stack->watch($bench);
            my $run = $stack->run($seconds);
            $stack->unwatch;
            return { %$run, us_per_frame => $run->{cameras} * 1e6
                / ($run->{frames} || 1) };
        },
        'primitives' => sub {
            $bench->measured('/usr/bin/taskset', '-c',
                Vstream::Stack::MEASURED, $bench->program('decode_frames'),
                '-f', clip('hd30.mp4'), '-r', FPS, '-d', $seconds);
        });

    $bench->judge('camera process CPU/frame, 1080p to 720p', pairs => \@pairs,
        ours => 'ours', base => 'primitives', figure => 'us_per_frame',
        unit => 'us', gate => 1.25, aim => 1.1);
    $stack->stop;
}


sub per_core ($bench) {
    mode($bench, $_, $modes{$_}) for sort keys %modes;
}

# Adds cameras until frames are missing, then takes some away again.
sub mode ($bench, $name, $mode) {
    my $stack = Vstream::Stack->start(measured => 'ingest',
        sources => [ $mode->{source}->() ],
        map({ $_ => $mode->{$_} } grep { $mode->{$_} } qw(path camera)));
    my $count = $mode->{first};
    my ($first, $best, $over);

    while ($count) {
        my $run = $stack->set($count) ? tried($bench, $stack, $mode)
            : { fits => 0, processes => $count };

        $first //= $run;
        $best = { %$run, memory => $stack->memory } if $run->{fits};
        $over = $run if !$run->{fits};
        $count = next_count($best, $over);
    }

    describe($bench, "$name:", $mode, $first, $best) if $best;
    $bench->note("$name: cameras per core", gate => $mode->{gate},
        aim => $mode->{aim}, more => 1, value => $best ? $best->{processes} : 0,
        quiet => ($best // $first // {})->{quiet} // 0);
    $stack->stop;
}

# As many as seem to fit, between what did and what did not; 0: that is known.
sub next_count ($best, $over) {
    my $fit = $best ? $best->{processes} : 0;
    my $least = $fit + max(1, int($fit / 12));
    my $count = $best ? max($least, min(3 * $fit,
        int(0.95 * $fit / ($best->{core} || 1)))) : 0;

    return $count if !$over;
    return 0 if !$best || $least >= $over->{processes};
    return min($count, int(($fit + $over->{processes}) / 2));
}

sub tried ($bench, $stack, $mode) {
    my $seconds = $bench->seconds(2, 4);

    return $bench->quietly(sub {
        $stack->watch($bench) if $mode->{watched};
        my $run = $stack->run($seconds);
        $stack->unwatch;

        my ($seen, $share) = $mode->{watched} ? ($run->{frames}, FPS * SHOWN)
            : ($run->{stills}, STILLS);
        return { %$run, core => ($run->{cameras} + $run->{supervisor})
            / $run->{seconds},
            fits => $seen >= $share * $run->{processes} * $run->{seconds} };
    });
}

# Of a core, for each camera; where few have it for themselves, and where it is
# full.
sub describe ($bench, $name, $mode, $first, $best) {
    my $each = sub ($run, $what) {
        return 100 * $run->{$what} / $run->{seconds} / $run->{processes};
    };

    $bench->note("$name its process", unit => '%',
        value => $each->($first, 'cameras'));
    $bench->note("$name supervisor", unit => '%',
        value => $each->($first, 'supervisor'));
    $bench->note("$name Redis", unit => '%', value => $each->($first, 'redis'));
    $bench->note("$name memory of its process", unit => 'MiB',
        value => $best->{memory}{process});
    $bench->note("$name memory in Redis", unit => 'MiB',
        value => $best->{memory}{redis});
    $bench->note("$name core with most of them", unit => '%',
        value => 100 * $best->{core});
    $bench->note("$name core of all others then", unit => '%',
        value => 100 * $best->{others} / $best->{seconds});
    $bench->note("$name cameras at 70 % of a core", value => 0.7
        * $best->{processes} / $best->{core});
}

1;
