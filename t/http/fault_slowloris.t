#!/usr/bin/perl

# Clients that never finish what they say: a byte now and then of a handshake,
# of a header, of a body.  nginx gives them client_header_timeout, over HTTP/2
# keepalive_timeout, lingering_time after an answer, and no more; who watches
# does not notice.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use List::Util qw(max min);

use Vstream::Faults;
use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my ($count, $timeout, $pause) = $soak ? (1000, 10, 1) : (40, 2, 0.25);
my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:;'
        . "client_header_timeout ${timeout}s; client_body_timeout ${timeout}s;"
        . "lingering_time ${timeout}s; lingering_timeout ${timeout}s;"
        . "keepalive_timeout ${timeout}s;");
my ($worker) = $nginx->new_workers;

Vstream::Load->publish($redis, cameras => ['gate'], fps => 10,
    largest => 30000);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

my $header = "GET /live/gate/frame.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ";
my $block = "\x82\x87\x04\x07/health\x01\x09127.0.0.1";

# What each sends at once, before it goes on byte by byte; over what; does nginx
# say 408 of it in its access log?  Where it is a body, they go on beyond the
# answer, until nginx takes nothing any more.
my %ways = (
    'nothing' => {},
    'a header' => { first => $header, says => 1 },
    'a request line' => { first => 'GET /', says => 1 },
    'a handshake' => { port => $nginx->tls_port,
        first => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
    'a header over TLS' => { tls => 1, first => $header, says => 1 },
    'a header over HTTP/2' => { http2 => 1, first => substr(
        Vstream::Http2::bytes(Vstream::Http2::HEADERS, 5, 1,
            $block . Vstream::Http2::literals('x-a', 'a' x 8000)), 0, 60) },
    'a body that nobody wants' => { body => 1,
        first => "POST /health HTTP/1.1\r\nHost: a\r\n"
            . "Content-Length: 9000\r\n\r\n" },
    'a body of a snapshot' => { body => 1,
        first => "GET /live/gate/frame.jpg HTTP/1.1\r\nHost: a\r\n"
            . "Content-Length: 9000\r\n\r\n" },
);


# On a busy machine a handshake of TLS may itself take too long.
sub connect_by ($way) {
    for my $try (1 .. 20) {
        my $client = eval {
            $way->{http2} ? Vstream::Http2->connect($nginx)
                : Vstream::Viewer->connect($nginx, tls => $way->{tls},
                    port => $way->{port});
        };

        return $client->{socket} if $client;
    }

    die "no connection: $@";
}

# Whatever came is of no interest.  Has it ended?
sub has_ended ($way, $socket) {
    while (1) {
        my $n = sysread $socket, my $bytes, 65536;

        next if $n;
        return !$way->{body} if defined $n;
        return !($!{EAGAIN} || $!{EWOULDBLOCK});
    }
}

# Who has ended, of those that hold, goes into `held`; the others say a bit more
# when it is time to.
sub look_at ($way, $holding, $held, $is_time) {
    for my $key (keys %$holding) {
        my ($socket, $since) = @{ $holding->{$key} };

        next unless has_ended($way, $socket) || $is_time
            && defined $way->{first} && !defined syswrite $socket, 'a';
        push @$held, time() - $since;
        delete $holding->{$key};
    }
}

# Seconds for which each was held.
sub held ($way, $n) {
    my (%holding, @held);
    my $next = time() + $pause;
    my $end = time() + 10 * $timeout + 60;

    while (($n || %holding) && time() < $end) {
        if ($n) {
            my $socket = connect_by($way);

            $holding{$socket} = [ $socket, time() ];
            syswrite $socket, $way->{first} if defined $way->{first};
            $n--;
        }

        my $is_time = time() > $next;

        look_at($way, \%holding, \@held, $is_time) if $is_time || !$n;
        $next = time() + $pause if $is_time;
        sleep 0.02 unless $n;
    }

    return (@held, (9999) x ($n + keys %holding));
}

sub said {
    my @lines = $nginx->access_log =~ / 408 /g;
    return scalar @lines;
}

fault_test(N7 => sub {
    my $healthy = Vstream::Load->view($nginx, '/live/gate/stream.mjpg',
        count => 20, seconds => 3600);
    my %figures;

    for my $what (sort keys %ways) {
        my $way = $ways{$what};
        my $n = $way->{tls} || $way->{http2} ? $count / 10 : $count;
        my $before = said();
        my @held = held($way, $n);

        ok @held == $n && max(@held) < 3 * $timeout + ($soak ? 2 : 15),
            sprintf "%s: %d were held for %.1f s at most", $what, $n,
            max(@held) or diag "@held";
        ok said() - $before >= $n, "$what: 408 says nginx" if $way->{says};
        $figures{ $what =~ tr/ /_/r . '_s' } = 0 + sprintf '%.1f', max(@held);
    }

    my $seen = $healthy->stop;

    ok $seen->{there} == 20 && $seen->{bad} + $seen->{torn} == 0
        && $seen->{least_frames} > 0.9 * $seen->{frames} / 20,
        "meanwhile others saw $seen->{frames} pictures" or diag explain $seen;
    is_deeply [ $nginx->new_workers ], [$worker], 'the worker lives';

    return (clients => $count, timeout_s => $timeout, %figures);
});

finish();
