#!/usr/bin/perl

# Cameras that fail, each in its way: status says why and what to do, they are
# asked again as often as their failure deserves, and come back by themselves.
# FAULTS W6, W8, S1.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Test;

my $clip = clip('gop1s.mp4');
my $jpegs = clip('gop1s.mjpeg');
my $secret = write_file('password', "right-one\n");

# How often a reason lets a camera be asked again, at the soonest, in ms.
my %rarely = (auth_failed => 60000, no_video => 15000,
    credential_missing => 60000, bad_source => 300000,
    source_denied => 300000);

my $redis = start_redis();
my $rtsp = rtsp_camera('--mount', '/street', '--file', $clip, '--user',
    'viewer', '--password-file', $secret, '--mount', '/open', '--file', $clip,
    '--mount', '/stalls', '--file', $clip, '--stall-after', 3);
my %http = (
    asks => http_camera('--file', $jpegs, '--user', 'viewer',
        '--password-file', $secret),
    lacks => http_camera('--file', $jpegs, '--status', 404),
    breaks => http_camera('--file', $jpegs, '--status', 500),
    stalls => http_camera('--file', $jpegs, '--fps', 10, '--stall-after', 3),
    goes => http_camera('--file', $jpegs, '--fps', 10),
);
my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
    or die $!;
my $nobody = Vstream::Process::free_port();

mkdir folder() . '/credentials';

my $ingest = start_ingest($redis,
    limits => '{connect_timeout_ms: 2000}',
    credentials => '{directory: ' . folder() . '/credentials, hosts: '
        . '[{name: BOUND, hosts: [camera.example]}]}',
    environment => { VSTREAM_CAMERA_WRONG => 'wrong-one',
        VSTREAM_CAMERA_BOUND => 'viewer:bound-one' });


# id, source, reason, what its detail tells
my @failures = (
    [ 'rtsp-401', $rtsp->url('/street', 'viewer:${WRONG}'), 'auth_failed',
        qr/401|password/ ],
    [ 'rtsp-401-none', $rtsp->url('/street'), 'auth_failed',
        qr/401|password/ ],
    [ 'http-401', $http{asks}->url('/video.mjpg', 'viewer:${WRONG}'),
        'auth_failed', qr/401|password/ ],
    [ 'rtsp-404', $rtsp->url('/none'), 'not_found', qr/404|path/ ],
    [ 'http-404', $http{lacks}->url('/video.mjpg'), 'not_found',
        qr/404|path/ ],
    [ 'http-500', $http{breaks}->url('/video.mjpg'), 'protocol_error',
        qr/5xx/ ],
    [ 'refused', "rtsp://127.0.0.1:$nobody/1", 'refused', qr/port|refuse/ ],
    [ 'unnamed', 'rtsp://camera.invalid/1', 'dns_failed', qr/name/ ],
    [ 'mute', 'rtsp://127.0.0.1:' . $mute->sockport . '/1', 'timeout',
        qr/time|answer/ ],
    [ 'sound', 'file:' . clip('sound.mp4'), 'no_video', qr/video/ ],
    [ 'nowhere', "file:$FindBin::Bin/../../build/t/clips/none.mp4",
        'bad_source', qr/\.\./ ],
    [ 'outside', 'file:/etc/passwd', 'source_denied', qr/sources\.files/ ],
    [ 'command', 'exec:true', 'bad_source', qr/rtsp:/ ],
    [ 'literal', 'rtsp://viewer:literal-one@127.0.0.1/1', 'bad_source',
        qr/\$\{NAME\}/ ],
    [ 'placed', 'rtsp://127.0.0.1/${WRONG}', 'bad_source', qr/placeholder/ ],
    [ 'missing', 'rtsp://viewer:${LATER}@127.0.0.1:' . $rtsp->port
        . '/street', 'credential_missing', qr/VSTREAM_CAMERA_LATER/ ],
    [ 'bound', $rtsp->url('/street', '${BOUND}'), 'source_denied',
        qr/BOUND.*other hosts/ ],
);

declare($redis, $_->[0], $_->[1]) for @failures;
declare($redis, 'silent', $http{stalls}->url('/video.mjpg'));
declare($redis, 'silent-too', $rtsp->url('/stalls'));
declare($redis, 'goes', $http{goes}->url('/video.mjpg'));
declare($redis, 'stays', $rtsp->url('/open'));


for (@failures) {
    my ($id, $source, $reason, $detail) = @$_;

    my $status = camera_is($redis, $id, "$id: $reason", reason => $reason,
        detail => $detail, state => qr/^(?:backing_off|connecting)$/);
    unlike join('|', %$status), qr/(?:wrong|bound)-one/, "$id: no secret";
    note "$id: $status->{detail}";
}

for (@failures) {
    my ($id, $source, $reason) = @$_;
    my $rarely = $rarely{$reason};
    my @waits = map { $_->{delay_ms} } grep { $_->{camera} eq $id }
        $ingest->log_lines(qr/^camera waits$/);

    ok @waits > 0 && !grep({ $_ < ($rarely // 100) || $_ > 400000 } @waits),
        "$id: asked again after " . ($rarely ? "$rarely ms or more" : 'a wait')
        or diag "@waits";
    cmp_ok camera_status($redis, $id)->{dials}, '<=',
        ($rarely // 0) < 60000 ? 12 : 1, "$id: and no more often";
}


subtest 'half open' => sub {
    for my $id ('silent', 'silent-too') {
        my $status = camera_is($redis, $id, "$id: stalled",
            reason => 'stalled', detail => qr/no pictures/);
        my $took = $status->{since_unix_ms} / 1e3
            - $status->{heard_unix_us} / 1e6;

        # After a new start, since_unix_ms tells of that.
        cmp_ok $took, '<', 3 + 1.5, "$id: seen within 3 s, and a moment";
        note sprintf '%s: after %.2f s', $id, $took;
        $status = camera_is($redis, $id, "$id: dialled again, and streams",
            state => 'streaming', reason => '');
        cmp_ok $status->{dials}, '>=', 2, "$id: by a new connection";
    }
};


subtest 'a camera goes and comes back' => sub {
    camera_is($redis, 'goes', 'streams', state => 'streaming');
    $http{goes}->kill;
    camera_is($redis, 'goes', 'it is gone', state => 'backing_off',
        reason => qr/^(?:refused|ended)$/);
    $http{goes}->start_again;
    my $back = time();
    camera_is($redis, 'goes', 'it streams again, by itself',
        state => 'streaming', reason => '', detail => '');
    note sprintf 'after %.2f s', time() - $back;

    my $late = http_camera('--file', $jpegs);
    $late->kill;
    declare($redis, 'late', $late->url('/video.mjpg'));
    camera_is($redis, 'late', 'one that was never there', reason => 'refused');
    $late->start_again;
    camera_is($redis, 'late', 'streams when it is', state => 'streaming');
    $late->stop;
};


subtest 'an operator mends it' => sub {
    my $path = write_file('credentials/LATER', "right-one\n");

    chmod 0600, $path;
    $ingest->signal('HUP');
    camera_is($redis, 'missing', 'the credential is there: it streams',
        state => 'streaming', reason => '');

    declare($redis, 'rtsp-401-none', $rtsp->url('/street', 'viewer:${LATER}'));
    camera_is($redis, 'rtsp-401-none', 'so does one that is declared rightly',
        state => 'streaming', reason => '');

    chmod 0644, $path;
    declare($redis, 'careless', $rtsp->url('/street', 'viewer:${LATER}'));
    camera_is($redis, 'careless', 'a file that all may read is refused',
        reason => 'credential_missing', detail => qr/chmod/);
};


subtest 'others are not disturbed' => sub {
    my $status = camera_is($redis, 'stays', 'streams', state => 'streaming',
        dials => 1, restarts => 0);

    cmp_ok time() - $status->{heard_unix_us} / 1e6, '<', 3, 'and is heard';
};


subtest 'what is denied gets no packet' => sub {
    my $strict = start_redis();
    my $inside = IO::Socket::INET->new(LocalAddr => '127.0.0.2', Listen => 16)
        or die $!;
    my $port = $inside->sockport;
    my $leads = http_camera('--file', $jpegs, '--redirect',
        "http://127.0.0.2:$port/video.mjpg");
    my %denied = (
        address => "rtsp://127.0.0.2:$port/1",
        http => "http://127.0.0.2:$port/1",
        number => "rtsp://2130706434:$port/1",
        hex => "http://0x7f.2:$port/1",
        mapped => "rtsp://[::ffff:127.0.0.2]:$port/1",
        local => "http://169.254.169.254:$port/latest/meta-data/",
        nowhere => "http://0.0.0.0:$port/1",
        redirect => $leads->url('/video.mjpg'),
        file => "file:$clip",
        test => 'test:',
    );

    start_ingest($strict, name => 'strict',
        sources => '{allow: [127.0.0.1/32], test: false}');
    declare($strict, $_, $denied{$_}) for keys %denied;

    for my $id (sort keys %denied) {
        my $status = camera_is($strict, $id, $id, reason => 'source_denied',
            detail => qr/sources/);
        note "$id: $status->{detail}";
    }

    is $leads->dials, 1, 'a redirection was followed to where it ends';
    $inside->blocking(0);
    ok !$inside->accept, 'and nobody has knocked there';
    $leads->stop;
};

$_->stop for $rtsp, values %http;
finish();
