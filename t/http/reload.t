#!/usr/bin/perl

# nginx is reloaded, stopped, and loses workers, while people watch: a draining
# worker ends its viewers between two pictures, with a proper end of the body,
# and they are back at once; nothing else fails, nothing leaks, and no worker
# stays longer than it may.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max min sum0);

use Vstream::Faults;
use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $soak = $ENV{VSTREAM_SOAK};
my $patience = $soak ? 1000 : 5000; # ms

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ], fps => 10,
    largest => 30000);


sub start (%options) {
    my $nginx = start_nginx($redis, tls => 1,
        http => 'vstream_camera gate test:; vstream_camera yard test:;',
        %options);

    wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

    return $nginx;
}

# Reads until the stream ends: how many parts, and was it a proper end?
sub read_out ($viewer) {
    my $parts = 0;

    $parts++ while $viewer->part(8);
    $viewer->close;

    return ($parts, $viewer->complete);
}

# None failed?  In the short form Redis may be late now and then: the machine
# may be anybody's.
sub has_served ($asked) {
    return $asked->{failed} == 0
        && $asked->{late} <= ($soak ? 0 : $asked->{asked} / 100);
}

# How much of itself a series grows by along its own line of best fit.
sub growth (@series) {
    my $mean_x = $#series / 2;
    my $mean_y = sum0(@series) / @series;
    my $squares = sum0(map { ($_ - $mean_x) ** 2 } 0 .. $#series);
    my $slope = sum0(map { ($_ - $mean_x) * ($series[$_] - $mean_y) }
        0 .. $#series) / $squares;

    return $slope * @series / $mean_y;
}

# All that a process has in memory, in bytes.
sub resident ($pid) {
    open my $file, '<', "/proc/$pid/status" or return 0;
    return (join '', <$file>) =~ /^VmRSS:\s+(\d+)/m ? 1024 * $1 : 0;
}

# Reloads, one after the other, each after so many seconds: memory and
# descriptors of the master after each, and how many brought no new workers.
sub reload_often ($nginx, $reloads, $seconds) {
    my (@memory, @descriptors);
    my $failed = 0;

    for (1 .. $reloads) {
        my $next = time() + $seconds;

        $failed++ unless $nginx->reload;
        push @memory, resident($nginx->pid);
        push @descriptors, scalar Vstream::Load::descriptors($nginx->pid);
        sleep 0.01 while time() < $next;
    }

    return (\@memory, \@descriptors, $failed);
}

fault_test(N1 => sub {
    my $reloads = $soak ? $soak > 1 ? $soak : 1000 : 20;
    my $rate = $ENV{VSTREAM_PRELOAD} ? 50 : 200;
    my $seconds = $reloads * 3;
    my $nginx = start(main => 'worker_shutdown_timeout 30s;',
        server => 'location = /plain { return 200 "here\n"; }');
    my %viewers = (
        'HTTP/1.1' => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
            count => $soak ? 140 : 60, seconds => $seconds, back => 1),
        'TLS' => Vstream::Load->view($nginx, '/live/yard/stream.mjpg',
            count => $soak ? 50 : 20, seconds => $seconds, back => 1,
            tls => 1),
        'HTTP/2' => Vstream::Load->view_http2($nginx,
            '/live/yard/stream.mjpg', connections => $soak ? 5 : 2, streams => 2,
            seconds => $seconds, back => 1),
    );
    my $requests = Vstream::Load->ask($nginx, $rate, '/live/gate/frame.jpg',
        '/api/v1/cameras', '/plain', '/api/v1/cameras/yard', '/health',
        '/live/yard/frame.jpg', '/ready');

    sleep 1;

    my ($memory, $descriptors, $failed)
        = reload_often($nginx, $reloads, 0.6);

    is $failed, 0, "$reloads reloads: each brought new workers";
    ok wait_for(sub { $nginx->workers == 2 }, 7),
        'within seconds after the last one, no old worker is left'
        or diag scalar $nginx->workers;

    my $asked = $requests->stop;
    ok $asked->{answered} > 100, "$asked->{asked} requests meanwhile";
    ok has_served($asked), 'none of them failed' or diag explain $asked;
    ok $asked->{raced} < $asked->{asked} / 100, "$asked->{raced} met the end"
        . ' of an idle connection' or diag explain $asked;

    my ($ended, $back_ms, $passed_over) = (0, 0, 0);

    for my $name (sort keys %viewers) {
        my $seen = $viewers{$name}->stop;

        $ended += $seen->{complete};
        $back_ms = max($back_ms, $seen->{back_ms});
        $passed_over += $seen->{raced} // 0;
        ok $seen->{complete} >= 5, "$name: viewers were ended"
            . " $seen->{complete} times";
        is sum0(map { $_ // 0 } @{$seen}{qw(torn cut broken refused reset)}),
            0, "$name: each time between two pictures, with a proper end"
            or diag explain $seen;
        is $seen->{bad} + $seen->{disorder}, 0,
            "$name: all pictures are whole and in order";
        ok $seen->{back_ms} < $patience, "$name: they were back within"
            . " $seen->{back_ms} ms" or diag explain $seen;
        ok $seen->{gap_ms} < 1.9 * $patience, "$name: while they watched, no gap was"
            . " longer than $seen->{gap_ms} ms";
    }

    my $half = int($reloads / 2);
    my $growth = growth(@$memory[ $half .. $#$memory ]);

    ok min(@$memory[ $half .. $#$memory ])
        <= min(@$memory[ 1 .. $half - 1 ]) + 200_000
        && ($reloads < 500 || $growth < 0.01), 'the master does not grow'
        or diag "$growth: @$memory"
        unless $ENV{VSTREAM_PRELOAD};
    ok max(@$descriptors[ $half .. $#$descriptors ])
        <= max(@$descriptors[ 1 .. $half - 1 ]) + 8,
        'nor has it more and more descriptors' or diag "@$descriptors";
    is $nginx->metric('vstream_viewers{camera="gate"}'), 0,
        'nobody is counted who is not there';
    ok $nginx->metric('vstream_viewers_closed_total{reason="drained"}') > 50,
        'who was ended is counted, by workers that are gone';
    is_deeply [ $nginx->complaints ], [], 'no alerts';

    return (reloads => $reloads, requests => $asked->{asked},
        failed => $asked->{failed} + $asked->{late}, idle_closed => $asked->{raced},
        slowest_ms => $asked->{slowest_ms}, viewers_ended => $ended,
        back_ms => $back_ms, alerts => scalar(my @alerts = $nginx->complaints),
        streams_passed_over => $passed_over, $reloads < 500 ? ()
            : (master_growth_percent => 0 + sprintf('%.2f', 100 * $growth)),
        master_kib => int $memory->[-1] / 1024);
});

{
    # Not all at once: who is ended comes back to workers that just began.
    my $nginx = start();
    my $viewers = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 50, seconds => 8);

    sleep 1;
    $nginx->reload;

    my $seen = $viewers->result;
    my $spread = $seen->{last_complete_ms} - $seen->{first_complete_ms};

    is $seen->{complete}, 50, 'a reload: all are ended';
    ok $spread > 2500 && $spread < 6000, "a reload: over $spread ms";
}

{
    # A worker is killed: the viewers of the other do not notice.
    my $nginx = start();
    my ($killed, $lives) = $nginx->new_workers;
    my %viewers;

    for my $worker ($killed, $lives) {
        $viewers{$worker} = [ map { Vstream::Viewer->open_at($nginx, $worker,
            '/live/gate/stream.mjpg') } 1 .. 10 ];
    }

    my $count = sum0(map { scalar @$_ } values %viewers);

    is $nginx->metric('vstream_viewers{camera="gate"}'), $count,
        "$count viewers of two workers are counted";

    my $sent = $nginx->metric('vstream_frames_sent_total{camera="gate"}');

    $nginx->kill_worker($killed);
    $_->close for @{ $viewers{$killed} };

    my $gap = 0;

    for my $viewer (@{ $viewers{$lives} }[0 .. 2]) {
        my $part = $viewer->part;

        while ($part && $part->{came} < time() - 0.001) {
            my $next = $viewer->part or last;
            $gap = max($gap, $next->{headers}{'x-timestamp'}
                - $part->{headers}{'x-timestamp'});
            $part = $next;
            last if $part->{headers}{'x-frame-age-ms'} < 20;
        }
    }

    ok $gap < 0.3, 'a worker killed: the others see all pictures'
        or diag "$gap s";
    ok wait_for(sub {
        $nginx->metric('vstream_viewers{camera="gate"}')
            == @{ $viewers{$lives} }
    }, 2), 'a worker killed: its viewers are counted no more';
    ok wait_for(sub { $nginx->new_workers == 2 }), 'and there is a new one';
    ok wait_for(sub {
        $nginx->metric('vstream_frames_sent_total{camera="gate"}') > $sent
    }), 'totals go on from where they were';

    my @more = map { Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg') }
        1 .. 20;
    is $nginx->metric('vstream_viewers{camera="gate"}'),
        @{ $viewers{$lives} } + @more, 'who comes is counted as before';
}

# Pages of shared memory that a worker has touched, in KiB: by reading the
# metrics, all that is in use.
sub shared_kib ($nginx) {
    my ($worker) = $nginx->get('/metrics')->{headers}{'x-worker'};

    open my $file, '<', "/proc/$worker/status" or return 0;
    return (join '', <$file>) =~ /^RssShmem:\s+(\d+)/m ? $1 : 0;
}

fault_test(N3 => sub {
    # As many viewers as may be: a slot that leaks is missed.
    my $kills = $soak ? 50 : 6;
    my $nginx = start(server => 'vstream_max_viewers 30;',
        main => 'worker_shutdown_timeout 4s;');
    my %viewers = map {
        my ($name, %options) = @$_;
        $name => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
            seconds => $kills * 20, back => 1, %options)
    } [ 'HTTP/1.1', count => 20 ], [ 'TLS', count => 10, tls => 1 ];
    my ($leaked, $slowest, @shared) = (0, 0);

    $nginx->expect(qr/exited on signal 9/);

    for my $n (1 .. $kills) {
        my @workers = $nginx->new_workers;

        # Every other one is killed while it drains: it has no successor.
        $nginx->signal('HUP') if $n % 2 == 0;
        sleep 0.3 if $n % 2 == 0;
        kill 'KILL', $workers[ $n % @workers ];

        my $from = time();
        my $is_well = wait_for(sub {
            $nginx->workers == 2
                && $nginx->metric('vstream_viewers{camera="gate"}') == 30
        }, 15);

        $leaked += !$is_well;
        $slowest = max($slowest, time() - $from) if $n % 2;
        push @shared, shared_kib($nginx);
    }

    is $leaked, 0, "$kills workers killed: each time all 30 viewers are back"
        . ' and counted';
    ok $shared[-1] <= max(@shared[ 0 .. $#shared / 2 ]) + 600,
        "no more shared memory is in use, $shared[-1] KiB"
        or diag "@shared";
    is $nginx->metric('vstream_redis_connections'), 4,
        'all connections to Redis, and no more, are counted';

    for my $name (sort keys %viewers) {
        my $seen = $viewers{$name}->stop;
        is $seen->{bad} + $seen->{disorder}, 0,
            "$name: all pictures are whole and in order" or diag explain $seen;
    }

    return (kills => $kills, leaked_slots => $leaked,
        shared_kib => $shared[-1], all_back_s => 0 + sprintf '%.2f', $slowest);
});

# A worker drains, and whoever it waits for does not go: viewers that stall, a
# poll, and a Redis that hangs.  How long did it stay beyond its time?
sub drain_late ($nginx, $timeout) {
    my $http2 = Vstream::Http2->connect($nginx, manual => 1, window => 65535);
    my $unread = Vstream::Http2->connect($nginx, manual => 1,
        window => 1 << 24, receive_buffer => 4096);
    my @stalled = (
        map({ Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg') }
            1 .. 5),
        map({ Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg',
            tls => 1) } 1 .. 5),
        map({ $http2->open('/live/gate/stream.mjpg') } 1 .. 3),
        map({ $unread->open('/live/gate/stream.mjpg', unread => 1) } 1 .. 3),
        Vstream::Viewer->open($nginx, '/live/gate/frame.jpg?after='
            . (now_ms() + 1e9) . '-5', unread => 1));
    my @old = $nginx->new_workers;

    $unread->grant(0, 1 << 24);
    sleep 1;
    $redis->pause;
    sleep 0.3;

    my $from = time();

    ok $nginx->change(wait => 0)->reload, 'a reload while Redis hangs';
    ok wait_for(sub { !grep { kill 0, $_ } @old }, $timeout + 5),
        'the old workers are gone';

    my $late = time() - $from - $timeout;

    $redis->resume;
    ok wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 }),
        'the new ones serve';

    return $late;
}

fault_test(N4 => sub {
    my $drains = $soak ? 20 : 1;
    my $nginx = start(main => 'worker_shutdown_timeout 1s;');
    my $late = max(map { drain_late($nginx, 1) } 1 .. $drains);

    ok $late < 1, 'one second after worker_shutdown_timeout at most'
        or diag "$late s";
    is_deeply [ $nginx->complaints ], [], 'nothing to regret';

    return (drains => $drains, late_s => 0 + sprintf('%.2f', $late),
        sanitized => $ENV{VSTREAM_PRELOAD} ? 1 : 0);
});

{
    my $nginx = start();
    my $http2 = Vstream::Http2->connect($nginx);
    my %viewers = (
        'HTTP/1.1' => Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg'),
        'HTTP/1.0' => Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg',
            version => '1.0'),
        'TLS' => Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg',
            tls => 1),
        'a wall' => Vstream::Viewer->open($nginx,
            '/live/wall.mjpg?cameras=gate,yard'),
        'HTTP/2' => $http2->open('/live/gate/stream.mjpg'),
    );
    my $from = time();

    $nginx->signal('QUIT');

    for my $name (sort keys %viewers) {
        my ($parts, $complete) = read_out($viewers{$name});
        ok $parts && $complete, "QUIT: over $name a proper end";
    }

    $http2->close;
    is $nginx->wait_end, 'exit 0', 'QUIT: nginx ends';
    ok time() - $from < 7, 'QUIT: within seconds' or diag time() - $from;
}

{
    my $nginx = start();
    my @viewers = map {
        Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg', tls => $_ % 2)
    } 1 .. 10;
    my $from = time();

    is $nginx->stop('TERM'), 'exit 0', 'TERM: nginx ends';
    ok time() - $from < 1.5, 'TERM: at once, whoever watches'
        or diag time() - $from;
}

finish();
