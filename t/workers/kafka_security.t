#!/usr/bin/perl

# Kafka by TLS and by password: who is let in, whom we do not trust, and that
# no secret leaves vstream-ingest.  The broker is of a kind that takes SCRAM of
# Debian's librdkafka.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Redis;
use Vstream::Test;

my $password = 'canary-1 of "Kafka"';
my $redis = start_redis();
my $kafka = start_kafka(old => 1, tls => 1, client_tls => 1,
    users => { ann => 'canary-1 of Kafka' });
my ($certificate, $key) = $kafka->client_files;
my $ca = $kafka->ca_file;
my $folder = folder() . '/secrets';

# The broker's configuration has no quotes inside passwords.
$password =~ tr/"//d;
mkdir $folder or die "$folder: $!";
secret('password', "$password\n");
secret('wrong', "canary-2\n");
secret('key-password', "canary-3\n");
system('openssl', 'pkcs8', '-topk8', '-in', $key, '-out', "$folder/key",
    '-passout', 'pass:canary-3') == 0 or die 'openssl pkcs8';
chmod 0600, "$folder/key", $key;

my %tls = (tls => 'true', ca_file => $ca, cert_file => $certificate,
    key_file => $key);
my %ann = (user => 'ann', password_file => "$folder/password");


sub secret ($name, $text) {
    chmod 0600, write_file("$folder/$name", $text);
}

# A replica that reaches Kafka so.
sub replica ($listener, %settings) {
    my $host = delete $settings{host} // '127.0.0.1';
    my $environment = delete $settings{environment} // {};
    my $kafka = join ', ',
        'brokers: ["' . "$host:" . $kafka->port($listener) . '"]',
        map { qq($_: "$settings{$_}") } sort keys %settings;
    my $ingest = start_ingest($redis, environment => $environment,
        kafka => "{$kafka, topics: {create: true}}");

    return $ingest;
}

sub is_up ($ingest) {
    return wait_for(sub { $ingest->metric('vstream_ingest_kafka_up') == 1 },
        patience());
}

sub is_refused ($ingest, $name, $why) {
    my $line;

    ok wait_for(sub {
        ($line) = $ingest->log_lines(qr/^kafka refuses us, or we do not/);
    }, patience()), "$name: is said";
    like $line->{reason} // '', $why, "$name: and why";
    is $ingest->metric('vstream_ingest_kafka_up'), 0, "$name: it is not up";
}

# All that others may see of a replica.
sub shown ($ingest) {
    my @files = map { ("/proc/$_/cmdline", "/proc/$_/environ") }
        $ingest->processes;
    my $status = camera_status($redis, 'gate');

    return join "\n", $ingest->log, %$status,
        (map { $ingest->get($_)->{content} } qw(/metrics /cameras)),
        map { Vstream::Ingest::read_file($_) } @files;
}


subtest 'TLS, our certificate and SCRAM' => sub {
    declare($redis, 'gate', 'test:', kafka_fps => '10');

    my $ingest = replica('sasl_tls', %tls, %ann, sasl => 'scram-sha-512');

    ok is_up($ingest), 'Kafka lets it in';
    ok wait_for(sub { $kafka->partitions('vstream.frames.v1') }, patience()),
        'and make a topic';
    my ($message) = $kafka->consume('vstream.frames.v1', count => 1);
    is $message->{key}, 'gate', 'frames are there';
    unlike shown($ingest), qr/canary/, 'no secret is shown';
    is $ingest->stop, 'exit 0', 'ends well';
    withdraw($redis, 'gate');
};

subtest 'other ways in' => sub {
    my %in = (
        'TLS alone' => replica('tls', %tls),
        'a key with a password' => replica('tls', %tls,
            key_file => "$folder/key",
            key_password_file => "$folder/key-password"),
        'PLAIN inside TLS' => replica('sasl_tls', %tls, %ann, sasl => 'plain'),
        'SCRAM-SHA-256' => replica('sasl', %ann, sasl => 'scram-sha-256'),
        'a password of systemd\'s' => replica('sasl', user => 'ann',
            password_file => 'password', sasl => 'scram-sha-512',
            environment => { CREDENTIALS_DIRECTORY => $folder }),
    );

    for my $name (sort keys %in) {
        ok is_up($in{$name}), $name;
        unlike shown($in{$name}), qr/canary/, "$name: no secret is shown";
        is $in{$name}->stop, 'exit 0', "$name: ends well";
    }
};

subtest 'no way in' => sub {
    declare($redis, 'gate', 'test:', kafka_fps => '10');

    my $wrong = replica('sasl', user => 'ann', sasl => 'scram-sha-256',
        password_file => "$folder/wrong");

    is_refused($wrong, 'a wrong password', qr/authentication/i);
    ok wait_for(sub { $wrong->metric(
        'vstream_ingest_camera_kafka_frames_dropped_total'
        . '{camera="gate",reason="refused"}') > 0 }, patience()),
        'drops are counted';
    ok wait_for(sub { (camera_status($redis, 'gate')->{kafka} // '')
        eq 'refused' }, patience()), 'status says so';
    ok wait_for(sub { (camera_status($redis, 'gate')->{state} // '')
        eq 'streaming' }, patience()), 'the camera is well';
    unlike shown($wrong), qr/canary/, 'the wrong one is not shown either';
    is $wrong->stop, 'exit 0', 'ends well';
    withdraw($redis, 'gate');

    my $stranger = replica('tls', %tls, ca_file => $certificate);
    is_refused($stranger, 'signed by a stranger', qr/certificate/i);

    my $other = replica('tls', %tls, host => 'localhost');
    is_refused($other, 'a certificate of another name', qr/certificate/i);

    $_->stop for $stranger, $other;
};

subtest 'files that make no sense' => sub {
    secret('garbage', "no key\n");
    my $ingest = replica('tls', %tls, key_file => "$folder/garbage");

    $ingest->expect(qr/no frames go to kafka/);
    ok wait_for(sub { $ingest->log_lines(qr/^no frames go to kafka$/) },
        patience()), 'stop no replica, but are told';
    is $ingest->metric('vstream_ingest_kafka_up'), 0, 'it is not up';
    is $ingest->get('/ready')->{status}, 200, 'it is ready for cameras';
};

$kafka->expect(qr/Failed authentication|SSL handshake failed/);
finish();
