#!/usr/bin/perl

# The schemas of conf/schemas and the consumers beside them, in C, Python and
# Java: what vstream-ingest sends is as the schemas say, the consumers read it,
# and all of them know what is wrong.

use v5.36;

use FindBin;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use lib "$FindBin::Bin/../lib";

use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Test;

my $top = "$FindBin::Bin/../..";
my $schemas = "$top/conf/schemas";
my $examples = "$schemas/examples";
my $kafka = start_kafka();
my $json = JSON::PP->new->canonical;
my $wait = 3 * patience(); # Java compiles, and the group is made

my %good = (
    'content-type' => 'image/jpeg', ce_specversion => '1.0',
    ce_type => 'vstream.frame.v1', ce_source => '/cameras/gate',
    ce_id => 'gate/1796123189000/7', ce_time => '2026-12-01T11:06:29.123456Z',
    epoch => '1796123189000', seq => '7', width => '16', height => '16',
);


# What a schema has against these values.
sub faults ($schema, @values) {
    my $file = write_file('values', join '',
        map { $json->encode($_) . "\n" } @values);

    return scalar
        `$top/t/clients/schema_check $schemas/$schema < $file 2>&1`;
}

# The consumers, by language; the one in C is built first.
sub consumers {
    my $program = folder() . '/frames';

    is system('cc', '-Wall', '-Wextra', '-Werror', '-o', $program,
        "$examples/frames.c", '-lrdkafka'), 0, 'the one in C is built';

    return (
        C => [$program],
        Python => [ python_command("$examples/frames.py") ],
        Java => [ java_command("$examples/Frames.java") ],
    );
}

# Starts all of them at a topic, for so many frames.
sub start_consumers ($topic, $count, %consumers) {
    return map {
        my $said = folder() . "/$topic.$_";

        $_ => Vstream::Process->start(log => "$said.out", said => $said,
            command => [ 'sh', '-c', 'exec "$@" 2> "$0"', "$said.err",
                @{ $consumers{$_} }, $kafka->address, $topic, $count ]);
    } keys %consumers;
}

sub slurp ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}


subtest 'the schemas see what is wrong' => sub {
    my %headers = %good;
    my $schema = 'vstream.frames.v1.headers.json';
    my %bad = (
        ce_specversion => '0.3', ce_type => 'other', ce_source => '/gate',
        ce_id => 'gate/7', ce_time => '2026-12-01 11:06:29', epoch => '-1',
        seq => '07', width => '', height => 'x',
        'content-type' => 'image/png',
    );

    my @names = sort keys %good;

    my $said = faults($schema, \%headers,
        (map { my %less = %good; delete $less{$_}; \%less } @names),
        (map { +{ %good, $_ => $bad{$_} } } @names));
    my $line = 1;

    unlike $said, qr/^1:/m, 'nothing is wrong with this';
    like $said, qr/^@{[ ++$line ]}: .*'$_' is a required/m, "without $_"
        for @names;
    like $said, qr/^@{[ ++$line ]}: \$\S*\Q$_\E\S*:/m, "$_=$bad{$_}"
        for @names;

    my %value = (frame => '/9j/4AAQ', timestamp => '2026-12-01 11:06:29',
        camera_id => 'gate', frame_number => 7);
    my @bad = ([ frame => 'aGVsbG8=' ], [ timestamp => 'now' ],
        [ camera_id => '../x' ], [ frame_number => '7' ]);

    $said = faults('vstream.frames.v1.value.json', \%value,
        map { +{ %value, @$_ } } @bad);
    $line = 1;

    unlike $said, qr/^1:/m, 'nor with this value';
    like $said, qr/^@{[ ++$line ]}: \$\.$_->[0]:/m, "$_->[0]=$_->[1]"
        for @bad;
};

my %consumers = consumers();

subtest 'the consumers see what is wrong' => sub {
    my $jpeg = Vstream::Jpeg->with_text('a frame');
    my @wrong = (
        [ 'no frame of vstream', $jpeg, ce_type => 'other' ],
        [ 'no frame of vstream', $jpeg, ce_specversion => '0.3' ],
        [ 'key, epoch and seq are not those of its id', $jpeg, seq => 8 ],
        [ 'not sent as a plain JPEG', $jpeg,
            'content-type' => 'text/plain' ],
        [ 'not a whole JPEG', substr $jpeg, 0, -2 ],
    );

    $kafka->create_topic('wrong', 1);
    my %running = start_consumers('wrong', 1, %consumers);
    my $produce = sub ($value, @headers) {
        $kafka->produce('wrong', $value, key => 'gate',
            headers => { %good, @headers });
    };

    # A consumer reads from when it has been given its partition.
    ok wait_for(sub {
        $produce->("\xff\xd8");
        !grep { !-s "$running{$_}{said}.err" } keys %running;
    }, $wait), 'all read';
    $produce->(@$_[1 .. $#$_]) for @wrong;
    $produce->($jpeg);

    for my $language (sort keys %running) {
        my $consumer = $running{$language};

        is $consumer->wait_end($wait), 'exit 1', "$language: it ends with 1";

        my @said = slurp("$consumer->{said}.err")
            =~ /^partition 0, offset \d+: (.*)$/mg;
        is_deeply [ splice @said, -@wrong ], [ map { $_->[0] } @wrong ],
            'after what was wrong';
        is slurp("$consumer->{said}.out"),
            "gate 7 16x16 @{[ length $jpeg ]} $good{ce_time}\n",
            'and one that was right';
    }
};

my $redis = start_redis();
my @cameras = qw(gate yard.2);

# A replica that sends frames of all cameras at 5 a second.
sub start_sender (@frames) {
    my $ingest = start_ingest($redis, kafka => '{brokers: ["'
        . $kafka->address . '"], frames: {' . join(', ', @frames) . '}}');

    declare($redis, $_, 'test:?size=320x240&fps=10', kafka_fps => 5)
        for @cameras;
    return $ingest;
}

subtest 'frames of vstream-ingest' => sub {
    my $topic = 'vstream.frames.v1';

    $kafka->create_topic($topic, 3);
    my %running = start_consumers($topic, 10, %consumers);
    my $ingest = start_sender();

    for my $language (sort keys %running) {
        my $consumer = $running{$language};

        is $consumer->wait_end($wait), 'exit 0',
            "$language: nothing is wrong with them";

        my @lines = slurp("$consumer->{said}.out") =~ /^(.*)\n/mg;
        is scalar @lines, 10, 'as many as were wanted';
        is_deeply [ grep { !/^(?:gate|yard\.2) \d+ 320x240 \d+ [\d-]+T\S+Z$/ }
            @lines ], [], 'each with camera, seq, size and time';
    }

    $ingest->stop;
    my @frames = $kafka->consume($topic);
    my $schema = 'vstream.frames.v1.headers.json';
    my $known = $json->decode(slurp("$schemas/$schema"))->{properties};

    is faults($schema, map { $_->{headers} } @frames), '',
        'their headers are as the schema says';
    is_deeply [ grep { !$known->{$_} } map { keys %{ $_->{headers} } }
        @frames ], [], 'and it knows all of them';
    is_deeply { map { $_->{key} => 1 } @frames },
        { map { $_ => 1 } @cameras }, 'the keys are the cameras';
    is_deeply [ grep { $_->{value} !~ /^\xff\xd8.*\xff\xd9$/s } @frames ], [],
        'the values are JPEGs';
};

subtest 'the JSON form' => sub {
    my $topic = 'older';

    $kafka->create_topic($topic, 1);
    my $ingest = start_sender("topic: $topic", 'value: json');
    my @frames = $kafka->consume($topic, count => 8);
    my @values = map { $json->decode($_->{value}) } @frames;

    is faults('vstream.frames.v1.headers.json', map { $_->{headers} } @frames),
        '', 'the headers are as the schema says';
    is faults('vstream.frames.v1.value.json', @values), '', 'so are the values';
    is_deeply [ grep { decode_base64($_->{frame})
        !~ /^\xff\xd8.*\xff\xd9$/s } @values ], [], 'they hold JPEGs';

    for my $i (0 .. $#frames) {
        my ($value, $headers) = ($values[$i], $frames[$i]{headers});
        my ($seconds) = $headers->{ce_time} =~ /^(.*)\./;

        is "$value->{camera_id} $value->{frame_number} $value->{timestamp}",
            "$frames[$i]{key} $headers->{seq} @{[ $seconds =~ s/T/ /r ]}",
            'and say the same as key and headers';
    }
    $ingest->stop;
};

finish();
