#!/usr/bin/perl

# The Kafka that tests use is a real one, and its helpers do what they say.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Kafka;
use Vstream::Test;

my $kafka = start_kafka(tls => 1, users => { ann => 'secret 1' },
    properties => { 'message.max.bytes' => 3_000_000 });
my $bytes = join '', map { chr } 0 .. 255;


# What kcat says with these settings: topics, or why there are none.
sub said_by ($seconds, @settings) {
    my @arguments = map { ('-X', $_) } @settings;

    open my $pipe, '-|', 'timeout', 30, 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        'kcat', '-L', '-m', $seconds, @arguments or die "kcat: $!";
    my $said = do { local $/; <$pipe> };
    close $pipe;

    return $said;
}

sub topics_by (@settings) {
    return said_by(20, @settings);
}

# Kafka, or the client, says no, and for this reason.
sub refused ($why, $name, @settings) {
    my $said;

    ok wait_for(sub { ($said = said_by(1, @settings)) =~ $why }, 30), $name
        or diag $said;
    unlike $said, qr/topic "/, 'and gets nothing';
}


subtest 'topics' => sub {
    $kafka->create_topic('big', 3, 'max.message.bytes' => 2_000_000,
        'retention.ms' => 60_000);
    $kafka->create_topic('big', 5);
    is $kafka->partitions('big'), 3, 'as many partitions; made only once';
    is $kafka->partitions('none'), 0, 'no such topic';
    is_deeply [ $kafka->topics ], ['big'], 'all there are';

    ok !eval { $kafka->create_topic('bad', 1, 'no.such' => 1); 1 },
        'a setting that Kafka does not know is refused';
    like $@, qr/bad: .*no\.such/, 'and named';
};

subtest 'messages' => sub {
    $kafka->produce('big', $bytes, key => 'k 1',
        headers => { a => 'x=1', b => 'one, two' });
    $kafka->produce('big', 'second', partition => 2);
    $kafka->produce('big', 'x' x 1_900_000, key => 'k 1');

    my @all = sort { length $a->{value} <=> length $b->{value} }
        $kafka->consume('big');

    is scalar @all, 3, 'all are there';
    is_bytes $all[1]{value}, $bytes, 'with all bytes';
    is $all[1]{key}, 'k 1', 'and key';
    is_deeply $all[1]{headers}, { a => 'x=1', b => 'one, two' },
        'and headers';
    is $all[0]{partition}, 2, 'in the partition that was asked for';
    is $all[0]{key}, undef, 'one without a key';
    is length $all[2]{value}, 1_900_000, 'and a large one';
    ok abs($all[0]{time} - now_ms()) < 600_000, 'at their time';

    ok !eval { $kafka->produce('big', 'x' x 2_100_000); 1 },
        'one that is larger than the topic takes is refused';
};

subtest 'those that come' => sub {
    my $follower = $kafka->follow('big');
    my $n = 0;

    ok wait_for(sub {
        $kafka->produce('big', 'news ' . ++$n);
        $follower->messages;
    }, 60), 'are followed';
    like +($follower->messages)[0]{value}, qr/^news \d+$/, 'as they are';
    $follower->stop;
};

subtest 'who may come in' => sub {
    my @tls = ("ssl.ca.location=" . $kafka->ca_file);
    my @ann = ('sasl.username=ann', 'sasl.password=secret 1');
    my @sasl = ('bootstrap.servers=' . $kafka->address('sasl'),
        'security.protocol=SASL_PLAINTEXT');

    like topics_by('bootstrap.servers=' . $kafka->address('tls'),
        'security.protocol=SSL', @tls), qr/topic "big"/, 'by TLS';
    refused(qr/certificate verify failed/, 'whose certificate is not public',
        'bootstrap.servers=' . $kafka->address('tls'),
        'security.protocol=SSL');

    like topics_by(@sasl, 'sasl.mechanism=PLAIN', @ann), qr/topic "big"/,
        'by password';
    like topics_by('bootstrap.servers=' . $kafka->address('sasl_tls'),
        'security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN', @tls, @ann),
        qr/topic "big"/, 'both';
    refused(qr/Authentication failed/, 'not with a wrong password', @sasl,
        'sasl.mechanism=PLAIN', 'sasl.username=ann', 'sasl.password=wrong');
};

subtest 'an old one' => sub {
    my $old = start_kafka(old => 1, users => { ann => 'secret 1' });

    like topics_by('bootstrap.servers=' . $old->address('sasl'),
        'security.protocol=SASL_PLAINTEXT', "sasl.mechanism=$_",
        'sasl.username=ann', 'sasl.password=secret 1'), qr/ 1 brokers:/, $_
        for qw(SCRAM-SHA-256 SCRAM-SHA-512);
};

subtest 'it goes and comes back' => sub {
    my $before = $kafka->consume('big');

    ok $kafka->answers, 'it answers';
    $kafka->pause;
    ok !$kafka->answers, 'not while it sleeps';
    $kafka->resume;
    ok wait_for(sub { $kafka->answers }, 60), 'then again';

    is $kafka->stop, 'exit 0', 'it stops';
    ok !$kafka->answers, 'and is away';
    $kafka->start_again;
    is scalar($kafka->consume('big')), $before, 'it has kept what it had';

    $kafka->kill->start_again;
    is scalar($kafka->consume('big')), $before, 'even when it was killed';
};

finish();
