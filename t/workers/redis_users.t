#!/usr/bin/perl

# conf/redis: the users may do what their program does (every other test shows
# that) and nothing else (this one does); the example for production is a Redis
# that starts, speaks TLS alone, and lets nobody in whom it does not know.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Certificates;
use Vstream::Ingest;
use Vstream::Test;

my $conf = "$FindBin::Bin/../../conf/redis";
my $redis = start_redis()->expect(qr/^(?:command|key|channel|auth) /);

# What a user is told of a command: 'NOPERM', or anything else as ''.
sub refusal ($client, @command) {
    eval { $client->command(@command) };
    return 'NOPERM' if $@ =~ /^ERR The user executing the script can't /;
    return $@ =~ /^(NOPERM|NOAUTH)/ ? $1 : '';
}

sub client_of ($user) {
    my $client = Vstream::Redis::Client->new($redis->port);
    $client->command('AUTH', "vstream-$user", $redis->password($user));
    return $client;
}

my %may_not = (
    nginx => [
        [ qw(SET vs:{gate}:lease me) ], [ qw(SET vs:{gate}:epoch 9) ],
        [ qw(GET vs:{gate}:lease) ], [ qw(XADD vs:{gate}:still * t 1) ],
        [ qw(HSET vs:{gate}:status state streaming) ],
        [ qw(SPUBLISH vs:{gate}:frame x) ], [ qw(SPUBLISH vs:{gate}:news x) ],
        [ qw(SSUBSCRIBE vs:{_}:news) ], [ qw(SET vs:replica:one x) ],
        [ 'EVAL', "return redis.call('SET', KEYS[1], 'me')", 1,
            'vs:{gate}:lease' ],
        [ 'EVAL', "return redis.call('DEL', KEYS[1])", 1, 'vs:{_}:cameras' ],
    ],
    ingest => [
        [ qw(HSET vs:{_}:cameras gate {}) ], [ qw(DEL vs:{_}:cameras) ],
        [ qw(SET vs:{_}:set:nginx {}) ], [ qw(SSUBSCRIBE vs:{gate}:frame) ],
        [ qw(SPUBLISH other x) ], [ qw(PUBSUB CHANNELS) ],
        [ qw(XREVRANGE vs:{gate}:still + -) ],
        [ 'EVAL', "return redis.call('HSET', KEYS[1], 'a', 'b')", 1,
            'vs:{_}:cameras' ],
    ],
);
my @nobody = ([ qw(GET other) ], [ qw(SET vs2:schema 1) ], [ qw(KEYS *) ],
    [ qw(SCAN 0) ], [ qw(FLUSHALL) ], [ qw(CONFIG GET *) ], [ qw(ACL LIST) ],
    [ qw(CLIENT LIST) ], [ qw(MONITOR) ], [ qw(SHUTDOWN) ], [ qw(DEBUG SLEEP 0) ],
    [ qw(INFO) ], [ qw(SUBSCRIBE vs:x) ], [ qw(PSUBSCRIBE *) ],
    [ qw(PUBLISH vs:x y) ], [ qw(EVALSHA x 0) ], [ qw(SELECT 1) ],
    [ qw(SCRIPT FLUSH) ], [ qw(REPLICAOF no one) ]);

for my $user (sort keys %may_not) {
    my $client = client_of($user);

    is refusal($client, @$_), 'NOPERM', "$user may not: @$_"
        for @{ $may_not{$user} }, @nobody;
    is $client->command('PING'), 'PONG', "$user may ping";
}

is refusal(Vstream::Redis::Client->new($redis->port), 'PING'), 'NOAUTH',
    'who shows no password may do nothing';


subtest 'the example' => sub {
    my $ca = Vstream::Certificates->new(folder(), 'right');
    my ($cert, $key) = $ca->issue('redis');
    my $port = Vstream::Process::free_port();
    my %is = ('tls-port' => $port, bind => '127.0.0.1', 'tls-cert-file' =>
        $cert, 'tls-key-file' => $key, 'tls-ca-cert-file' => $ca->file,
        aclfile => "$redis->{folder}/users.acl");
    my $text = Vstream::Ingest::read_file("$conf/redis.conf");

    for my $name (sort keys %is) {
        $text =~ s/^$name .*$/$name $is{$name}/m or fail "$name is set";
    }

    my $server = Vstream::Process->start(log => folder() . '/example.log',
        command => [ 'redis-server', write_file('example.conf', $text),
            '--dir', folder() ]);
    my $url = 'rediss://' . $redis->login('ingest') . "\@127.0.0.1:$port";
    my $ingest = start_ingest($redis, name => 'example',
        redis => "{url: \"$url\", ca_file: " . $ca->file . '}');

    is $ingest->get('/ready')->{status}, 200, 'ingest works with it';
    is $ingest->stop, 'exit 0', 'ended';

    my @answers = map {
        my $setting = $_;
        my @command = ('redis-cli', '-p', $port, '--tls', '--no-auth-warning', '--cacert',
            $ca->file, '--user', 'admin', '--pass',
            $redis->password('admin'), 'config', 'get', $setting);
        open my $pipe, '-|', @command or die $!;
        join '', <$pipe>;
    } qw(maxmemory-policy save client-output-buffer-limit);
    like $answers[0], qr/noeviction/, 'it evicts nothing';
    like $answers[1], qr/^save\n\n?$/, 'it keeps nothing on disk';
    like $answers[2], qr/pubsub 67108864 16777216 5/, 'it bounds subscribers';
    is $server->signal('TERM')->wait_end, 'exit 0', 'ended';

    my $socket = "$redis->{folder}/none.sock";
    my $unfilled = qx(redis-server --port 0 --unixsocket $socket \\
        --aclfile $conf/users.acl 2>&1);
    like $unfilled, qr/Aborting Redis startup because of ACL errors/,
        'users without a password are refused as they stand';
};

finish();
