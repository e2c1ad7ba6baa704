# vstream_health and vstream_ready: alive whatever happens; ready while Redis
# answers.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $redis = start_redis(password => 'of-a-test', default => 'nginx',
    also => '+select')->expect(qr/^auth default \w+ AUTH/);
my $nginx = start_nginx($redis, redis_line =>
    'vstream_redis redis://:of-a-test@127.0.0.1:' . $redis->port
        . '/3 connections=1;');


sub status_of ($path) {
    return $nginx->get($path)->{status};
}

# All of several answers: there are two workers.
sub all_are ($path, $status) {
    return wait_for(sub { !grep { status_of($path) != $status } 1 .. 10 });
}


is status_of('/health'), 200, 'alive';
is $nginx->json('/health')->{status}, 'alive', 'as JSON';
is status_of('/ready'), 200, 'ready, with a password and a database';
is $nginx->json('/ready')->{status}, 'ready', 'as JSON';

for my $path ('/health', '/ready') {
    is $nginx->request('HEAD', $path)->{status}, 200, "HEAD $path";
    is $nginx->request('POST', $path)->{status}, 405, "POST $path";
    is $nginx->get($path)->{headers}{'cache-control'}, 'no-store',
        "$path is not kept";
}

$redis->kill;
ok all_are('/ready', 503), 'Redis is gone: not ready';

my $answer = $nginx->get('/ready');
is $answer->{headers}{'content-type'}, 'application/problem+json', 'a problem';
is $answer->{headers}{'retry-after'}, 1, 'Retry-After';
is decode_json($answer->{content})->{status}, 503, 'status in the body';
is status_of('/health'), 200, 'but alive';

$redis->start_again;
my $began = time();
ok all_are('/ready', 200), 'Redis is back: ready';
cmp_ok time() - $began, '<', 3, 'soon';

$redis->pause;
ok all_are('/ready', 503), 'Redis hangs: not ready';
is status_of('/health'), 200, 'but alive';
$redis->resume;
ok all_are('/ready', 200), 'ready again';

unlike $nginx->error_log, qr/of-a-test/, 'the password is in no log';
like $nginx->error_log, qr/redis "127\.0\.0\.1:\d+" .*is there again/,
    'the log says when Redis is back';


# A wrong password is told once, not a hundred times.
my $wrong = start_nginx($redis, wait => 0, redis_line =>
    'vstream_redis redis://:wrong@127.0.0.1:' . $redis->port . ';');
ok wait_for(sub { $wrong->error_log =~ /check user, password/ }),
    'a wrong password is named';
sleep 1.5;
my $lines = () = $wrong->error_log =~ /check user, password/g;
cmp_ok $lines, '<=', 6, 'once for each connection';
is $wrong->get('/ready')->{status}, 503, 'not ready';

finish();
