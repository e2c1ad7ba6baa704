# What frames cost Redis: vstream-ingest and nginx workers with viewers,
# against the same bytes published and read with nothing around them.

package Redis;

use v5.36;

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Stack;
use Vstream::Test;
use Vstream::Usage qw(cpu_seconds pin);

use constant { FPS => 30, WORKERS => 2 };

# Cameras' pictures do not come all at once.
use constant SERVERS => 4;

# How much of a core Redis may be busy.
use constant BUSY => 0.7;

sub rows { return ('redis-cpu' => \&cpu, 'redis-cameras' => \&cameras) }
sub quick { return 'redis-cpu' }


# CPU that Redis uses for a frame.
sub cpu ($bench) {
    my $cameras = $bench->seconds(12, 24);
    my $seconds = $bench->seconds(1, 3);
    my $bare = start_redis(arguments => [ Vstream::Stack->limits ]);
    my $stack = Vstream::Stack->start(measured => 'redis', nginx => WORKERS,
        path => '/video.mjpg', sources => [ map {
            http_camera('--file', clip('frames.mjpeg'), '--fps', FPS)
        } 1 .. SERVERS ]);

    pin(Vstream::Stack::MEASURED, $bare->pid);
    $stack->set($cameras) or die "cameras do not come\n";

    my @pairs = $bench->interleaved(
        ours => sub {
            $stack->watch($bench);
            my $run = $stack->run($seconds);
            $stack->unwatch;
            result($run->{redis}, $run->{frames}, $run->{seconds});
        },
        bare => sub {
            frames($bench, $bare, $cameras * FPS, $cameras, $seconds);
        });

    $bench->judge('Redis CPU/frame, W=2', pairs => \@pairs, ours => 'ours',
        base => 'bare', figure => 'us_per_frame', unit => 'us', gate => 1.3,
        aim => 1.1);

    my ($busiest) = sort { $b <=> $a }
        map { $_->{ours}{us_per_frame} } grep { $_->{ours}{quiet} } @pairs;

    $bench->note('cameras per Redis at 70 %, W=2', more => 1, gate => 150,
        aim => 200, quiet => defined $busiest ? 1 : 0,
        value => BUSY * 1e6 / FPS
            / ($busiest // $pairs[0]{ours}{us_per_frame}));

    $_->stop for $stack, $bare;
}

sub result ($cpu, $frames, $seconds) {
    return { us_per_frame => $cpu * 1e6 / ($frames || 1),
        frames_per_second => $frames / $seconds, core => $cpu / $seconds };
}

# The same number of channels and frames, to two readers.
sub frames ($bench, $redis, $rate, $channels, $seconds) {
    my $pipe = others($bench, 'redis_frames', '-p', $redis->port, '-a',
        $redis->password('admin'), '-f', clip('frame.jpg'), '-r', $rate, '-c',
        $channels, '-w', WORKERS, '-d', $seconds + 1);
    sleep 1.5;

    my $result = used($redis, 'publish', $seconds);
    my $said = decode_json(<$pipe> // die "redis_frames says nothing\n");

    die "readers of redis_frames were cut\n"
        if $said->{delivered} < 0.9 * $said->{published};

    return $result;
}

# Starts a program of the bench away from what is measured.
sub others ($bench, $program, @arguments) {
    open my $pipe, '-|', 'taskset', '-c', Vstream::Stack::OTHERS,
        $bench->program($program), @arguments or die "$program: $!";

    return $pipe;
}

# CPU of this Redis for each of the commands that bring a frame.
sub used ($redis, $command, $seconds) {
    my $state = sub {
        return (cpu_seconds($redis->pid),
            Vstream::Stack::calls($redis, $command), time);
    };
    my @before = $state->();
    sleep $seconds;
    my @after = $state->();

    return result(map { $after[$_] - $before[$_] } 0 .. 2);
}

# As many cameras as one Redis is to carry, without the processes that they
# would need: this machine has no room for those.
sub cameras ($bench) {
    for my $cameras (150, 200) {
        my $run = $bench->quietly(sub { carried($bench, $cameras) });

        $bench->note("Redis with $cameras cameras, W=2", unit => 'core',
            value => $run->{core}, gate => BUSY, quiet => $run->{quiet});
        $bench->note("its frames that come, of $cameras cameras", more => 1,
            value => $run->{delivered}, gate => 0.99, quiet => $run->{quiet});
    }
}

# So many cameras, published by the room of vstream-ingest.
sub carried ($bench, $cameras) {
    my $redis = start_redis(arguments => [ Vstream::Stack->limits ]);
    my $seconds = $bench->seconds(3, 6);

    pin(Vstream::Stack::MEASURED, $redis->pid);

    my $readers = others($bench, 'redis_frames', '-p', $redis->port, '-a',
        $redis->password('admin'), '-f', clip('frame.jpg'), '-r', 0, '-n',
        'vs:{camera-%d}:frame', '-c', $cameras, '-w', WORKERS, '-d',
        $seconds + 1);
    my $publisher = others($bench, 'publish_frames', '-b',
        $redis->url('ingest'), '-f', clip('frame.jpg'), '-c', $cameras, '-r',
        $cameras * FPS, '-d', $seconds + 1);
    sleep 1.5;

    my $result = used($redis, 'spublish', $seconds);
    my $read = decode_json(<$readers> // die "redis_frames says nothing\n");
    my $sent = decode_json(<$publisher> // die "publish_frames fails\n");

    $redis->stop;

    return { %$result, delivered => $read->{delivered} / ($cameras * FPS),
        sent => $sent };
}

1;
