#!/usr/bin/perl

# FAULTS A8: credentials, those of cameras and of Redis, are where they are
# needed and nowhere else: in no log, status, argument list, environment or
# Redis value, and in no process but the one that needs them.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use MIME::Base64 qw(encode_base64);

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my %canary = (
    redis => 'Canary/Redis%1',
    street => 'Canary/Street@2',
    yard => 'Canary:Yard#3',
    wrong => 'Canary?Wrong&4',
);
my $clip = clip('gop1s.mp4');
my %password = map { $_ => write_file("$_.password", "$canary{$_}\n") }
    keys %canary;

chmod 0600, values %password;
mkdir folder() . '/credentials';
chmod 0600, write_file('credentials/YARD', "$canary{yard}\n");

my $redis = start_redis(password => $canary{redis});
my $rtsp = rtsp_camera('--mount', '/street', '--file', $clip, '--user',
    'viewer', '--password-file', $password{street});
my $http = http_camera('--file', clip('gop1s.mjpeg'), '--user', 'viewer',
    '--password-file', $password{yard});
my $lost = http_camera('--file', clip('gop1s.mjpeg'), '--status', 404);

# All that Redis is told while this runs, by anybody.
my $monitor = Vstream::Process->start(log => folder() . '/monitor.log',
    environment => { REDISCLI_AUTH => $canary{redis} },
    command => [ 'redis-cli', '--user', 'admin', '-p', $redis->port,
        'MONITOR' ]);

my $ingest = start_ingest($redis,
    redis => '{url: "redis://127.0.0.1:' . $redis->port
        . '", user: vstream-ingest, password_file: ' . "$password{redis}}",
    credentials => '{directory: ' . folder() . '/credentials}',
    environment => { VSTREAM_CAMERA_STREET => "viewer:$canary{street}",
        VSTREAM_CAMERA_WRONG => $canary{wrong} });

# A pattern of secrets: as they are, as URLs and header fields have them.
sub forms (@secrets) {
    return join '|', map { quotemeta } map {
        my $encoded = s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
        ($_, $encoded, lc $encoded, encode_base64($_, ''),
            encode_base64("viewer:$_", ''));
    } @secrets;
}

my $forms = join '|', forms(values %canary), 'Canary';

# The secrets in a text; none is what should be found.
sub found ($text) {
    my %found = map { $_ => 1 } $text =~ /($forms)/g;
    return sort keys %found;
}

# The memory of a process, as it may be read by this user; undef: it may not.
sub memory ($pid) {
    my $all = '';

    no warnings 'portable';
    open my $memory, '<:raw', "/proc/$pid/mem" or return undef;
    for (split /\n/, Vstream::Ingest::read_file("/proc/$pid/maps")) {
        my ($from, $to, $file) = /^(\w+)-(\w+) rw\S* \S+ \S+ \S+ *(.*)$/
            or next;
        next if $file =~ /^\[v/;
        seek $memory, hex $from, 0 or next;
        read $memory, my $bytes, hex($to) - hex($from);
        $all .= $bytes // '';
    }

    return $all;
}

my %sources = (
    street => $rtsp->url('/street', '${STREET}'),
    yard => $http->url('/video.mjpg', 'viewer:${YARD}'),
    wrong => $rtsp->url('/street', 'viewer:${WRONG}'),
    wrong2 => $http->url('/video.mjpg', 'viewer:${WRONG}'),
    lost => $lost->url('/video.mjpg', '${STREET}'),
    refused => 'rtsp://${STREET}@127.0.0.1:'
        . Vstream::Process::free_port() . '/1',
);

declare($redis, $_, $sources{$_}) for keys %sources;
camera_is($redis, 'street', 'street streams', state => 'streaming');
camera_is($redis, 'yard', 'yard streams', state => 'streaming');
camera_is($redis, 'wrong', 'wrong: 401', reason => 'auth_failed');
camera_is($redis, 'wrong2', 'wrong: 401', reason => 'auth_failed');
camera_is($redis, 'lost', 'lost: 404', reason => 'not_found');
camera_is($redis, 'refused', 'refused', reason => 'refused');

for my $id (qw(street yard)) {
    my $viewer = Vstream::Subscriber->new($redis, $id);
    ok $viewer->frame, "$id: is watched";
    $viewer->close;
}

my %pids = map { $_->{id} => $_->{pid} } @{ $ingest->overview->{cameras} };
my $spawner = $ingest->overview->{spawner};
my @processes = $ingest->processes;

for my $pid (@processes) {
    is_deeply [ found(Vstream::Ingest::read_file("/proc/$pid/cmdline")) ], [],
        "process $pid: arguments";
}

for my $pid ($spawner, @pids{qw(street yard)}) {
    is_deeply [ found(Vstream::Ingest::read_file("/proc/$pid/environ")) ], [],
        "process $pid: environment";
}

for my $page (qw(health ready metrics cameras)) {
    is_deeply [ found($ingest->get("/$page")->{content}) ], [], "/$page";
}

SKIP: {
    skip 'a sanitizer makes memory large', 5 if $ENV{SANITIZE};

    if ($> != 0) {
        is memory($pids{$_}), undef, "memory of $_: hidden from its user"
            for qw(street yard);
        skip 'only root may read the memory of others', 3;
    }

    unlike memory($spawner), qr/$forms/, 'memory of the spawner: none';

    for my $id (qw(street yard)) {
        my $others = forms(map { $canary{$_} } grep { $_ ne $id }
            keys %canary);

        my $own = forms($canary{$id});

        like memory($pids{$id}), qr/$own/, "memory of $id: its own secret";
        unlike memory($pids{$id}), qr/$others/,
            "memory of $id: and no other";
    }
}

# All that Redis holds: as a dump, uncompressed.
$redis->command('CONFIG', 'SET', 'rdbcompression', 'no');
$redis->command('SAVE');
my $dump = Vstream::Ingest::read_file($redis->{folder} . '/dump.rdb');
like $dump, qr/\$\{STREET\}/, 'the dump of Redis names a credential';
is_deeply [ found($dump) ], [], 'and holds none';

my $said = Vstream::Ingest::read_file($monitor->{log});
like $said, qr/"HSET".*\$\{YARD\}/, 'Redis was told of a credential';
is_deeply [ found($said) ], [], 'and was never told one';

$ingest->signal('HUP');
ok wait_for(sub { $ingest->log_lines(qr/reread/) }, patience()), 'reread';
is $ingest->stop, 'exit 0', 'ended';
cmp_ok length $ingest->log, '>', 5000, 'the log, at level debug, is long';
is_deeply [ found($ingest->log) ], [], 'and holds none';

$monitor->signal('TERM')->wait_end;
$_->stop for $rtsp, $http, $lost;
finish();
