#!/usr/bin/perl

# FAULTS R6: ids that are none, with CR, LF, NUL, "*", braces and all other
# bytes, over every route, in the file, and in what others have written into
# Redis.  They are refused, and no key, channel or command is made of them:
# MONITOR shows all that Redis was asked.
#
# VSTREAM_SOAK=1: many more of them; SEED repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use HTTP::Tiny;
use JSON::PP qw(encode_json);

use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $seed = fault_seed();
my $grammar = qr/[A-Za-z0-9][A-Za-z0-9._-]{0,63}/;
my $redis = start_redis();
my $nginx = start_nginx($redis, http => 'vstream_camera gate test:;');
my $ingest = start_ingest($redis);
my %result = (row => 'R6', seed => $seed, ids => 0, requests => 0,
    wrong_answers => 0, accepted_by_nginx_t => 0, cameras_made => 0,
    commands => 0, keys_outside => 0);

# All that Redis is asked, from now on.
my $monitor = Vstream::Process->start(log => folder() . '/monitor',
    command => [ 'redis-cli', '-p', $redis->port, '--no-auth-warning', '-a',
        $redis->password('admin'), '--user', 'admin', 'MONITOR' ]);
ok wait_for(sub { monitored() =~ /^OK$/m }), 'MONITOR listens';

sub monitored {
    return Vstream::Ingest::read_file(folder() . '/monitor');
}


# Ids of every kind of evil; each must be none.

my @commands = ("a\r\nSET owned 1\r\n", "a\nDEL vs:{_}:cameras",
    "*3\r\n\$3\r\nSET\r\n\$5\r\nowned\r\n\$1\r\n1\r\n", "gate}:lease",
    'gate}:lease{', '{gate}', 'vs:{gate}:lease', 'gate:frame', 'gate*',
    '*', '?', 'g?te', '[g]ate', 'g[a-z]te', '__keyspace@0__:gate', 'gate,yard',
    '_', '..', '.', '.gate', '-gate', '-1', '$(id)', '`id`', '%s%n',
    'gate%00', '${HOME}', 'x' x 65, 'x' x 3000, "\xc0\xaf", "g\xc3\xa4te",
    "\xff\xfe", "gate\0", "\0gate", ' gate', 'gate ', "gate\t", "\e[31m",
    "gate\x{7f}", 'gate"', "gate'", 'gate\\', 'gate;', '<gate>', '&', '#gate',
    'gate|x', "EVAL 'x' 0", 'gate@host', 'gate:', ':', '~', 'gate+1');

sub random_id {
    my $id = join '', map { chr int rand 256 } 1 .. 1 + int rand 12;

    $id = 'gate' . $id if rand() < 0.3;
    return $id =~ /^$grammar\z/ ? "$id\r\n" : $id;
}

my @ids = grep { !/^$grammar\z/ } @commands,
    (map { ('a' . chr($_) . 'b', chr($_)) } 0 .. 255),
    map { random_id() } 1 .. ($soak ? 5000 : 50);

@ids = @ids[grep { $_ % 3 == 0 } 0 .. $#ids] if $ENV{SANITIZE} && !$soak;
$result{ids} = @ids;

my $http = HTTP::Tiny->new(timeout => 20, max_redirect => 0);

sub encoded ($id) {
    return $id =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
}


subtest 'over every route' => sub {
    my @routes = ('/live/ID/stream.mjpg', '/live/ID/frame.jpg',
        '/api/v1/cameras/ID', '/live/wall.mjpg?cameras=ID',
        '/live/wall.mjpg?cameras=gate,ID');
    my @wrong;

    for my $id (@ids) {
        for my $route (@routes) {
            # "/" makes another path, and commas part a wall's ids.
            my $is_path = $route !~ /\?/;
            next if $is_path ? $id =~ m{/} : $id =~ /,/;
            my $answer = $http->get(
                $nginx->url . $route =~ s/ID/encoded($id)/er);

            $result{requests}++;
            next if $answer->{status} == 400;
            next if $is_path && $id =~ /^\.\.?\z/
                && $answer->{status} == 404;
            push @wrong, "$answer->{status}: $route with " . encoded($id);
        }
    }

    is_deeply [ @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)] ], [],
        'each is a 400';
    $result{wrong_answers} = @wrong;

    # As they are, too, as far as a request line can hold them.
    for my $id (grep { !/[\r\n ]/ } @commands) {
        my $v = eval {
            Vstream::Viewer->open($nginx, "/live/$id/stream.mjpg")->status;
        } // 'closed';
        like $v, qr/^(?:400|404|414|closed)$/, 'raw: ' . encoded($id);
        $result{requests}++;
    }
};


subtest 'in the file' => sub {
    for my $id (@commands) {
        next if $id =~ /\0/;
        my $quoted = $id =~ s/(["\\])/\\$1/gr;
        my $other = Vstream::Nginx->prepare(folder => folder(),
            redis => $redis, http => "vstream_camera \"$quoted\" test:;");

        $other->write_configuration;
        my ($status) = $other->test;

        $result{accepted_by_nginx_t}++ if $status eq '0';
        isnt $status, 0, encoded($id);
    }
};


subtest 'in Redis, by others' => sub {
    my $client = $redis->connect;
    my $json = '{"source":"test:","origin":"tests"}';

    $client->command('SET', 'vs:{_}:set:tests', encode_json({
        generation => now_ms(), cameras => [ 'good', map { encoded($_) }
            @commands ] }));
    $client->command('HSET', 'vs:{_}:cameras', map { ($_, $json) } 'good',
        @commands);
    $client->command('HSET', 'vs:replicas', map { ($_, time()) } @commands);
    $client->command('SPUBLISH', 'vs:{_}:news', $_) for @commands;

    camera_is($redis, 'good', 'a good one streams', state => 'streaming');
    sleep $soak ? 6 : 1;
    is join(' ', sort map { $_->{id} } @{ $ingest->overview->{cameras} }),
        'gate good', 'and the others are no cameras';
    $result{cameras_made} += grep { $_->{id} !~ /^(?:gate|good)$/ }
        @{ $ingest->overview->{cameras} };

    my $list = $nginx->json('/api/v1/cameras');
    is join(' ', sort map { $_->{id} } @{ $list->{cameras} }), 'gate good',
        'nor shown as such';
    $client->command('HDEL', 'vs:{_}:cameras', 'good', @commands);
    $client->command('HDEL', 'vs:replicas', @commands);
};


# What Redis was asked, by others than this test.

sub unescape ($text) {
    my %letter = (n => "\n", r => "\r", t => "\t", a => "\a", b => "\b");

    return $text =~ s/\\(x([0-9a-f]{2})|.)/
        defined $2 ? chr hex $2 : $letter{$1} \/\/ $1/gesr;
}

sub keys_of ($client, @command) {
    my $name = lc $command[0];

    return @command[1 .. $#command] if $name =~ /^s(?:un)?subscribe$/;
    return $command[1] if $name eq 'spublish';
    return @command[2 .. $#command] if $name eq 'pubsub';
    return () if $name =~ /^(?:ping|hello|auth|info|command|client|acl|monitor
        |exec|multi|time|select)$/x;

    my $keys = eval { $client->command('COMMAND', 'GETKEYS', @command) };
    return @{ $keys // [] };
}

subtest 'what Redis was asked' => sub {
    my $client = $redis->connect;
    my (%seen, @outside);

    $monitor->signal('TERM')->wait_end;

    for my $line (split /\n/, monitored()) {
        my ($from, $rest) = $line =~ /^[\d.]+ \[\d+ (\S+)\] (.*)$/ or next;
        my @command = map { unescape($_) } $rest =~ /"((?:[^"\\]|\\.)*)"/g;

        $result{commands}++;

        for my $key (keys_of($client, @command)) {
            next if $seen{$key}++;
            push @outside, encoded($key) if $key !~ /^vs:(?:
                \{(?:_|$grammar)\}:[a-z]+(?::[A-Za-z0-9:._-]+)?
                | schema | events | replicas? (?::$grammar)?)\z/x;
        }
    }

    cmp_ok scalar(keys %seen), '>', 10, scalar(keys %seen) . ' keys';
    cmp_ok $result{commands}, '>', 50, "in $result{commands} commands";
    is_deeply \@outside, [], 'all within the namespace';
    is $redis->command('EXISTS', 'owned'), 0, 'and none of the commands ran';
    $result{keys_outside} = @outside;
    $result{keys} = keys %seen;
};

fault_row(%result, ok => !grep { $result{$_} } qw(wrong_answers
    accepted_by_nginx_t cameras_made keys_outside));
finish();
