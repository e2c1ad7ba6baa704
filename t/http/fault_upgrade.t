#!/usr/bin/perl

# nginx's program is exchanged while people watch (USR2, WINCH, QUIT), or is
# not after all (HUP for the old master, QUIT for the new one): viewers go over
# between two pictures, with a proper end of the body, and no request fails.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max sum0);

use Vstream::Faults;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $soak = $ENV{VSTREAM_SOAK};

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ], fps => 10,
    largest => 30000);

# Only a daemon takes these signals.
my $nginx = Vstream::Nginx->prepare(folder => folder(), redis => $redis,
    tls => 1, main => join("\n", map { "env $_;" }
        qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS)),
    http => 'vstream_camera gate test:; vstream_camera yard test:;')
    ->write_configuration;
my $pid_file = $nginx->folder . '/nginx.pid';


# The master that this file names; undef: none yet, or no longer.
sub master ($path = $pid_file) {
    open my $file, '<', $path or return undef;
    my ($pid) = (<$file> // '') =~ /^(\d+)$/;
    return $pid;
}

# A daemon is nobody's child: whoever is left of it when the test ends, goes.
END {
    my $status = $?;
    kill 'TERM', grep { $_ } master(), master("$pid_file.oldbin");
    $? = $status;
}

# Its children, without the new master, which is one of them.
sub workers ($master) {
    open my $file, '<', "/proc/$master/task/$master/children" or return ();
    return grep { $_ != master() } split ' ', <$file> // '';
}

# The old master and a new one, whose workers serve.
sub two_masters {
    my $old = master();

    kill 'USR2', $old;
    ok wait_for(sub {
        my $new = master();
        $new && $new != $old && workers($new) == 2
    }, 20), 'USR2: a new master with workers';

    return ($old, master());
}

sub drain ($master, $what) {
    kill 'WINCH', $master;
    ok wait_for(sub { workers($master) == 0 }, 10),
        "WINCH: $what workers are gone";
}

sub quit ($master, $what) {
    kill 'QUIT', $master;
    ok wait_for(sub { !kill 0, $master }, 10), "QUIT: $what master, too";
}

sub upgrade {
    my ($old, $new) = two_masters();

    drain($old, 'the old');
    quit($old, 'the old');
    is master(), $new, 'the new one alone is left';
}

# The old one begins anew, and the new one goes.
sub roll_back {
    my ($old, $new) = two_masters();

    drain($old, 'the old');
    kill 'HUP', $old;
    ok wait_for(sub { workers($old) == 2 }, 10),
        'HUP: the old master has workers again';
    quit($new, 'the new');
    ok wait_for(sub { (master() // 0) == $old }), 'the old one alone is left';
}

is $nginx->run, 0, 'a daemon';
ok wait_for(sub {
    master() && $nginx->get('/live/gate/frame.jpg')->{status} == 200
}), 'it serves';

fault_test(N2 => sub {
    my ($upgrades, $rollbacks) = $soak ? (20, 10) : (1, 1);
    my %viewers = (
        'HTTP/1.1' => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
            count => 20, seconds => 3600, back => 1),
        'TLS' => Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
            count => 10, seconds => 3600, back => 1, tls => 1),
        'HTTP/2' => Vstream::Load->view_http2($nginx,
            '/live/yard/stream.mjpg', connections => 2, streams => 2,
            seconds => 3600, back => 1),
    );
    my $requests = Vstream::Load->ask($nginx, $ENV{VSTREAM_PRELOAD} ? 50 : 200,
        '/live/gate/frame.jpg', '/api/v1/cameras', '/health',
        '/api/v1/cameras/yard', '/ready');
    my ($ended, $back_ms) = (0, 0);

    sleep 0.7;
    upgrade() for 1 .. $upgrades;
    roll_back() for 1 .. $rollbacks;
    sleep 1;

    my $asked = $requests->stop;
    ok $asked->{failed} == 0
        && $asked->{late} <= ($soak ? 0 : $asked->{asked} / 100),
        "none of $asked->{asked} requests failed" or diag explain $asked;

    for my $name (sort keys %viewers) {
        my $seen = $viewers{$name}->stop;

        $ended += $seen->{complete};
        $back_ms = max($back_ms, $seen->{back_ms});
        ok $seen->{complete} >= 4, "$name: viewers went over"
            . " $seen->{complete} times";
        is sum0(map { $_ // 0 } @{$seen}{qw(torn cut broken refused reset bad
            disorder)}), 0, "$name: and lost nothing" or diag explain $seen;
        ok $seen->{there} >= 3, "$name: they watch" or diag explain $seen;
    }

    ok $back_ms < ($soak ? 1000 : 5000), "they were back within $back_ms ms";
    is $nginx->metric('vstream_viewers{camera="gate"}'), 0,
        'nobody is counted who is not there';
    is_deeply [ $nginx->complaints ], [], 'nothing to regret';

    return (upgrades => $upgrades, rollbacks => $rollbacks,
        requests => $asked->{asked}, failed => $asked->{failed} + $asked->{late},
        idle_closed => $asked->{raced}, viewers_ended => $ended,
        back_ms => $back_ms);
});

quit(master(), 'the last');
finish();
