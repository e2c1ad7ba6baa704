#!/usr/bin/perl

# FAULTS K1 and K3, the part of frames: Kafka stopped, hanging, killed, and a
# queue that is full at once.  The live path does not notice, nothing waits
# but the newest frame, drops are counted, and frames go on by themselves.
# The long form keeps Kafka away for ten minutes.

use v5.36;

use FindBin;
use List::Util qw(max sum0);
use POSIX qw(ceil);
use lib "$FindBin::Bin/../lib";

use Vstream::Driver qw(clip);
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Redis;
use Vstream::Subscriber;
use Vstream::Test;

my $away = $ENV{VSTREAM_SOAK} ? 600 : 4;
my $redis = start_redis();
my $kafka = start_kafka();
my $brokers = 'brokers: ["' . $kafka->address . '"]';
my $clip = clip('kafka.mp4', qw(-f lavfi -i
    testsrc2=size=640x360:rate=20:duration=4 -c:v libx264 -preset veryfast
    -g 20 -bf 0 -pix_fmt yuv420p));
my $cameras = 3;

declare($redis, "c$_", "file:$clip", kafka_fps => '20') for 1 .. $cameras;


sub counted ($ingest, $name) {
    return $ingest->metric("vstream_ingest_$name");
}

sub published ($ingest) {
    return sum0(map { counted($ingest,
        qq(camera_kafka_frames_total{camera="c$_"})) } 1 .. $cameras);
}

sub dropped ($ingest, $reason) {
    return sum0(map { counted($ingest, 'camera_kafka_frames_dropped_total'
        . qq({camera="c$_",reason="$reason"})) } 1 .. $cameras);
}

# Seconds until frames are taken again.
sub comes_back ($ingest) {
    my $before = published($ingest);
    my $began = time();

    ok wait_for(sub { published($ingest) > $before + $cameras }, 60),
        'frames go on by themselves';
    ok wait_for(sub { counted($ingest, 'kafka_up') == 1 }, 20),
        'and Kafka is known to be there';

    return time() - $began;
}

# Somebody watches for so long; what he is late for is not Kafka's doing.
sub watch ($seconds) {
    return Vstream::Subscriber->new($redis, 'c1')->frames($seconds);
}

# What he saw: how many a second, the 99th of a hundred
# ages, and the longest gap.
sub seen (@frames) {
    my @ages = sort { $a <=> $b } map { $_->{came} - $_->{t} } @frames;
    my @came = map { $_->{came} } @frames;

    return { fps => 0, p99_ms => -1, gap_ms => 1e9 } if @frames < 2;
    return {
        fps => 0 + sprintf('%.1f', $#came / ($came[-1] - $came[0])),
        p99_ms => 0 + sprintf('%.1f', 1000 * $ages[ ceil(0.99 * @ages) - 1 ]),
        gap_ms => int(1000 * max(map { $came[$_] - $came[ $_ - 1 ] }
            1 .. $#came)),
    };
}

sub unharmed ($live, $healthy, $what) {
    cmp_ok $live->{fps}, '>', 0.7 * $healthy->{fps}, "$what: pictures go on";
    cmp_ok $live->{gap_ms}, '<', 2000, "$what: without a gap";
}

# Has all held that was asserted until now?
sub is_ok { return Test::More->builder->is_passing }

# Seconds of processor that the supervisor has used, with Kafka's threads.
sub processor ($ingest) {
    open my $file, '<', '/proc/' . $ingest->pid . '/stat' or return 0;
    my @fields = split ' ', <$file> =~ s/.*\) //r;
    return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub memory ($ingest) {
    open my $file, '<', '/proc/' . $ingest->pid . '/smaps_rollup' or return 0;
    local $/;
    return <$file> =~ /^Rss:\s+(\d+)/m ? $1 : 0;
}


subtest 'K1: Kafka goes away' => sub {
    my $ingest = start_ingest($redis,
        kafka => "{$brokers, topics: {create: true}}");
    ok wait_for(sub { published($ingest) > 20 }, patience()), 'frames are taken';
    my $healthy = seen(watch($ENV{VSTREAM_SOAK} ? 60 : 3));
    my $rss = memory($ingest);

    # On a busy machine Kafka may have been late before.
    my $said = $ingest->log_lines(qr/^kafka is away$/);
    is $kafka->stop, 'exit 0', 'it stops';
    ok wait_for(sub { counted($ingest, 'kafka_up') == 0 }, 20),
        'it is known to be away';
    my ($before, $published) = (dropped($ingest, 'away'), published($ingest));
    my $processor = processor($ingest);
    my @frames = watch($away);
    my $live = seen(@frames);
    $processor = processor($ingest) - $processor;

    unharmed($live, $healthy, 'stopped');
    cmp_ok dropped($ingest, 'away'), '>', $before, 'drops are counted';
    cmp_ok dropped($ingest, 'superseded'), '>', $away, 'the newest wins';
    is published($ingest), $published, 'none is taken';
    cmp_ok counted($ingest, 'kafka_frames_queued'), '<=', 2 * $cameras,
        'two of each camera are under way, no more';
    cmp_ok $processor, '<', 0.06 * $away + 0.1,
        'little is done for a Kafka that is not there';
    cmp_ok memory($ingest) - $rss, '<', 20000, 'memory does not grow';
    is camera_status($redis, 'c1')->{kafka}, 'away', 'status says so';
    isnt camera_status($redis, 'c1')->{kafka_detail}, '', 'and why';
    is camera_status($redis, 'c1')->{state}, 'streaming', 'the camera is well';
    is scalar($ingest->log_lines(qr/^kafka is away$/)), $said + 1,
        'said once';

    $kafka->start_again;
    my $back = comes_back($ingest);

    fault_row(row => 'K1', ok => is_ok(), away_s => $away,
        healthy => $healthy, live => $live, back_s => sprintf('%.1f', $back),
        p99_ratio => 0 + sprintf('%.2f', $live->{p99_ms} / $healthy->{p99_ms}),
        processor_s => 0 + sprintf('%.2f', $processor),
        frames_lost_live => 0 + lost(@frames),
        longest_call_us => longest($ingest));

    $before = dropped($ingest, 'timed_out') + dropped($ingest, 'away');
    $kafka->pause;
    $live = seen(watch(5));
    unharmed($live, $healthy, 'hanging');
    cmp_ok dropped($ingest, 'timed_out') + dropped($ingest, 'away'), '>',
        $before, 'drops are counted';
    cmp_ok counted($ingest, 'kafka_frames_queued'), '<=', 2 * $cameras,
        'no more are under way';
    $kafka->resume;
    $back = comes_back($ingest);
    fault_row(row => 'K1-hanging', ok => is_ok(), away_s => 5,
        healthy => $healthy, live => $live, back_s => sprintf('%.1f', $back),
        longest_call_us => longest($ingest));

    $kafka->kill->start_again;
    comes_back($ingest);
    cmp_ok dropped($ingest, 'failed'), '<=', 2 * $cameras,
        'nothing fails for unknown reasons';
    is $ingest->stop, 'exit 0', 'ends well';
};


# Numbers that a watcher did not see, in one epoch.
sub lost (@frames) {
    my %epochs = map { $_->{epoch} => 1 } @frames;
    return keys %epochs == 1
        ? $frames[-1]{seq} - $frames[0]{seq} + 1 - @frames : -1;
}

sub longest ($ingest) {
    return int(1e6 * counted($ingest, 'kafka_produce_max_seconds'));
}


subtest 'K3: a queue that is full' => sub {
    my $ingest = start_ingest($redis,
        kafka => "{$brokers, frames: {queue_messages: 1}}");
    ok wait_for(sub { published($ingest) > 20 }, patience()),
        'one at a time still gets through';
    my $healthy = seen(watch(2));

    $kafka->pause;
    my $before = dropped($ingest, 'queue_full');
    my $live = seen(watch(3));
    unharmed($live, $healthy, 'full');
    cmp_ok dropped($ingest, 'queue_full') - $before, '>', 20,
        'frames are shed, and counted';
    cmp_ok counted($ingest, 'kafka_frames_queued'), '<=', 1, 'one waits';
    $kafka->resume;

    my $back = comes_back($ingest);
    my $calls = counted($ingest, 'kafka_produce_seconds_count');
    my $short = counted($ingest, 'kafka_produce_seconds_bucket{le="0.001"}');

    cmp_ok longest($ingest), '<', 500_000, 'no call has waited for room';
    cmp_ok $short, '>', 0.8 * $calls, 'nearly all take less than 1 ms';
    fault_row(row => 'K3', ok => is_ok(), healthy => $healthy, live => $live,
        calls => $calls, calls_below_1_ms => $short,
        calls_below_100_us =>
            counted($ingest, 'kafka_produce_seconds_bucket{le="0.000100"}'),
        longest_call_us => longest($ingest), back_s => sprintf('%.1f', $back));
};

finish();
