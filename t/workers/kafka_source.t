#!/usr/bin/perl

# Cameras from Kafka, by a broker and by producers that are not ours:
# kafka-python, and Kafka's own client in Java.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd qw(abs_path);
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

use Vstream::Driver qw(clip);
use Vstream::Ingest;
use Vstream::Jpeg;
use Vstream::Kafka;
use Vstream::Subscriber;
use Vstream::Test;

my $top = abs_path("$FindBin::Bin/../..");
my $folder = folder();
my $soak = $ENV{VSTREAM_SOAK};
my $kafka = start_kafka();
my $redis = start_redis();
my $section = '{brokers: ["' . $kafka->address . '"], frames: {send: false}}';
my $one = start_ingest($redis, name => 'one', kafka => $section);


# Pictures of each camera, that say whose and which they are, in a folder as
# the producers want it.  Their numbers are higher than those before.
sub pictures ($count, $size, @cameras) {
    state $n = 0;
    my $where = "$folder/pictures" . ++$n;

    mkdir $where or die "$where: $!";

    for my $camera (@cameras) {
        mkdir "$where/$camera" or die "$where/$camera: $!";

        for my $number (map { 100_000 * $n + $_ } 1 .. $count) {
            write_file("$where/$camera/$number",
                Vstream::Jpeg->with_text("$camera $number", $size));
        }
    }

    return $where;
}

sub producer ($what, $topic, $form, $key, $rate, $pictures) {
    state $n = 0;
    my @arguments = ($kafka->address, $topic, $form, $key, $rate, $pictures);
    my @command = $what eq 'python'
        ? python_command("$top/t/clients/kafka_pictures.py", @arguments)
        : java_command("$top/t/clients/KafkaPictures.java", @arguments);

    return Vstream::Process->start(log => "$folder/producer" . $n++,
        command => \@command);
}

# Waits for producers' ends.
sub ended (@producers) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $_->wait_end(120), 'exit 0', 'a producer has ended'
        or diag Vstream::Ingest::read_file($_->{log}) for @producers;
}

# Is the topic read, by all its partitions, and through how many readers?
sub reads ($ingest, $topic, $partitions) {
    return wait_for(sub {
        $ingest->metric(
            qq(vstream_ingest_kafka_source_partitions{topic="$topic"}))
            == $partitions;
    }, patience());
}

sub dropped ($ingest, $camera, $reason) {
    return $ingest->metric('vstream_ingest_camera_frames_dropped_total'
        . qq({camera="$camera",reason="$reason"}));
}

sub topic_metric ($ingest, $topic, $what, $more = '') {
    return $ingest->metric("vstream_ingest_kafka_source_$what"
        . qq({topic="$topic"$more}));
}

# The texts in frames, in order; those of another camera, or older than the
# one before, are failures.
sub in_order ($camera, $name, @frames) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @texts = map { Vstream::Jpeg->text($_->{jpeg}) } @frames;
    my $last = 0;
    my @wrong = grep {
        !(/^\Q$camera\E (\d+)$/ && $1 > $last && ($last = $1));
    } @texts;

    is "@wrong", '', $name;
}

sub rss_mb ($pid) {
    return Vstream::Ingest::read_file("/proc/$pid/status")
        =~ /^VmRSS:\s+(\d+)/m ? $1 / 1024 : 0;
}


subtest 'three forms, of two clients' => sub {
    my %made = (jp => [ 'python', 'jpeg', 'id' ],
        bj => [ 'java', 'base64', 'id' ], bp => [ 'python', 'base64', 'none' ],
        jsonp => [ 'python', 'json', 'none' ],
        jsonj => [ 'java', 'json', 'none' ]);
    my @cameras = sort keys %made;

    $kafka->create_topic("form-$_", 2) for @cameras;
    declare($redis, $_, "kafka:form-$_") for @cameras;
    declare($redis, 'second', 'kafka:form-jsonp?camera=jsonp');
    camera_is($redis, $_, "$_ waits for a picture", state => 'connecting',
        reason => '') for @cameras;
    ok reads($one, "form-$_", 2), "form-$_ is read" for @cameras;

    my %seen = map { $_ => Vstream::Subscriber->new($redis, $_) }
        @cameras, 'second';
    my @producers = map {
        my ($what, $form, $key) = @{ $made{$_} };
        producer($what, "form-$_", $form, $key, 15, pictures(40, 20_000, $_));
    } @cameras;

    ended(@producers);
    camera_is($redis, $_, "$_ had one", codec => 'mjpeg', width => 16)
        for @cameras, 'second';

    my %streamed = map { $_->{camera} => 1 } grep { $_->{to} eq 'streaming' }
        $one->log_lines(qr/camera changed state/);

    is_deeply [ sort keys %streamed ], [ sort keys %seen ], 'all streamed';
    sleep 0.2;

    for my $camera (sort keys %seen) {
        my @frames = $seen{$camera}->drain;

        cmp_ok scalar(@frames), '>=', 5, "$camera is shown: " . @frames;
        in_order($camera eq 'second' ? 'jsonp' : $camera,
            "$camera: its pictures, in order", @frames);
        is dropped($one, $camera, 'value_broken'), 0, 'none is broken';
    }

    is topic_metric($one, 'form-jsonp', 'values_total'), 40,
        'two cameras, one reader';
    withdraw($redis, keys %seen);
};

subtest 'many cameras of one topic, each its own' => sub {
    my @json = map { "json-$_" } 1 .. ($soak ? 12 : 5);
    my @keyed = map { "keyed-$_" } 1 .. ($soak ? 12 : 5);
    my $count = $soak ? 200 : 40;

    $kafka->create_topic('many', 3);
    declare($redis, $_, "kafka:many?camera=$_") for @json, @keyed;
    ok reads($one, 'many', 3), 'it is read';
    ok wait_for(sub { !grep { !defined holders($redis)->{$_} } @json, @keyed },
        patience()), 'all are held';

    my %seen = map { $_ => Vstream::Subscriber->new($redis, $_) }
        @json, @keyed;

    # Some by their JSON alone, the others by their keys alone.
    ended(
        producer('python', 'many', 'json', 'none', 15,
            pictures($count, 20_000, @json, 'nobody')),
        producer('java', 'many', 'jpeg', 'id', 15,
            pictures($count, 20_000, @keyed, 'nobody')));
    sleep 0.3;

    for my $camera (@json, @keyed) {
        my @frames = $seen{$camera}->drain;

        cmp_ok scalar(@frames), '>=', 5, "$camera is shown: " . @frames;
        in_order($camera, 'its pictures', @frames);
    }

    is topic_metric($one, 'many', 'values_total'),
        $count * (@json + @keyed + 2), 'each value is read once';
    is topic_metric($one, 'many', 'values_dropped_total',
        ',reason="unclaimed"'), 2 * $count, "and nobody's is nobody's";
    withdraw($redis, @json, @keyed);
    ok wait_for(sub { $one->log =~ /no longer read","topic":"many"/ },
        patience()), 'with the last camera, the reader goes';
};

subtest 'a flood is thinned to the newest' => sub {
    my $count = $soak ? 30_000 : 1_500;
    my $pid = $one->pid;
    my $where = pictures(1, 60_000, 'flood');
    my ($first) = glob "$where/flood/*";
    my $jpeg = clip('one.jpg', qw(-f lavfi -i testsrc2=size=1280x720:rate=1
        -frames:v 1));

    $kafka->create_topic('flood', 2);
    declare($redis, 'flood', 'kafka:flood', width => 640);
    ok reads($one, 'flood', 2), 'it is read';

    my $seen = Vstream::Subscriber->new($redis, 'flood');

    unlink $first;
    symlink $jpeg, sprintf '%s/flood/%05d', $where, $_ for 1 .. $count;
    sleep 0.5;

    my $before = rss_mb($pid);
    my $producer = producer('java', 'flood', 'jpeg', 'none', 0, $where);
    my ($most, @frames) = (0);

    wait_for(sub {
        my $now = rss_mb($pid);
        $most = $now if $now > $most;
        push @frames, $seen->drain;
        defined $producer->ended;
    }, 120);
    ended($producer);
    ok wait_for(sub {
        push @frames, $seen->drain;
        topic_metric($one, 'flood', 'values_total')
            + topic_metric($one, 'flood', 'values_dropped_total',
                ',reason="old"') >= $count;
    }, patience()), 'all are read, or left out';

    # What is written last is what is shown last.
    $kafka->produce('flood', Vstream::Jpeg->with_text('last', 1000));
    push @frames, $seen->frames(1);

    is $frames[-1]{height}, 640, 'the newest is shown';
    cmp_ok scalar(@frames), '>=', 5, 'and some before it: ' . @frames;
    my ($oldest) = sort { $b <=> $a } map { $_->{came} - $_->{t} } @frames;
    cmp_ok $oldest, '<', 2, sprintf 'none is old: %.3f s', $oldest;
    cmp_ok dropped($one, 'flood', 'value_superseded'), '>', $count / 2,
        'the others are counted';
    cmp_ok $most - $before, '<', 100,
        sprintf 'memory stays: %.0f MB, %.0f MB at most', $before, $most
        unless $ENV{SANITIZE};
    withdraw($redis, 'flood');
};

subtest 'the largest picture, as the longest value' => sub {
    my $jpeg = Vstream::Jpeg->with_text('large 1', 8 * 1024 * 1024);
    my $value = '{"frame":"' . encode_base64($jpeg, '\r\n') . '"}';

    $kafka->create_topic('large', 1, 'max.message.bytes' => 20_000_000);
    declare($redis, 'large', 'kafka:large');
    ok reads($one, 'large', 1), 'it is read';

    my $seen = Vstream::Subscriber->new($redis, 'large');

    $kafka->produce('large', $value);

    my $frame = $seen->frame(patience());
    ok $frame && $frame->{jpeg} eq $jpeg, 'it is shown, byte for byte';

    $kafka->produce('large', 'x' x (12 * 1024 * 1024 + 1));
    ok wait_for(sub {
        topic_metric($one, 'large', 'values_dropped_total',
            ',reason="too_large"') == 1;
    }, patience()), 'one that is too long is left out, and counted';
    withdraw($redis, 'large');
};

subtest 'garbage' => sub {
    $kafka->create_topic('garbage');
    declare($redis, 'garbage', 'kafka:garbage');
    ok reads($one, 'garbage', 1), 'it is read';
    $kafka->produce('garbage', $_)
        for "caf\xe9\n\x1b[31m{\"level\":\"error\"}", '{"frame":1}', 'x' x 500;

    camera_is($redis, 'garbage', 'no video, and what to do',
        state => 'connecting', reason => 'no_video',
        detail => qr/none holds a picture: JPEG/, restarts => 0);
    ok wait_for(sub { dropped($one, 'garbage', 'value_broken') == 3 },
        patience()), 'it is counted';

    my @lines = $one->log_lines(qr/more like it are only counted/);
    is scalar(@lines), 1, 'one sample is in the log';
    like $lines[0]{message}, qr/caf\\xe9\\x0a\\x1b\[31m/, 'escaped';

    my $seen = Vstream::Subscriber->new($redis, 'garbage');
    ok wait_for(sub {
        $kafka->produce('garbage', Vstream::Jpeg->with_text('garbage 1'));
        $seen->frame(0.3);
    }, patience()), 'a picture among it is shown';
    camera_is($redis, 'garbage', 'at once', state => 'streaming',
        reason => '', restarts => 0);
    withdraw($redis, 'garbage');
};

subtest 'a topic that comes late, and goes' => sub {
    declare($redis, 'late', 'kafka:late');
    camera_is($redis, 'late', 'there is none', state => 'connecting',
        reason => 'not_found', detail => qr/no such topic as "late"/);
    is scalar(grep { $_ eq 'late' } $kafka->topics), 0,
        'to read it does not make it';

    $kafka->create_topic('late');
    ok reads($one, 'late', 1), 'it is read once it is there';
    $kafka->produce('late', Vstream::Jpeg->with_text("late $_")) for 1 .. 3;
    camera_is($redis, 'late', 'and shown', state => 'streaming');

    is system(python_command('-c', 'import sys; import kafka; '
        . 'kafka.KafkaAdminClient(bootstrap_servers=sys.argv[1])'
        . '.delete_topics([sys.argv[2]])', $kafka->address, 'late')), 0,
        'it is deleted';
    camera_is($redis, 'late', 'the camera says so', state => 'connecting',
        reason => 'not_found');

    $kafka->create_topic('late', 2);
    ok reads($one, 'late', 2), 'it is there again';
    $kafka->produce('late', Vstream::Jpeg->with_text('late 2'));
    camera_is($redis, 'late', 'and shown again', state => 'streaming');
    withdraw($redis, 'late');
};

subtest 'Kafka is killed, and comes back' => sub {
    $kafka->create_topic('gone');
    declare($redis, 'gone', 'kafka:gone');
    ok reads($one, 'gone', 1), 'it is read';
    $kafka->produce('gone', Vstream::Jpeg->with_text("gone $_")) for 1 .. 3;
    camera_is($redis, 'gone', 'it is there', state => 'streaming');
    $kafka->kill;
    camera_is($redis, 'gone', 'the camera says why', state => 'connecting',
        reason => 'unreachable', detail => qr/check kafka\.brokers/);
    is $one->get('/ready')->{status}, 200, 'the replica is ready all the same';
    $kafka->start_again;

    my $seen = Vstream::Subscriber->new($redis, 'gone');
    ok wait_for(sub {
        $kafka->produce('gone', Vstream::Jpeg->with_text('gone 2'));
        $seen->frame(0.3);
    }, patience()), 'pictures come again';
    camera_is($redis, 'gone', 'by themselves', state => 'streaming',
        reason => '');
};

subtest 'a host that stood still shows nothing old' => sub {
    plan skip_all => 'in its long form' unless $soak;

    my $producer = producer('python', 'gone', 'jpeg', 'none', 10,
        pictures(600, 1000, 'gone'));
    my $seen = Vstream::Subscriber->new($redis, 'gone');

    # The first is what was there before.
    my ($before) = reverse map { $seen->frame(patience()) } 1 .. 2;

    ok $before, 'it is shown';
    $one->freeze;
    sleep 1.6;
    $seen->drain;
    $one->thaw;

    my $frame = $seen->frame(patience());

    ok $frame, 'it is shown again';
    cmp_ok Vstream::Jpeg->text($frame->{jpeg}) =~ s/gone //r, '>',
        10 + Vstream::Jpeg->text($before->{jpeg}) =~ s/gone //r,
        'by what came afterwards';
    $producer->signal('TERM')->wait_end;
};

subtest 'another replica takes over' => sub {
    my $two = start_ingest($redis, name => 'two', kafka => $section);
    my $seen = Vstream::Subscriber->new($redis, 'gone');
    my $producer = producer('python', 'gone', 'jpeg', 'none', 10,
        pictures(80, 1000, 'gone'));

    ok $seen->frame(patience()), 'it is shown';
    $one->kill;
    my ($frame, $from) = (undef, time());

    ok wait_for(sub {
        $frame = $seen->frame(patience());
        !$frame || holders($redis)->{gone} eq 'two' && $frame->{t} > $from;
    }, patience()) && $frame, 'and goes on';
    camera_is($redis, 'gone', 'by the other', owner => 'two',
        state => 'streaming');
    $producer->signal('TERM')->wait_end;
};

subtest 'Kafka does not take us' => sub {
    plan skip_all => 'in its long form' unless $soak;

    my $guarded = start_kafka(users => { vstream => 'right' });

    write_file("$folder/password", 'wrong');
    chmod 0600, "$folder/password";
    $guarded->create_topic('guarded');

    my $own = start_redis();
    my $four = start_ingest($own, name => 'four', kafka => '{brokers: ["'
        . $guarded->address('sasl') . '"], frames: {send: false}, '
        . "sasl: plain, user: vstream, password_file: $folder/password}");

    declare($own, 'guarded', 'kafka:guarded');
    camera_is($own, 'guarded', 'the camera says so', state => 'connecting',
        reason => 'auth_failed', detail => qr/does not take the user/);
    $guarded->expect(qr/./);
};

finish();
