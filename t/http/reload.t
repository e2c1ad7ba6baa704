#!/usr/bin/perl

# nginx is reloaded, stopped, upgraded, and loses workers, while people watch:
# a draining worker ends its viewers between two pictures, with a proper end
# of the body, and they are back at once; nothing else fails, nothing leaks,
# and no worker stays longer than it may.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max min sum0);
use POSIX ();

use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ], fps => 10,
    largest => 30000);


sub start (%options) {
    my $nginx = start_nginx($redis, tls => 1,
        http => 'vstream_camera gate test:; vstream_camera yard test:;',
        %options);

    wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

    return $nginx;
}

# Requests one after the other, in a process of its own, until it is told to
# stop; then a code returns how many there were, and what went wrong.
sub ask ($nginx, @paths) {
    my $log = folder() . '/asked' . time();
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        my $stop = 0;
        my ($n, %wrong) = (0);
        $SIG{TERM} = sub { $stop = 1 };

        until ($stop) {
            my $path = $paths[ $n++ % @paths ];
            my $answer = HTTP::Tiny->new(timeout => 5, keep_alive => 0)->get(
                $nginx->url . $path);
            next if $answer->{status} == 200;
            $wrong{"$path: $answer->{status} "
                . substr $answer->{content}, 0, 100}++;
        }

        write_file($log, join "\n", $n, map { "$wrong{$_} times $_" }
            keys %wrong);
        POSIX::_exit(0);
    }

    return sub {
        kill 'TERM', $pid;
        waitpid $pid, 0;
        open my $file, '<', $log or die "$log: $!";
        chomp(my ($n, @wrong) = <$file>);
        return ($n, \@wrong);
    };
}

# Reads until the stream ends: how many parts, and was it a proper end?
sub read_out ($viewer) {
    my $parts = 0;

    $parts++ while $viewer->part(8);
    $viewer->close;

    return ($parts, $viewer->complete);
}

sub slurp ($path) {
    open my $file, '<', $path or die "$path: $!";
    chomp(my $text = <$file>);
    return $text;
}

{
    my $soak = $ENV{VSTREAM_SOAK};
    my $reloads = $soak ? $soak > 1 ? $soak : 1000 : 20;
    my $seconds = $reloads * 0.6 + 8;
    my $nginx = start(main => 'worker_shutdown_timeout 30s;');
    my @viewers = (
        Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
            count => $soak ? 150 : 60, seconds => $seconds, back => 1),
        Vstream::Load->view($nginx, '/live/yard/stream.mjpg',
            count => $soak ? 50 : 20, seconds => $seconds, back => 1,
            tls => 1),
    );
    my $asked = ask($nginx, '/live/gate/frame.jpg', '/api/v1/cameras',
        '/health', '/live/yard/frame.jpg', '/ready');

    sleep 1;

    my (@memory, @descriptors);
    my $failed = 0;

    for my $n (1 .. $reloads) {
        my $next = time() + 0.6;

        $failed++ unless $nginx->reload;
        push @memory, Vstream::Load::memory($nginx->pid);
        push @descriptors, scalar Vstream::Load::descriptors($nginx->pid);
        sleep 0.01 while time() < $next;
    }

    is $failed, 0, "$reloads reloads: each brought new workers";
    ok wait_for(sub { $nginx->workers == 2 }, 7),
        'within seconds after the last one, no old worker is left'
        or diag scalar $nginx->workers;

    my ($n, $wrong) = $asked->();
    ok $n > 100, "$n requests meanwhile";
    is_deeply $wrong, [], 'none of them failed';

    for my $name ('plain', 'TLS') {
        my $seen = (shift @viewers)->result;

        ok $seen->{complete} >= 20, "$name: viewers were ended"
            . " $seen->{complete} times";
        is sum0(@{$seen}{qw(torn cut broken refused)}), 0,
            "$name: each time between two pictures, with a proper end"
            or diag explain $seen;
        is $seen->{bad} + $seen->{disorder}, 0,
            "$name: all pictures are whole and in order";
        ok $seen->{back_ms} < 1000, "$name: they were back within"
            . " $seen->{back_ms} ms" or diag explain $seen;
        ok $seen->{gap_ms} < 1900, "$name: while they watched, no gap was"
            . " longer than $seen->{gap_ms} ms";
    }

    my $half = int($reloads / 2);
    ok min(@memory[ $half .. $#memory ])
        <= min(@memory[ 1 .. $half - 1 ]) + 200_000,
        'the master does not grow' or diag "@memory"
        unless $ENV{VSTREAM_PRELOAD};
    ok max(@descriptors[ $half .. $#descriptors ])
        <= max(@descriptors[ 1 .. $half - 1 ]) + 8,
        'nor has it more and more descriptors' or diag "@descriptors";
    is $nginx->metric('vstream_viewers{camera="gate"}'), 0,
        'nobody is counted who is not there';
    ok $nginx->metric('vstream_viewers_closed_total{reason="drained"}') > 50,
        'who was ended is counted, by workers that are gone';
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

{
    # The end of draining: viewers that stall, a Redis that hangs, a poll.
    my $nginx = start(main => 'worker_shutdown_timeout 1s;');
    my $http2 = Vstream::Http2->connect($nginx, manual => 1, window => 65535);
    my @stalled = (
        map({ Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg') }
            1 .. 5),
        map({ Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg',
            tls => 1) } 1 .. 5),
        map({ $http2->open('/live/gate/stream.mjpg') } 1 .. 3),
        Vstream::Viewer->open($nginx, '/live/gate/frame.jpg?after='
            . (now_ms() + 1e9) . '-5', unread => 1));
    my @old = $nginx->new_workers;

    sleep 1;
    $redis->pause;
    sleep 0.3;

    my $from = time();

    ok $nginx->change(wait => 0)->reload, 'a reload while Redis hangs';
    ok wait_for(sub { !grep { kill 0, $_ } @old }, 4),
        'the old workers are gone';
    ok time() - $from < 2, 'one second after worker_shutdown_timeout at most'
        or diag time() - $from;
    $redis->resume;
    ok wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 }),
        'the new ones serve';
}

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

{
    # An upgrade of nginx: two masters for a while, then the new one alone.
    # Only a daemon takes that signal.
    my $nginx = Vstream::Nginx->prepare(folder => folder(), redis => $redis,
        main => join("\n", map { "env $_;" }
            qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS)),
        http => 'vstream_camera gate test:;')->write_configuration;
    my $pid_file = $nginx->folder . '/nginx.pid';

    is $nginx->run, 0, 'a daemon';
    ok wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 }),
        'it serves';

    my $old = slurp($pid_file);
    my $viewers = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 20, seconds => 9, back => 1);

    sleep 0.7;
    kill 'USR2', $old;
    ok wait_for(sub { -s "$pid_file.oldbin" && -s $pid_file }, 10),
        'USR2: a new master';
    sleep 0.5;

    my $new = slurp($pid_file);

    kill 'QUIT', $old;
    ok wait_for(sub { !kill 0, $old }, 10), 'USR2: the old one ends';
    is $nginx->get('/live/gate/frame.jpg')->{status}, 200,
        'USR2: the new one serves';

    my $seen = $viewers->result;
    ok $seen->{complete} >= 10, 'USR2: viewers went over';
    is sum0(@{$seen}{qw(torn cut broken refused bad disorder)}), 0,
        'USR2: and lost nothing' or diag explain $seen;
    is $seen->{there}, 20, 'USR2: all of them watch';

    kill 'TERM', $new;
    ok wait_for(sub { !kill 0, $new }, 5), 'USR2: the new one ends, too';
    is_deeply [ $nginx->complaints ], [], 'USR2: nothing to regret';
}

finish();
