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

sub dropped ($ingest, $camera, $reason) {
    return counted($ingest, 'camera_kafka_frames_dropped_total'
        . qq({camera="$camera",reason="$reason"}));
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
    is dropped($ingest, 'yard', 'failed'), 0, 'metric: dropped';

    my $longest = counted($ingest, 'kafka_produce_max_seconds');
    cmp_ok $longest, '<', 0.5, 'no call waits';
    note sprintf 'longest produce call %.6f s', $longest;

    my $text = write_file('metrics.txt', $ingest->get('/metrics')->{content});
    is `promtool check metrics < $text 2>&1`, '', 'promtool has nothing to add';

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


subtest 'older forms: a topic for each camera, JSON' => sub {
    withdraw($redis, qw(street yard quiet));
    declare($redis, '10.0.0.7', "file:$clip");
    declare($redis, 'big', "file:$clip");
    declare($redis, $_, "file:$clip") for qw(a.b a-b);
    $kafka->create_topic('camera-big', 1, 'max.message.bytes' => 9000);

    my $ingest = start_ingest($redis, kafka => "{$brokers, "
        . 'frames: {topic_per_camera: true, value: json}, '
        . 'topics: {create: true, partitions: 1, retention_ms: 60000}}');
    $ingest->expect(qr/map to one kafka topic/);

    my ($first) = $kafka->partitions('camera-10-0-0-7')
        || wait_for(sub { $kafka->partitions('camera-10-0-0-7') }, patience());
    is $first, 1, 'its topic is created';

    my ($message) = $kafka->consume('camera-10-0-0-7', count => 1);
    my $object = decode_json($message->{value});
    my $h = $message->{headers};

    is join(' ', sort keys %$object),
        'camera_id frame frame_number timestamp', 'an object of four members';
    is $object->{camera_id}, '10.0.0.7', 'camera_id';
    is $object->{frame_number}, $h->{seq}, 'frame_number';
    (my $second = $h->{ce_time}) =~ s/T/ /;
    is $object->{timestamp}, substr($second, 0, 19), 'timestamp, in UTC';
    like decode_base64($object->{frame}), qr/^\xff\xd8\xff.*\xff\xd9$/s,
        'frame';
    is $h->{'content-type'}, 'application/json', 'content-type';

    ok wait_for(sub { dropped($ingest, 'big', 'too_large') >= 1 }, patience()),
        'what a topic refuses for its size is counted';
    ok wait_for(sub { dropped($ingest, 'a.b', 'same_topic') >= 1
        && dropped($ingest, 'a-b', 'same_topic') >= 1 }, patience()),
        'two ids of one topic: both are refused';
    is $kafka->partitions('camera-a-b'), 0, 'and have none';
    ok wait_for(sub {
        (camera_status($redis, 'a.b')->{kafka} // '') eq 'same_topic' },
        patience()), 'status says so';
    like camera_status($redis, 'a.b')->{kafka_detail}, qr/camera-a-b.*renamed/,
        'and what to do';

    withdraw($redis, 'a.b');
    ok wait_for(sub { $kafka->partitions('camera-a-b') }, patience()),
        'where one goes, the other is sent';
    is(($kafka->consume('camera-a-b', count => 1))[0]{key}, 'a-b', 'it is');

    is $ingest->stop, 'exit 0', 'ends well';
};


subtest 'a topic that is not there, base64' => sub {
    withdraw($redis, qw(10.0.0.7 big a-b));
    declare($redis, 'street', "file:$clip", kafka_fps => '20');

    my $ingest = start_ingest($redis,
        kafka => "{$brokers, frames: {topic: late, value: base64}}");
    $ingest->expect(qr/kafka has no such topic/);

    ok wait_for(sub { dropped($ingest, 'street', 'unknown_topic') > 20 },
        patience()), 'frames are dropped';
    is counted($ingest, 'kafka_topics_missing'), 1, 'a topic is missing';
    is counted($ingest, 'kafka_up'), 1, 'but Kafka is there';
    is scalar($ingest->log_lines(qr/kafka has no such topic: create it/)), 1,
        'the log says so, once';
    is camera_status($redis, 'street')->{kafka}, 'unknown_topic', 'so status';
    is $kafka->partitions('late'), 0, 'nobody made one of his own liking';
    is counted($ingest, 'kafka_frames_queued'), 0, 'nothing is queued';

    $kafka->create_topic('late', 1);
    my ($message) = $kafka->consume('late', count => 1);
    like decode_base64($message->{value}), qr/^\xff\xd8\xff.*\xff\xd9$/s,
        'once it is there, frames are in it';
    unlike $message->{value}, qr/\s/, 'on one line';
    is $message->{headers}{'content-type'}, 'text/plain', 'content-type';
    ok wait_for(sub { counted($ingest, 'kafka_topics_missing') == 0 },
        patience()), 'none is missing';
};

finish();
