#!/usr/bin/perl

# Redis, or what answers in its place, breaks the protocol: replies cut at any
# byte, one byte at a time, lengths that lie, types that nobody asked for.
# Each time the connection is given up and made anew, memory stays bounded,
# nothing is written into the log that looks like a line of its own, and who
# watches sees whole pictures or none.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Faults;
use Vstream::Lies;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $port = Vstream::Process::free_port();
my $fault = Vstream::Load->spoil($redis, $port, 'pass');
my $nginx = start_nginx($redis, connections => 2,
    redis_line => 'vstream_redis ' . $redis->url('nginx', $port)
        . ' connections=2;',
    http => 'vstream_camera gate test:;',
    server => 'location = /plain { return 200 "here\n"; }');
my $channel = 'vs:{gate}:frame';

Vstream::Load->publish($redis, cameras => ['gate'], fps => 20,
    smallest => 300, largest => 400);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

my @workers = $nginx->new_workers;
my ($cuts, $largest) = (0, 0);


# Something else stands between them from now on.
sub spoil (@mode) {
    $fault->signal('KILL')->wait_end;
    $fault = Vstream::Load->spoil($redis, $port, @mode);
}

sub is_well ($how) {
    is $nginx->get('/plain')->{content}, "here\n", "$how: nginx answers";
    is_deeply [ $nginx->new_workers ], \@workers, "$how: no worker has died";
}

sub is_live_again ($how) {
    spoil('pass');
    ok wait_for(sub {
        $nginx->metric('vstream_redis_connections') == 2 * 3
    }, 3), "$how: all connections are there again";

    my $viewer = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');
    my @parts = map { $viewer->part } 1 .. 10;
    ok defined $parts[9], "$how: pictures come";
}

# What viewers see of it meanwhile.
sub watch ($seconds) {
    return Vstream::Load->view($nginx, '/live/gate/stream.mjpg', count => 6,
        seconds => $seconds, back => 1);
}

sub is_whole ($how, $viewers) {
    my $seen = $viewers->result;

    ok $seen->{frames} > 0, "$how: viewers see pictures";
    is $seen->{bad} + $seen->{disorder} + $seen->{torn}, 0,
        "$how: each whole, and in order" or diag explain $seen;
}

{
    # What Redis says at the start of a connection is some 500 bytes.  In the
    # long form the cut goes through every one of them.
    my ($step, $seconds) = $ENV{VSTREAM_SOAK} ? (1, 90) : (11, 6);
    my $viewers = watch($seconds);

    sleep 0.5;
    spoil('cut', 1, $step);
    wait_for(sub { $fault->connections * $step > 500 }, $seconds - 2);
    $cuts = $fault->connections;
    ok $cuts > 20, 'cut: at many places' or diag $cuts;
    is_well('cut');
    is_live_again('cut');
    is_whole('cut', $viewers);
}

{
    my $viewers = watch(5);

    sleep 0.5;
    spoil('drip');
    is_well('byte by byte');
    is_whole('byte by byte', $viewers);
    is_live_again('byte by byte');
}

my %lies = lies();
my %tales = (
    'a bulk beyond all bounds' => "\$9223372036854775807\r\n" . 'x' x 1_000_000,
    'answers that nobody asked for' => "+OK\r\n:1\r\n*0\r\n\$-1\r\n" x 100,
    'nils' => "\$-1\r\n*-1\r\n*0\r\n*1\r\n*0\r\n",
    'a forged line' => "-ERR nothing\n2026/01/01 00:00:00 [alert] 1#1: forged"
        . "\e[31m\r\n" x 8,
    'frames that are none' => join('', map { message(bulk('smessage'), @$_) }
        [], [ bulk($channel) ], [ bulk($channel), bulk('') ],
        [ bulk($channel), bulk('1 2 3 4 5') ],
        [ bulk($channel), bulk("1 2 3 4 5\n") ],
        [ bulk($channel), bulk("-1 2 3 4 5\nx") ],
        [ bulk($channel), bulk('9' x 5000 . "\nx") ],
        [ bulk('vs:{}:frame'), bulk("1 2 3 4 5\nx") ],
        [ bulk('vs:{../..}:frame'), bulk("1 2 3 4 5\nx") ],
        [ bulk($channel x 50), bulk("1 2 3 4 5\nx") ],
        [ ':1', ':2' ], [ "*1\r\n" . bulk('smessage'), bulk('x') ]),
    'subscriptions of others' => message(bulk('ssubscribe'), bulk($channel),
        ":1\r\n") . message(bulk('ssubscribe'), bulk('vs:{other}:frame'),
        ":1\r\n") . message(bulk('sunsubscribe'), "\$-1\r\n", ":0\r\n"),
);

sub errors {
    return scalar(() = $nginx->error_log =~ /redis_protocol_error/g);
}

srand 3;

for my $lie (sort keys %lies, sort keys %tales) {
    my $must = exists $lies{$lie};
    my $errors = errors();
    my $most = 0;

    spoil('lie', write_file('lie', $lies{$lie} // $tales{$lie}));

    my $end = time() + 0.8;

    while (time() < $end) {
        $nginx->get('/live/gate/frame.jpg');
        my $memory = Vstream::Load::memory(@workers);
        $most = $memory if $memory > $most;
        sleep 0.02;
    }

    is_well($lie);
    $largest = $most if $most > $largest;
    ok $most < 2 * 60e6, "$lie: memory is bounded" or diag "$most bytes"
        unless $ENV{VSTREAM_PRELOAD};

    ok wait_for(sub { errors() > $errors }, 20), "$lie: logged" if $must;
    my $more = errors() - $errors;
    ok $more < 60, "$lie: and not without end" or diag $more;
}

# The words of Redis are there, but escaped.
$nginx->expect(qr/refuses: "ERR nothing\\x0a2026/);
unlike $nginx->error_log, qr/^\S+ \S+ \[alert\] 1#1: forged/m,
    'no line of the log is forged';
unlike $nginx->error_log, qr/\e/, 'and no terminal is spoken to';

is_live_again('after all lies');
fault_row(row => 'R3-nginx', ok => Test::More->builder->is_passing,
    cuts => $cuts, lies => keys(%lies) + keys(%tales),
    protocol_errors => errors(), private_max_mib => int($largest / 1e6));
$fault->signal('TERM');

finish();
