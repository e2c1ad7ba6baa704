#!/usr/bin/perl

# FAULTS W8: cameras that say 401.  Whoever asks them again and again is locked
# out, so each is asked after 60 s at the soonest, then ever more rarely, up to
# every 15 minutes; a camera beside them does not wait.
#
# VSTREAM_SOAK=1 watches for eight minutes; VSTREAM_AUTH_SECONDS says how long.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max min sum0);

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $seconds = $ENV{VSTREAM_AUTH_SECONDS} // ($ENV{VSTREAM_SOAK} ? 480 : 2);
my $secret = write_file('password', "right-one\n");
my @asks = ('--user', 'viewer', '--password-file', $secret);
my $redis = start_redis();
my $rtsp = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'),
    @asks, '--mount', '/open', '--file', clip('gop1s.mp4'));
my $basic = rtsp_camera('--auth', 'basic', '--mount', '/street', '--file',
    clip('gop1s.mp4'), @asks);
my $http = http_camera('--file', clip('gop1s.mjpeg'), @asks);
my $ingest = start_ingest($redis,
    environment => { VSTREAM_CAMERA_WRONG => 'wrong-one' });
my %url = (
    digest => $rtsp->url('/street', 'viewer:${WRONG}'),
    nobody => $rtsp->url('/street'),
    basic => $basic->url('/street', 'viewer:${WRONG}'),
    http => $http->url('/video.mjpg', 'viewer:${WRONG}'),
);
my @ids = sort keys %url;

declare($redis, $_, $url{$_}) for @ids;
declare($redis, 'open', $rtsp->url('/open'));
my $began = time();

for (@ids) {
    my $status = camera_is($redis, $_, "$_: auth_failed",
        reason => 'auth_failed', state => 'backing_off');
    unlike join('|', %$status), qr/wrong-one/, "$_: no secret";
}

camera_is($redis, 'open', 'another streams', state => 'streaming');
sleep $seconds;

# How long it was told to wait each time, in ms.
sub waits ($id) {
    return map { $_->{delay_ms} } grep { $_->{camera} eq $id }
        $ingest->log_lines(qr/^camera waits$/);
}

# Dials within so long, with waits that are no longer than `delays` begin and
# double up to 15 minutes.
sub extrapolate ($hours, @delays) {
    my ($at, $dials) = (0, 0);

    while ($at < $hours * 3600_000) {
        $dials++;
        push @delays, min(900_000, 2 * $delays[-1]) if @delays == 1;
        $at += shift @delays;
    }

    return $dials;
}

my (@wrong, @per_hour);

for my $id (@ids) {
    my @waits = waits($id);
    my $floor = 60_000;

    for (@waits) {
        push @wrong, "$id: waits $_ instead of $floor ms"
            if $_ < $floor || $_ > 1.25 * $floor;
        $floor = min(900_000, 2 * $floor);
    }

    ok wait_for(sub {
        camera_status($redis, $id)->{dials} == (@waits = waits($id));
    }, patience()), "$id: each dial is followed by a wait";
    push @per_hour, extrapolate(1, @waits);
    note "$id: waits @waits";
}

is_deeply \@wrong, [], 'waits grow from a minute to a quarter of an hour';
cmp_ok max(@per_hour), '<=', 7, 'seven attempts in the first hour';

my $attempts = sum0(map { camera_status($redis, $_)->{dials} } @ids);
my $status = camera_is($redis, 'open', 'the other is undisturbed',
    state => 'streaming', dials => 1);

fault_row(row => 'W8', cameras => scalar @ids, watched_s =>
    int(time() - $began), attempts => $attempts,
    attempts_first_hour => max(@per_hour),
    waits_s => [ map { int($_ / 1000) } waits('digest') ],
    ok => !@wrong && max(@per_hour) <= 7 && $status->{dials} eq '1');

$_->stop for $rtsp, $basic, $http;
finish();
