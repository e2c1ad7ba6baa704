# What Kafka costs: ingest's producer against librdkafka's plain call, and what
# a broker that is away does to viewers.

package Kafka;

use v5.36;

use Vstream::Bench qw(median);
use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Test;

my %small_logs = (
    'log.segment.bytes' => 32 << 20, 'log.retention.bytes' => 64 << 20,
    'log.retention.check.interval.ms' => 5000,
);

sub rows { return ('kafka-cpu' => \&cpu, 'kafka-live' => \&live) }
sub quick { return 'kafka-cpu' }


# CPU of a frame: our room for frames against bare librdkafka, to the same
# broker, with the same bytes at the same rates.
sub cpu ($bench) {
    my $kafka = start_kafka(properties => \%small_logs);
    my $seconds = $bench->seconds(1, 4);
    my %command = (
        ours => ['kafka_frames'],
        'librdkafka' => [ 'kafka_bare', '-l', 5 ],
        'librdkafka, linger 0' => [ 'kafka_bare', '-l', 0 ],
    );

    $kafka->create_topic('frames', 6);

    my @pairs = $bench->interleaved(map {
        my ($program, @options) = @{ $command{$_} };

        $_ => sub {
            $bench->measured($program, '-b', $kafka->address, '-d', $seconds,
                @options);
        };
    } keys %command);

    $kafka->stop;
    for my $base (grep { $_ ne 'ours' } sort keys %command) {
        $bench->judge('Kafka CPU/frame', pairs => \@pairs, ours => 'ours',
            base => $base, figure => 'us_per_message', unit => 'us',
            gate => 1.25, aim => 1.1);
    }
    $bench->note('Kafka longest call', unit => 'us',
        value => median(map { $_->{ours}{longest_us} } @pairs));
}


# How old pictures are when viewers have them, while Kafka is well, stands
# still, or is away.
sub live ($bench) {
    my $redis = start_redis();
    my $kafka = start_kafka(properties => \%small_logs);
    my $camera = http_camera('--file', clip('hd.mjpeg'), '--fps', 30);
    my @ids = map { "camera-$_" } 1 .. 3;
    my $ingest = start_ingest($redis, kafka => '{brokers: ["'
        . $kafka->address . '"], topics: {create: true}}');
    my $nginx = start_nginx($redis, workers => 1, level => 'error');
    my $seconds = $bench->seconds(4, 4);
    my @pairs;

    declare($redis, $_, $camera->url('/video.mjpg'), kafka_fps => 30)
        for @ids;
    wait_for(sub { !grep { (camera_status($redis, $_)->{kafka_published}
        // 0) < 30 } @ids }, 3 * patience())
        or die "no frames come to Kafka\n";

    my $watch = sub {
        return $bench->quietly(sub {
            $bench->measured('mjpeg_load', '-n', 2 * @ids, '-t', $seconds,
                $nginx->port, map { "/live/$_/stream.mjpg" } @ids);
        });
    };

    for (1 .. $bench->pairs) {
        my %run = (well => $watch->());

        $kafka->pause;
        sleep 3; # until it is noticed
        $run{'stands still'} = $watch->();
        $kafka->resume;

        $kafka->stop;
        sleep 1;
        $run{away} = $watch->();
        $kafka->start_again;
        my $taken = taken($redis, @ids);
        wait_for(sub { taken($redis, @ids) > $taken + 30 }, 3 * patience())
            or die "Kafka is back, and frames are not\n";
        sleep 2; # Java has warmed up

        push @pairs, \%run;
    }

    for my $how ('away', 'stands still') {
        $bench->judge("live p99, Kafka $how", pairs => \@pairs, ours => $how,
            base => 'well', figure => 'p99_ms', unit => 'ms', gate => 1.1,
            aim => 1.05);
    }
    $bench->note('Kafka longest call, live', unit => 'us', value => 1e6
        * $ingest->metric('vstream_ingest_kafka_produce_max_seconds'));
    $_->stop for $nginx, $ingest, $kafka, $redis;
}

# Frames of these cameras that Kafka has taken.
sub taken ($redis, @ids) {
    my $sum = 0;

    $sum += camera_status($redis, $_)->{kafka_published} // 0 for @ids;

    return $sum;
}

1;
