#!/usr/bin/perl

# FAULTS W6: cameras whose packets are lost from one moment to the next, while
# their connections look as alive as before.  Each is seen to have stalled
# within 3 s, or five of its frames where it is slow; dialled again; and
# streams when its packets come through.
#
# VSTREAM_SOAK=1: many times, and a slow one as well.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Gaps;
use Vstream::Ingest;
use Vstream::Network;
use Vstream::Relay;
use Vstream::Test;

plan skip_all => missing_network() if missing_network();

my $soak = $ENV{VSTREAM_SOAK};
my $rounds = $soak ? 16 : 1;
my $late_ms = $ENV{SANITIZE} ? 6000 : 1000; # that a busy machine may add
my $redis = start_redis();
my $host = start_host();
my $us = $host->us;
my $to_redis = Vstream::Relay->start($redis->port, $us);
my $ingest = start_ingest($redis, around => $host->around,
    address => $host->address, limits => '{connect_timeout_ms: 2000}',
    url => $redis->url('ingest', $to_redis->port) =~ s/127.0.0.1/$us/r);

# Each with the frames that it sends in a second.
my %fps = (rtsp => 15, http => 10, $soak ? (slow => 0.8) : ());
my %camera = (
    rtsp => rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4')),
    map { $_ => http_camera('--file', clip('gop1s.mjpeg'), '--fps', $fps{$_})
        } grep { $_ ne 'rtsp' } keys %fps,
);
my %relay = map { $_ => Vstream::Relay->start($camera{$_}->port, $us) }
    keys %camera;
my %aim_ms = map { $_ => max(3000, 5000 / $fps{$_}) } keys %fps;
my (%took, $seen);

for (keys %camera) {
    declare($redis, $_, $camera{$_}->url(/rtsp/ ? '/street' : '/video.mjpg')
        =~ s{127.0.0.1:\d+}{"$us:" . $relay{$_}->port}er);
}

# How fast it is must be known before it can be called silent.  Who has stalled
# again and again is not dialled at once: the wait grows to 30 s.
sub stream {
    ok wait_for(sub {
        !grep { (camera_status($redis, $_)->{state} // '') ne 'streaming' }
            keys %camera;
    }, 30 + patience()), 'all stream';
    ok wait_for(sub {
        !grep { abs((camera_status($redis, $_)->{fps} // 0) - $fps{$_})
            > $fps{$_} / 2 } keys %fps;
    }, patience()), 'and it is known how fast';
}

# When it was heard last, and when it was found to be silent.
sub stalls ($id, $lost) {
    my $line;

    ok wait_for(sub {
        ($line) = grep { $_->{camera} eq $id && $_->{reason} eq 'stalled'
            && log_time($_) > $lost }
            $ingest->log_lines(qr/^camera changed state$/);
    }, patience()), "$id has stalled" or return;

    push @{ $took{$id} }, log_time($line)
        - camera_status($redis, $id)->{heard_unix_us} / 1e6;
}

for my $round (1 .. $rounds) {
    subtest "round $round" => sub {
        stream();
        my %dials = map { $_ => camera_status($redis, $_)->{dials} }
            keys %camera;

        my $lost = time();
        $host->lose($_->port) for values %relay;
        # In the order in which they are to be seen.
        stalls($_, $lost) for sort { $aim_ms{$a} <=> $aim_ms{$b} } keys %camera;
        $host->lose_nothing;
        stream();

        for (sort keys %camera) {
            cmp_ok camera_status($redis, $_)->{dials}, '>', $dials{$_},
                "$_: by a new connection";
        }
    };
}

my %figures = map { my $id = $_;
    my %of = figures(@{ $took{$id} });
    map { ("${id}_$_" => $of{$_}) } qw(p50_ms max_ms);
} sort keys %took;

for (sort keys %took) {
    cmp_ok $figures{"${_}_max_ms"}, '<', $aim_ms{$_} + $late_ms,
        "$_: seen within $aim_ms{$_} ms, and a moment";
}

fault_row(row => 'W6', rounds => $rounds, %figures,
    ok => !grep { $figures{"${_}_max_ms"} >= $aim_ms{$_} + $late_ms }
        keys %took);

$_->stop for values %camera, values %relay, $to_redis;
finish();
