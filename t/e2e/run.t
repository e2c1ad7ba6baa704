#!/usr/bin/perl

# `make run` and its kin as people meet them: the line that says it is there,
# status, a second run, a port that is taken, a process that dies, the end.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir('vstream-run-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = port_free();
my $http = HTTP::Tiny->new(timeout => 5);


sub port_free {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "no port: $!";

    return $socket->sockport();
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or return '';
    local $/;

    return <$in> // '';
}


# conf/local/run in the background, all that it says in a file.
sub run_start {
    my ($log, %env) = @_;

    my $pid = fork() // die "fork: $!";
    return $pid if $pid;

    open STDOUT, '>', $log or die;
    open STDERR, '>&', \*STDOUT or die;
    @ENV{keys %env} = values %env;
    exec "$root/conf/local/run", 'start' or die;
}


# Its exit status, or undef while it runs.
sub run_end {
    my ($pid, $seconds) = @_;

    for (my $end = time() + $seconds; time() < $end; sleep 0.1) {
        return $? >> 8 if waitpid($pid, WNOHANG) == $pid;
    }

    return undef;
}


sub run_says {
    my ($log, $words, $seconds) = @_;

    for (my $end = time() + $seconds; time() < $end; sleep 0.1) {
        return 1 if slurp($log) =~ $words;
    }

    diag(slurp($log));
    return 0;
}


sub refusal {
    my (%env) = @_;
    my $pid = run_start("$dir/refusal.log", %env);

    isnt(run_end($pid, 20), 0, 'it ends, and not with 0');
    return slurp("$dir/refusal.log");
}


sub pid_of {
    my ($name, $folder) = @_;

    $folder //= "$dir/run";
    return (split ' ', slurp("$folder/pids/$name"))[0];
}


# Whether a broker of Kafka answers there.
sub kafka_answers {
    my ($address) = @_;

    return system("timeout 5 kcat -b $address -L -m 2 > /dev/null 2>&1") == 0;
}


# Whether a frame of this camera comes, or has come.
sub kafka_has {
    my ($address, $camera) = @_;
    my @options = ('-b', $address, '-t', 'vstream.frames.v1', '2> /dev/null');
    my $end = time() + 60;

    while (time() < $end) {
        my $keys = `timeout 3 kcat -C -u -q -o beginning -f '%k ' @options`;
        return 1 if $keys =~ /\b$camera\b/;
    }

    return 0;
}


my %env = (PORT => $port, RUN_DIR => "$dir/run", B => $ENV{B} || 'build');
my $url = "http://127.0.0.1:$port/";
my $run = run_start("$dir/run.log", %env);

ok(run_says("$dir/run.log", qr{^vstream is running at \Q$url\E$}m, 120),
    'it says where it runs');

my $picture = $http->get("${url}live/pattern/frame.jpg");
like($picture->{content}, qr/^\xff\xd8.*\xff\xd9$/s, 'and there is a picture');

my $status = `PORT=$port RUN_DIR=$dir/run $root/conf/local/run status`;
is($?, 0, 'status finds it');
like($status, qr/^nginx +pid \d+$/m, 'with its processes');
like($status, qr/^pattern +\w+/m, 'and its cameras');

ok(run_says("$dir/run.log", qr/^kafka is running at 127\.0\.0\.1:\d+$/m, 120),
    'then it says where Kafka is');

my ($kafka) = slurp("$dir/run.log") =~ /^kafka is running at (\S+)$/m;

ok(kafka_answers($kafka), 'and there it is');
ok(kafka_has($kafka, 'pattern'), 'with frames of a camera');
like(slurp("$dir/run.log"),
    qr/^vstream is running.*^kafka is running/ms, 'after the first picture');
like(`PORT=$port RUN_DIR=$dir/run $root/conf/local/run status`,
    qr/^kafka +pid \d+$/m, 'status shows it');

like(refusal(%env), qr/^vstream: it runs already in \Q$dir\E.*\n\z/,
    'a second run is refused in one sentence');
like(refusal(%env, RUN_DIR => "$dir/other"),
    qr/^vstream: port $port is taken by nginx \(pid \d+\).*\n\z/,
    'so is a port that is taken');
like(refusal(%env, PORT => 'http'), qr/^vstream: PORT=http is no port.*\n\z/,
    'and one that is none');
like(refusal(%env, KAFKA => 'x:y'), qr/^vstream: KAFKA=x:y is none.*\n\z/,
    'and a Kafka that is none');

for my $other ($kafka, 'off') {
    my $other_port = port_free();
    my %other = (%env, PORT => $other_port, RUN_DIR => "$dir/other",
        KAFKA => $other);
    my $log = "$dir/other-" . ($other eq 'off' ? 'off' : 'on') . '.log';
    my $pid = run_start($log, %other);

    ok(run_says($log, qr/^vstream is running/m, 120), "KAFKA=$other: it runs");
    ok(run_says($log, qr/^kafka is running at \Q$kafka\E$/m, 20),
        'and uses that one') if $other ne 'off';
    sleep 1;
    is(pid_of('kafka', "$dir/other"), undef, 'and starts none');
    is(system("RUN_DIR=$dir/other $root/conf/local/run stop > /dev/null"), 0,
        'it stops');
    is(run_end($pid, 5), 0, 'and has ended');
    unlike(slurp($log), qr/^kafka is running/m, 'no word of Kafka')
        if $other eq 'off';
}

kill 'KILL', pid_of('kafka');
ok(run_says("$dir/run.log", qr/kafka +was killed by SIGKILL/, 10),
    'it says that Kafka has died');
ok(run_says("$dir/run.log", qr/(?:^kafka is running.*){2}/ms, 60),
    'and starts it again');

for my $name (qw(nginx ingest-a redis)) {
    my $before = pid_of($name);

    kill 'KILL', $before;
    ok(run_says("$dir/run.log", qr/$name +was killed by SIGKILL/, 10),
        "it says that $name has died");

    my $after;
    for (1 .. 200) {
        $after = $http->get("${url}live/pattern/frame.jpg")->{success};
        last if $after && pid_of($name) != $before;
        sleep 0.1;
    }
    ok($after, 'starts it again, and there are pictures again');
}

my @pids = map { pid_of($_) } qw(run redis ingest-a ingest-b nginx kafka);

is(system("RUN_DIR=$dir/run $root/conf/local/run stop > $dir/stop.log"), 0,
    'stop ends it');
is(slurp("$dir/stop.log"), "vstream has stopped\n", 'and says so');
is(run_end($run, 5), 0, 'the run ends with 0');
is(kill(0, @pids), 0, 'and nothing that it started is left');

is(system("RUN_DIR=$dir/run $root/conf/local/run stop > $dir/stop.log"), 0,
    'to stop it once more does no harm');
isnt(system("RUN_DIR=$dir/run $root/conf/local/run status > /dev/null"), 0,
    'status says that it is gone');

done_testing();
