# Everything at once, at random: viewers of all kinds come, read a little and
# go, cameras come and go, Redis hangs, dies and forgets, nginx is reloaded.
# No process may die of it, and afterwards all is as it was.
#
# VSTREAM_SEED repeats a run; VSTREAM_SECONDS makes a long one of it.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $seconds = $ENV{VSTREAM_SECONDS} // 10;
my $seed = $ENV{VSTREAM_SEED} // time() ^ $$;

alarm $seconds + 120;
srand $seed;

my $redis = start_redis();
my $placeholder = write_file('away.jpg', Vstream::Jpeg->with_text('away'));
my $nginx = start_nginx($redis, tls => 1, level => 'warn',
    main => 'worker_shutdown_timeout 3s;', server => <<"END");
    vstream_stall_timeout 500ms;
    location /away/ {
        vstream_placeholder $placeholder;
        vstream_mjpeg \$arg_camera;
    }
    location /few/ { vstream_max_viewers 2; vstream_mjpeg \$arg_camera; }
    location /wall/ {
        vstream_placeholder $placeholder;
        vstream_max_viewers 3;
        vstream_wall \$arg_cameras;
    }
    location /slow/ { limit_rate 200k; vstream_wall \$arg_cameras; }
END

my @ids = map { "c$_" } 1 .. 5;
my (%cameras, @viewers, @programs, $is_paused);


sub one_of (@things) {
    return $things[ rand @things ];
}

sub some_camera ($id = one_of(@ids)) {
    return $cameras{$id} //= Vstream::Camera->new($redis, $id,
        size => 1000 + int rand 300_000);
}

# While Redis hangs, nobody publishes.
sub unless_paused ($code) {
    $code->() unless $is_paused;
}

sub resume {
    $redis->resume;
    $is_paused = 0;
}

sub some_path {
    my $id = one_of(@ids);
    my $list = join ',', map { one_of(@ids, 'none') } 1 .. 1 + int rand 6;
    my $frame = some_camera($id)->frame_id;

    return one_of("/live/$id/stream.mjpg", "/live/$id/stream.mjpg?fps=3",
        "/live/$id/stream.mjpg?advance=1", "/live/wall.mjpg?cameras=$list",
        "/live/$id/frame.jpg", "/live/$id/frame.jpg?after=$frame",
        "/away/?camera=$id", "/few/?camera=$id", "/wall/?cameras=$list",
        "/slow/?cameras=$list", '/api/v1/cameras', "/api/v1/cameras/$id",
        '/metrics', '/live/none/stream.mjpg');
}

# Many streams over one connection, ended in the middle.
sub run_http2 {
    my @urls = map { $nginx->tls_url . some_path() } 1 .. 5;
    my @program = one_of(0, 1)
        ? ('nghttp', '-n', '-w', one_of(1, 14, 16), @urls)
        : ('curl', '-sk', '--http2', '-Z', '-o', '/dev/null', @urls);

    push @programs, Vstream::Process->start(log => '/dev/null', command => [
        'timeout', '-s', one_of('KILL', 'TERM'), 0.1 + rand 2, @program ]);
}

my %acts = (
    open => [ 30, sub {
        push @viewers, Vstream::Viewer->open($nginx, some_path(), unread => 1,
            tls => rand() < 0.3, receive_buffer => rand() < 0.3 ? 4096 : 0,
            method => rand() < 0.1 ? 'HEAD' : 'GET');
        (shift @viewers)->close if @viewers > 60;
    } ],
    close => [ 15, sub {
        my ($viewer) = splice @viewers, rand @viewers, 1;
        $viewer->close if $viewer;
    } ],
    read => [ 5, sub { $_->has_answer for grep { rand() < 0.5 } @viewers } ],
    http2 => [ 3, \&run_http2 ],
    publish => [ 30, sub {
        unless_paused(sub { some_camera()->publish for 0 .. rand 5 });
    } ],
    declare => [ 4, sub { unless_paused(sub { some_camera()->declare }) } ],
    withdraw => [ 2, sub { unless_paused(sub { some_camera()->withdraw }) } ],
    epoch => [ 2, sub { some_camera()->{epoch} += one_of(1, -1) } ],
    flush => [ 1, sub { unless_paused(sub { $redis->command('FLUSHALL') }) } ],
    cut => [ 1, sub {
        unless_paused(sub {
            $redis->command('CLIENT', 'KILL', 'TYPE',
                one_of('pubsub', 'normal'), 'SKIPME', 'yes');
        });
    } ],
    pause => [ 1, sub { $redis->pause; $is_paused = 1 } ],
    resume => [ 3, \&resume ],
    kill => [ 0.5, sub {
        resume();
        $redis->kill;
        sleep rand 0.5;
        $redis->start_again;
        %cameras = ();
    } ],
    reload => [ 0.5, sub { $nginx->signal('HUP') } ],
);

# One act, by its weight.
sub some_act {
    my $sum = 0;
    $sum += $_->[0] for values %acts;
    my $at = rand $sum;

    for my $name (sort keys %acts) {
        $at -= $acts{$name}[0];
        return $name if $at <= 0;
    }
}

# Frames that a former owner publishes are refused, and connections are cut.
sub act {
    my $name = some_act();

    return if eval { $acts{$name}[1]->(); 1 };

    if ($@ =~ /^connection|^write: /) {
        %cameras = ();
    } elsif ($@ !~ /^ERR The ID specified in XADD/) {
        diag "$name: $@";
    }
}


my $end = time() + $seconds;
my $n = 0;

while (time() < $end && !defined $nginx->ended) {
    act();
    $n++;
    sleep 0.01;
}

is $nginx->ended, undef, "alive after $n acts, VSTREAM_SEED=$seed";

resume();
$_->wait_end for @programs;
$_->close for @viewers;
ok $nginx->reload, 'reload';

%cameras = ();
$redis->command('FLUSHALL');

for my $id (@ids) {
    my $camera = some_camera($id)->declare->add_still;
    my $viewer = Vstream::Viewer->watch($nginx, "/live/$id/stream.mjpg");

    wait_for(sub { $camera->watchers });
    $camera->push_frame;
    ok wait_for(sub {
        my $part = $viewer->part(0.5);
        $part && $part->{jpeg} eq $camera->jpeg;
    }), "$id: new pictures";
    $viewer->close;
}

ok wait_for(sub { $nginx->workers == 2 }, 10), 'no worker drains any more';
ok wait_for(sub {
    !grep { $nginx->metric("vstream_viewers{camera=\"$_\"}") } @ids
}), 'no viewer is left';
ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 4 }),
    'all connections to Redis';

finish();
