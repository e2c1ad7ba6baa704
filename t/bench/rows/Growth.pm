# How costs grow with viewers and with cameras: exponents of curves of five
# points (1: twice as many cost twice as much), drawn in growth.svg.

package Growth;

use v5.36;

use List::Util qw(sum0);

use Vstream::Bench qw(median);
use Vstream::CameraServer;
use Vstream::Gateway qw(resident);
use Vstream::Ingest;
use Vstream::Peer qw(watched);
use Vstream::Plot;
use Vstream::Test;
use Vstream::Usage qw(cpu_seconds);

use constant { KIB => 1024, EXPONENT => 1.05 };

my %panels; # of each row

sub rows {
    return ('growth-viewers' => \&viewers, 'growth-spread' => \&spread,
        'growth-unwatched' => \&unwatched);
}


# CPU and memory of one nginx worker against the viewers of one camera, and
# its memory when they have gone.
sub viewers ($bench) {
    my @counts = (100, 200, 400, 800, 1500);
    my $gateway = Vstream::Gateway->start($bench, still => 0);
    my ($worker) = $gateway->nginx->new_workers;
    my (%cost, %memory, @quiet);

    $gateway->view(count => 2, path => '/live/c1/stream.mjpg');
    $gateway->dismiss;
    my $idle = resident($worker);

    for my $count (@counts, @counts) {
        my $run = $bench->quietly(sub {
            my $seen = watched($bench, $count, pids => [$worker],
                port => $gateway->nginx->port, warm => 0.7,
                paths => ['/live/c1/stream.mjpg'],
                seconds => $bench->seconds(1, 1.5));
            $gateway->dismiss;
            return $seen;
        });

        push @{ $cost{$count} }, $run->{us_per_picture};
        push @quiet, $run->{quiet};
        $memory{$count} //= $run->{kb};
    }

    sleep 4; # a camera that nobody watches is forgotten after two
    my $left = resident($worker);
    $gateway->stop;

    # As if all pictures had come, whatever the load has missed.
    my @cpu = map { [ $_, 30e-6 * $_ * median(@{ $cost{$_} }) ] } @counts;
    my @memory = map { [ $_, $memory{$_} ] } @counts;

    note_exponent($bench, 'nginx CPU against viewers', \@quiet, @cpu);
    $bench->note('RSS of nginx against viewers', unit => 'KiB/viewer',
        value => slope(@memory), gate => 16, aim => 12, points => \@memory);
    $bench->note('RSS of nginx when all have gone, of what it was before',
        value => $left / $idle, gate => 1.1, before => $idle, after => $left);

    draw($bench, 'viewers', {
        title => 'nginx, viewers of one camera at 30 fps', x => 'viewers',
        y => 'cores',
        series => [ { name => 'CPU', points => \@cpu }, gate_from(@cpu) ],
    }, {
        title => 'nginx, memory of a worker', x => 'viewers', y => 'MiB',
        series => [
            { name => 'RSS', points => [ map { [ $_->[0], $_->[1] / KIB ] }
                @memory ] },
            { name => '16 KiB each', gate => 1, points => [ map {
                [ $_, ($idle / KIB + 16 * $_) / KIB ] } @counts ] },
        ],
    });
}


# A thousand viewers over more and more cameras, 2 pictures a second each,
# beside the plain program doing that.  It makes its pictures itself; nginx gets
# each from Redis, which two viewers of a camera pay for, and a thousand hardly
# notice.  So what a frame costs to get is told, and the rest is judged.
sub spread ($bench) {
    my $fps = 2;
    my @counts = (1, 10, 100, 500);
    my %gate = (10 => 1.05, 100 => 1.15, 500 => 1.4);
    my (%ours, %limit, $received);

    for my $cameras (@counts) {
        my $seconds = $bench->seconds(1, 2);
        my @paths = map { "/live/c$_/stream.mjpg" } 1 .. $cameras;
        my $gateway = Vstream::Gateway->start($bench, fps => $fps, still => 0,
            cameras => $cameras);

        $gateway->view(count => 1000, paths => \@paths);
        sleep 0.5;
        $ours{$cameras} = $bench->quietly(sub {
            my $cost = $gateway->cost($seconds);
            my $share = $cost->{frames} * $cameras
                / (1000 * ($cost->{received} || 1));

            return { %$cost, disturbed => abs($share - 1) > 0.03 ? 1 : 0 };
        });
        $gateway->dismiss;
        $received = received($bench, $gateway, $cameras)
            if $cameras == $counts[-1];
        $gateway->stop;

        my $peer = Vstream::Peer->limit($bench, cameras => $cameras,
            fps => $fps);
        $limit{$cameras} = $bench->quietly(sub {
            return $peer->watched_by($bench, 1000, fps => $fps, warm => 0.5,
                seconds => $seconds, paths => \@paths);
        });
        $peer->stop;
    }

    my %cost = (
        'nginx' => sub ($n) { $ours{$n}{us_per_frame} },
        'nginx, sending' => sub ($n) {
            $ours{$n}{us_per_frame} - $received->{us} * $ours{$n}{received}
                / $ours{$n}{frames};
        },
        'limit' => sub ($n) { $limit{$n}{us_per_picture} },
    );
    my %curve = map { my $of = $cost{$_};
        $_ => { map { $_ => $of->($_) / $of->(1) } @counts } } keys %cost;

    for my $cameras (@counts[1 .. $#counts]) {
        my $name = "CPU of a picture, $cameras cameras to 1";

        $bench->note("$name, sending", gate => $gate{$cameras},
            value => $curve{'nginx, sending'}{$cameras},
            quiet => $received->{quiet} && $ours{1}{quiet}
                && $ours{$cameras}{quiet},
            runs => [ $ours{1}, $ours{$cameras}, $received ]);
        $bench->note($name, value => $curve{nginx}{$cameras});
        $bench->note("$name, limit", value => $curve{limit}{$cameras});
    }
    $bench->note('CPU of nginx to get a frame', unit => 'us',
        value => $received->{us});

    draw($bench, 'spread', {
        title => '1,000 viewers over more and more cameras', x => 'cameras',
        y => 'CPU of a picture, of that of one camera',
        series => [
            (map { my $of = $curve{$_};
                { name => $_, points => [ map { [ $_, $of->{$_} ] }
                    @counts ] } } sort keys %curve),
            { name => 'gate', gate => 1, points => [ [ 1, 1 ],
                map { [ $_, $gate{$_} ] } @counts[1 .. $#counts] ] },
        ],
    });
}

# CPU of nginx for a frame that it gets and shows to nobody: the only viewer of
# its camera wants one in a hundred seconds.
sub received ($bench, $gateway, $cameras) {
    $gateway->view(count => $cameras, paths => [ map {
        "/live/c$_/stream.mjpg?fps=0.01" } 1 .. $cameras ]);
    sleep 0.5;
    my $run = $bench->quietly(
        sub { $gateway->cost($bench->seconds(1, 2)) });
    $gateway->dismiss;

    return { %$run, us => 1e6 * $run->{nginx} / $run->{received} };
}


# Cameras that nobody watches: nginx does nothing for them, Redis and
# vstream-ingest the same for each.
sub unwatched ($bench) {
    my @counts = (2, 4, 8, 16, 32);
    my $gateway = Vstream::Gateway->start($bench, feed => 0);
    my $camera = http_camera('--file', clip('frames.mjpeg'), '--fps', 30);
    my $ingest = start_ingest($gateway->redis);
    my ($declared, %cpu, @quiet) = 0;

    for my $count (@counts) {
        declare($gateway->redis, 'camera-' . ++$declared,
            $camera->url('/video.mjpg')) while $declared < $count;
        wait_for(sub { are_there($gateway->redis, $count) }, 3 * patience())
            or die "cameras do not come\n";
        sleep 1.5;

        my @pids = $ingest->processes;
        my $run = $bench->quietly(sub {
            my $before = cpu_seconds(@pids);
            my $cost = $gateway->cost($bench->seconds(1, 2));

            return { %$cost, ingest => cpu_seconds(@pids) - $before };
        });

        push @quiet, $run->{quiet};
        push @{ $cpu{$_} }, [ $count, $run->{$_} / $run->{seconds} ]
            for qw(nginx redis ingest);
    }

    $_->stop for $ingest, $camera, $gateway;

    note_exponent($bench, "\u$_ CPU against cameras that nobody watches",
        \@quiet, @{ $cpu{$_} }) for qw(redis ingest);
    $bench->note("nginx CPU, $counts[-1] cameras that nobody watches",
        unit => 'cores', value => $cpu{nginx}[-1][1], gate => 0.005);

    draw($bench, 'unwatched', {
        title => 'Cameras that nobody watches, MJPEG at 30 fps',
        x => 'cameras', y => 'cores',
        series => [ (map { { name => $_, points => $cpu{$_} } }
            qw(ingest redis nginx)), gate_from(@{ $cpu{ingest} }) ],
    });
}

sub are_there ($redis, $count) {
    my @there = grep {
        (camera_status($redis, "camera-$_")->{state} // '') eq 'streaming';
    } 1 .. $count;

    return @there == $count;
}


# The exponent of a curve, of which these are the points.
sub note_exponent ($bench, $name, $quiet, @points) {
    $bench->note("$name, exponent", gate => EXPONENT, points => \@points,
        value => slope(map { [ log $_->[0], log $_->[1] ] } @points),
        quiet => !grep { !$_ } @$quiet);
}

# Where a curve may go that begins where this one does.
sub gate_from (@points) {
    my ($x, $y) = @{ $points[0] };

    return { name => 'exponent ' . EXPONENT, gate => 1, points => [ map {
        [ $_->[0], $y * ($_->[0] / $x) ** EXPONENT ] } @points ] };
}

# Of the straight line that comes nearest to these points.
sub slope (@points) {
    my ($x, $y) = map { my $i = $_; sum0(map { $_->[$i] } @points) / @points }
        0, 1;

    return sum0(map { ($_->[0] - $x) * ($_->[1] - $y) } @points)
        / sum0(map { ($_->[0] - $x) ** 2 } @points);
}

# All that has been measured so far.
sub draw ($bench, $row, @of_row) {
    my $plot = Vstream::Plot->new;

    $panels{$row} = \@of_row;
    $plot->panel(%$_) for map { @{ $panels{$_} // [] } }
        qw(viewers spread unwatched);
    $plot->write("$bench->{folder}/growth.svg");
}

1;
