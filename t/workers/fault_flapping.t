#!/usr/bin/perl

# FAULTS W7: cameras that flap, and 64 that go down together.  Each is dialled
# by one connection at a time, after waits that grow and that chance spreads,
# and all are back by themselves when their network is.
#
# VSTREAM_SOAK=1: more of them, for longer.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $cameras = 64;
my %result = (row => 'W7', cameras => $cameras);
my $flaps = $soak ? 30 : 2;
my $outage = $soak ? 60 : 4;

my $http = http_camera('--file', clip('gop1s.mjpeg'), '--fps', 2);
my $log = write_file('dials', '');

# A network in front of the camera.  It notes who is dialled and who has left:
# "<time> + <camera> <open connections of it>".  TERM ends it, USR1 cuts all
# connections, and what dials then is cut as soon as it has said who it is, and
# USR2 mends it.
sub network ($to, $notes) {
    my $port = Vstream::Process::free_port();
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 256, ReuseAddr => 1) or die $!;
    my $self = bless { port => $port }, 'Vstream::Process';

    $self->adopt(fork // die $!);
    return $self if $self->pid;

    my ($is_cut, $cuts, %other, %camera, %open) = (0, 0);
    my $select = IO::Select->new($listener);

    open my $file, '>>', $notes or POSIX::_exit(1);
    $file->autoflush(1);
    alarm 0;
    $SIG{TERM} = 'DEFAULT';
    $SIG{USR1} = sub { $is_cut = $cuts = 1 };
    $SIG{USR2} = sub { $is_cut = 0 };

    my $leave = sub ($socket) {
        my $peer = delete $other{$socket};

        for (grep { defined } $socket, $peer) {
            my $id = delete $camera{$_};
            $open{$id}-- if defined $id;
            delete $other{$_};
            $select->remove($_);
            close $_;
        }
    };

    while (1) {
        if ($cuts) {
            $cuts = 0;
            $leave->($_) for grep { $_ != $listener && defined fileno $_ }
                $select->handles;
        }

        for my $socket ($select->can_read(1)) {
            if ($socket == $listener) {
                $select->add($listener->accept // next);
                next;
            }

            next if !defined fileno $socket;
            my $n = sysread $socket, my $bytes, 65536;

            if (!$n) {
                $leave->($socket);
                next;
            }

            if (!$other{$socket}) {
                my ($id) = $bytes =~ m{^GET \S*\?camera=(\w+)};
                $open{ $camera{$socket} = $id // 'nobody' }++;
                printf $file "%.3f + %s %d\n", time(), $camera{$socket},
                    $open{ $camera{$socket} };

                my $server = $is_cut ? undef : IO::Socket::INET->new(
                    PeerAddr => '127.0.0.1', PeerPort => $to);

                if (!$server) {
                    $leave->($socket);
                    next;
                }

                $other{$socket} = $server;
                $other{$server} = $socket;
                $select->add($server);
            }

            syswrite $other{$socket}, $bytes or $leave->($socket);
        }
    }
}

# Who was dialled, when: { camera => [ times ] }, from then on.
sub dials ($from = 0) {
    open my $file, '<', $log or die $!;
    my %dials;

    while (<$file>) {
        my ($time, $id) = /^(\S+) \+ (\w+) / or next;
        push @{ $dials{$id} }, $time if $time >= $from;
    }

    return \%dials;
}

sub most_at_once {
    open my $file, '<', $log or die $!;
    my $most = 0;

    while (<$file>) {
        my ($n) = /(\d+)$/ or next;
        $most = $n if $n > $most;
    }

    return $most;
}

# Dials of the busiest window of so many seconds.
sub busiest ($window, @times) {
    my ($most, $first) = (0, 0);

    @times = sort { $a <=> $b } @times;

    for my $last (0 .. $#times) {
        $first++ while $times[$last] - $times[$first] > $window;
        $most = $last - $first + 1 if $last - $first + 1 > $most;
    }

    return $most;
}

my $redis = start_redis();
my $network = network($http->port, $log);
my $ingest = start_ingest($redis);
my @ids = map { sprintf 'c%02d', $_ } 1 .. $cameras;

sub streaming {
    return scalar grep {
        (camera_status($redis, $_)->{state} // '') eq 'streaming'
    } @ids;
}

sub all_stream ($name, $seconds) {
    ok wait_for(sub { streaming() == $cameras }, $seconds), $name
        or diag streaming() . " of $cameras stream";
}

declare($redis, $_, "http://127.0.0.1:$network->{port}/video.mjpg?camera=$_",
    still => 'off') for @ids;
all_stream('all stream', 3 * patience());
is_deeply [ map { scalar @$_ } values %{ dials() } ], [ (1) x $cameras ],
    'after one dial each';


subtest 'all go down together' => sub {
    my $from = time();

    $network->signal('USR1');
    ok wait_for(sub { streaming() == 0 }, patience()), 'none streams';
    sleep $outage;

    my $until = time();
    my $dials = dials($from);
    my @counts = sort { $a <=> $b } map { scalar @{ $dials->{$_} // [] } } @ids;
    my @times = map { @$_ } values %$dials;
    my @second = map { $dials->{$_}[1] // () } @ids;

    # Full jitter: the n-th wait is evenly spread below 0.5 s * 2 ** n.  Four
    # seconds take about four of them; the least that chance may choose is
    # 0.1 s, and fifteen such in a row do not happen.
    cmp_ok $counts[0], '>=', 1, 'each is tried again';
    cmp_ok $counts[-1], '<=', 15 + $outage / 5, 'and less and less often'
        or diag "@counts";
    cmp_ok @times, '<=', $cameras * (6 + $outage / 10), 'all in all too'
        or diag scalar @times;

    my $first_half = grep { $_ < ($from + $until) / 2 } @times;
    cmp_ok $first_half, '>', @times - $first_half, 'waits grow';
    cmp_ok busiest(0.1, @second), '<=', $cameras / 4,
        'they do not come together' or diag join ' ', sort @second;
    @result{qw(dials outage_s most_in_a_second)}
        = (scalar @times, int $until - $from, busiest(1, @times));

    $network->signal('USR2');
    my $back = time();
    all_stream('all are back', $outage * 4 + 3 * patience());
    $result{all_back_s} = int time() - $back;
};

subtest 'flapping' => sub {
    my $from = time();

    for (1 .. $flaps) {
        $network->signal('USR1');
        sleep 0.5;
        $network->signal('USR2');
        sleep 2;
    }

    my $until = time();
    my @times = map { @$_ } values %{ dials($from) };

    cmp_ok @times, '<=', $cameras * (3 + 3 * $flaps),
        'a cut costs a few dials' or diag scalar @times;
    all_stream('all stream at last', 40 + 3 * patience());
    @result{qw(cuts dials_while_flapping)} = ($flaps, scalar @times);
};

cmp_ok most_at_once(), '<=', 1, 'never two connections to one camera';
fault_row(%result, ok => Test::More->builder->is_passing);

$network->signal('TERM')->wait_end;
$http->stop;
finish();
