#!/usr/bin/perl

# HTTP/2: many streams on one connection, cancelled in the middle of a picture,
# read through small windows.  A frame's memory is lent to nginx until the last
# of its bytes has gone: what is read must be whole, what is cancelled must be
# given back.  For floods see t/http/fault_http2.t.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $clear = Vstream::Process::free_port();
my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:; vstream_camera yard test:;'
        . 'keepalive_requests 100000;',
    server => "listen 127.0.0.1:$clear http2;");
my $path = '/live/gate/stream.mjpg';

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ], fps => 20,
    smallest => 1000, largest => 100_000);
wait_for(sub { $nginx->get('/live/yard/frame.jpg')->{status} == 200 });


sub connect_to (%options) {
    return Vstream::Http2->connect($nginx, %options,
        exists $options{tls} && !$options{tls} ? (port => $clear) : ());
}

# Some parts of several streams, read in turn.  What is wrong with them?
sub faults ($parts, @streams) {
    my ($bad, %last) = (0);

    for (1 .. $parts) {
        for my $stream (@streams) {
            my $part = $stream->part or return 'a stream fell silent';
            my $of = $stream->id . $part->{headers}{'x-camera'};
            my $seq = $part->{headers}{'x-frame-seq'};

            $bad++ unless Vstream::Load::is_right($part);
            $bad++ if $seq < ($last{$of} // 0);
            $last{$of} = $seq;
        }
    }

    return $bad;
}

sub viewers { return $nginx->metric('vstream_viewers{camera="gate"}') }


for my $tls (1, 0) {
    my $name = $tls ? 'over TLS' : 'in clear';
    my $http2 = connect_to(tls => $tls);
    my $stream = $http2->open($path);

    is $stream->status, 200, "$name: a viewer";
    like $stream->header('Content-Type'),
        qr{^multipart/x-mixed-replace; boundary=[0-9a-f]{32}$},
        "$name: of parts";
    is $stream->header('Transfer-Encoding'), undef, "$name: without chunks";
    is faults(10, $stream), 0, "$name: pictures are right";

    my $still = $http2->open('/live/yard/frame.jpg');
    is length $still->content, $still->header('Content-Length'),
        "$name: a snapshot beside it";
    is $http2->open('/live/none/stream.mjpg')->status, 404,
        "$name: no such camera";
    is $http2->open('/live/a%20b/stream.mjpg')->status, 400,
        "$name: no camera at all";
    is faults(5, $stream), 0, "$name: the viewer did not notice";
    $http2->close;
}

{
    # A wall and twenty viewers share a connection.
    my $http2 = connect_to(window => 1 << 20);
    my @streams = map { $http2->open($path) } 1 .. 20;
    my $wall = $http2->open('/live/wall.mjpg?cameras=gate,yard');
    my %seen;

    is faults(15, @streams), 0, '20 viewers on one connection: all is right';
    is faults(15, $wall), 0, 'and a wall';
    $seen{ $wall->part->{headers}{'x-camera'} }++ for 1 .. 20;
    is keys %seen, 2, 'which shows both cameras';
    is viewers(), 21, 'they are counted';

    # Every other one goes, in the middle of whatever is on its way.
    for my $n (grep { $_ % 2 } 0 .. $#streams) {
        $streams[$n]->cancel;
    }

    is faults(10, @streams[ grep { $_ % 2 == 0 } 0 .. $#streams ]), 0,
        'half of them cancelled: the others see what they should';
    ok wait_for(sub { viewers() == 11 }), 'and alone are counted';
    $http2->close;
    ok wait_for(sub { viewers() == 0 }), 'the connection closed: nobody is';
}

{
    # Small windows: every picture goes in many pieces, each with its cut.
    my $http2 = connect_to(window => 5000);
    my @streams = map { $http2->open($path) } 1 .. 3;

    is faults(8, @streams), 0, 'small windows: pictures are right';
    $http2->close;
}

{
    # The window of all streams shrinks below what was sent, then grows.
    my $http2 = connect_to(window => 60000, manual => 1);
    my $stream = $http2->open($path);

    $http2->pump_for(0.5);
    $http2->frame(Vstream::Http2::SETTINGS, 0, 0, pack 'nN', 4, 10);
    $http2->pump_for(0.3);
    $http2->grant($_, 1 << 24) for 0, $stream->id;
    is faults(5, $stream), 0, 'a window that was negative: pictures are right';
    $http2->close;
}

finish();
