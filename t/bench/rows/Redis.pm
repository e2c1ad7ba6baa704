# What frames cost Redis: vstream-ingest and nginx workers with viewers,
# against the same bytes published and read with nothing around them.

package Redis;

use v5.36;

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Test;
use Vstream::Usage qw(children cpu_seconds pin);

# Redis has a core of its own; all others share the other one.
use constant { REDIS_CORE => 0, LOAD_CORE => 1, FPS => 30, WORKERS => 2 };

# Cameras' pictures do not come all at once.
use constant SERVERS => 4;

# How much of a core Redis may be busy.
use constant BUSY => 0.7;

sub rows { return ('redis-cpu' => \&cpu, 'redis-cameras' => \&cameras) }
sub quick { return 'redis-cpu' }


# CPU that Redis uses for a frame.
sub cpu ($bench) {
    my $stack = start($bench->seconds(12, 24));
    my $seconds = $bench->seconds(2, 3);
    my $bare = start_redis(arguments => [ limits() ]);

    pin(REDIS_CORE, $bare->pid);

    my @pairs = $bench->interleaved(
        ours => sub { watched($bench, $stack, $seconds) },
        bare => sub {
            frames($bench, $bare, $stack->{cameras} * FPS, $stack->{cameras},
                $seconds);
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

    $_->stop for @{ $stack->{servers} }, $bare;
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
    my $redis = start_redis(arguments => [ limits() ]);
    my $seconds = $bench->seconds(3, 6);
    my @on = ('taskset', '-c', LOAD_CORE);

    pin(REDIS_CORE, $redis->pid);
    open my $readers, '-|', @on, $bench->program('redis_frames'), '-p',
        $redis->port, '-a', $redis->password('admin'), '-f', frame(), '-r', 0,
        '-n', 'vs:{camera-%d}:frame', '-c', $cameras, '-w', WORKERS, '-d',
        $seconds + 1 or die "redis_frames: $!";
    open my $publisher, '-|', @on, $bench->program('publish_frames'), '-b',
        $redis->url('ingest'), '-f', frame(), '-c', $cameras, '-r',
        $cameras * FPS, '-d', $seconds + 1 or die "publish_frames: $!";
    sleep 1.5;

    my $used = used($redis, 'spublish', $seconds);
    my $read = decode_json(<$readers> // die "redis_frames says nothing
");
    my $sent = decode_json(<$publisher> // die "publish_frames fails
");

    $redis->stop;

    return { %$used, delivered => $read->{delivered} / ($cameras * FPS),
        sent => $sent };
}

# As conf/redis/redis.conf has it.
sub limits {
    return ('--client-output-buffer-limit', 'pubsub 64mb 16mb 5');
}

# Cameras that are passed through, and two nginx of one worker.
sub start ($cameras) {
    my $redis = start_redis(arguments => [ limits() ]);
    my @sources = map {
        http_camera('--file', clip('frames.mjpeg'), '--fps', FPS)
    } 1 .. SERVERS;
    my $ingest = start_ingest($redis, around => [ 'taskset', '-c', LOAD_CORE ]);
    my @nginx = map { start_nginx($redis, workers => 1, level => 'error') }
        1 .. WORKERS;
    my @ids = map { "camera-$_" } 0 .. $cameras - 1;

    pin(REDIS_CORE, $redis->pid);
    pin(LOAD_CORE, map({ $_->pid } @sources),
        map({ ($_->pid, children($_->pid)) } @nginx));
    declare($redis, $ids[$_], $sources[$_ % SERVERS]->url('/video.mjpg'))
        for 0 .. $#ids;
    wait_for(sub { !grep {
        (camera_status($redis, $_)->{state} // '') ne 'streaming' } @ids },
        3 * patience()) or die "cameras do not come\n";

    return { redis => $redis, nginx => \@nginx, ids => \@ids,
        cameras => $cameras,
        servers => [ @nginx, $ingest, $redis, @sources ] };
}

# One viewer of each camera at each nginx.
sub watched ($bench, $stack, $seconds) {
    my @pipes = map {
        viewers($bench, $_->port, $seconds + 3, map { "/live/$_/stream.mjpg" }
            @{ $stack->{ids} });
    } @{ $stack->{nginx} };

    wait_for(sub { !grep {
        $stack->{redis}->subscribers("vs:{$_}:frame") != WORKERS }
        @{ $stack->{ids} } }, patience()) or die "nobody subscribes\n";
    sleep 1;

    my $used = used($stack->{redis}, 'spublish', $seconds);
    my @seen = map { scalar <$_> } @pipes;

    $_ && /"pictures":[1-9]/ or die "viewers saw nothing\n" for @seen;

    return $used;
}

sub viewers ($bench, $port, $seconds, @paths) {
    open my $pipe, '-|', 'taskset', '-c', LOAD_CORE,
        $bench->program('mjpeg_age'), $port, $seconds, 1, @paths
        or die "mjpeg_age: $!";

    return $pipe;
}

# The same number of channels and frames, to two readers.
sub frames ($bench, $redis, $rate, $channels, $seconds) {
    open my $pipe, '-|', 'taskset', '-c', LOAD_CORE,
        $bench->program('redis_frames'), '-p', $redis->port, '-a',
        $redis->password('admin'), '-f', frame(), '-r', $rate, '-c',
        $channels, '-w', WORKERS, '-d', $seconds + 1
        or die "redis_frames: $!";
    sleep 1.5;

    my $used = used($redis, 'publish', $seconds);
    my $said = decode_json(<$pipe> // die "redis_frames says nothing\n");

    die "readers of redis_frames were cut\n"
        if $said->{delivered} < 0.9 * $said->{published};

    return $used;
}

# CPU of this Redis for each of the commands that bring a frame.
sub used ($redis, $command, $seconds) {
    my @before = (cpu_seconds($redis->pid), calls($redis, $command), time);
    sleep $seconds;
    my @after = (cpu_seconds($redis->pid), calls($redis, $command), time);
    my ($cpu, $calls, $took) = map { $after[$_] - $before[$_] } 0 .. 2;

    return { us_per_frame => $cpu * 1e6 / ($calls || 1),
        frames_per_second => $calls / $took, core => $cpu / $took };
}

sub calls ($redis, $command) {
    return $redis->command('INFO', 'commandstats')
        =~ /^cmdstat_$command:calls=(\d+)/m ? $1 : 0;
}

# One of the pictures of the clip, in a file.
sub frame {
    my $path = folder() . '/frame.jpg';

    return $path if -s $path;

    open my $clip, '<:raw', clip('frames.mjpeg') or die "$!";
    read $clip, my $bytes, 1 << 20;

    return write_file($path, substr $bytes, 0,
        index($bytes, "\xff\xd9\xff\xd8") + 2);
}

1;
