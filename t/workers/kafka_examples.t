#!/usr/bin/perl

# The schemas of conf/schemas and the consumers beside them, in C, Python and
# Java: all of them know what is wrong.

use v5.36;

use FindBin;
use JSON::PP ();
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

    is faults($schema, \%headers), '', 'nothing is wrong with this';

    for my $name (sort keys %good) {
        my %without = %good;

        delete $without{$name};
        like faults($schema, \%without), qr/^1: .*'$name' is a required/,
            "without $name";
        like faults($schema, { %good, $name => $bad{$name} }),
            qr/^1: \$\.\Q$name\E:|^1: \$\['?\Q$name\E/, "$name=$bad{$name}";
    }

    my %value = (frame => '/9j/4AAQ', timestamp => '2026-12-01 11:06:29',
        camera_id => 'gate', frame_number => 7);

    $schema = 'vstream.frames.v1.value.json';
    is faults($schema, \%value), '', 'nor with this value';
    like faults($schema, { %value, @$_ }), qr/^1: \$\.$_->[0]:/,
        "$_->[0]=$_->[1]"
        for [ frame => 'aGVsbG8=' ], [ timestamp => 'now' ],
            [ camera_id => '../x' ], [ frame_number => '7' ];
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

finish();
