#!/usr/bin/perl

# Every kind of source that comes over a network, by a real server of its kind,
# through the whole of vstream-ingest: it streams, it comes back after its
# camera was killed, and where it fails status says why and what to do.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;

use Vstream::CameraServer;
use Vstream::Certificates;
use Vstream::Driver ();
use Vstream::Ingest;
use Vstream::Publisher;
use Vstream::Subscriber;
use Vstream::Test;

my $clip = clip('gop1s.mp4');
my $secret = write_file('password', "right-one\n");
my $passphrase = 'right & proper 1';
my $quoted = 'right%20%26%20proper%201';

sub port { return Vstream::Process::free_port() }

my $authority = Vstream::Certificates->new(folder(), 'cameras');
my $stranger = Vstream::Certificates->new(folder(), 'strangers');

my $redis = start_redis();
my $rtsp = rtsp_camera('--mount', '/street', '--file', $clip, '--user',
    'viewer', '--password-file', $secret, '--mount', '/tcp', '--file', $clip,
    '--tcp-only');
my $tls = tls_front($rtsp->port, $authority->issue('front'));
my $untrusted = tls_front($rtsp->port, $stranger->issue('front'));
my $elsewhere = tls_front($rtsp->port, $authority->issue('elsewhere',
    names => ['camera.example'], addresses => ['192.0.2.1']));
my $nginx = rtmp_server();
my $web = stream_server($clip, user => 'viewer', password => 'right-one');
my %port = map { $_ => port() } qw(srt srt_other listener listener_other udp
    unsent sound none unlisted);
my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
    or die $!;

# FLV whose pictures are of a codec that nobody has.
my $strange = Vstream::Driver::server(sub ($client) {
    Vstream::Driver::request($client);
    print $client "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n"
        . "FLV\x01\x01\0\0\0\x09" . pack 'N', 0;

    for my $n (0 .. 300) {
        print $client pack('CnCnCN', 9, 0, 20, 0, 0, 0)
            . "\x1d" . 'x' x 19 . pack('N', 31) or last;
        sleep 0.1;
    }
});

my $rtmp = 'rtmp://127.0.0.1:' . $nginx->port;
my %publisher = (
    rtmp => publish($clip, 'flv', "$rtmp/live/street"),
    hls => publish($clip, 'hls', $nginx->folder . '/street.m3u8'),
    'hls-small' => publish(clip('small.mp4'), 'hls',
        $nginx->folder . '/small.m3u8'),
    udp => publish($clip, 'mpegts', "udp://127.0.0.1:$port{udp}?pkt_size=1316"),
    srt => publish($clip, 'mpegts', "srt://127.0.0.1:$port{srt}?mode=listener",
        '-passphrase', $passphrase),
    other => publish($clip, 'mpegts', "srt://127.0.0.1:$port{srt_other}"
        . '?mode=listener', '-passphrase', $passphrase),
);

write_file($nginx->folder . '/master.m3u8', "#EXTM3U\n"
    . "#EXT-X-STREAM-INF:BANDWIDTH=100000\nsmall.m3u8\n"
    . "#EXT-X-STREAM-INF:BANDWIDTH=300000\nstreet.m3u8\n");

# A variant that is not there yet cannot be chosen.
ok wait_for(sub {
    -s $nginx->folder . '/street.m3u8' && -s $nginx->folder . '/small.m3u8';
}, patience()), 'HLS has its first segments';

my $ingest = start_ingest($redis,
    limits => '{connect_timeout_ms: 2000}',
    sources => '{allow: [127.0.0.0/8], ca_file: "' . $authority->file
        . '", listen: ["127.0.0.1:' . join('", "127.0.0.1:',
            @port{qw(listener listener_other udp unsent sound)}) . '"]}',
    environment => { VSTREAM_CAMERA_RIGHT => 'right-one',
        VSTREAM_CAMERA_WRONG => 'wrong-one',
        VSTREAM_CAMERA_PASSPHRASE => $passphrase,
        VSTREAM_CAMERA_OTHER => 'wrong-one, a long one',
        VSTREAM_CAMERA_SHORT => 'wrong-one' });

my $street = '127.0.0.1:' . $tls->port . '/street';
my $http = 'viewer:${RIGHT}@127.0.0.1:' . $web->port;
my %cameras = (
    'rtsp-udp' => [ $rtsp->url('/street', 'viewer:${RIGHT}'),
        transport => 'udp' ],
    rtsps => [ 'rtsps://viewer:${RIGHT}@' . $street ],
    rtmp => [ "$rtmp/live/street" ],
    srt => [ "srt://127.0.0.1:$port{srt}?passphrase=\${PASSPHRASE}" ],
    'srt-listener' => [ "srt://127.0.0.1:$port{listener}?mode=listener"
        . '&passphrase=${PASSPHRASE}&latency=50' ],
    udp => [ "udp://127.0.0.1:$port{udp}" ],
    ts => [ "http://$http/ts" ],
    plain => [ "http://$http/plain" ],
    flv => [ "http://$http/flv" ],
    'hls-master' => [ 'http://127.0.0.1:' . $nginx->http_port
        . '/master.m3u8' ],
    hls => [ 'http://127.0.0.1:' . $nginx->http_port . '/street.m3u8' ],
);

# id, source, reason, what its detail tells, options
my @failures = (
    [ 'rtsp-udp-401', $rtsp->url('/street', 'viewer:${WRONG}'), 'auth_failed',
        qr/401/, transport => 'udp' ],
    [ 'rtsp-udp-404', $rtsp->url('/none'), 'not_found', qr/404/,
        transport => 'udp' ],
    [ 'rtsp-udp-461', $rtsp->url('/tcp'), 'protocol_error', qr/transport=/,
        transport => 'udp' ],
    [ 'rtsps-401', 'rtsps://viewer:${WRONG}@' . $street, 'auth_failed',
        qr/401/ ],
    [ 'rtsps-404', 'rtsps://127.0.0.1:' . $tls->port . '/none', 'not_found',
        qr/404/ ],
    [ 'rtsps-untrusted', 'rtsps://127.0.0.1:' . $untrusted->port . '/tcp',
        'protocol_error', qr/certificate.*sources\.ca_file/ ],
    [ 'rtsps-elsewhere', 'rtsps://127.0.0.1:' . $elsewhere->port . '/tcp',
        'protocol_error', qr/certificate/ ],
    [ 'rtsps-plain', 'rtsps://127.0.0.1:' . $rtsp->port . '/tcp',
        qr/^(?:protocol_error|timeout)$/, qr/./ ],
    [ 'rtsps-udp', "rtsps://$street", 'bad_source', qr/transport=udp/,
        transport => 'udp' ],
    [ 'rtmp-404', "$rtmp/live/none", 'not_found', qr/path/ ],
    [ 'rtmp-quiet', "$rtmp/quiet/none", 'timeout', qr/of that name/ ],
    [ 'rtmp-application', "$rtmp/none/none", 'protocol_error', qr/hung up/ ],
    [ 'rtmp-refused', "rtmp://127.0.0.1:$port{none}/live/1", 'refused',
        qr/port/ ],
    [ 'rtmp-mute', 'rtmp://127.0.0.1:' . $mute->sockport . '/live/1',
        'timeout', qr/in time/ ],
    [ 'rtmp-unnamed', 'rtmp://camera.invalid/live/1', 'dns_failed', qr/name/ ],
    [ 'rtmp-encoded', "rtmp://\${PASSPHRASE}\@127.0.0.1:$port{none}/live/1",
        'bad_source', qr/password of RTMP/ ],
    [ 'srt-401', "srt://127.0.0.1:$port{srt_other}?passphrase=\${OTHER}",
        'auth_failed', qr/passphrase/ ],
    [ 'srt-open', "srt://127.0.0.1:$port{srt_other}", 'auth_failed',
        qr/passphrase=/ ],
    [ 'srt-short', "srt://127.0.0.1:$port{srt_other}?passphrase=\${SHORT}",
        'bad_source', qr/10 to 79/ ],
    [ 'srt-literal', "srt://127.0.0.1:$port{srt_other}?passphrase=wrong-one-1",
        'bad_source', qr/\$\{NAME\}/ ],
    [ 'srt-nobody', "srt://127.0.0.1:$port{none}", 'timeout', qr/in time/ ],
    [ 'srt-unnamed', 'srt://camera.invalid:9000', 'dns_failed', qr/name/ ],
    [ 'srt-uncalled', "srt://127.0.0.1:$port{listener_other}?mode=listener",
        'timeout', qr/called at/ ],
    [ 'srt-unlisted', "srt://127.0.0.1:$port{unlisted}?mode=listener",
        'source_denied', qr/sources\.listen/ ],
    [ 'udp-unlisted', "udp://127.0.0.1:$port{unlisted}", 'source_denied',
        qr/sources\.listen/ ],
    [ 'udp-group', "udp://239.255.7.7:$port{unsent}", 'source_denied',
        qr/sources\.listen/ ],
    [ 'udp-silent', "udp://127.0.0.1:$port{unsent}", 'timeout',
        qr/nothing came/ ],
    [ 'udp-sound', "udp://127.0.0.1:$port{sound}", 'no_video', qr/video/ ],
    [ 'ts-401', 'http://viewer:${WRONG}@127.0.0.1:' . $web->port . '/ts',
        'auth_failed', qr/401/ ],
    [ 'flv-404', "http://$http/none", 'not_found', qr/404/ ],
    [ 'flv-codec', 'http://127.0.0.1:' . $strange->port . '/x.flv',
        'unsupported_codec', qr/codec/ ],
    [ 'hls-404', 'http://127.0.0.1:' . $nginx->http_port . '/none.m3u8',
        'not_found', qr/404/ ],
    [ 'hls-403', 'http://127.0.0.1:' . $nginx->http_port . '/shut/x.m3u8',
        'auth_failed', qr/403/ ],
    [ 'v4l2-unlisted', 'v4l2:/dev/video0', 'source_denied',
        qr/sources\.devices/ ],
);

for my $id (sort keys %cameras) {
    my ($source, %options) = @{ $cameras{$id} };
    declare($redis, $id, $source, %options);
}

for (@failures) {
    my ($id, $source, $reason, $detail, %options) = @$_;
    declare($redis, $id, $source, %options);
}

my $sound = Vstream::Publisher::publish(clip('sound.mp4'), 'sound',
    "udp://127.0.0.1:$port{sound}?pkt_size=1316");
$publisher{'srt-listener'} = publish($clip, 'mpegts',
    "srt://127.0.0.1:$port{listener}", '-passphrase', $passphrase);


# SRT callers of ffmpeg's ask once; cameras do not give up so soon.
sub streams ($id, $name) {
    wait_for(sub {
        $publisher{$id}->start_again
            if $publisher{$id} && defined $publisher{$id}->ended;
        (camera_status($redis, $id)->{state} // '') eq 'streaming';
    }, patience());

    return camera_is($redis, $id, $name, state => 'streaming', reason => '',
        codec => 'h264', width => 320, height => 240);
}

subtest 'streams' => sub {
    for my $id (sort keys %cameras) {
        streams($id, "$id: streams");

        my $viewer = Vstream::Subscriber->new($redis, $id);
        ok $viewer->frame, "$id: and shows pictures";
        $viewer->close;
    }
};

subtest 'reasons' => sub {
    for (@failures) {
        my ($id, $source, $reason, $detail) = @$_;
        my $status = camera_is($redis, $id, "$id: $reason", reason => $reason,
            detail => $detail);

        unlike join('|', %$status), qr/(?:wrong|right)-one|right & |$quoted/,
            "$id: no secret";
        note "$id: $status->{detail}";
    }
};

subtest 'a camera is killed, and comes back' => sub {
    my %before = map { $_ => camera_status($redis, $_)->{dials} }
        keys %cameras;

    $_->kill for $tls, $web, values %publisher;
    $rtsp->kill;
    $nginx->stop;

    for my $id (sort keys %cameras) {
        my $status = camera_is($redis, $id, "$id: is gone",
            state => qr/^(?:backing_off|connecting)$/, reason => qr/./);
        note "$id: $status->{reason}: $status->{detail}";
    }

    $rtsp->start_again;
    $nginx->start_again;
    $_->start_again for $tls, $web, @publisher{qw(rtmp hls hls-small udp srt)};
    $publisher{'srt-listener'}->start_again;

    for my $id (sort keys %cameras) {
        my $status = streams($id, "$id: streams again, by itself");
        cmp_ok $status->{dials}, '>', $before{$id}, "$id: after a new dial";
    }
};

$_->kill for $tls, $untrusted, $elsewhere, $web, $sound, values %publisher;
$nginx->stop;
$rtsp->stop;
finish();
