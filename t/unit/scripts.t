#!/usr/bin/perl

# The contract's Lua scripts, run in a real Redis: one with room, and one that
# is full, because leases must still move then.  The text of the scripts comes
# from core, by print_script.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::UNIX ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{B} || 'build';
my $print = "$build/t/unit/print_script";

plan skip_all => "no $print: run `make unit`" unless -x $print;

my $dir = File::Temp->newdir('vstream-scripts-XXXXXX', TMPDIR => 1);
my %started;
my %script = map { $_ => scalar `$print $_` } qw(take renew give_back declare);

like($script{$_}, qr/\A#!lua flags=allow-oom\n/, "$_ may run on a full Redis")
    for sort keys %script;


my $redis = start_redis('roomy');

subtest 'take' => sub {
    my $before = now_ms();
    my $epoch = take($redis, 'a', 'one', 0);
    my $after = now_ms();

    like($epoch, qr/\A[1-9][0-9]{12}\z/, 'an epoch is plain decimal ms');
    ok($before <= $epoch && $epoch <= $after, 'it is the time of Redis');
    is(command($redis, 'GET', 'vs:{a}:epoch'), $epoch, 'it is stored');
    is(command($redis, 'GET', 'vs:{a}:lease'), 'one', 'the lease is held');
    is(command($redis, 'PTTL', 'vs:{a}:epoch'), -1, 'the counter stays');

    my $ttl = command($redis, 'PTTL', 'vs:{a}:lease');
    ok($ttl > 1000 && $ttl <= 2000, 'the lease does not');

    is(take($redis, 'a', 'two', 0), undef, 'a held lease is refused');
    is(take($redis, 'a', 'one', 0), undef, 'to its owner too');
    is(command($redis, 'GET', 'vs:{a}:epoch'), $epoch, 'and costs no epoch');
};

subtest 'epochs rise' => sub {
    my $far = now_ms() + 3_600_000;

    command($redis, 'SET', 'vs:{b}:epoch', $far);
    is(take($redis, 'b', 'one', 0), $far + 1, 'above the stored one');

    command($redis, 'DEL', 'vs:{b}:lease', 'vs:{b}:epoch');
    is(take($redis, 'b', 'one', $far + 5), $far + 6,
        'above what a replica has seen, in a Redis that came back empty');

    command($redis, 'DEL', 'vs:{b}:lease');
    is(take($redis, 'b', 'one', $far), $far + 7, 'above the higher of both');

    my $big = '9007199254740990';
    command($redis, 'DEL', 'vs:{b}:lease');
    command($redis, 'SET', 'vs:{b}:epoch', $big);
    is(take($redis, 'b', 'one', 0), '9007199254740991', 'exact up to 2^53');

    command($redis, 'DEL', 'vs:{b}:lease');
    command($redis, 'SET', 'vs:{b}:epoch', 'rubbish');
    like(take($redis, 'b', 'one', 0), qr/\A[1-9][0-9]{12}\z/,
        'rubbish in its place does no harm');
};

subtest 'renew' => sub {
    take($redis, 'c', 'one', 0);
    command($redis, 'PEXPIRE', 'vs:{c}:lease', 500);

    is(renew($redis, 'c', 'two', state => 'streaming'), 0, 'not by others');
    is(command($redis, 'EXISTS', 'vs:{c}:status'), 0, 'nor their status');
    ok(command($redis, 'PTTL', 'vs:{c}:lease') <= 500, 'nor their time');

    is(renew($redis, 'c', 'one', state => 'streaming', detail => 'x'), 1,
        'by the owner');
    ok(command($redis, 'PTTL', 'vs:{c}:lease') > 1000, 'for a whole TTL');
    is(command($redis, 'HGET', 'vs:{c}:status', 'state'), 'streaming',
        'with the status');
    my $ttl = command($redis, 'PTTL', 'vs:{c}:status');
    ok($ttl > 2000 && $ttl <= 3000, 'which expires too');

    is(renew($redis, 'c', 'one', state => 'backing_off'), 1, 'once more');
    is_deeply(command($redis, 'HGETALL', 'vs:{c}:status'),
        [ state => 'backing_off' ], 'the status is replaced whole');

    command($redis, 'PEXPIRE', 'vs:{c}:status', 100);
    is(renew($redis, 'c', 'one'), 1, 'without fields');
    ok(command($redis, 'PTTL', 'vs:{c}:status') > 1000, 'it is kept');

    command($redis, 'DEL', 'vs:{c}:lease');
    is(renew($redis, 'c', 'one', state => 'x'), 0, 'never a lost lease');
    is(command($redis, 'EXISTS', 'vs:{c}:lease'), 0, 'which is not made');
};

subtest 'give back' => sub {
    take($redis, 'd', 'one', 0);
    renew($redis, 'd', 'one', state => 'streaming');

    is(give_back($redis, 'd', 'two'), 0, 'not by others');
    is(give_back($redis, 'd', 'one'), 1, 'by the owner');
    is(command($redis, 'EXISTS', 'vs:{d}:lease', 'vs:{d}:status'), 0,
        'lease and status are gone');
    is(command($redis, 'EXISTS', 'vs:{d}:epoch'), 1, 'the counter stays');
    is(give_back($redis, 'd', 'one'), 0, 'only once');
    ok(take($redis, 'd', 'two', 0), 'and the next one has it at once');
};

subtest 'expiry' => sub {
    my $epoch = run($redis, 'take', [ 'vs:{e}:lease', 'vs:{e}:epoch' ],
        'one', 40, 0);
    sleep 0.06;
    my $next = take($redis, 'e', 'two', 0);
    ok($next > $epoch, 'a lease that was left is free, at a higher epoch');
    is(renew($redis, 'e', 'one', state => 'x'), 0, 'the old owner is out');
};

subtest 'declare' => sub {
    my $news = start_listener($redis, 'vs:{_}:news');
    my $g = 1_764_000_000_123;

    is_deeply(declare($redis, 'nginx', $g, a => 1, b => 1), [2],
        'two cameras are new');
    is(set_of($redis, 'nginx'), qq({"generation":$g,"cameras":["a","b"]}),
        'the set says so, digit for digit');
    is_deeply([ sort(heard($news, 2)) ], [qw(a b)], 'and so does the news');
    is(json_of($redis, 'a'), json('nginx', 1), 'a camera is there');

    is_deeply(declare($redis, 'nginx', $g, a => 1, b => 1), [0],
        'the same again changes nothing');
    is_deeply(declare($redis, 'nginx', $g - 1, a => 2), [-1],
        'an older generation is refused');
    is(json_of($redis, 'a'), json('nginx', 1), 'and writes nothing');

    is_deeply(declare($redis, 'nginx', $g + 1, a => 2, b => 1), [1],
        'one camera differs');
    is_deeply([ heard($news, 1) ], ['a'], 'it alone is news');
    is(json_of($redis, 'a'), json('nginx', 2), 'and it was written');

    command($redis, 'HDEL', 'vs:{_}:cameras', 'b');
    is_deeply(declare($redis, 'nginx', $g + 1, a => 2, b => 1), [1],
        'one that is missing comes back, at the same generation');
    is_deeply([ heard($news, 1) ], ['b'], 'it alone is news');

    is_deeply(declare($redis, 'nginx', $g + 2, b => 1), [1],
        'a line that is gone');
    is_deeply([ heard($news, 1) ], ['a'], 'is news');
    is(json_of($redis, 'a'), undef, 'and withdraws its camera');

    is_deeply(declare($redis, 'other', $g, b => 9, c => 9), [ 1, 'b' ],
        'another origin gets what is free and hears what is not');
    is(json_of($redis, 'b'), json('nginx', 1), 'the first keeps it');
    is_deeply([ heard($news, 1) ], ['c'], 'news of the free one');

    is_deeply(declare($redis, 'nginx', $g + 3), [1], 'an empty list');
    is(set_of($redis, 'nginx'), qq({"generation":@{[ $g + 3 ]},"cameras":[]}),
        'stays a list');
    is(json_of($redis, 'b'), undef, 'and withdraws the rest');
    is(json_of($redis, 'c'), json('other', 9), 'of its own origin');
    is_deeply([ heard($news, 1) ], ['b'], 'news of it');

    is_deeply(declare($redis, 'other', $g, b => 9, c => 9), [1],
        'the other origin gets what was let go');
    is_deeply([ heard($news, 1) ], ['b'], 'news of it');

    command($redis, 'FLUSHALL');
    is_deeply(declare($redis, 'other', $g, b => 9, c => 9), [2],
        'all comes back to a Redis that came back empty');
    is_deeply([ sort(heard($news, 2)) ], [qw(b c)], 'with news');

    command($redis, 'DEL', 'vs:{_}:set:other');
    is_deeply(declare($redis, 'other', $g, c => 9), [1],
        'a camera is withdrawn where the set was lost, too');
    is_deeply([ heard($news, 1) ], ['b'], 'with news');

    command($redis, 'HSET', 'vs:{_}:cameras', 'c', 'not json', 'x', '[1]');
    is_deeply(declare($redis, 'other', $g + 1, c => 9), [1],
        'rubbish is overwritten where the id is ours');
    is(json_of($redis, 'x'), '[1]', 'and left where it is not');

    command($redis, 'SET', 'vs:{_}:set:other', 'not json');
    is_deeply(declare($redis, 'other', $g, c => 9), [0],
        'rubbish in the set holds nobody up');
};

subtest 'declare 1024 cameras' => sub {
    my %cameras = map { ("camera-$_" => $_) } 1 .. 1024;

    command($redis, 'FLUSHALL');
    is_deeply(declare($redis, 'nginx', 1, %cameras), [1024], 'at once');

    my $start = time;
    is_deeply(declare($redis, 'nginx', 1, %cameras), [0], 'and again');
    my $ms = (time() - $start) * 1000;
    ok($ms < 500, sprintf('which takes %.0f ms', $ms));

    is_deeply(declare($redis, 'nginx', 2), [1024], 'and away');
};

subtest 'an older contract' => sub {
    command($redis, 'FLUSHALL');
    command($redis, 'SET', 'vs:{_}:set:nginx',
        '{ "cameras": ["a"], "generation": 5, "more": {} }');
    is_deeply(declare($redis, 'nginx', 4, a => 1), [-1],
        'the generation is read whatever stands beside it');
    is_deeply(declare($redis, 'nginx', 5, a => 1), [1], 'and compared');
};


# An empty Redis needs more than this.
my $full = start_redis('full', '--maxmemory', '100kb', '--maxmemory-policy',
    'noeviction');

subtest 'a full Redis' => sub {
    my $reply = command($full, 'SET', 'k', 'v');

    is(ref $reply, 'ERROR', 'refuses SET');
    like($$reply, qr/\AOOM /, 'and says why');
    is(ref command($full, 'EVAL', "return redis.call('SET','k','v')", 0),
        'ERROR', 'and to a plain script');

    ok(take($full, 'a', 'one', 0), 'take works');
    is(renew($full, 'a', 'one', state => 'streaming'), 1, 'renew works');
    is(command($full, 'HGET', 'vs:{a}:status', 'state'), 'streaming',
        'with the status');
    is_deeply(declare($full, 'nginx', 1, a => 1), [1], 'declare works');
    is(give_back($full, 'a', 'one'), 1, 'give back works');
    is(ref command($full, 'SET', 'k', 'v'), 'ERROR', 'while SET still fails');
};

done_testing();


END {
    local $?;
    kill 'TERM', $_ for keys %started;
    waitpid $_, 0 for keys %started;
}


sub take {
    my ($sock, $id, $owner, $seen) = @_;
    return run($sock, 'take', [ "vs:{$id}:lease", "vs:{$id}:epoch" ],
        $owner, 2000, $seen);
}


sub renew {
    my ($sock, $id, $owner, @fields) = @_;
    return run($sock, 'renew', [ "vs:{$id}:lease", "vs:{$id}:status" ],
        $owner, 2000, 3000, @fields);
}


sub give_back {
    my ($sock, $id, $owner) = @_;
    return run($sock, 'give_back', [ "vs:{$id}:lease", "vs:{$id}:status" ],
        $owner);
}


sub declare {
    my ($sock, $origin, $generation, %camera) = @_;
    my @ids = sort keys %camera;
    my $list = '[' . join(',', map { qq("$_") } @ids) . ']';

    return run($sock, 'declare', [ 'vs:{_}:cameras', "vs:{_}:set:$origin" ],
        $origin, $generation, $list, 'vs:{_}:news',
        map { ($_ => json($origin, $camera{$_})) } @ids);
}


sub run {
    my ($sock, $name, $keys, @arguments) = @_;
    return command($sock, 'EVAL', $script{$name}, scalar @$keys, @$keys,
        @arguments);
}


sub json {
    my ($origin, $fps) = @_;
    return qq({"source":"test:","origin":"$origin","fps":"$fps"});
}


sub json_of {
    my ($sock, $id) = @_;
    return command($sock, 'HGET', 'vs:{_}:cameras', $id);
}


sub set_of {
    my ($sock, $origin) = @_;
    return command($sock, 'GET', "vs:{_}:set:$origin");
}


sub now_ms {
    my $time = command($redis, 'TIME');
    return $time->[0] * 1000 + int($time->[1] / 1000);
}


# A Redis of our own on a socket in our own folder; returns a connection.

sub start_redis {
    my ($name, @options) = @_;
    my $path = "$dir/$name";
    my $pid = fork;

    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/$name.log";
        open STDERR, '>&', \*STDOUT;
        exec('redis-server', '--port', 0, '--unixsocket', $path, '--save', '',
            '--dir', "$dir", @options)
            or POSIX::_exit(127);
    }

    $started{$pid} = 1;

    for (1 .. 500) {
        my $sock = IO::Socket::UNIX->new(Peer => $path);
        return $sock if $sock;
        sleep 0.02;
    }

    die "redis-server did not start: see $dir/$name.log";
}


sub start_listener {
    my ($sock, $channel) = @_;
    my $listener = IO::Socket::UNIX->new(Peer => $sock->peerpath) or die $!;

    command($listener, 'SSUBSCRIBE', $channel);

    return $listener;
}


# The next messages, and proof that there is no further one.

sub heard {
    my ($listener, $count) = @_;
    my @messages = map { read_reply($listener)->[2] } 1 .. $count;

    print $listener "PING\r\n";
    my $reply = read_reply($listener);

    return $reply->[0] eq 'pong' ? @messages : (@messages, 'and more');
}


sub command {
    my ($sock, @words) = @_;

    print $sock '*', scalar @words, "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @words;

    return read_reply($sock);
}


sub read_reply {
    my ($sock) = @_;
    my $line = <$sock>;

    die "Redis closed the connection" unless defined $line;

    $line =~ s/\r\n\z//;
    my ($kind, $rest) = (substr($line, 0, 1), substr($line, 1));

    return $rest if $kind eq '+' || $kind eq ':';
    return bless \$rest, 'ERROR' if $kind eq '-';
    return undef if $rest < 0;
    return [ map { read_reply($sock) } 1 .. $rest ] if $kind eq '*';

    read $sock, my $data, $rest + 2;
    return substr($data, 0, $rest);
}
