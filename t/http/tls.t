#!/usr/bin/perl

# All endpoints over TLS 1.2 and 1.3, pictures of many records, and clients
# that leave it as one should not: without a word, in the middle of a record,
# or before it has begun.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::SSL;
use Socket qw(SOL_SOCKET SO_LINGER);

use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my ($old, $new) = map { Vstream::Process::free_port() } 1 .. 2;

my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:; vstream_camera yard test:;'
        . 'ssl_protocols TLSv1.2 TLSv1.3;',
    server => "listen 127.0.0.1:$old ssl;\nlisten 127.0.0.1:$new ssl;");
my ($worker) = $nginx->new_workers;
my $path = '/live/gate/stream.mjpg';
my $gate = Vstream::Camera->new($redis, 'gate', size => 700_000);

wait_for(sub { $redis->command('HEXISTS', 'vs:{_}:cameras', 'gate') });
$gate->add_still;


sub viewers { return $nginx->metric('vstream_viewers{camera="gate"}') }

# A connection of that version of TLS, with a request on its way.
sub request ($version, $path, $method = 'GET') {
    my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1',
        PeerPort => $old, SSL_verify_mode => 0, SSL_version => $version)
        or die "TLS: $SSL_ERROR";

    print $socket "$method $path HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        . "Connection: close\r\n\r\n";

    return $socket;
}

sub answer ($version, $path, $method = 'GET') {
    my $socket = request($version, $path, $method);
    my $text = do { local $/; <$socket> } // '';
    my ($header, $body) = split /\r\n\r\n/, $text, 2;

    return ($header =~ m{^HTTP/1.1 (\d+)}, $body, $socket->get_sslversion);
}

for my $version ('TLSv1_2', 'TLSv1_3') {
    my ($status, $body, $spoken) = answer($version, '/live/gate/frame.jpg');

    is $spoken, $version, "$version is spoken";
    is $status, 200, "$version: a snapshot";
    is_bytes $body, $gate->jpeg, "$version: of 700 KB, as it was published";

    ($status, $body) = answer($version, '/live/gate/frame.jpg', 'HEAD');
    is "$status $body", '200 ', "$version: HEAD";
    ($status, $body) = answer($version, '/api/v1/cameras');
    is $status, 200, "$version: status";
    like $body, qr/"id":"yard"/, "$version: of all cameras";
    ($status) = answer($version, '/live/none/stream.mjpg');
    is $status, 404, "$version: no such camera";
    ($status, $body) = answer($version, $path, 'HEAD');
    is $status, 200, "$version: HEAD of a stream";
}

{
    my $viewer = Vstream::Viewer->open($nginx, $path, tls => 1);
    my $whole = 1;

    $viewer->part;

    for my $size (1, 1000, 16383, 16384, 16385, 100_000, 2_000_000) {
        $gate->{size} = $size;
        wait_for(sub { $gate->watchers });
        $gate->push_frame;

        my $part = $viewer->part;
        $whole = 0 unless $part && $part->{jpeg} eq $gate->jpeg;
    }

    ok $whole, 'pictures from 1 KB to 2 MB, whatever records they make';
    $viewer->close;
}

my $publisher = Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ],
    fps => 20, smallest => 100_000, largest => 200_000);
wait_for(sub { $nginx->json('/api/v1/cameras/yard')->{state} eq 'streaming' });

# Ways to go.
my %ways = (
    'with a word' => sub ($socket) {
        close $socket;
    },
    'without one' => sub ($socket) {
        $socket->close(SSL_no_shutdown => 1);
    },
    'by a reset' => sub ($socket) {
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        $socket->close(SSL_no_shutdown => 1);
    },
    'half' => sub ($socket) {
        $socket->stop_SSL(SSL_fast_shutdown => 1);
        shutdown $socket, 1;
    },
    'with noise in the middle' => sub ($socket) {
        my $fd = fileno $socket;
        open my $raw, '>&', $fd or die "$!";
        syswrite $raw, 'noise' x 1000;
        $socket->close(SSL_no_shutdown => 1);
    },
);

for my $way (sort keys %ways) {
    for my $version ('TLSv1_2', 'TLSv1_3') {
        my @sockets = map { request($version, $path) } 1 .. 5;

        sysread $_, my $bytes, 20_000 for @sockets;
        ok wait_for(sub { viewers() == 5 }), "$version, $way: five watch";
        $ways{$way}->($_) for @sockets;
        ok wait_for(sub { viewers() == 0 }),
            "$version, $way: in the middle of a picture they go";
    }
}

{
    # Who does not get as far as a request.
    my @raw = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$old") }
        1 .. 10;

    print { $raw[$_] } join '', map { chr int rand 256 } 1 .. 500
        for 0 .. 4;
    print { $raw[$_] } "GET $path HTTP/1.1\r\nHost: a\r\n\r\n" for 5 .. 7;
    sleep 0.3;
    close $_ for @raw;

    is((answer('TLSv1_3', '/health'))[0], 200, 'noise: nginx answers');
    is_deeply [ $nginx->new_workers ], [$worker], 'noise: the worker lives';
}

{
    my $seen = Vstream::Load->view($nginx, $path, count => 10, seconds => 3,
        joins => 20, port => $new, tls => 1)->result;

    ok $seen->{frames} > 100, "after all: $seen->{frames} pictures";
    is $seen->{bad} + $seen->{disorder} + $seen->{torn} + $seen->{broken}, 0,
        'after all: each is right' or diag explain $seen;
}

# What nginx says of those who do not speak TLS.
$nginx->expect(qr/\[crit\].*SSL_(?:do_handshake|read)\(\) failed/);

finish();
