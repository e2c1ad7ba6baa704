# vstream_origin and vstream_camera: the cameras of nginx.conf in Redis, and
# that those of others are left alone.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $redis = start_redis();
my $hash = 'vs:{_}:cameras';

$redis->command('HSET', $hash, 'theirs', '{"source":"test:","origin":"site2"}');
$redis->command('HSET', $hash, 'nobodys', 'x');

my $lines = <<'END';
    vstream_origin site1;
    vstream_camera a rtsp://${GATE}@192.0.2.1/s "name=Gate \"1\" Ö" fps=7.5;
    vstream_camera b test: width=640 quality=70 still=off;
END
my $nginx = start_nginx($redis, workers => 3, http => $lines);


sub declared {
    my %all = @{ $redis->command('HGETALL', $hash) };
    return \%all;
}

sub set_of ($origin) {
    my $json = $redis->command('GET', "vs:{_}:set:$origin");
    return $json && decode_json($json);
}

# Waits until Redis holds just these cameras.
sub cameras_are (@ids) {
    return wait_for(sub {
        join(' ', sort keys %{ declared() }) eq join ' ', sort @ids
    });
}

sub calls_of ($command) {
    my $info = $redis->command('INFO', 'commandstats');
    return $info =~ /cmdstat_$command:calls=(\d+)/ ? $1 : 0;
}


subtest 'declared' => sub {
    ok cameras_are(qw(a b nobodys theirs)), 'the cameras of the file';

    my $a = decode_json(declared()->{a});
    is_deeply $a, { source => 'rtsp://${GATE}@192.0.2.1/s', origin => 'site1',
        name => "Gate \"1\" \x{d6}", fps => '7.5' }, 'with what its line says';
    is_deeply decode_json(declared()->{b}), { source => 'test:',
        origin => 'site1', width => '640', quality => '70', still => 'off' },
        'another';
    is declared()->{theirs}, '{"source":"test:","origin":"site2"}',
        'those of others as they were';

    my $set = set_of('site1');
    is_deeply $set->{cameras}, [ qw(a b) ], 'the set';
    cmp_ok abs($set->{generation} - now_ms()), '<', 30_000,
        'its generation is a time';
    is $redis->command('GET', 'vs:schema'), 1, 'the version of the contract';
    is calls_of('eval'), 1, 'one of three workers has written it, once';
};


subtest 'reload' => sub {
    my $news = $redis->connect;
    $news->command('SSUBSCRIBE', 'vs:{_}:news');

    my $before = set_of('site1')->{generation};
    $nginx->change(http => $lines =~ s/.*camera b.*\n//r
        =~ s/fps=7.5/fps=8/r . "vstream_camera c test:;\n");
    ok $nginx->reload, 'a line is gone, one has changed, one is new';
    ok cameras_are(qw(a c nobodys theirs)), 'a camera is withdrawn';
    is decode_json(declared()->{a})->{fps}, '8', 'another is changed';
    is_deeply set_of('site1')->{cameras}, [ qw(a c) ], 'so is the set';
    cmp_ok set_of('site1')->{generation}, '>', $before, 'it is newer';

    my %told = map { $news->reply->[2] => 1 } 1 .. 3;
    is_deeply [ sort keys %told ], [ qw(a b c) ], 'news of each';

    $nginx->change(http => "vstream_origin site1;\n");
    ok $nginx->reload, 'no line is left';
    ok cameras_are(qw(nobodys theirs)), 'none of ours is left';
    is_deeply set_of('site1')->{cameras}, [], 'an empty set says so';

    $nginx->change(http => $lines);
    ok $nginx->reload, 'all lines again';
    ok cameras_are(qw(a b nobodys theirs)), 'all cameras again';
};


subtest 'a Redis that comes back empty' => sub {
    $redis->command('FLUSHALL');
    ok cameras_are(qw(a b)), 'after FLUSHALL the cameras are written again';
    is_deeply set_of('site1')->{cameras}, [ qw(a b) ], 'and the set';

    $redis->kill;
    $redis->start_again;
    ok cameras_are(qw(a b)), 'after a restart, too';

    $redis->command('DEL', $hash);
    ok cameras_are(), 'a lost hash alone is not noticed at once';
    $redis->command('DEL', 'vs:{_}:set:site1');
    ok cameras_are(qw(a b)), 'but with its set it is';
};


subtest 'who is older' => sub {
    my $newest = now_ms() + 3_600_000;
    $redis->command('SET', 'vs:{_}:set:site1',
        "{\"generation\":$newest,\"cameras\":[\"a\"]}");
    $redis->command('HDEL', $hash, 'b');

    ok $nginx->reload, 'reload';
    ok wait_for(sub { $nginx->error_log =~ /declared a newer set of origin/ }),
        'an older generation is refused, and says so';
    is set_of('site1')->{generation}, $newest, 'the set stays';
    ok !exists declared()->{b}, 'nothing is written';

    $redis->command('DEL', 'vs:{_}:set:site1');
    ok cameras_are(qw(a b)), 'until the newer one is gone';
};


subtest 'a worker that drains' => sub {
    my $a = Vstream::Camera->new($redis, 'a')->add_still;
    my @viewers = map {
        Vstream::Viewer->watch($nginx, '/live/a/stream.mjpg')
    } 1 .. 20;

    $_->part for @viewers;
    $nginx->change(http => $lines =~ s/.*camera b.*\n//r);
    ok $nginx->reload, 'reload while twenty watch';
    ok cameras_are('a'), 'one camera';
    cmp_ok scalar($nginx->workers), '>', 3, 'workers drain';
    $redis->command('FLUSHALL');
    ok cameras_are('a'), 'the new set is written again';
    sleep 1;
    is_deeply [ keys %{ declared() } ], [ 'a' ], 'not the old one';
};


subtest 'two nginx' => sub {
    my $same = start_nginx($redis, workers => 1,
        http => $lines =~ s/.*camera b.*\n//r);
    sleep 0.5;
    is_deeply [ keys %{ declared() } ], [ 'a' ], 'of one file share a set';
    unlike $same->error_log, qr/another origin/, 'and do not quarrel';

    my $other = start_nginx($redis, workers => 1, http => <<'END');
        vstream_origin site3;
        vstream_camera a test:;
        vstream_camera z test:;
END
    ok cameras_are(qw(a z)), 'of two files each declares its own';
    is decode_json(declared()->{a})->{origin}, 'site1',
        'a camera that both declare stays with the first';
    ok wait_for(sub {
        $other->error_log =~ /camera "a" belongs to another origin/
    }), 'which the second says';
    is_deeply set_of('site3')->{cameras}, [ qw(a z) ], 'its set names it';

    my $second = start_redis(prefix => 'p2');
    my $file = write_file('nginx.password', $second->password('nginx'));
    chmod 0600, $file;
    start_nginx($second, workers => 1, redis_line => 'vstream_redis unix:'
        . $second->socket . ' connections=1 prefix=p2 user=vstream-nginx '
        . "password_file=$file;", http => 'vstream_camera q test:;');
    ok wait_for(sub { $second->command('HEXISTS', 'p2:{_}:cameras', 'q') }),
        'a prefix of its own, by a Unix socket';
    is $second->command('EXISTS', 'vs:{_}:cameras'), 0,
        'and nothing below another';
    is_deeply decode_json($second->command('GET', 'p2:{_}:set:nginx'))
        ->{cameras}, [ 'q' ], 'the origin is "nginx" where none is named';
};


subtest 'nginx -t' => sub {
    my $empty = start_redis();
    my $test = Vstream::Nginx->prepare(folder => folder(), redis => $empty,
        http => $lines);

    $test->write_configuration;
    my ($status, $said) = $test->test;
    is $status, 0, 'accepted' or diag $said;
    sleep 0.3;
    is $empty->command('DBSIZE'), 0, 'writes nothing';
    is $empty->command('INFO', 'stats')
        =~ /total_connections_received:(\d+)/ && $1, 1,
        'does not even connect';
};

subtest 'as many as there may be, with the longest of sources' => sub {
    my $own = start_redis();
    my $source = 'rtsp://192.0.2.1/' . 'x' x 2031;
    my $nginx = start_nginx($own, workers => 1, http => join '', map {
        "vstream_camera c$_ $source substream=$source;\n" } 1 .. 1024);

    ok wait_for(sub { $own->command('HLEN', $hash) == 1024 }),
        'all are declared';
    is $nginx->get('/ready')->{status}, 200, 'nginx is ready, and stays it';
    is $nginx->metric('vstream_redis_losses_total'), 0, 'at the first try';
};

finish();
