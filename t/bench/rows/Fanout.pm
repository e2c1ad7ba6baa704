# What it costs to show pictures to many: vstream against a plain program that
# does no more than it must, and against what others use for it.

package Fanout;

use v5.36;

use FindBin;
use List::Util qw(sum0);

use Vstream::CameraServer;
use Vstream::Gateway qw(pinned);
use Vstream::Peer qw(watched);
use Vstream::Process;
use Vstream::Test;

use constant {
    FPS => 30,
    LATE => 0.03,  # share of pictures that may be late or early
    SELDOM => 0.01,  # what is done now and then, but not for each picture
    WATCHED_BY_FEW => 20,
    WATCHED_BY_MANY => 200,
    PATH => '/live/c1/stream.mjpg',
};

my $top = "$FindBin::Bin/../..";

sub rows {
    return ('fanout-viewers' => \&viewers, 'fanout-cpu' => \&cpu,
        'fanout-calls' => \&calls, 'fanout-stalled' => \&stalled);
}

sub quick { return qw(fanout-cpu fanout-calls fanout-stalled) }


# One worker as conf/nginx-tls.conf has it, but without TLS and the bounds on
# one address.  Options are those of Vstream::Gateway.
sub gateway ($bench, %options) {
    my $conf = production();
    my ($listen) = $conf =~ /^ +listen 443 ssl http2 (.*);$/m;
    my ($connections) = $conf =~ /^ +vstream_redis .* connections=(\d+);$/m;
    my ($sockets) = $conf =~ /^ +worker_connections (\d+);$/m;
    my ($level) = $conf =~ /^error_log \S+ (\w+);$/m;
    my @times = $conf =~ /^[ ]+(
        (?:(?:client|keepalive|send|vstream)_\w*timeout
        |reset_timedout_connection)[ ].*;)$/mgx;

    return Vstream::Gateway->start($bench, listen => $listen,
        connections => $connections, sockets => $sockets, level => $level,
        server => join("\n", @times, "vstream_max_viewers $sockets;"),
        %options);
}

sub production {
    open my $file, '<', "$top/conf/nginx-tls.conf" or die "$!\n";
    local $/;
    return <$file>;
}

sub vstream_watched ($bench, $gateway, $viewers, %options) {
    my $nginx = $gateway->nginx;

    return watched($bench, $viewers, port => $nginx->port,
        paths => [PATH], pids => [ $nginx->workers ],
        %options);
}

# A peer that is there for this run alone.
sub peer_watched ($bench, $name, $viewers, %options) {
    my $peer = Vstream::Peer->$name($bench, delete $options{kind} // ());
    my $result = $peer->watched_by($bench, $viewers, %options);

    $peer->stop;

    return $result;
}


# CPU of one picture to one viewer, and how old it is when it is there.
sub cpu ($bench) {
    my $gateway = gateway($bench);
    my %options = (seconds => $bench->seconds(1.2, 2), warm => 0.5);

    for my $viewers (1000, 200) {
        my @pairs = $bench->interleaved(
            vstream => sub {
                in_time(vstream_watched($bench, $gateway, $viewers, %options));
            },
            limit => sub {
                in_time(peer_watched($bench, 'limit', $viewers, %options));
            },
            Nchan => sub {
                in_time(peer_watched($bench, 'nchan', $viewers, %options));
            },
            $viewers == 200 ? (Redis => sub { hop($bench, $gateway) }) : ());

        for (['limit', 1.25, 1.12], ['Nchan', 1, 0.9]) {
            my ($base, $gate, $aim) = @$_;

            $bench->judge("CPU/picture, $viewers viewers", pairs => \@pairs,
                ours => 'vstream', base => $base, figure => 'us_per_picture',
                unit => 'us', gate => $gate, aim => $aim);
        }
        judge_age($bench, @pairs) if $viewers == 200;
    }
    $gateway->stop;
}

# CPU of a picture says nothing where pictures wait: such a run was disturbed.
sub in_time ($result) {
    $result->{disturbed} = 1 if abs($result->{delivered} - 1) > LATE;
    return $result;
}

# One publisher and one subscriber, and nothing else.
sub hop ($bench, $gateway) {
    my $redis = $gateway->redis;

    return $bench->measured(@{ pinned('load', $bench->program('redis_frames'),
        '-p', $redis->port, '-a', $redis->password('admin'),
        '-f', clip('frame.jpg'), '-c', 1, '-r', 30, '-w', 1,
        '-d', $bench->seconds(1.2, 2)) });
}

# From being published to the last byte, against the sum of what cannot be
# left out.
sub judge_age ($bench, @pairs) {
    for my $pair (@pairs) {
        $pair->{'Redis + limit'} = {
            p50_ms => $pair->{Redis}{p50_us} / 1e3 + $pair->{limit}{p50_ms},
            quiet => $pair->{Redis}{quiet} && $pair->{limit}{quiet},
        };
    }

    $bench->judge('age of a picture, 200 viewers', pairs => \@pairs,
        ours => 'vstream', base => 'Redis + limit', figure => 'p50_ms',
        unit => 'ms', gate => 1.3, aim => 1.15);
}


# The most viewers that get every picture, of one core.
sub viewers ($bench) {
    my $gateway = gateway($bench);
    my %expected = ('Flask, shared' => 250, 'Flask, encode' => 7);
    my %of = (
        vstream => sub ($n, %options) {
            vstream_watched($bench, $gateway, $n, %options);
        },
        limit => sub ($n, %options) {
            peer_watched($bench, 'limit', $n, %options);
        },
        map {
            my $kind = $_;

            ("Flask, $kind" => sub ($n, %options) {
                peer_watched($bench, 'flask', $n, %options, kind => $kind);
            });
        } qw(shared encode));
    my %code = map {
        my $name = $_;

        ($name => sub {
            $expected{$name} //= guess($of{$name});
            my $result = $bench->most($expected{$name}, 0.02, sub ($n) {
                complete($of{$name}->($n, warm => 0.7, seconds => 2.5));
            });

            $expected{$name} = $result->{most};
            return $result;
        });
    } keys %of;
    my @all = $bench->in_turn($bench->seconds(1, 3), %code);
    my @pairs = (@all, $bench->in_turn($bench->seconds(0, 2),
        map { $_ => $code{$_} } qw(vstream limit)));

    $bench->judge('viewers of a core', pairs => \@pairs, ours => 'vstream',
        base => 'limit', figure => 'most', more => 1, gate => 0.8, aim => 0.9);
    for (['Flask, shared', 4.5, 5.5], ['Flask, encode', 150, 200]) {
        my ($base, $gate, $aim) = @$_;

        $bench->judge('viewers of a core', pairs => \@all, ours => 'vstream',
            base => $base, figure => 'most', more => 1, gate => $gate,
            aim => $aim);
    }
    $gateway->stop;
}

# How many there may be, by what some cost.
sub guess ($watched) {
    my $result = $watched->(500, warm => 0.5, seconds => 1);

    return int(1e6 / FPS / $result->{us_per_picture});
}

# Has everybody got all pictures, but for one a second?
sub complete ($result) {
    $result->{good} = $result->{delivered} >= 0.99 && $result->{lost} == 0
        && $result->{fps_min} >= FPS - 1;
    return $result;
}


# Calls, allocations and copies for one picture to one viewer.
sub calls ($bench) {
    $bench->note('writes/picture', value => writes($bench), gate => 1.05);

    my ($allocations, $pictures) = asked_of_libc($bench);

    $bench->note('allocations/picture', value => $allocations,
        gate => SELDOM);
    $bench->note('copies of a picture', value => $pictures, gate => SELDOM);
}

# By strace, from before the viewers come until they have gone.  Each of them
# has got the head of an answer, besides.
sub writes ($bench) {
    my $gateway = gateway($bench);
    my $log = folder() . '/strace';
    my ($worker) = $gateway->nginx->new_workers;
    my $strace = Vstream::Process->start(log => "$log.log",
        command => [ '/usr/bin/strace', '-c', '-o', $log, '-p', $worker ]);

    wait_for(sub { traced($worker) }) or die "no strace\n";

    my $cost = $gateway->cost(sub {
        $gateway->view(count => WATCHED_BY_FEW, path => PATH);
        sleep $bench->seconds(3, 5);
        $gateway->dismiss;
    });

    $strace->signal('INT')->wait_end;
    $gateway->stop;

    my $calls = sum0(map { (split)[3] } grep { / (?:sendmsg|writev)$/ }
        split /\n/, slurp($log));

    die "strace: nothing is written\n" if !$calls;

    return ($calls - WATCHED_BY_FEW) / $cost->{frames};
}

sub traced ($pid) {
    return slurp("/proc/$pid/status") =~ /^TracerPid:\s+[1-9]/m;
}

# What each viewer who gets it adds to what a picture costs
# (t/bench/preload_counts.c).
sub asked_of_libc ($bench) {
    my $counts = folder() . '/counts';
    my $gateway = gateway($bench, around => [ '/usr/bin/env',
        'LD_PRELOAD=' . $bench->program('preload_counts.so'),
        "VSTREAM_COUNTS=$counts" ]);
    my @of = map { counted($bench, $gateway, $counts, $_) }
        WATCHED_BY_FEW, WATCHED_BY_MANY;
    my $more = $of[1]{sent} - $of[0]{sent};

    $gateway->stop;
    die "nothing is counted\n"
        if !$of[0]{bytes} || !$of[0]{allocations} || $more <= 0;

    return map { ($of[1]{$_} - $of[0]{$_}) / $more } qw(allocations bytes);
}

# For one picture that comes from Redis: allocations, pictures that are copied,
# and viewers who get it.
sub counted ($bench, $gateway, $counts, $viewers) {
    my %asked;

    $gateway->view(count => $viewers, path => PATH);
    sleep 1;

    my $cost = $gateway->cost(sub {
        my @before = unpack 'QQ', slurp($counts);
        sleep $bench->seconds(2, 3);
        my @after = unpack 'QQ', slurp($counts);

        @asked{qw(allocations bytes)} = map { $after[$_] - $before[$_] } 0, 1;
    });

    $gateway->dismiss;
    $asked{bytes} /= -s clip('frame.jpg');
    $asked{sent} = $cost->{frames};

    return { map { $_ => $asked{$_} / $cost->{received} } keys %asked };
}

sub slurp ($path) {
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$file>;
}


# What others notice where as many more read nothing.
sub stalled ($bench) {
    my $gateway = gateway($bench);
    my %options = (seconds => $bench->seconds(1.5, 3), warm => 0.7);
    my @pairs = $bench->interleaved(
        'none stalled' => sub {
            share(vstream_watched($bench, $gateway, 200, %options));
        },
        'half stalled' => sub {
            share(vstream_watched($bench, $gateway, 400, stalled => 200,
                %options));
        });
    my %of = (pairs => \@pairs, ours => 'half stalled',
        base => 'none stalled');

    $bench->judge('pictures of others, half stalled', %of, figure => 'share',
        more => 1, gate => 0.99, aim => 0.999);
    $bench->judge('p99 of others, half stalled', %of, figure => 'p99_ms',
        unit => 'ms', gate => 1.5, aim => 1.2);
    $gateway->stop;
}

# Of the pictures that there were while they looked on.
sub share ($result) {
    $result->{share} = $result->{pictures}
        / ($result->{pictures} + $result->{missed});
    return $result;
}

1;
