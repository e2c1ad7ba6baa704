#!/usr/bin/perl

# A thousand viewers that stall, or drip, beside two hundred that read: over
# HTTP/1.1, TLS and HTTP/2 they are closed when they have not taken a picture
# in time, and cost little until then; the others see all pictures.
#
# t/http/fault_slow.t has more ways of being slow, with fewer viewers.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::Bench qw(median);
use Vstream::Faults;
use Vstream::Load;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my ($count, $healthy, $timeout_s, $pairs) = $soak ? (1000, 200, 10, 3)
    : (100, 20, 3, 0);
my ($plain, $tls) = map { Vstream::Process::free_port() } 1 .. 2;
my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, workers => 1, sockets => 8192,
    http => 'vstream_camera gate test:;'
        . 'vstream_stall_timeout ' . 1000 * $timeout_s . 'ms;',
    server => "listen 127.0.0.1:$plain;\nlisten 127.0.0.1:$tls ssl;");
my ($worker) = $nginx->new_workers;
my $path = '/live/gate/stream.mjpg';

Vstream::Load->publish($redis, cameras => ['gate'], fps => $soak ? 10 : 20,
    smallest => 40000, largest => 60000);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

my %over = ('HTTP/1.1' => 'http1', TLS => 'tls', 'HTTP/2' => 'http2');


sub stalled {
    return $nginx->metric('vstream_viewers_closed_total{reason="stalled"}');
}

sub viewers {
    return $nginx->metric('vstream_viewers{camera="gate"}');
}

# They have ports of their own, so that what the kernel holds can be told apart.
sub healthy ($over) {
    return Vstream::Load->view($nginx, $path, count => $healthy,
        seconds => 600, $over eq 'HTTP/1.1' ? (port => $plain)
            : (tls => 1, port => $tls));
}

# Those who take nothing, or a byte every so many seconds.  Over HTTP/2 a
# hundred or so share a connection, with one that reads all.
sub unhealthy ($over, @drip) {
    return Vstream::Load->view_http2($nginx, $path, seconds => 600,
        connections => $count / 100, streams => 1, starved => 100,
        window => 16384, @drip) if $over eq 'HTTP/2';

    return Vstream::Load->view($nginx, $path, count => $count,
        stalled => $count, seconds => 600, @drip,
        tls => $over eq 'TLS');
}

# What healthy viewers see by themselves.
sub seen_alone ($over) {
    my $viewers = healthy($over);

    wait_for(sub { viewers() == $healthy }, 20);
    sleep 1;
    $viewers->so_far;
    sleep 6;
    return $viewers->stop;
}

# They come, and are closed: what each cost at most, when the last of them had
# gone, what the healthy ones saw of it, and that while all were there.
sub try_them ($how, $over, @drip) {
    my $before = stalled();
    my $viewers = healthy($over);

    ok wait_for(sub { viewers() == $healthy }, 20), "$how: healthy viewers";

    my $memory = Vstream::Load::memory($worker);
    my $port = $over eq 'HTTP/1.1' ? $nginx->port : $nginx->tls_port;
    my $bad = unhealthy($over, @drip);
    my ($most, $most_kernel, $beside, $is_full) = (0, 0);

    ok wait_for(sub {
        my $m = Vstream::Load::memory($worker) - $memory;
        my $k = Vstream::Load::kernel_memory($port);
        my $there = viewers() - $healthy;
        my $closed = stalled() - $before;

        if ($there > $count / 2 && $closed == 0) {
            $most = max($most, $m / $there);
            $most_kernel = max($most_kernel, $k / $there);
        }

        $viewers->so_far if !$is_full && $there >= $count;
        $is_full ||= $there >= $count;
        $beside //= $viewers->so_far if $is_full && $closed > 0;
        return $closed >= $count;
    }, $timeout_s + 120), "$how: all who take nothing are closed, and counted"
        or diag stalled() - $before;

    sleep 1; # until they have seen it
    my $gone = $bad->stop;
    my $seen = $viewers->stop;

    is $gone->{stalled_closed}, $count, "$how: they have seen it"
        or diag explain $gone;
    ok $gone->{first_closed_ms} >= 900 * $timeout_s, "$how: none before"
        . " vstream_stall_timeout ($gone->{first_closed_ms} ms)";
    is $gone->{bad} + $gone->{torn}, 0, "$how: who reads on their"
        . ' connections sees all' if $over eq 'HTTP/2';
    ok $over ne 'HTTP/2' || $gone->{there} == $count / 100,
        "$how: and stays" or diag explain $gone;
    ok $seen->{there} == $healthy && $seen->{bad} + $seen->{torn} == 0
        && $seen->{least_frames} > 0.7 * $seen->{frames} / $healthy,
        "$how: healthy viewers see all pictures" or diag explain $seen;

    return (p99 => ($beside // $seen)->{gap_p99_ms}, memory => $most / 1024,
        kernel => $most_kernel / 1024,
        closed_s => $gone->{last_closed_ms} / 1000);
}

sub figures ($how, $over, @drip) {
    my ($cost, @ratios) = (0);

    # What the worker got for those before is not counted for these.
    $nginx->reload;
    ($worker) = $nginx->new_workers;

    my %found = $pairs ? () : try_them($how, $over, @drip);

    for (1 .. $pairs) {
        my $alone = seen_alone($over);

        %found = try_them($how, $over, @drip);
        push @ratios, $found{p99} / ($alone->{gap_p99_ms} || 1);
        $cost = max($cost, $found{memory});
    }

    ok $cost < ($over eq 'TLS' ? 96 : 16),
        sprintf "%s: each costs %.1f KiB", $how, $cost
        unless $ENV{VSTREAM_PRELOAD} || !$soak;
    ok $found{kernel} < 350, sprintf "%s: and %.0f KiB of the kernel's", $how,
        $found{kernel};

    return (count => $count, healthy => $healthy,
        $soak ? (process_kib => 0 + sprintf('%.1f', $cost)) : (),
        kernel_kib => 0 + sprintf('%.0f', $found{kernel}),
        last_closed_s => 0 + sprintf('%.1f', $found{closed_s}),
        @ratios ? (healthy_p99_ratio => 0 + sprintf('%.2f', median(@ratios)),
            healthy_p99_ratios => join ' ',
                map { sprintf '%.2f', $_ } @ratios) : ());
}

for my $over ('HTTP/1.1', 'TLS', 'HTTP/2') {
    fault_test("N5-$over{$over}" => sub {
        return figures("stalled over $over", $over);
    });

    fault_test("N6-$over{$over}" => sub {
        return figures("dripping over $over", $over,
            drip => $soak ? 5 : 1);
    });
}

is_deeply [ $nginx->new_workers ], [$worker], 'the worker lives';

finish();
