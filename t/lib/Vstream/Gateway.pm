# A gateway that is measured: Redis, cameras that push one 720p JPEG, nginx on
# a core of its own, load on the others; and what its processes cost.

package Vstream::Gateway;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);
use List::Util qw(sum0);
use Time::HiRes qw(sleep time);

use Vstream::CameraServer;
use Vstream::Process;
use Vstream::Test;
use Vstream::Usage qw(cpu_seconds pin);

our @EXPORT_OK = qw(pinned resident);

my $count = 0;
my $cores = () = glob '/sys/devices/system/cpu/cpu[0-9]*';


# Options: cameras (1: c1 and so on), fps (30), still (true: renewed twice a
# second), feed (0: no cameras); the rest is for nginx, of one worker.
sub start ($class, $bench, %options) {
    my %of = (cameras => 1, fps => 30, still => 1, feed => 1,
        map { $_ => delete $options{$_} }
            grep { exists $options{$_} } qw(cameras fps still feed));
    my $self = bless { %of, bench => $bench, loads => [] }, $class;

    # As in conf/redis/redis.conf, and conf/nginx-tls.conf below.
    $self->{redis} = start_redis(arguments => [
        '--client-output-buffer-limit', 'pubsub 64mb 16mb 5' ]);
    pin(_cores('load'), $self->{redis}->pid);
    $self->feed if $of{feed};
    $self->{nginx} = start_nginx($self->{redis}, workers => 1,
        connections => 4, level => 'error', %options,
        main => 'worker_rlimit_nofile 16384;' . ($options{main} // ''),
        http => 'access_log off; keepalive_requests 1000000000; '
            . 'ssl_protocols TLSv1.2 TLSv1.3;' . ($options{http} // ''),
        server => 'location = /requests { stub_status; }'
            . ($options{server} // ''));
    pin(_cores('server'), $self->{nginx}->pid, $self->{nginx}->workers);
    $self->_wait_for_pictures if $of{feed};

    return $self;
}

sub redis ($self) { return $self->{redis} }
sub nginx ($self) { return $self->{nginx} }

# Starts the cameras.
sub feed ($self) {
    $self->{feeder} = $self->_program('feed',
        $self->{bench}->program('redis_feed'), '-p', $self->{redis}->port,
        '-a', $self->{redis}->password('admin'), '-f', $self->{fps}, '-n',
        $self->{cameras}, $self->{still} ? () : '-q', clip('frame.jpg'));
}

sub _wait_for_pictures ($self) {
    wait_for(sub {
        $self->{nginx}->get("/live/c$self->{cameras}/frame.jpg")->{status}
            == 200;
    }, 20) or croak 'no pictures';
}

sub _program ($self, $name, @command) {
    return Vstream::Process->start(
        log => folder() . "/$name" . ++$count . '.log',
        command => pinned('load', @command));
}

# Viewers, until they are dismissed.  Options: count; path, or paths that they
# take in turn; tls, http2 (true: over TLS, one path), streams (of one
# connection, 1), connections (that they need, where one has many cameras).
sub view ($self, %options) {
    my $nginx = $self->{nginx};
    my $connections = $options{connections}
        // $options{count} / ($options{streams} // 1);
    my @paths = @{ $options{paths} // [ $options{path} ] };
    my $before = $self->viewers;
    my @command = $options{tls} || $options{http2}
        ? ('h2load', '-t', 1, '-D', 3600, '-c', $connections,
            $options{http2} ? () : '--h1', '-m', $options{streams} // 1,
            $nginx->tls_url . $paths[0])
        : ($self->{bench}->program('mjpeg_load'), '-n', $connections, '-t',
            3600, $nginx->port, @paths);

    # On a machine that others use, some may be refused: then all come again.
    for (1 .. 3) {
        $self->load(@command);
        return if wait_for(sub {
            $self->viewers - $before >= 0.99 * $options{count};
        }, 20);
        _end(pop @{ $self->{loads} });
    }

    croak "$options{count} viewers do not come";
}

# A program of load, until it is dismissed.
sub load ($self, @command) {
    push @{ $self->{loads} }, $self->_program('load', @command);
}

sub dismiss ($self) {
    _end($_) for splice @{ $self->{loads} };
    wait_for(sub { $self->viewers == 0 }, 20);
}

# Samples of one name, summed.
sub metric ($self, $name) {
    my $text = $self->{nginx}->get('/metrics')->{content};

    return sum0($text =~ /^\Q$name\E(?:\{[^}]*\})? (\S+)$/mg);
}

sub viewers ($self) { return $self->metric('vstream_viewers') }

# What it costs for so many seconds, or as long as the code runs: { seconds,
# frames (that were sent), received, requests, nginx, redis (seconds of CPU),
# us_per_frame, us_per_request (of nginx) }.
sub cost ($self, $how) {
    my @workers = $self->{nginx}->new_workers;
    my %before = $self->_counted(@workers);

    ref $how ? $how->() : sleep $how;

    my %after = $self->_counted(@workers);
    my %of = map { $_ => $after{$_} - $before{$_} } keys %after;

    $of{requests} -= 2; # our own
    $of{us_per_frame} = $of{frames} ? 1e6 * $of{nginx} / $of{frames} : 0;
    $of{us_per_request} = $of{requests} > 0
        ? 1e6 * $of{nginx} / $of{requests} : 0;

    return \%of;
}

sub _counted ($self, @workers) {
    my $metrics = $self->{nginx}->get('/metrics')->{content};
    my ($requests) = $self->{nginx}->get('/requests')->{content}
        =~ /^ \d+ \d+ (\d+)/m;
    my ($sent, $received) = map {
        sum0($metrics =~ /^vstream_frames_${_}_total\{[^}]*\} (\S+)$/mg)
    } qw(sent received);

    return (seconds => time(), nginx => cpu_seconds(@workers),
        redis => cpu_seconds($self->{redis}->pid), requests => $requests,
        frames => $sent, received => $received);
}

sub stop ($self) {
    _end($_) for @{ $self->{loads} }, $self->{feeder} // ();
    $_->stop for $self->{nginx}, $self->{redis};
}

sub _end ($process) {
    $process->signal('KILL');
    $process->wait_end;
}


# Memory of a process that is there, in bytes.
sub resident ($pid) {
    open my $file, '<', "/proc/$pid/status" or croak "$pid: $!";
    return 1024 * ((join '', <$file>) =~ /^VmRSS:\s+(\d+)/m)[0];
}

# The first core serves, the others are for load; on one core both share it.
sub _cores ($who) {
    return $cores == 1 || $who eq 'server' ? '0'
        : $cores == 2 ? '1' : '1-' . ($cores - 1);
}

# A command that runs there.
sub pinned ($who, @command) {
    return [ '/usr/bin/taskset', '-c', _cores($who), @command ];
}

1;
