#!/usr/bin/perl

# FAULTS W10: cameras that send 8K, and more, to a host that has 256 MiB.  What
# cannot be decoded there is too_large, and says so; the kernel kills nothing
# for want of memory, and a camera of usual size beside them does not notice.
#
# VSTREAM_SOAK=1: more of them, for longer.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::CameraServer;
use Vstream::Driver ();
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::MemoryGroup;
use Vstream::Subscriber;
use Vstream::Test;

plan skip_all => 'a sanitizer needs more memory than that'
    if $ENV{SANITIZE};

my $limit = 256 << 20;
my $group = Vstream::MemoryGroup->start($limit)
    or plan skip_all => 'no memory cgroup can be made here';
my $soak = $ENV{VSTREAM_SOAK};
my @h264 = qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 4 -bf 0);
my @mjpeg = qw(-pix_fmt yuvj420p -c:v mjpeg -q:v 8);

sub large ($name, $size, @codec) {
    return Vstream::Driver::clip($name, '-f', 'lavfi', '-i',
        "testsrc2=size=$size:rate=4:duration=1", @codec);
}

my %file = (
    '8k-h264' => large('8k-refs4.mp4', '7680x4320', @h264, '-refs', 4),
    'more-h264' => large('more.mp4', '8192x4608', @h264),
    '8k-mjpeg' => large('8k.mjpeg', '7680x4320', @mjpeg),
    'more-mjpeg' => large('more.mjpeg', '8192x4608', @mjpeg),
);
my $redis = start_redis();
my $rtsp = rtsp_camera(map { ('--mount', "/$_", '--file', $file{$_}) }
    grep { /h264/ } keys %file);
my %http = map { $_ => http_camera('--file', $file{$_}, '--fps', 4) }
    grep { /mjpeg/ } keys %file;
my $ingest = start_ingest($redis, around => $group->around);
my %result = (row => 'W10', limit_mib => $limit >> 20);
my %slow;

declare($redis, 'usual', 'test:', fps => 10);
camera_is($redis, 'usual', 'one of usual size streams', state => 'streaming');

# The most that any camera process has used.
sub rss ($id) {
    my $pid = ($ingest->camera($id) // {})->{pid} or return 0;
    my ($kib) = Vstream::Ingest::read_file("/proc/$pid/status")
        =~ /^VmHWM:\s+(\d+)/m;

    return ($kib // 0) >> 10;
}

sub url ($id) {
    return $http{$id} ? $http{$id}->url('/video.mjpg') : $rtsp->url("/$id");
}

# Watches for so long, and until there is an outcome; returns how many pictures came, and why none did.
sub watched ($id, $seconds, %options) {
    declare($redis, $id, url($id), %options);

    my $subscriber = Vstream::Subscriber->new($redis, $id);
    my $until = time() + $seconds;
    my ($most, $frames, %reasons) = (0, 0);

    while (time() < $until || !$frames && !%reasons && !$slow{$id}
        && time() < $until + patience())
    {
        my $rss = rss($id);
        my $status = camera_status($redis, $id);

        # A machine that others keep busy decodes one picture for seconds.
        if (($status->{detail} // '') =~ /silent for too long/) {
            $slow{$id} = 1;
        } elsif (length($status->{reason} // '')) {
            $reasons{ $status->{reason} } = 1;
        }

        $most = $rss if $rss > $most;
        $frames++ if $subscriber->frame(0.05);
    }

    $subscriber->close;
    withdraw($redis, $id);

    my $reasons = join ' ', sort keys %reasons;
    my $name = join ' ', $id, map { "$_=$options{$_}" } sort keys %options;

    note "$name: $frames pictures, $most MiB, $reasons";
    note $_->{detail} for grep { $_->{camera} eq $id && length $_->{detail} }
        $ingest->log_lines(qr{^camera changed state$});
    $result{"$name rss_mib"} = $most;
    $result{"$name shows"} = $frames > 0 ? 'pictures' : $reasons;

    return ($frames, $reasons);
}


my @trials = $soak
    ? map { my @options = @$_; map { [ $_, @options ] } sort keys %file }
        [], [ width => 1280 ]
    : ([ '8k-h264' ], [ '8k-mjpeg', width => 1280 ], [ 'more-mjpeg' ]);

for (@trials) {
    my ($id, @options) = @$_;
    my ($frames, $reasons) = watched($id, $soak ? 20 : 2.5, @options);

    if ($id =~ /more/) {
        is $reasons, 'too_large', "$id: beyond all limits";
    } else {
        ok $reasons eq 'too_large'
            || $reasons eq '' && ($frames > 0 || $slow{$id}),
            "$id: shown, or too large" or diag "$frames, '$reasons'";
    }
}

my $status = camera_is($redis, 'usual', 'the usual one streams on',
    state => 'streaming', restarts => 0, dials => 1);
is $group->kills, 0, 'nothing was killed for want of memory';
@result{qw(oom_kills peak_mib too_slow)} = ($group->kills,
    $group->peak >> 20, scalar keys %slow);
fault_row(%result, ok => $group->kills == 0
    && $status->{restarts} eq '0' && Test::More->builder->is_passing);

$_->stop for $rtsp, values %http;
finish();
