# What serving costs beside plain MJPEG: memory, TLS and HTTP/2, walls,
# snapshots and status, more workers, viewers who come and go, fewer pictures a
# second.  nginx has a core of its own; what it is compared with is mostly
# itself, doing something simpler.

package Serving;

use v5.36;

use IO::Socket::INET;
use List::Util qw(sum0);

use Vstream::Bench qw(median);
use Vstream::CameraServer;
use Vstream::Gateway qw(pinned resident);
use Vstream::Load;
use Vstream::Test;

use constant KIB => 1024;

my $path = '/live/c1/stream.mjpg';

# As conf/nginx-tls.conf has it.
my $http2 = 'http2_chunk_size 64k;';

sub rows {
    return ('memory' => \&memory, 'stalled-memory' => \&stalled_memory,
        'tls' => \&tls, 'wall' => \&wall, 'requests' => \&requests,
        'nginx-workers' => \&workers, 'churn' => \&churn, 'fps' => \&fps);
}

sub quick { return qw(memory stalled-memory tls) }


# RSS of a worker by what it holds, each measured in an nginx of its own.
sub memory ($bench) {
    my $some = 100;
    my $many = $bench->quick ? 500 : 1000;
    my @idle;
    my %kind = (
        'viewer' => [ $many, sub ($gateway, $count) {
            $gateway->view(count => $count, path => $path);
        } ],
        'viewer over TLS' => [ $some, sub ($gateway, $count) {
            $gateway->view(count => $count, path => $path, tls => 1);
        } ],
        'viewer over HTTP/2' => [ $some, sub ($gateway, $count) {
            $gateway->view(count => $count, path => $path, http2 => 1);
        } ],
        'idle keep-alive connection' => [ $many, sub ($gateway, $count) {
            @idle = map { idle_connection($gateway) } 1 .. $count;
        } ],
    );

    delete @kind{ grep { /over/ } keys %kind } if $bench->quick;

    for my $name (sort keys %kind) {
        my ($count, $open) = @{ $kind{$name} };
        my $gateway = Vstream::Gateway->start($bench, fps => 5, tls => 1,
            http => $http2);
        my ($worker) = $gateway->nginx->new_workers;

        $gateway->view(count => 2, path => $path); # what all have in common
        $gateway->dismiss;

        my $before = resident($worker);

        $open->($gateway, $count);
        sleep 1;
        $bench->note("RSS per $name", unit => 'KiB',
            value => (resident($worker) - $before) / $count / KIB,
            $name eq 'viewer' ? (gate => 16, aim => 12) : ());
        $gateway->stop;
        @idle = ();
    }
}

# It has had an answer, and stays.
sub idle_connection ($gateway) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->nginx->port) or die "connect: $!\n";

    syswrite $socket, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    sysread $socket, my $answer, 4096;

    return $socket;
}


# What the kernel holds for a viewer that reads no more, at both ends.
sub stalled_memory ($bench) {
    my $gateway = Vstream::Gateway->start($bench,
        http => 'vstream_stall_timeout 60s;');
    my $count = 100;

    $gateway->load($bench->program('mjpeg_load'), '-n', $count, '-s',
        $count - 1, '-t', 3600, $gateway->nginx->port, $path);
    wait_for(sub { $gateway->viewers == $count }, 20) or die "no viewers\n";
    sleep $bench->seconds(2, 3);
    $bench->note('kernel memory of a stalled viewer', unit => 'MiB',
        gate => 0.5, aim => 0.35,
        value => kernel_memory($gateway->nginx->port) / $count / KIB / KIB);
    $gateway->stop;
}

# Bytes that the kernel has allocated for the connections to a port: what waits
# to be sent and to be read, and what it keeps ready for both.
sub kernel_memory ($port) {
    open my $pipe, '-|', 'ss', '-tnmH', "( sport = :$port or dport = :$port )"
        or die "ss: $!\n";
    my $text = do { local $/; <$pipe> };

    return sum0($text =~ /skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+)/g);
}


# CPU of a picture over TLS and HTTP/2, against plain HTTP/1.1; and the same of
# nginx's own static file of that size, with sendfile.
sub tls ($bench) {
    my $files = static_files();
    my $gateway = Vstream::Gateway->start($bench, tls => 1,
        http => "$http2 sendfile on;", server => $files);
    my $count = 100;
    my $seconds = $bench->seconds(0.8, 1.2);

    my $watched = sub (%options) {
        return sub {
            $gateway->view(count => $count, path => $path, %options);
            sleep 0.3;
            my $cost = $gateway->cost($seconds);
            $gateway->dismiss;
            return $cost;
        };
    };
    my $fetched = sub ($base) {
        return sub {
            $gateway->load('h2load', '--h1', '-t', 1, '-D', 3600,
                '-c', $count, '--rps', 30, "$base/static/frame.jpg");

            sleep 1;
            my $cost = $gateway->cost($seconds);
            $gateway->dismiss;
            return $cost;
        };
    };

    my @pairs = $bench->interleaved(
        'plain' => $watched->(), 'TLS' => $watched->(tls => 1),
        'HTTP/2' => $watched->(http2 => 1),
        $bench->quick ? ()
            : ('HTTP/2, 10 a connection' => $watched->(http2 => 1,
                streams => 10)),
        'static' => $fetched->($gateway->nginx->url),
        'static TLS' => $fetched->($gateway->nginx->tls_url));

    $gateway->stop;

    my %kind = (figure => 'us_per_frame', unit => 'us', pairs => \@pairs);

    $bench->judge('TLS of a picture', %kind, ours => 'TLS', base => 'plain');
    $bench->judge('TLS of a static file', %kind, ours => 'static TLS',
        base => 'static', figure => 'us_per_request');
    $bench->judge('TLS to plain', gate => 1.15, aim => 1.0,
        pairs => [ map { tls_ratios($_) } @pairs ], ours => 'picture',
        base => 'static file', figure => 'ratio');
    $bench->judge($_, %kind, ours => $_, base => 'TLS')
        for grep { /HTTP/ } sort keys %{ $pairs[0] };
}

# The ratios that row 14 compares, as figures of their own.
sub tls_ratios ($pair) {
    my $ratio = sub ($ours, $base, $figure) {
        return { ratio => $pair->{$ours}{$figure} / $pair->{$base}{$figure},
            quiet => $pair->{$ours}{quiet} && $pair->{$base}{quiet} };
    };

    return {
        'picture' => $ratio->('TLS', 'plain', 'us_per_frame'),
        'static file' => $ratio->('static TLS', 'static', 'us_per_request'),
    };
}

# The location of static files: the picture, and what a status says.
sub static_files {
    my $folder = folder() . '/static';

    mkdir $folder;
    chmod 0755, folder(), $folder;
    system('cp', clip('frame.jpg'), "$folder/frame.jpg") == 0 or die "cp\n";

    return "location /static/ { alias $folder/; }";
}


# Walls over one connection, against the same cameras one by one.
sub wall ($bench) {
    my $gateway = Vstream::Gateway->start($bench, cameras => 64, fps => 15);
    my $seconds = 1;
    my %walls = (9 => 20, 16 => 12, 64 => 3);
    my %code;

    for my $size (keys %walls) {
        my @ids = map { "c$_" } 1 .. $size;
        my $wall = '/live/wall.mjpg?cameras=' . join ',', @ids;
        my $parts = $size * $walls{$size};

        $code{"wall of $size"} = sub {
            $gateway->view(path => $wall, count => $parts,
                connections => $walls{$size});
            sleep 0.3;
            my $cost = $gateway->cost($seconds);
            $gateway->dismiss;
            return $cost;
        };
        $code{"$size one by one"} = sub {
            $gateway->view(count => $parts,
                paths => [ map { "/live/$_/stream.mjpg" } @ids ]);
            sleep 0.3;
            my $cost = $gateway->cost($seconds);
            $gateway->dismiss;
            return $cost;
        };
    }

    my @pairs = $bench->interleaved(%code);

    $gateway->stop;
    $bench->judge("CPU of a picture, wall of $_", pairs => \@pairs,
        ours => "wall of $_", base => "$_ one by one", unit => 'us',
        figure => 'us_per_frame', gate => 1.1, aim => 1.0) for 9, 16, 64;
}


# Requests a second, all that a core has, against static files of that size.
sub requests ($bench) {
    my $gateway = Vstream::Gateway->start($bench,
        http => 'sendfile on;', server => static_files());
    my $nginx = $gateway->nginx;
    my %file = (snapshot => '/live/c1/frame.jpg',
        status => '/api/v1/cameras/c1');

    write_file(folder() . '/static/status.json',
        $nginx->get($file{status})->{content});

    my %code = map { my $name = $_; $name => wrk($bench, $gateway,
        $file{$name}) } keys %file;
    $code{'static picture'} = wrk($bench, $gateway, '/static/frame.jpg');
    $code{'static JSON'} = wrk($bench, $gateway, '/static/status.json');
    $code{'snapshot, 304'} = wrk($bench, $gateway, $file{snapshot},
        'If-None-Match: *');
    $code{'static 304'} = wrk($bench, $gateway, '/static/frame.jpg',
        'If-None-Match: '
            . $nginx->get('/static/frame.jpg')->{headers}{etag});

    my @pairs = $bench->interleaved(%code);

    $gateway->stop;
    for (['snapshot', 'static picture'], [ 'status', 'static JSON' ],
        [ 'snapshot, 304', 'static 304' ]) {
        my ($ours, $base) = @$_;

        $bench->judge("CPU of a request, $ours", pairs => \@pairs,
            ours => $ours, base => $base, figure => 'us_per_request',
            unit => 'us', gate => 2, aim => 1.5);
        $bench->judge("requests a second, $ours", pairs => \@pairs,
            ours => $ours, base => $base, figure => 'per_second',
            unit => '/s');
    }
}

# 32 connections, as fast as they can.
sub wrk ($bench, $gateway, $of, @headers) {
    my $url = $gateway->nginx->url . $of;

    return sub {
        my $said;
        my $cost = $gateway->cost(sub {
            my $command = pinned('load', qw(wrk -t 1 -c 32 -d 1),
                (map { ('-H', $_) } @headers), $url);
            open my $pipe, '-|', @$command or die "wrk: $!\n";
            $said = do { local $/; <$pipe> };
            close $pipe or die "wrk: $said\n";
        });
        my $wrong = $said =~ /Non-2xx or 3xx|Socket errors/;

        die "wrk: $said\n" if $wrong;
        ($cost->{per_second}) = $said =~ m{^Requests/sec:\s+([\d.]+)}m;

        return $cost;
    };
}


# 1 to 4 nginx workers by reuseport: what all of them cost, and Redis, which
# sends each frame to each of them.
sub workers ($bench) {
    for my $count (1 .. 4) {
        my $gateway = Vstream::Gateway->start($bench, workers => $count,
            still => 0, listen => 'reuseport');

        $gateway->view(count => 200, path => $path);
        sleep 0.5;
        my $cost = $bench->quietly(
            sub { $gateway->cost($bench->seconds(1, 2)) });
        $gateway->stop;

        $bench->note("CPU of a picture, nginx, workers: $count",
            unit => 'us', value => $cost->{us_per_frame});
        $bench->note("CPU of a frame, Redis, workers: $count", unit => 'us',
            value => 1e6 * $cost->{redis} / (30 * $cost->{seconds}));
    }
}


# Fifty viewers stay, fifty others stay as well or come and go, a hundred a
# second: what those who stay notice, and what a join costs beside its pictures,
# against a brief request with a connection of its own.
sub churn ($bench) {
    my $gateway = Vstream::Gateway->start($bench);
    my $seconds = $bench->seconds(2, 2);
    my $port = $gateway->nginx->port;
    my $stay = 50;
    my $watched = sub (@others) {
        $gateway->load(Vstream::Load::program('viewers'), '-n', 50, '-t', 3600,
            @others, $port, $path);
        wait_for(sub { $gateway->viewers >= 50 }) or die "no viewers\n";

        my $seen;
        my $cost = $gateway->cost(sub {
            $seen = $bench->measured(@{ pinned('load',
                $bench->program('mjpeg_load'), '-n', $stay, '-w', 0.3, '-t',
                $seconds, $port, $path) });
        });
        $gateway->dismiss;

        return { %$cost, %$seen, joins => $cost->{requests} - $stay,
            whole => $seen->{pictures}
                / ($seen->{pictures} + $seen->{missed} || 1) };
    };
    my @pairs = $bench->interleaved(steady => sub { $watched->() },
        churn => sub { $watched->('-j', 100) },
        brief => wrk($bench, $gateway, '/health', 'Connection: close'));
    my %of = (pairs => \@pairs, ours => 'churn', base => 'steady');

    $gateway->stop;
    $bench->judge('pictures of those who stay', %of, figure => 'whole',
        gate => 0.99, aim => 0.999, more => 1);
    $bench->judge('p99 of those who stay', %of, figure => 'p99_ms',
        unit => 'ms', gate => 1.5, aim => 1.2);

    $_->{churn}{us_per_request} = 1e6 * ($_->{churn}{nginx}
        - $_->{churn}{frames} / $_->{steady}{frames} * $_->{steady}{nginx})
        / $_->{churn}{joins} for @pairs;
    $bench->judge('CPU of a join beside its pictures', %of, unit => 'us',
        figure => 'us_per_request', base => 'brief');
}


# A viewer who asks for fewer pictures, against one who gets all 30.
sub fps ($bench) {
    my $gateway = Vstream::Gateway->start($bench);
    my ($count, $seconds) = (200, 1);
    my %code = map {
        my $fps = $_;

        "$fps a second" => sub {
            $gateway->view(count => $count,
                path => $fps == 30 ? $path : "$path?fps=$fps");
            sleep 0.3;
            my $cost = $gateway->cost($seconds);
            $gateway->dismiss;
            return { %$cost, us_per_viewer_second => 1e6 * $cost->{nginx}
                / $cost->{seconds} / $count };
        };
    } 1, 5, 15, 30;
    my @pairs = $bench->interleaved(%code);

    $gateway->stop;
    $bench->judge("CPU of a viewer, $_ a second", pairs => \@pairs,
        ours => "$_ a second", base => '30 a second', unit => 'us/s',
        figure => 'us_per_viewer_second', fair => $_ / 30) for 1, 5, 15;
}

1;
