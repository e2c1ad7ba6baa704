#!/usr/bin/perl

# Viewers that stall, drip or read slowly, over HTTP/1.1, TLS and HTTP/2.
# Whoever takes no picture within vstream_stall_timeout is closed, though he
# reads a byte now and then; whoever is merely slow gets the newest pictures,
# whole and in order; nobody else notices, and memory stays small.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $small = Vstream::Process::free_port(); # with a small send buffer
my $tls = Vstream::Process::free_port();
my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:; vstream_stall_timeout 1500ms;'
        . 'reset_timedout_connection on;',
    server => "listen 127.0.0.1:$small sndbuf=16k;\n"
        . "listen 127.0.0.1:$tls ssl sndbuf=16k;");
my ($worker) = $nginx->new_workers;
my $path = '/live/gate/stream.mjpg';

Vstream::Load->publish($redis, cameras => ['gate'], fps => 20,
    smallest => 40000, largest => 60000);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });


sub healthy ($seconds) {
    return Vstream::Load->view($nginx, $path, count => 10,
        seconds => $seconds);
}

sub is_healthy ($how, $viewers) {
    my $seen = $viewers->result;

    ok $seen->{there} == 10 && $seen->{gap_ms} < 500 && $seen->{bad} == 0,
        "$how: healthy viewers see no gap longer than $seen->{gap_ms} ms"
        or diag explain $seen;
}

sub stalled {
    return $nginx->metric('vstream_viewers_closed_total{reason="stalled"}');
}

sub viewers {
    return $nginx->metric('vstream_viewers{camera="gate"}');
}


# Some run before, so that what comes is not the first of its kind.
Vstream::Load->view($nginx, $path, count => 50, seconds => 1)->result;

for my $kind ([ 'HTTP/1.1', $small, 0, 16 ], [ 'TLS', $tls, 1, 96 ]) {
    my ($name, $port, $with_tls, $limit) = @$kind;
    my $count = $with_tls ? 50 : $ENV{VSTREAM_SOAK} ? 1000 : 200;
    my $healthy = healthy(4);
    my $before = stalled();
    my $memory = Vstream::Load::memory($worker);
    my $stalled = Vstream::Load->view($nginx, $path, count => $count,
        seconds => 4, stalled => $count, buffer => 4096, port => $port,
        tls => $with_tls);

    sleep 1.2;

    my $each = (Vstream::Load::memory($worker) - $memory) / $count / 1024;
    my $seen = $stalled->result;

    ok $each < $limit,
        sprintf "%s: a stalled viewer costs %.1f KiB", $name, $each
        unless $ENV{VSTREAM_PRELOAD};
    is $seen->{stalled_closed}, $count, "$name: all who stall are closed"
        or diag explain $seen;
    ok $seen->{first_closed_ms} >= 1400 && $seen->{first_closed_ms} < 2800,
        "$name: after vstream_stall_timeout ($seen->{first_closed_ms} ms)";
    is stalled() - $before, $count, "$name: and counted";
    is_healthy($name, $healthy);
    like $nginx->error_log, qr/vstream: viewer stalled for 1500 ms, closing/,
        "$name: and logged";
}

{
    # A stream without a window: nothing is queued, it alone is reset.
    my $healthy = healthy(4);
    my $http2 = Vstream::Http2->connect($nginx, window => 0, manual => 1);
    my $before = stalled();
    my $from = time();
    my $none = $http2->open($path);

    $http2->pump_for(0.5);
    $http2->frame(Vstream::Http2::SETTINGS, 0, 0, pack 'nN', 4, 30000);

    my $some = $http2->open($path);

    $http2->pump_for(2.5);
    ok defined $none->was_reset && defined $some->was_reset,
        'HTTP/2: streams without a window are reset';
    ok length $some->{body} >= 30000, 'HTTP/2: one after it was full';
    $http2->ping;
    $http2->pump_for(0.2);
    is $http2->{pongs}, 1, 'HTTP/2: their connection lives on';
    is $http2->closed, undef, 'HTTP/2: and is open';
    is stalled() - $before, 2, 'HTTP/2: both are counted';
    $http2->grant(0, 1 << 20);
    is $http2->open('/live/gate/frame.jpg')->status, 200,
        'HTTP/2: and serves on';
    $http2->close;
    is_healthy('HTTP/2 without windows', $healthy);
}

for my $with_tls (0, 1) {
    # A connection that is not read, with frames queued: it is closed.
    my $name = $with_tls ? 'HTTP/2 over TLS' : 'HTTP/2 in clear';
    my $clear = Vstream::Process::free_port();

    $nginx->change(server => "listen 127.0.0.1:$small sndbuf=16k;\n"
        . "listen 127.0.0.1:$clear http2 sndbuf=16k;")->reload
        unless $with_tls;
    ($worker) = $nginx->new_workers;

    my $healthy = healthy(4);
    my $http2 = Vstream::Http2->connect($nginx, window => 1 << 24,
        receive_buffer => 4096, manual => 1, tls => $with_tls,
        $with_tls ? () : (port => $clear));
    my $before = stalled();

    $http2->grant(0, 1 << 24);
    $http2->open($path, unread => 1) for 1 .. 5;
    ok wait_for(sub { viewers() >= 15 }), "$name: five viewers that do not read"
        or diag viewers();
    sleep 2.5;
    is viewers(), 10, "$name: they are gone";
    ok stalled() > $before, "$name: counted as stalled";
    $http2->pump_for(1);
    ok defined $http2->closed, "$name: their connection was closed";
    is_healthy($name, $healthy);
}

for my $with_tls (0, 1) {
    # Drips: a byte a second keeps every timeout of nginx happy.
    my $name = $with_tls ? 'a drip over TLS' : 'a drip';
    my $port = Vstream::Process::free_port();

    $nginx->change(server => "listen 127.0.0.1:$port sndbuf=16k"
        . ($with_tls ? ' ssl;' : ';'))->reload;

    my $before = stalled();
    my $drips = Vstream::Load->view($nginx, $path, count => 5, seconds => 5,
        rate => $with_tls ? 20 : 1, buffer => 4096, port => $port,
        tls => $with_tls);

    ok wait_for(sub { stalled() - $before == 5 }, 6),
        "$name: is closed by the deadline of a picture"
        or diag stalled() - $before;
    is viewers(), 0, "$name: it is gone";
    $drips->signal('TERM')->wait_end;
}

for my $with_tls (0, 1) {
    # A slow one takes 30 % of what there is.
    my $name = $with_tls ? 'slow over TLS' : 'slow';
    my $port = Vstream::Process::free_port();

    $nginx->change(server => "listen 127.0.0.1:$port sndbuf=16k"
        . ($with_tls ? ' ssl;' : ';'))->reload;

    my $skipped = $nginx->metric(
        'vstream_frames_skipped_total{camera="gate",reason="slow"}');
    my $seen = Vstream::Load->view($nginx, $path, count => 5, seconds => 4,
        rate => 300_000, buffer => 16384, port => $port,
        tls => $with_tls)->result;

    is $seen->{there}, 5, "$name: who reads 30 % may stay";
    is $seen->{bad} + $seen->{disorder} + $seen->{torn}, 0,
        "$name: each picture is whole, and in order" or diag explain $seen;
    ok $seen->{frames} > 5 * 4 * 3, "$name: $seen->{frames} pictures";
    ok $seen->{late_ms} < 1000, "$name: the newest ones, $seen->{late_ms} ms"
        . ' late at most' or diag explain $seen;
    ok $nginx->metric('vstream_frames_skipped_total{camera="gate",'
        . 'reason="slow"}') > $skipped, "$name: what was skipped is counted";
}

{
    # Buffers as the system has them would hold pictures of many seconds.
    my $seen = Vstream::Load->view($nginx, $path, count => 5, seconds => 4,
        rate => 300_000)->result;

    is $seen->{bad} + $seen->{disorder} + $seen->{torn}, 0,
        'slow, large buffers: each picture is whole, and in order'
        or diag explain $seen;
    ok $seen->{late_ms} < 1800, 'slow, large buffers: the newest ones, '
        . "$seen->{late_ms} ms late at most" or diag explain $seen;
}

{
    # The same over HTTP/2, where a window is the pace.
    my $http2 = Vstream::Http2->connect($nginx, manual => 1);
    my $stream = $http2->open($path);
    my $until = time() + 3;
    my ($count, $wrong, $last, $late) = (0, 0, 0, 0);

    while (time() < $until) {
        $http2->pump_for(0.05);
        $http2->grant($_, 15_000) for 0, $stream->id;

        while ($stream->{body} =~ /\nContent-Length: (\d+)\r\n.*?\r\n\r\n/s
            && length $stream->{body} >= $+[0] + $1 + 2)
        {
            my $part = $stream->part;
            my $age = $part->{came} - $part->{headers}{'x-timestamp'};

            $count++;
            $wrong++ unless Vstream::Load::is_right($part)
                && $part->{headers}{'x-frame-seq'} > $last;
            $last = $part->{headers}{'x-frame-seq'};
            $late = $age if $age > $late;
        }
    }

    ok $count > 8 && $wrong == 0,
        "slow over HTTP/2: $count pictures, whole and in order"
        or diag "$wrong wrong";
    ok $late < 1, sprintf 'slow over HTTP/2: %d ms late at most', 1000 * $late;

    # And a drip: a byte of window now and then.
    my $before = stalled();
    $until = time() + 4;

    while (!defined $stream->was_reset && time() < $until) {
        $http2->grant($_, 1) for 0, $stream->id;
        $http2->pump_for(0.2);
    }

    ok defined $stream->was_reset, 'a drip over HTTP/2: its stream is reset';
    is stalled() - $before, 1, 'a drip over HTTP/2: and counted';
    is $http2->closed, undef, 'a drip over HTTP/2: the connection lives on';
    $http2->close;
}

finish();
