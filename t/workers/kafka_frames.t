#!/usr/bin/perl

# Frames to Kafka: what a message is, how often there is one, which numbers
# frames have there and in Redis, the older forms, and topics: created, missed
# and waited for.

use v5.36;

use FindBin;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64);
use Time::HiRes qw(sleep time);
use lib "$FindBin::Bin/../lib";

use Vstream::Driver qw(clip);
use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Redis;
use Vstream::Subscriber;
use Vstream::Test;

my $redis = start_redis();
my $kafka = start_kafka(properties => { 'auto.create.topics.enable' => 'true' });
my $brokers = 'brokers: ["' . $kafka->address . '"]';
my $clip = clip('kafka.mp4', qw(-f lavfi -i
    testsrc2=size=640x360:rate=20:duration=4 -c:v libx264 -preset veryfast
    -g 20 -bf 0 -pix_fmt yuv420p));
my $id = qr/([0-9]{13,})/;

sub counted ($ingest, $name) {
    return $ingest->metric("vstream_ingest_$name") // -1;
}

# Messages of one camera.
sub of ($camera, @messages) {
    return grep { $_->{key} eq $camera } @messages;
}


subtest 'the topic is created, and frames are in it' => sub {
    declare($redis, 'street', "file:$clip");
    declare($redis, 'yard', "file:$clip", kafka_fps => '20');
    declare($redis, 'quiet', "file:$clip", kafka_fps => '0');

    my $ingest = start_ingest($redis,
        kafka => "{$brokers, topics: {create: true, partitions: 3}}");
    ok wait_for(sub { $kafka->partitions('vstream.frames.v1') == 3 },
        patience()), 'with as many partitions as are configured';

    my $follower = $kafka->follow('vstream.frames.v1');
    ok wait_for(sub { of('street', $follower->messages) >= 1 }, patience()),
        'frames come';

    my $subscriber = Vstream::Subscriber->new($redis, 'yard');
    my $from = $follower->messages;
    my $began = time();
    my @live = $subscriber->frames(5);
    my $seconds = time() - $began;
    my (undef, @late) = splice @{ [ $follower->messages ] }, $from;
    my @yard = of('yard', @late);

    cmp_ok abs(@yard / $seconds - 20), '<=', 4,
        'a rate is kept to, every frame: ' . @yard;
    cmp_ok abs(of('street', @late) / $seconds - 1), '<=', 0.5,
        'a keyframe a second: ' . of('street', @late);
    is scalar(of('quiet', $follower->messages)), 0, 'none with kafka_fps=0';

    my ($message) = of('street', $follower->messages);
    my $h = $message->{headers};

    like $h->{ce_id}, qr{^street/$id/[0-9]+$}, 'ce_id';
    is $h->{ce_id}, "street/$h->{epoch}/$h->{seq}", 'made of epoch and seq';
    is $h->{ce_specversion}, '1.0', 'ce_specversion';
    is $h->{ce_source}, '/cameras/street', 'ce_source';
    is $h->{ce_type}, 'vstream.frame.v1', 'ce_type';
    like $h->{ce_time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
        'ce_time';
    is $h->{'content-type'}, 'image/jpeg', 'content-type';
    is "$h->{width}x$h->{height}", '640x360', 'width and height';
    is $h->{epoch}, epoch_of($redis, 'street'), 'epoch';
    is scalar(keys %$h), 10, 'and no others';
    like $message->{value}, qr/^\xff\xd8\xff.*\xff\xd9$/s, 'a whole JPEG';
    cmp_ok abs($message->{time} / 1000 - $began), '<', 60, 'its time';

    my %redis = map { $_->{seq} => $_ } @live;
    my @both = grep { $redis{ $_->{headers}{seq} } } @yard;
    my @differ = grep { $redis{ $_->{headers}{seq} }{jpeg} ne $_->{value} }
        @both;

    cmp_ok scalar(@both), '>=', 0.7 * @yard, 'most of them went to Redis too: '
        . @both;
    is scalar(@differ), 0, 'under the same number, the same picture';

    my %seen;
    my @partitions = grep { !$seen{ $_->{partition} }++ } @yard;
    my @sorted = sort { $a <=> $b } map { $_->{headers}{seq} } @yard;
    is scalar(@partitions), 1, 'one partition for one camera';
    is_deeply [ map { $_->{headers}{seq} } @yard ], \@sorted, 'in order';
    %seen = ();
    is scalar(grep { $seen{ $_->{headers}{ce_id} }++ } $follower->messages), 0,
        'no id twice';

    my $status = camera_status($redis, 'yard');
    is $status->{kafka}, 'up', 'status says that Kafka is there';
    cmp_ok $status->{kafka_published}, '>', 80, 'and counts';
    is camera_status($redis, 'quiet')->{kafka}, undef,
        'but not of a camera whose frames do not go there';

    is counted($ingest, 'kafka_up'), 1, 'metric: up';
    cmp_ok counted($ingest, 'camera_kafka_frames_total{camera="yard"}'), '>', 80, 'metric: published';
    is counted($ingest, 'camera_kafka_frames_dropped_total'
        . '{camera="yard",reason="failed"}'), 0, 'metric: dropped';

    my $longest = counted($ingest, 'kafka_produce_max_seconds');
    cmp_ok $longest, '<', 0.5, 'no call waits';
    note sprintf 'longest produce call %.6f s', $longest;

    no_kafka_in_processes($ingest);
    $follower->stop;
    is $ingest->stop, 'exit 0', 'ends well';
};


# Neither the spawner nor a camera process has to do with Kafka.
sub no_kafka_in_processes ($ingest) {
    my ($supervisor, @others) = $ingest->processes;
    my $port = sprintf ':%04X', $kafka->port;

    is scalar(@others), 4, 'a spawner, three camera processes';

    for my $pid (@others) {
        my @threads = map { read_text($_) } glob "/proc/$pid/task/*/comm";
        is scalar(grep { /rdk:/ } @threads), 0, "$pid: no thread of it";

        my %inodes = map { /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
            map { readlink($_) // '' } glob "/proc/$pid/fd/*";
        my @connected = grep { /\Q$port\E / && $inodes{ (split)[9] // '' } }
            split /\n/, read_text("/proc/$pid/net/tcp");
        is scalar(@connected), 0, "$pid: no connection";
    }

    my @threads = map { read_text($_) } glob "/proc/$supervisor/task/*/comm";
    ok scalar(grep { /rdk:/ } @threads), 'only the supervisor has them';
}

sub read_text ($path) {
    open my $file, '<', $path or return '';
    local $/;
    return <$file> // '';
}


done_testing();
