#!/usr/bin/perl

# FAULTS R1, R2, R4 as vstream-ingest sees them: whatever becomes of Redis, no
# camera is dialled anew, and all goes on by itself when it is back.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my $redis = start_redis();
my $camera = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'));
my @replicas = map { start_ingest($redis, name => $_, wait => 0) }
    qw(one two);
my @ids = map { "street-$_" } 1 .. 4;

$_->wait_ready for @replicas;

sub declare_all {
    declare($redis, $_, $camera->url('/street')) for @ids;
}

# All cameras as their holders see them: { id => { replica, pid, dials, ... } }.
sub cameras {
    my %cameras;

    for my $replica (@replicas) {
        for my $camera (@{ $replica->overview->{cameras} }) {
            next if $camera->{lease} !~ /^(?:held|suspended)$/;
            $cameras{ $camera->{id} } = { replica => $replica->name,
                %$camera };
        }
    }

    return \%cameras;
}

sub all_stream ($name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok wait_for(sub {
        @ids == grep { (camera_status($redis, $_)->{state} // '')
            eq 'streaming' } @ids;
    }, patience()), $name;
}

# Nobody has moved and nobody was dialled since.
sub undisturbed ($name, $before) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $after = cameras();

    for my $what (qw(replica pid dials restarts)) {
        is_deeply { map { $_ => $after->{$_}{$what} } @ids },
            { map { $_ => $before->{$_}{$what} } @ids }, "$name: same $what";
    }
}


declare_all();
all_stream('all stream');
my $dialled = $camera->dials;
is $dialled, @ids, 'each was dialled once';


subtest 'Redis hangs for 5 s' => sub {
    my $before = cameras();
    my $subscriber = Vstream::Subscriber->new($redis, 'street-1');
    my $frame = $subscriber->frame;

    $redis->pause;
    my $paused = time();
    ok wait_for(sub { $replicas[0]->get('/ready')->{status} == 503 },
        patience()), 'not ready';
    like $replicas[0]->get('/ready')->{content}, qr/^redis hangs$/,
        'and says why';
    is $replicas[0]->get('/health')->{status}, 200, 'but alive';
    sleep 0.05 while time() < $paused + 5;
    $redis->resume;

    my $resumed = time();
    my $next;
    do {
        $next = $subscriber->frame(patience());
    } while ($next && $next->{t} < $resumed);
    ok $next, 'pictures come again';
    note sprintf 'after %.2f s', $next->{came} - $resumed;
    cmp_ok $next->{epoch}, '>', $frame->{epoch}, 'under a new epoch';
    cmp_ok $next->{came} - $next->{t}, '<', 1, 'and fresh';
    all_stream('all stream');
    undisturbed('hang', $before);
    $subscriber->close;

    for my $replica (@replicas) {
        ok $replica->wait_ready, 'ready again';
        is scalar $replica->log_lines(qr/silent and is killed/), 0,
            'no camera process was taken for silent';
    }
};


subtest 'Redis dies and comes back empty' => sub {
    my $before = cameras();
    my $subscriber = Vstream::Subscriber->new($redis, 'street-1');

    $subscriber->frame;
    $redis->kill;
    ok wait_for(sub { $replicas[0]->get('/ready')->{status} == 503 },
        patience()), 'not ready';
    sleep 1;
    $redis->start_again;
    my $back = time();

    all_stream('status is there again, though nobody has declared cameras');
    note sprintf 'after %.2f s', time() - $back;
    cmp_ok camera_status($redis, $_)->{epoch}, '>', $before->{$_}{epoch},
        "$_: epoch has risen" for @ids;
    ok wait_for(sub { $redis->command('XLEN', "vs:{street-1}:still") },
        patience()), 'and a still';
    undisturbed('empty', $before);

    is $redis->command('GET', 'vs:schema'), 1, 'schema is signed again';
    $subscriber = Vstream::Subscriber->new($redis, 'street-1');
    ok $subscriber->frame(patience()), 'pictures are pushed again';
    $subscriber->close;

    # nginx, which keeps the list of its cameras, declares them again.
    declare_all();
    sleep 3;
    undisturbed('declared again', $before);
};


subtest 'Redis is emptied while it runs' => sub {
    my $before = cameras();

    $redis->command('FLUSHALL');
    all_stream('status is there again');
    cmp_ok camera_status($redis, $_)->{epoch}, '>', $before->{$_}{epoch},
        "$_: epoch has risen" for @ids;
    declare_all();
    sleep 3;
    undisturbed('emptied', $before);
};


subtest 'a still of an impossible epoch' => sub {
    my $before = cameras();

    $redis->command('XADD', 'vs:{barred}:still', '900000000000000000-1', 't',
        1, 'w', 1, 'h', 1, 'jpeg', 'x');
    $_->expect(qr/impossible epoch/) for @replicas;
    declare($redis, 'barred', $camera->url('/street'));
    camera_is($redis, 'barred', 'the camera waits, and says why',
        state => 'quarantined', reason => 'protocol_error',
        detail => qr/delete the still/);

    declare($redis, 'another', $camera->url('/street'));
    camera_is($redis, 'another', 'others are taken', state => 'streaming');
    withdraw($redis, qw(barred another));
    ok wait_for(sub { !grep { cameras()->{$_} } qw(barred another) },
        patience()), 'and go again';
    undisturbed('barred', $before);
};


subtest 'Redis cuts all connections' => sub {
    my $before = cameras();

    for my $n (1 .. 5) {
        $redis->command('CLIENT', 'KILL', 'TYPE', $_, 'SKIPME', 'yes')
            for qw(normal pubsub);
        ok wait_for(sub { 2 == grep { $_->get('/ready')->{status} == 200 }
            @replicas }, patience()), "connected again $n";
    }

    my $subscriber = Vstream::Subscriber->new($redis, 'street-1');
    ok $subscriber->frame(patience()), 'pictures are pushed';
    $subscriber->close;
    undisturbed('cut', $before);
    is_deeply { map { $_ => cameras()->{$_}{epoch} } @ids },
        { map { $_ => $before->{$_}{epoch} } @ids }, 'under the same epoch';
};


subtest 'Redis is full' => sub {
    my $before = cameras();
    my $dropped = camera_status($redis, 'street-1')->{frames_dropped};

    # Room for nothing: what is there is more already.
    $redis->command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    $redis->command('CONFIG', 'SET', 'maxmemory', 100000);
    eval { $redis->command('SET', 'more', 1) };
    like $@, qr/^OOM/, 'it takes nothing';

    camera_is($redis, 'street-1', 'frames are dropped, and counted',
        frames_dropped => qr/^(?!$dropped$)/);
    my ($holder) = grep { $_->name eq $before->{'street-1'}{replica} }
        @replicas;
    cmp_ok $holder->metric('vstream_ingest_frames_dropped_total'
        . '{reason="redis_full"}') || $holder->metric(
        'vstream_ingest_camera_frames_dropped_total{camera="street-1",'
        . 'reason="redis_full"}'), '>', 0, 'by their reason'
        or diag grep { /drop/ } split /^/, $holder->get('/metrics')->{content};

    # Longer than a lease lives.
    my $from = time();
    my %expired;
    while (time() < $from + 3) {
        $expired{$_}++ for grep { !$redis->command('EXISTS', "vs:{$_}:lease") }
            @ids;
        sleep 0.1;
    }
    is_deeply \%expired, {}, 'leases are renewed';
    undisturbed('full', $before);
    is_deeply { map { $_ => cameras()->{$_}{epoch} } @ids },
        { map { $_ => $before->{$_}{epoch} } @ids }, 'under the same epoch';

    # A lease can still move.
    my $id = ($replicas[0]->held)[0];
    $replicas[0]->stop;
    camera_is($redis, $id, 'and taken', owner => 'two', state => 'streaming');

    $redis->command('CONFIG', 'SET', 'maxmemory', 0);
    my $stills = camera_status($redis, $id)->{still_unix_us};
    camera_is($redis, $id, 'there is room again: stills come',
        still_unix_us => qr/^(?!$stills$)/);
    $replicas[1]->stop;
};


subtest 'Redis is not there when a replica starts' => sub {
    my $late = start_redis()->kill;
    my $replica = start_ingest($late, name => 'early', wait => 0);

    ok wait_for(sub { $replica->get('/health')->{status} == 200 },
        patience()), 'it runs, and is alive';
    is $replica->get('/ready')->{status}, 503, 'but not ready';
    my ($line) = $replica->log_lines(qr/^redis is away$/);
    is $line->{level}, 'warn', 'and says so';

    $late->start_again;
    ok $replica->wait_ready, 'ready, as soon as Redis is there';
    is $replica->stop, 'exit 0', 'exit 0';
};


subtest 'Redis with a password' => sub {
    my $locked = start_redis(password => 's3cret/%', default => 'ingest')
        ->expect(qr/^auth default \w+ AUTH/);
    my $port = $locked->port;
    my $replica = start_ingest($locked, name => 'stranger', wait => 0,
        url => "redis://:wrong-one\@127.0.0.1:$port");

    ok wait_for(sub { $replica->log =~ /WRONGPASS/ }, patience()),
        'a wrong one: it says so';
    is $replica->get('/ready')->{status}, 503, 'and is not ready';
    unlike $replica->log, qr/wrong-one/, 'and keeps it for itself';
    $replica->expect(qr/WRONGPASS|redis refused/)->stop;

    my $file = write_file('redis.password', "s3cret/%\n");
    chmod 0600, $file;
    for my $url ("redis://:s3cret%2F%25\@127.0.0.1:$port",
        'unix:' . $locked->socket)
    {
        my $right = start_ingest($locked, name => 'guest', redis =>
            $url =~ /^unix/ ? "{url: \"$url\", password_file: $file}"
                : "{url: \"$url\"}");

        ok $right->wait_ready, 'the right one: ready';
        unlike $right->log, qr/s3cret/, 'and keeps it for itself';
        $right->stop;
    }
};


subtest 'a contract of another version' => sub {
    my $newer = start_redis();
    $newer->command('SET', 'vs:schema', 3);
    declare($newer, 'gate', 'test:');
    my $replica = start_ingest($newer, name => 'older', wait => 0);

    ok wait_for(sub {
        $replica->log_lines(qr/another version of the contract/);
    }, patience()), 'it refuses by name';
    is $replica->get('/ready')->{status}, 503, 'and is not ready';
    sleep 1;
    is $newer->command('EXISTS', 'vs:{gate}:lease'), 0, 'and takes nothing';
    is $newer->command('EXISTS', 'vs:replica:older'), 0, 'nor announces itself';

    $newer->command('SET', 'vs:schema', 1);
    camera_is($newer, 'gate', 'goes on when it is the right one again',
        state => 'streaming');
    $replica->expect(qr/version/);
};

$camera->stop;
finish();
