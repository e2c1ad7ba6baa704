#!/usr/bin/perl

# FAULTS S1: sources that lead to where they may not, by their scheme, their
# address in whatever spelling, a name, a redirect, a playlist or an answer of
# RTSP.  Each has its reason, and no packet reaches what listens there.
#
# VSTREAM_SOAK=1 tries many more addresses; SEED=... repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Vstream::Driver ();
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $seed = fault_seed();
my $rounds = $ENV{VSTREAM_SOAK} ? 12 : 1;
my $spellings = 24;

# Nobody may come here.
my $port = Vstream::Process::free_port();
my %witness = (
    tcp => IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
        Listen => 64, ReuseAddr => 1),
    udp => IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
        Proto => 'udp'),
);
my $local = "127.0.0.1:$port";

# A server where cameras may be, that sends them on; by path.
my @redirects = ("http://$local/", "https://$local/", "http://localhost:$port/",
    "http://2130706433:$port/", "http://[::ffff:127.0.0.1]:$port/",
    'file:///etc/passwd', "tcp://$local", 'data:image/jpeg;base64,/9j/');
my @segments = ("http://$local/x.ts", "http://127.1:$port/x.ts",
    "http://localhost:$port/x.ts", "https://$local/x.ts", 'file:/etc/passwd.ts',
    'file:///etc/passwd.ts',
    "concat:http://$local/a.ts|http://$local/b.ts", 'concat:/etc/a.ts|/etc/b.ts',
    'subfile,,start,0,end,9,,:/etc/passwd.ts', 'data:video/mp2t;base64,RwAA',
    "tcp://$local/x.ts", "udp://$local/x.ts", "rtp://$local/x.ts",
    "ftp://$local/x.ts", "gopher://$local/x.ts", "crypto:file:/etc/passwd.ts",
    "crypto+http://$local/x.ts", "unix:/run/x.ts", "srt://$local/x.ts",
    "rtmp://$local/x/y.ts", "async:http://$local/x.ts",
    "cache:http://$local/x.ts", "hls+http://$local/x.m3u8");
my @playlists = (
    (map { "#EXTINF:2,\n$_\n" } @segments),
    (map { "#EXT-X-STREAM-INF:BANDWIDTH=1\n$_\n" } @segments[0, 4, 7, 9, 11]),
    (map { "#EXT-X-KEY:METHOD=AES-128,URI=\"$_\"\n#EXTINF:2,\nx.ts\n" }
        @segments[0, 4]),
    (map { "#EXT-X-MAP:URI=\"$_\"\n#EXTINF:2,\nx.mp4\n" } @segments[0, 4]),
);
my $sdp = "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    . "a=rtpmap:96 H264/90000\r\na=control:v\r\n";

# Some stay for long: each client has a process of its own.
sub answer ($client) {
    $SIG{CHLD} = 'IGNORE';
    return if fork // 1;

    $SIG{ALRM} = 'DEFAULT';
    alarm 120;
    speak($client);
    POSIX::_exit(0);
}

sub speak ($client) {
    my $request = Vstream::Driver::request($client);
    my ($method, $path) = $request =~ m{^(\w+) (?:rtsp://[^/]+)?(\S+)}
        or return;

    if ($method eq 'GET' && $path =~ m{^/redirect/(\d+)}) {
        print $client "HTTP/1.1 302 Found\r\nLocation: $redirects[$1]\r\n"
            . "Content-Length: 0\r\nConnection: close\r\n\r\n";

    } elsif ($method eq 'GET' && $path =~ m{^/list/(\d+)\.m3u8}) {
        my $list = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n"
            . "#EXT-X-MEDIA-SEQUENCE:1\n$playlists[$1]";
        print $client "HTTP/1.1 200 OK\r\nContent-Type: "
            . "application/vnd.apple.mpegurl\r\nContent-Length: "
            . length($list) . "\r\nConnection: close\r\n\r\n$list";

    } elsif ($method eq 'GET') {
        print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
            . "Connection: close\r\n\r\n";

    } elsif ($path =~ m{^/moved}) {
        rtsp_say($client, $request, '302 Moved', "Location: rtsp://$local/x\r\n");

    } else {
        rtsp_play($client, $request);
    }
}

sub rtsp_say ($client, $request, $status, $fields, $body = '') {
    my ($number) = $request =~ /CSeq: *(\d+)/i;

    print $client "RTSP/1.0 $status\r\nCSeq: $number\r\n$fields"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# Says that its media come from where nobody may send to.
sub rtsp_play ($client, $request) {
    while ($request) {
        my ($method) = $request =~ /^(\w+)/;
        my ($ports) = $request =~ /client_port=([\d-]+)/;
        my $fields = $method eq 'DESCRIBE'
            ? "Content-Type: application/sdp\r\n"
            : $method eq 'SETUP' ? 'Transport: RTP/AVP;unicast;client_port='
                . ($ports // '6000-6001') . ";source=127.0.0.1;server_port=$port"
                . "-$port\r\nSession: 1\r\n" : "Session: 1\r\n";

        rtsp_say($client, $request, '200 OK', $fields,
            $method eq 'DESCRIBE' ? $sdp : '');
        $request = Vstream::Driver::request($client);
    }
}

my $server = Vstream::Driver::server(\&answer, '127.0.0.2');
my $at = '127.0.0.2:' . $server->port;

# Names, where this machine lets us say what they mean.
my $hosts = write_file('hosts', "127.0.0.1 localhost\n::1 localhost\n"
    . "127.0.0.1 camera.example\n127.0.0.1 twice.example\n"
    . "169.254.169.254 twice.example\n::ffff:127.0.0.1 mapped.example\n");
my $may_name = system("unshare -m sh -c 'mount --bind $hosts /etc/hosts' "
    . '2> /dev/null') == 0;

my $redis = start_redis();
my $folder = folder() . '/files';
mkdir $folder;
symlink '/etc/passwd', "$folder/link.mp4";

my $ingest = start_ingest($redis,
    limits => '{connect_timeout_ms: 2000}',
    sources => "{allow: [127.0.0.2/32], files: [\"$folder\"], "
        . "listen: [\"127.0.0.2:$port\"]}",
    $may_name ? (around => [ 'unshare', '-m', 'sh', '-c',
        "mount --bind $hosts /etc/hosts && exec \"\$@\"", 'sh' ]) : ());

my $denied = qr/^source_denied$/;
my $bad = qr/^bad_source$/;
my $any = qr/./;
my @sources = (
    (map { [ $_, $bad ] } 'exec:/bin/true', 'concat:/etc/passwd|/etc/group',
        'subfile,,start,0,end,9,,:/etc/passwd', 'data:image/jpeg;base64,/9j/',
        'pipe:0', 'unix:/run/x', "tcp://$local", "ftp://$local/x",
        "gopher://$local/x", "rtp://$local", "tls://$local",
        "crypto:http://$local", "async:http://$local/", '/etc/passwd',
        "httpproxy://$local", "file://127.0.0.1/x.mp4", "file:$folder/../x",
        "ffrtmphttp://$local/x", "HTTP://$local/x", "lavfi:testsrc",
        "rtsp+tcp://$local/x", "hls+http://$local/x.m3u8"),
    [ 'file:/etc/passwd', $denied ], [ "file:$folder/link.mp4", $denied ],
    [ "udp://127.0.0.1:$port", $denied ], [ "udp://0.0.0.0:$port", $denied ],
    [ "udp://239.1.1.1:$port", $denied ],
    [ "srt://127.0.0.1:$port?mode=listener", $denied ],
    (map { my $scheme = $_; map { [ "$scheme://$_/x", $denied ] }
        "$local", "127.1:$port", "2130706433:$port", "0x7f.1:$port",
        "0177.0.0.01:$port", "localhost:$port", "[::1]:$port",
        "[::ffff:7f00:1]:$port", "0.0.0.0:$port" } qw(rtsp http rtmp)),
    (map { [ "$_://$local/x", $denied ] } qw(rtsps https rtmps)),
    [ "http://$local/x.jpg", $denied ],
    (map { [ "srt://$_", $denied ] } $local, "127.1:$port", "0:$port"),
    (map { [ "http://$at/redirect/$_", $denied ] } 0 .. $#redirects),
    (map { [ "http://$at/list/$_.m3u8",
        $playlists[$_] =~ /crypto\+/ ? $any : $denied ] } 0 .. $#playlists),
    [ "rtsp://$at/moved", $denied ],
    [ "rtsp://$at/elsewhere", $denied, transport => 'udp' ],
    $may_name ? (map { my $name = $_;
        map { [ "$_://$name.example:$port/x", $denied ] } qw(rtsp http rtmp);
    } qw(camera twice mapped)) : (),
);

# A denied address, spelt in one of the ways that getaddrinfo() understands.
sub spelling {
    my @bytes = @{ ([ 127, map { int rand 256 } 1 .. 3 ],
        [ 169, 254, 169, 254 ], [ 0, 0, 0, 0 ], [ 255, 255, 255, 255 ],
        [ 224 + int rand 16, 1, 1, 1 ], [ 127, 0, 0, 1 ])[ rand 6 ] };
    my $number = unpack 'N', pack 'C4', @bytes;
    my $hex = sprintf '%x:%x', $number >> 16, $number & 0xffff;
    my @forms = (join('.', @bytes), $number, sprintf('0x%x', $number),
        sprintf('0%o', $number), sprintf('0x%x.%d', $bytes[0],
            $number & 0xffffff), sprintf('%d.%d.%d', @bytes[0, 1],
            $number & 0xffff), join('.', map { sprintf '0%o', $_ } @bytes),
        "[::ffff:$hex]", "[::$hex]", "[2002:$hex\::1]", "[64:ff9b::$hex]",
        '[::]', '[::1]', '[fe80::1]', '[ff02::1]');

    return $forms[ rand @forms ];
}

sub random_source {
    my $scheme = (qw(rtsp rtmp http srt rtsps https))[ rand 6 ];

    return [ "$scheme://" . spelling() . ":$port"
        . ($scheme eq 'srt' ? '' : '/x'), $denied ];
}

# What came to the witnesses: "tcp", "udp"; each is named once.
sub visited {
    return grep { IO::Select->new($witness{$_})->can_read(0) }
        sort keys %witness;
}

sub try_all ($name, @all) {
    my %source = map { sprintf('s%03d', $_) => $all[$_] } 0 .. $#all;

    for my $id (sort keys %source) {
        my ($source, $reason, %options) = @{ $source{$id} };
        declare($redis, $id, $source, %options);
    }

    my %pending = %source;

    wait_for(sub {
        for my $id (keys %pending) {
            delete $pending{$id}
                if (camera_status($redis, $id)->{reason} // '') ne '';
        }
        !%pending;
    }, 2 * patience());

    for my $id (sort keys %source) {
        my ($source, $reason) = @{ $source{$id} };
        my $status = camera_status($redis, $id);

        like $status->{reason}, $reason, "$name: $source"
            or diag explain $status;
    }

    is join(' ', visited()), '', "$name: no packet came to where none may go";
    withdraw($redis, sort keys %source);
    wait_for(sub { !@{ $ingest->overview->{cameras} } }, patience());
}


subtest 'each way' => sub { try_all('each way', @sources) };

for my $round (1 .. $rounds) {
    subtest "spellings $round" => sub {
        try_all('spelt', map { random_source() } 1 .. $spellings);
    };
}

fault_row(row => 'S1', ok => Test::More->builder->is_passing, seed => $seed,
    sources => scalar @sources, addresses => $rounds * $spellings,
    names => $may_name ? 1 : 0);

$server->signal('TERM')->wait_end;
finish();
