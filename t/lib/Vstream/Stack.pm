# All of vstream with any number of cameras, on two cores: what is measured has
# one of them for itself, all that it needs shares the other one.

package Vstream::Stack;

use v5.36;

use Time::HiRes qw(sleep time);

use Vstream::Ingest;
use Vstream::Test;
use Vstream::Usage qw(children core_seconds cpu_seconds pin pss_kib);

use constant { MEASURED => 0, OTHERS => 1 };

# Seconds that nothing measured lasts.
use constant LONG => 600;


# Options: sources (cameras, as of Vstream::CameraServer, in turn; `path` of
# their URLs), measured ("redis" or "ingest"), nginx (how many, of one worker
# each), camera (hash of options of vstream_camera).
sub start ($class, %options) {
    my $redis = start_redis(arguments => [ $class->limits ]);
    my $core = $options{measured} eq 'ingest' ? MEASURED : OTHERS;
    my $ingest = start_ingest($redis, around => [ 'taskset', '-c', $core ]);
    my @nginx = map { start_nginx($redis, workers => 1, level => 'error') }
        1 .. $options{nginx} // 1;

    pin($options{measured} eq 'redis' ? MEASURED : OTHERS, $redis->pid);
    pin(OTHERS, map({ $_->pid } @{ $options{sources} }),
        map({ ($_->pid, children($_->pid)) } @nginx));

    my $self = bless { camera => {}, %options, redis => $redis, ids => [],
        ingest => $ingest, nginx => \@nginx }, $class;

    $self->{redis_bytes} = $self->redis_bytes;

    return $self;
}

# What conf/redis/redis.conf has for subscribers.
sub limits ($class) {
    return ('--client-output-buffer-limit', 'pubsub 64mb 16mb 5');
}

sub redis ($self)  { return $self->{redis} }
sub ingest ($self) { return $self->{ingest} }
sub ids ($self)    { return @{ $self->{ids} } }

# Declares or withdraws cameras until there are so many, and waits until all of
# them, and no others, are there.
sub set ($self, $count) {
    my @gone = splice @{ $self->{ids} },
        $count < @{ $self->{ids} } ? $count : @{ $self->{ids} };

    withdraw($self->{redis}, @gone) if @gone;

    while (@{ $self->{ids} } < $count) {
        my $n = @{ $self->{ids} };
        my $source = $self->{sources}[ $n % @{ $self->{sources} } ];

        declare($self->{redis}, "camera-$n", $source->url($self->{path}),
            %{ $self->{camera} });
        push @{ $self->{ids} }, "camera-$n";
    }

    return wait_for(sub {
        my @cameras = @{ $self->{ingest}->overview->{cameras} };

        return @cameras == $count
            && !grep { $_->{state} ne 'streaming' } @cameras;
    }, 2 * patience());
}

# One viewer of each camera at each nginx, until unwatch().
sub watch ($self, $bench) {
    for my $nginx (@{ $self->{nginx} }) {
        my $pid = open my $pipe, '-|', 'taskset', '-c', OTHERS,
            $bench->program('mjpeg_age'), $nginx->port, LONG, 1,
            map { "/live/$_/stream.mjpg" } $self->ids
            or die "mjpeg_age: $!";
        push @{ $self->{viewers} }, [ $pid, $pipe ];
    }

    wait_for(sub { !grep {
        $self->{redis}->subscribers("vs:{$_}:frame") != @{ $self->{nginx} }
    } $self->ids }, patience()) or die "nobody subscribes\n";
    sleep 1;
}

sub unwatch ($self) {
    for (@{ delete $self->{viewers} // [] }) {
        my ($pid, $pipe) = @$_;

        kill 'TERM', $pid;
        close $pipe;
    }
}

# What happens in so many seconds: frames pushed, stills, and CPU in seconds of
# Redis, of the supervisor, of the camera processes, and of the core of others.
sub run ($self, $seconds) {
    my $overview = $self->{ingest}->overview;
    my @processes = map { $_->{pid} } grep { $_->{pid} }
        @{ $overview->{cameras} };
    my $state = sub {
        return (calls($self->{redis}, 'spublish'),
            calls($self->{redis}, 'xadd'), cpu_seconds($self->{redis}->pid),
            cpu_seconds($self->{ingest}->pid), cpu_seconds(@processes),
            core_seconds(OTHERS), time);
    };
    my @before = $state->();
    sleep $seconds;
    my @after = $state->();
    my %run;

    @run{qw(frames stills redis supervisor cameras others seconds)}
        = map { $after[$_] - $before[$_] } 0 .. $#after;

    return { %run, processes => scalar @processes };
}

# How often this Redis has carried out a command.
sub calls ($redis, $command) {
    return $redis->command('INFO', 'commandstats')
        =~ /^cmdstat_$command:calls=(\d+)/m ? $1 : 0;
}

sub redis_bytes ($self) {
    return $self->{redis}->command('INFO', 'memory') =~ /^used_memory:(\d+)/m
        ? $1 : 0;
}

# Memory for each camera, in MiB: PSS of its process, and what Redis has.
sub memory ($self) {
    my @processes = map { $_->{pid} } grep { $_->{pid} }
        @{ $self->{ingest}->overview->{cameras} };

    return { process => pss_kib(@processes) / 1024 / @processes,
        redis => ($self->redis_bytes - $self->{redis_bytes}) / 1048576
            / @processes };
}

sub stop ($self) {
    $self->unwatch;
    $_->stop for @{ $self->{nginx} }, $self->{ingest}, $self->{redis},
        @{ $self->{sources} };
}

1;
