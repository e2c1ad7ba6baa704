#!/usr/bin/perl

# FAULTS W9: the wall clock of a host jumps by an hour or a day, back or ahead,
# beneath all processes of vstream-ingest, and then beneath nginx.  It is
# logged; no lease is lost, no camera dialled again, no viewer without pictures.
#
# t/clients/fake_clock.c stands in front of the C library, by a copy of /etc
# that only these programs see.  (libfaketime is told what to do by the
# environment, which camera processes and nginx workers do not keep.)
#
# VSTREAM_SOAK=1: many jumps.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Load;
use Vstream::Test;

my $library = Vstream::Load::program('fake_clock.so');

plan skip_all => 'sanitizers want to be loaded first'
    if $ENV{SANITIZE} || $ENV{VSTREAM_PRELOAD};
plan skip_all => 'clocks of their own are for root' if $> != 0
    || system(qw(unshare -m true)) != 0;

my $soak = $ENV{VSTREAM_SOAK};
my @jumps = $soak ? (3600, -7200, 3600, 86400, -172800, 86400) x 5
    : (3600, -90000, 86400);
my $redis = start_redis();
my $rtsp = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'));
my $http = http_camera('--file', clip('gop1s.mjpeg'), '--fps', 10);
my ($ingest, $nginx) = (
    start_ingest($redis, around => around('ingest')),
    start_nginx($redis, workers => 1, around => around('nginx')),
);
my @ids = qw(rtsp http test);
my %result = (row => 'W9', jumps => 0, lease_flaps => 0, redials => 0,
    restarts => 0, not_logged => 0, longest_gap_ms => 0,
    snapshot_max_ms => 0);

declare($redis, 'rtsp', $rtsp->url('/street'));
declare($redis, 'http', $http->url('/video.mjpg'));
declare($redis, 'test', 'test:', fps => 10);
camera_is($redis, $_, "$_ streams", state => 'streaming') for @ids;

my %viewer = map { $_ => Vstream::Viewer->open($nginx,
    "/live/$_/stream.mjpg") } @ids;
my %before = map { $_ => camera_status($redis, $_) } @ids;
my $offset = 0;
my (%last, %last_id);

# In front of a program that is to have a clock of this name.
sub around ($name) {
    my $etc = folder() . "/etc.$name";

    system('cp', '-a', '/etc', $etc) == 0 or die "no copy of /etc\n";
    write_file("$etc/ld.so.preload", "$library\n");
    write_file("$etc/vstream-clock", '');

    return [ 'unshare', '-m', 'sh', '-c',
        "mount --bind $etc /etc && exec \"\$@\"", 'sh' ];
}

# Sets a clock, which processes see at their next look.
sub set_clock ($name, $seconds) {
    my $path = folder() . "/etc.$name/vstream-clock";

    write_file("$path.new", sprintf "%+d\n", $seconds);
    rename "$path.new", $path or die $!;
}

# Watches all viewers; returns the newest part of each.
sub watch ($seconds) {
    my $until = time() + $seconds;
    my %part;

    while (time() < $until) {
        for my $id (@ids) {
            while (my $part = $viewer{$id}->part(0.01)) {
                next if $part->{headers}{'x-frame-id'}
                    eq ($last_id{$id} // '');
                my $gap = 1000 * ($part->{came} - ($last{$id} // time()));

                $last_id{$id} = $part->{headers}{'x-frame-id'};
                $last{$id} = $part->{came};
                $part{$id} = $part;
                $result{longest_gap_ms} = int $gap
                    if $gap > $result{longest_gap_ms};
            }
        }
    }

    return %part;
}

sub age_ms ($part) { return $part->{headers}{'x-frame-age-ms'} }

sub is_unharmed ($what) {
    for my $id (@ids) {
        my $status = camera_status($redis, $id);

        is $status->{epoch}, $before{$id}{epoch}, "$what: $id is held on";
        is $status->{dials}, $before{$id}{dials}, "$what: nor dialled again";
        $result{lease_flaps} += $status->{epoch} ne $before{$id}{epoch};
        $result{redials} += $status->{dials} - $before{$id}{dials};
        $result{restarts} += $status->{restarts} - $before{$id}{restarts};
    }
}


watch(1);

for my $step (@jumps) {
    subtest "ingest: $step s" => sub {
        my $logged = () = $ingest->log_lines(qr/^clock_jump$/);
        my $jumps = $ingest->metric('vstream_ingest_clock_jumps_total');

        set_clock('ingest', $offset += $step);
        my %part = watch(0.8);
        my @lines = $ingest->log_lines(qr/^clock_jump$/);

        is @lines, $logged + 1, 'it is logged';
        ok abs(($lines[-1]{step_ms} // 0) - 1000 * $step) < 1000,
            'by how much' or diag explain $lines[-1];
        is $ingest->metric('vstream_ingest_clock_jumps_total'), $jumps + 1,
            'and counted';
        $result{not_logged} += $logged + 1 - @lines;
        $result{jumps}++;
        is_unharmed('ingest');

        for my $id (@ids) {
            ok $part{$id}, "$id: pictures come" or next;
            # By the clock of who received them, against nginx's.
            my $t = $part{$id}{headers}{'x-timestamp'};
            ok abs($t - time() - $offset) < 5, "$id: X-Timestamp is ingest's"
                or diag $t - time();
            $result{"age_ms_where_ingest_is_at_$offset"} = age_ms($part{$id});
        }
    };
}

for my $step ($soak ? (3600, -3600, 86400, -86400) x 3 : (3600, -86400)) {
    subtest "nginx: $step s" => sub {
        set_clock('nginx', $step);
        my %part = watch(0.8);

        for my $id (@ids) {
            my $began = time();
            my $answer = $nginx->get("/live/$id/frame.jpg");
            my $took = int(1000 * (time() - $began));

            ok $part{$id}, "$id: pictures come";
            is $answer->{status}, 200, "$id: and pictures alone";
            cmp_ok $took, '<', 1000, "$id: at once";
            $result{snapshot_max_ms} = max($result{snapshot_max_ms}, $took);
            watch(0.1);
        }

        is_unharmed('nginx');
        $result{jumps}++;
        $result{"age_ms_where_nginx_is_at_$step"} = age_ms($part{test});
        set_clock('nginx', 0);
        watch(0.5);
    };
}

ok !grep({ $_->ended } values %viewer), 'all viewers are still there';
cmp_ok $result{longest_gap_ms}, '<', 2000, 'and saw no gap';
fault_row(%result, ok => $result{longest_gap_ms} < 2000
    && !grep { $result{$_} } qw(lease_flaps redials restarts not_logged));

$_->stop for $rtsp, $http;
finish();
