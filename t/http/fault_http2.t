#!/usr/bin/perl

# HTTP/2 against itself: streams that are opened and reset by the hundred, or
# get no window, floods of frames that ask for answers which nobody reads,
# headers without end, frames that lie.  A worker's memory and descriptors stay
# as they were, and those who watch beside it see all pictures.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::Faults;
use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $clear = Vstream::Process::free_port();
my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:; keepalive_requests 100000;',
    server => "listen 127.0.0.1:$clear http2;");
my ($worker) = $nginx->new_workers;
my $path = '/live/gate/stream.mjpg';
my $soak = $ENV{VSTREAM_SOAK};

Vstream::Load->publish($redis, cameras => ['gate'], fps => 20,
    smallest => 1000, largest => 100_000);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

my $healthy = Vstream::Load->view($nginx, $path, count => 5, seconds => 10000);
my @grown;


sub connect_to (%options) {
    return Vstream::Http2->connect($nginx, %options,
        exists $options{tls} && !$options{tls} ? (port => $clear) : ());
}

sub viewers { return $nginx->metric('vstream_viewers{camera="gate"}') }

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

# What the code does costs nothing that lasts, and nothing that grows.
sub is_flat ($how, $code, $limit = 1.0) {
    $code->();
    wait_for(sub { viewers() == 5 }, 15);

    my $memory = Vstream::Load::memory($worker);
    my $descriptors = Vstream::Load::descriptors($worker);

    $code->();
    ok wait_for(sub { viewers() == 5 }, 15),
        "$how: nobody else is counted afterwards";

    my $more = (Vstream::Load::memory($worker) - $memory) / 1e6;

    push @grown, $more;
    ok $more < $limit, sprintf "%s: memory is flat (%+.2f MB)", $how, $more
        unless $ENV{VSTREAM_PRELOAD};
    ok wait_for(sub {
        Vstream::Load::descriptors($worker) <= $descriptors + 2
    }), "$how: and so are descriptors";
    is_deeply [ $nginx->new_workers ], [$worker], "$how: the worker lives";
}

# The bytes are sent as often as they are taken, up to so many times; nothing
# is read meanwhile.
sub flood ($http2, $times, $bytes) {
    for (1 .. $times) {
        last if !eval { $http2->write($bytes); 1 } || $http2->closed;
    }

    $http2->pump_for(0.05) unless $http2->closed;
    $http2->close;
}

my $cycles = $soak ? 10_000 : 300;

is_flat("$cycles viewers that come and go", sub {
    my $http2 = connect_to(window => 1 << 20);

    for my $n (1 .. $cycles) {
        my $stream = $http2->open($path, unread => 1);

        $http2->pump_for(0.005 * (1 + $n % 4));
        $stream->cancel;
    }

    $http2->close;
});

my $floods = $soak ? 500 : 16;

is_flat('rapid reset', sub {
    for my $n (1 .. $floods) {
        my $http2 = connect_to(tls => $n % 2);
        my $flood = '';

        for (1 .. 100) {
            my ($id, $request) = $http2->request($path);
            $flood .= $request
                . Vstream::Http2::bytes(3, 0, $id, pack 'N', 8);
        }

        $http2->write($flood);
        $http2->pump_for(0.02);
        $http2->close;
    }
});

is_flat('reset in the middle of a picture', sub {
    for my $n (1 .. $floods) {
        my $http2 = connect_to(window => 2000 + 1000 * $n % 30000,
            manual => 1);
        my @streams = map { $http2->open($path, unread => 1) } 1 .. 10;

        $http2->pump_for(0.06);

        if ($n % 3) {
            $_->cancel for @streams;
            $http2->pump_for(0.02);
        }

        $http2->close;
    }
});

is_flat('no window at all', sub {
    for my $n (1 .. $floods / 2) {
        my $http2 = connect_to(window => 0, manual => 1);
        my @streams = map { $http2->open($path, unread => 1) } 1 .. 100;

        $http2->pump_for(0.06);
        $http2->close;
    }
});

is_flat('windows of one byte', sub {
    my $http2 = connect_to(window => 1, manual => 1);
    my @streams = map { $http2->open($path, unread => 1) } 1 .. 20;

    for (1 .. $floods) {
        $http2->write(join '', map {
            Vstream::Http2::bytes(8, 0, $_->id, pack 'N', 1)
        } @streams);
        $http2->pump_for(0.01);
    }

    $http2->close;
});

is_flat('pings and settings between pictures', sub {
    my $http2 = connect_to(window => 1 << 20);
    my @streams = map { $http2->open($path) } 1 .. 5;

    for my $n (1 .. 16) {
        $http2->write(Vstream::Http2::bytes(6, 0, 0, 'abcdefgh') x 50
            . Vstream::Http2::bytes(4, 0, 0, pack 'nN', 4,
                (1 << 20) + 100 * $n));
        $http2->pump_for(0.01);
    }

    is faults(3, @streams), 0, 'pings and settings: pictures are right'
        unless $http2->closed;
    $http2->close;
});

my %frames = (
    'pings that nobody reads' => Vstream::Http2::bytes(
        Vstream::Http2::PING, 0, 0, 'abcdefgh'),
    'settings that nobody reads' => Vstream::Http2::bytes(
        Vstream::Http2::SETTINGS, 0, 0, pack 'nN', 4, 70000),
    'empty settings' => Vstream::Http2::bytes(
        Vstream::Http2::SETTINGS, 0, 0, ''),
    'settings of 2,000 values' => Vstream::Http2::bytes(
        Vstream::Http2::SETTINGS, 0, 0, pack('nN', 99, 1) x 2000),
    'priorities' => Vstream::Http2::bytes(2, 0, 1, pack 'NC', 3, 200),
    'windows' => Vstream::Http2::bytes(Vstream::Http2::WINDOW_UPDATE, 0, 0,
        pack 'N', 1),
    'frames of no known type' => Vstream::Http2::bytes(77, 255, 1, 'x' x 100),
    'resets of what is not there' => Vstream::Http2::bytes(
        Vstream::Http2::RST_STREAM, 0, 1, pack 'N', 8),
    'pushes' => Vstream::Http2::bytes(5, 4, 1, pack('N', 2) . "\x82"),
    'data for nobody' => Vstream::Http2::bytes(Vstream::Http2::DATA, 0, 99,
        'x' x 1000),
);

for my $name (sort keys %frames) {
    is_flat("a flood of $name", sub {
        for my $n (1 .. ($soak ? 20 : 2)) {
            my $http2 = connect_to(tls => $n % 2);

            $http2->open($path, unread => 1) if $n % 2;
            flood($http2, 100, $frames{$name} x 200);
        }
    });
}

is_flat('a window beyond all bounds', sub {
    my $http2 = connect_to(manual => 1);
    my $stream = $http2->open($path);

    $http2->grant($stream->id, 0x7fffffff) for 1 .. 3;
    ok wait_for(sub {
        $http2->pump_for(0.02);
        defined $stream->was_reset
    }), 'a window beyond all bounds: the stream is reset';
    $http2->grant(0, 0x7fffffff) for 1 .. 3;
    ok wait_for(sub { $http2->pump_for(0.02); $http2->closed }),
        'of the connection: it is closed';
    $http2->close;
});

is_flat('more streams than there may be', sub {
    for (1 .. ($soak ? 50 : 2)) {
        my $http2 = connect_to(manual => 1);
        my @streams = map { $http2->open($path, unread => 1) } 1 .. 300;

        $http2->pump_for(0.3);
        $http2->close;
    }
});

my @fields = map { ("x-$_" => 'y' x 900) } 1 .. 200;

is_flat('headers that are too large', sub {
    for my $n (1 .. $floods / 4) {
        my $http2 = connect_to(tls => $n % 2);

        $http2->open($path, unread => 1, headers => \@fields);
        $http2->pump_for(0.02);
        $http2->close;
    }
});

is_flat('a header that goes on without end', sub {
    for my $n (1 .. $floods / 4) {
        my $http2 = connect_to(tls => $n % 2);

        $http2->frame(Vstream::Http2::HEADERS, 0, 1, "\x82\x87\x84");
        flood($http2, 100, Vstream::Http2::bytes(Vstream::Http2::CONTINUATION,
            0, 1, Vstream::Http2::literals('x-a' => 'b' x 90)) x 50);
    }
});

is_flat('a header of empty pieces', sub {
    for my $n (1 .. $floods / 4) {
        my $http2 = connect_to(tls => $n % 2);

        $http2->frame(Vstream::Http2::HEADERS, 0, 1, "\x82\x87\x84");
        flood($http2, 100, Vstream::Http2::bytes(Vstream::Http2::CONTINUATION,
            0, 1, '') x 200);
    }
});

is_flat('a table that is filled again and again', sub {
    for my $n (1 .. $floods / 4) {
        my $http2 = connect_to(tls => $n % 2);

        for (1 .. 20) {
            my ($id, $request) = $http2->request('/health', headers => []);
            my $indexed = join '', map {
                "\x40" . Vstream::Http2::_text("x-$_")
                    . Vstream::Http2::_text('z' x 1000)
            } 1 .. 8;

            $http2->write(Vstream::Http2::header_bytes($id,
                substr($request, 9) . "\x3f\xe1\x1f" . $indexed
                    . "\xbe" x 100, 1));
        }

        $http2->pump_for(0.02);
        $http2->close;
    }
});

is_flat('a body of nothing', sub {
    for my $n (1 .. $floods / 4) {
        my $http2 = connect_to(tls => $n % 2);
        my $stream = $http2->open($path, unread => 1, unended => 1);

        flood($http2, 50, Vstream::Http2::bytes(Vstream::Http2::DATA, 0,
            $stream->id, '') x 200);
    }
});

my %lies = (
    'noise' => join('', map { chr($_ * 37 % 256) } 1 .. 5000),
    'a frame that is too long' => "\xff\xff\xff\x00\x00\x00\x00\x00\x01"
        . 'x' x 70000,
    'padding beyond the frame' => Vstream::Http2::bytes(
        Vstream::Http2::HEADERS, 0x0c, 1, "\xff\x82"),
    'a header on stream 0' => Vstream::Http2::bytes(
        Vstream::Http2::HEADERS, 5, 0, "\x82\x87\x84"),
    'an index of nothing' => Vstream::Http2::bytes(
        Vstream::Http2::HEADERS, 5, 1, "\xff\xff\xff\xff\xff\xff\x0f"),
    'a broken Huffman code' => Vstream::Http2::bytes(
        Vstream::Http2::HEADERS, 5, 1, "\x04\x84\xff\xff\xff\xff"),
    'a window of 0' => Vstream::Http2::bytes(
        Vstream::Http2::WINDOW_UPDATE, 0, 0, pack 'N', 0),
    'a stream that waits for itself' => Vstream::Http2::bytes(
        2, 0, 1, pack 'NC', 1, 1),
);

for my $name (sort keys %lies) {
    is_flat($name, sub {
        for my $n (1 .. $floods / 4) {
            my $http2 = connect_to(tls => $n % 2);

            $http2->open($path, unread => 1) if $n % 3 == 0;
            flood($http2, 1, $lies{$name});
        }
    });
}

my $seen = $healthy->stop;

ok $seen->{there} == 5 && $seen->{bad} + $seen->{torn} + $seen->{disorder} == 0,
    "meanwhile others saw $seen->{frames} pictures" or diag explain $seen;
is_deeply [ $nginx->complaints ], [], 'nothing to regret';

# The tests of this file are the row's.
fault_row(row => 'N10', ok => !grep({ !$_ } Test::More->builder->summary),
    floods => scalar @grown, most_growth_mb => 0 + sprintf('%.2f', max(@grown)),
    sanitized => $ENV{VSTREAM_PRELOAD} ? 1 : 0);

finish();
