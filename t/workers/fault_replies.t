#!/usr/bin/perl

# FAULTS R3 as vstream-ingest sees it: replies of Redis cut at any byte, one
# byte at a time, lengths that lie, replies of other kinds.  The connection is
# given up and made anew, memory stays bounded, no camera is dialled again.
# (t/http/fault_protocol.t tries the same on nginx.)
#
# VSTREAM_SOAK=1: the cut goes through every byte; more lies.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Lies;
use Vstream::Load;
use Vstream::Subscriber;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $redis = start_redis();
my $port = Vstream::Process::free_port();
my $fault = Vstream::Load->spoil($redis, $port, 'pass');
my $camera = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'));
my $ingest = start_ingest($redis, url => $redis->url('ingest', $port));
my %result = (row => 'R3', lies => 0, findings => 0, cuts => 0, redials => 0,
    not_told => 0, rss_grows_mib => 0);
my $pid = $ingest->pid;

declare($redis, 'street', $camera->url('/street'));
camera_is($redis, 'street', 'street streams', state => 'streaming');

my $rss = rss();

# Something else stands between them from now on.
sub spoil (@mode) {
    $fault->signal('KILL')->wait_end;
    $fault = Vstream::Load->spoil($redis, $port, @mode);
}

sub rss {
    my ($kib) = Vstream::Ingest::read_file("/proc/$pid/status")
        =~ /^VmRSS:\s+(\d+)/m;

    return ($kib // 0) / 1024;
}

sub finding ($is_well, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $result{findings} += !$is_well;
    return ok $is_well, $name;
}

sub is_well ($how) {
    finding(!defined $ingest->ended && $ingest->pid == $pid
        && $ingest->get('/health')->{status} == 200, "$how: it answers");
}

# All goes on, with the camera that was dialled so often; undef: it has been
# given up, for that took longer than 30 s.
sub goes_on ($how, $dials) {
    my $epoch = epoch_of($redis, 'street');

    spoil('pass');
    finding($ingest->wait_ready, "$how: ready again");

    my $subscriber = Vstream::Subscriber->new($redis, 'street');
    my $frame = $subscriber->frame(patience());

    finding($frame && $frame->{epoch} >= $epoch, "$how: pictures come");
    $subscriber->close;
    $result{redials} += $camera->dials - $dials if defined $dials;
}

sub told { return scalar $ingest->log_lines(qr/^redis is away$/) }


subtest 'cut' => sub {
    # What Redis says at the start of a connection is some 500 bytes.
    my ($bytes, $step) = $soak ? (1200, 1) : (600, 41);
    my $dials = $camera->dials;

    spoil('cut', 1, $step);
    wait_for(sub { $fault->connections * $step > $bytes }, $soak ? 900 : 60);
    $result{cuts} = $fault->connections;
    ok $result{cuts} * $step > $bytes, "at $result{cuts} places";
    is_well('cut');
    goes_on('cut', $soak ? undef : $dials);
};

subtest 'byte by byte' => sub {
    my $dials = $camera->dials;

    spoil('drip');
    sleep 1;
    is_well('byte by byte');
    goes_on('byte by byte', $dials);
};

subtest 'lies' => sub {
    my %lies = (lies(),
        'answers that nobody asked for' => "+OK\r\n:1\r\n*0\r\n\$-1\r\n" x 100,
        'nils' => "\$-1\r\n*-1\r\n*0\r\n*1\r\n*0\r\n",
        'a bulk beyond all bounds' => "\$9223372036854775807\r\nx",
        'a forged line' => "-ERR nothing\n{\"level\":\"error\"}\e[31m\r\n" x 8,
        'a lease of another kind' => bulk('999999999999999999999') x 4,
        'an epoch of letters' => bulk('12ab') x 4,
        'arrays for all' => message(message(), message(':1'), bulk('x')) x 8,
    );

    # In the short form those that have been believed once.
    my @names = $soak ? sort keys %lies
        : ('an array beyond all bounds', 'bulks without end', 'noise');

    my $dials = $camera->dials;

    for my $name (@names) {
        my $before = told();
        my $most = 0;

        spoil('lie', write_file('lie', $lies{$name}));

        for (1 .. ($soak ? 60 : 20)) {
            $most = max($most, rss());
            sleep 0.05;
        }

        is_well($name);
        $result{rss_grows_mib} = max($result{rss_grows_mib},
            int($most - $rss));
        note sprintf '%s: %d MiB more', $name, $most - $rss;
        $result{not_told} += told() == $before;
        $result{lies}++;

        if ($soak || $name eq $names[-1]) {
            goes_on($name, $dials);
            $dials = $camera->dials;
        }
    }
};

$result{protocol_errors} = grep {
    ($_->{reason} // '') =~ /redis_protocol_error/
} $ingest->log_lines(qr/^redis is away$/);

unlike $ingest->log, qr/\e/, 'no terminal is spoken to';
is $result{redials}, 0, 'no camera was dialled again';
is $result{not_told}, 0, 'each lie is told of';
cmp_ok $result{protocol_errors}, '>=', 3, 'as redis_protocol_error';
cmp_ok $result{rss_grows_mib}, '<', 64, 'memory stays bounded'
    unless $ENV{SANITIZE};
fault_row(%result, ok => !grep { $result{$_} }
    qw(findings redials not_told));

$ingest->expect(qr/redis|lease|schema/);
$camera->stop;
$fault->signal('TERM')->wait_end;
finish();
