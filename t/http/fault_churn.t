#!/usr/bin/perl

# Life of a frame while viewers join and leave a hundred times a second: every
# picture that arrives is the one that was published, byte for byte; nothing
# is left of those who went; a viewer costs one write for a picture; and a
# worker without descriptors to spare comes round by itself.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use List::Util qw(sum0);

use Vstream::Faults;
use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $soak = $ENV{VSTREAM_SOAK};


sub start (%options) {
    my $nginx = start_nginx($redis, tls => 1, workers => 1,
        http => 'vstream_camera gate test:;', %options);

    wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

    return $nginx;
}

sub viewers ($nginx) {
    return $nginx->metric('vstream_viewers{camera="gate"}');
}

sub publish (%options) {
    return Vstream::Load->publish($redis, cameras => ['gate'], %options);
}

{
    my $publisher = publish(fps => 30, smallest => 1000, largest => 300_000);
    my $nginx = start();
    my ($worker) = $nginx->new_workers;
    my @memory;

    for my $round (1 .. 3) {
        my $seconds = $soak ? 200 : 3;
        my %views = (
            plain => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
                count => 30, joins => 100, seconds => $seconds),
            TLS => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
                count => 10, joins => 30, seconds => $seconds, tls => 1),
            slow => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
                count => 10, joins => 10, seconds => $seconds,
                rate => 1_000_000, buffer => 32768),
        );

        for my $name (sort keys %views) {
            my $seen = $views{$name}->result;

            is sum0(@{$seen}{qw(bad disorder torn cut broken refused)}), 0,
                "round $round, $name: $seen->{left} came and went,"
                . " $seen->{frames} pictures are right" or diag explain $seen;
        }

        ok wait_for(sub { viewers($nginx) == 0 }),
            "round $round: nobody is counted afterwards";
        push @memory, Vstream::Load::memory($worker);
    }

    ok $memory[2] - $memory[1] < 2e6, 'memory is flat: '
        . join(', ', map { sprintf '%.1f MB', $_ / 1e6 } @memory)
        unless $ENV{VSTREAM_PRELOAD};
    $publisher->signal('TERM')->wait_end;
}

# System calls of a worker for so many seconds: name => count.
sub trace ($worker, $seconds) {
    my $log = folder() . '/strace';

    unlink $log;

    my $strace = Vstream::Process->start(log => folder() . '/strace.log',
        command => [ 'strace', '-c', '-f', '-p', $worker, '-o', $log ]);

    sleep $seconds;
    $strace->signal('INT')->wait_end;
    open my $file, '<', $log or return ();

    return map { /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$/
            ? ($2 => $1) : () } <$file>;
}

SKIP: {
    skip 'strace is not here', 1 if system('strace -V > /dev/null 2>&1');
    skip 'a sanitizer has system calls of its own', 1
        if $ENV{VSTREAM_PRELOAD};

    my $publisher = publish(fps => 10, smallest => 20_000, largest => 30_000);
    my $nginx = start();
    my ($worker) = $nginx->new_workers;
    my $viewers = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 100, seconds => 8);

    ok wait_for(sub { viewers($nginx) == 100 }), '100 viewers';

    my $before = $nginx->metric('vstream_frames_sent_total{camera="gate"}');
    my %calls = trace($worker, 3);
    my $sent = $nginx->metric('vstream_frames_sent_total{camera="gate"}')
        - $before;

    my $writes = sum0(map { $_ // 0 } @calls{qw(sendmsg writev)});

    skip 'strace may not attach here', 1 unless $writes;

    my $each = $writes / $sent;
    ok $sent > 1000 && $each <= 1.05 && $each > 0.9,
        sprintf '%d pictures, %.3f writes each', $sent, $each
        or diag explain \%calls;
    is sum0(@calls{ grep { $_ && /^(?:brk|mmap|mremap)$/ }
        keys %calls }), 0, 'and no memory is asked for'
        or diag explain \%calls;

    my $seen = $viewers->result;
    is $seen->{bad} + $seen->{disorder}, 0, 'all right meanwhile';
    $publisher->signal('TERM')->wait_end;
}

{
    # Memory of a worker while a hundred watch.
    my $publisher = publish(fps => 20, smallest => 1000, largest => 40_000);
    my $nginx = start();
    my ($worker) = $nginx->new_workers;
    my $seconds = $soak ? 70 : 6;
    my $viewers = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 100, seconds => $seconds);
    my $http2 = Vstream::Http2->connect($nginx, window => 1 << 20);
    my @streams = map { $http2->open('/live/gate/stream.mjpg') } 1 .. 5;

    $http2->pump_for(2);
    $_->{body} = '' for @streams;

    my $memory = Vstream::Load::memory($worker);

    for (1 .. $seconds - 3) {
        $http2->pump_for(1);
        $_->{body} = '' for @streams;
    }

    my $more = Vstream::Load::memory($worker) - $memory;

    ok $more < 300_000, "a worker with 105 viewers grows by $more bytes"
        unless $ENV{VSTREAM_PRELOAD};
    $http2->close;

    my $seen = $viewers->result;
    is $seen->{bad} + $seen->{disorder}, 0, 'all right meanwhile';
    $publisher->signal('TERM')->wait_end;
}

# The last of a viewer's pictures was taken after this time.
sub sees_since ($viewer, $time) {
    while (my $part = $viewer->part(0)) {
        return 1 if $part->{headers}{'x-timestamp'} > $time;
    }

    return 0;
}

# Connections that hold what they have: each sends half a request.
sub hold ($nginx, $count) {
    my @sockets = map {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $nginx->port) // ()
    } 1 .. $count;

    syswrite $_, "GET /health HTTP/1.1\r\nHo" for @sockets;
    return @sockets;
}

# A crowd of viewers and holders takes all that a worker has, and Redis dies
# meanwhile: who is there goes on when it is back, though the crowd still takes
# what is free; without the crowd all is as before.  Returns figures.
sub exhaust ($what, $most, $log, %options) {
    my $publisher = publish(fps => 20);
    my $nginx = start(%options);
    my @there = map { Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg') }
        1 .. 5;

    $nginx->expect($log);

    my $crowd = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => $most / 4, seconds => 100, back => 1);

    sleep 0.5;

    my @held = hold($nginx, 2 * $most);

    ok wait_for(sub { $nginx->error_log =~ $log }, 15), "no $what are left";
    $redis->kill;
    sleep($soak ? 5 : 1.5);
    $redis->start_again;

    my $back = time();

    ok wait_for(sub { !grep { !sees_since($_, $back) } @there }, 15),
        "no $what, and Redis comes back: who was there sees on";

    my $again_s = time() - $back;

    is scalar(grep { $_->ended } @there), 0, "no $what: and stays";

    my $seen = $crowd->stop;

    close $_ for @held;

    ok $seen->{there} < $most, "no $what: $seen->{there} of the crowd watch";
    is $seen->{bad} + $seen->{torn}, 0, "no $what: rightly"
        or diag explain $seen;

    my $gone = time();

    ok wait_for(sub { $nginx->get('/ready')->{status} == 200 }, 10),
        "$what again: ready";

    my $recovered_s = time() - $gone;
    my $more = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 30, seconds => 2)->result;

    is $more->{there}, 30, "$what again: viewers" or diag explain $more;
    ok $more->{frames} > 30 * 10, "$what again: which see it live"
        or diag explain $more;
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 2 }),
        "$what again: all connections to Redis";
    $publisher->signal('TERM')->wait_end;

    return (most => $most, crowd => $most / 4 + @held, watched => $seen->{there},
        redis_back_s => 0 + sprintf('%.2f', $again_s),
        recovered_s => 0 + sprintf('%.2f', $recovered_s));
}

fault_test('N8-descriptors' => sub {
    my $most = $soak ? 256 : 64;
    return exhaust('descriptors', $most, qr/\(24: Too many open files\)/,
        main => "worker_rlimit_nofile $most;");
});

fault_test('N8-connections' => sub {
    my $most = $soak ? 256 : 64;
    return exhaust('connections', $most, qr/worker_connections are not enough/,
        sockets => $most);
});

finish();
