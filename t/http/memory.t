# An nginx worker's memory does not grow with what it has done: frames,
# viewers that come and go, snapshots, surveys, cameras that do not exist.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Load;
use Vstream::Memory;
use Vstream::Test;

plan skip_all => 'a sanitizer keeps what is freed' if $ENV{VSTREAM_PRELOAD};

my $redis = start_redis();
my $nginx = start_nginx($redis, workers => 1, level => 'warn');
my $size = 200_000;
my ($worker) = $nginx->new_workers;
my @cameras = map {
    Vstream::Camera->new($redis, "m$_", size => $size)->declare->add_still
} 1 .. 3;


# KiB that the worker has in memory.
sub resident {
    open my $file, '<', "/proc/$worker/status" or return 0;
    return (join '', <$file>) =~ /VmRSS:\s+(\d+)/ ? $1 : 0;
}

# One round, some 9 MB of frames; whoever loses one per round is seen.
sub round ($i) {
    my @viewers = map {
        Vstream::Viewer->watch($nginx, $_)
    } '/live/m1/stream.mjpg', '/live/m2/stream.mjpg?fps=1',
        '/live/m3/stream.mjpg?advance=1', '/live/wall.mjpg?cameras=m1,m2,m3';

    # Some leave between two parts, some within one, some have read nothing.
    $viewers[0]->part;
    $viewers[3]->bytes(1000);

    for (1 .. 3) {
        $_->publish for @cameras;
    }

    $nginx->get('/live/m1/frame.jpg');
    $nginx->get('/live/m2/frame.jpg', 'If-None-Match' => '*');
    my $poll = Vstream::Viewer->open($nginx,
        '/live/m1/frame.jpg?after=' . $cameras[0]->frame_id, unread => 1);
    $nginx->get('/api/v1/cameras');
    $nginx->get("/live/none$i-$_/frame.jpg") for 1 .. 5;
    $nginx->get('/live/-/frame.jpg');
    $_->close for @viewers, $poll;
}

round($_) for 1 .. 30;
my $before = resident();
round($_) for 31 .. 130;
my $more = resident() - $before;

cmp_ok $more, '<', 4096, "100 rounds, $before KiB: $more KiB more";

ok wait_for(sub { !grep { $_->watchers } @cameras }), 'nobody watches';
is $nginx->metric("vstream_viewers{camera=\"m$_\"}"), 0, "no viewer of m$_"
    for 1 .. 3;
ok wait_for(sub {
    my $connections = () = glob "/proc/$worker/fd/*";
    return $connections < 25;
}), 'no descriptor is left open';

# Memory that a crowd has taken is given back when it has left.
$before = resident();
my $crowd = Vstream::Load->view($nginx, '/live/m1/stream.mjpg', count => 400,
    seconds => 2);
my $most = $before;

wait_for(sub {
    my $now = resident();

    $most = $now if $now > $most;
    return defined $crowd->ended;
}, 20);
cmp_ok $most, '>', $before + 1024, "400 viewers: $before KiB, then $most KiB";
ok wait_for(sub { resident() <= 1.1 * $before }, 20),
    'and when they have gone, no more than before'
    or diag resident();

# Those who all get their picture at once, and ask for the next one, have not
# left: that memory is returned takes time from everybody else.
my $memory = Vstream::Memory->create;
my $other = start_nginx($redis, $memory->options, workers => 1);

$memory->watch($other->new_workers);
my @polls;

for my $round (1 .. 6) {
    @polls = map {
        Vstream::Viewer->open($other,
            '/live/m1/frame.jpg?after=' . $cameras[0]->frame_id, unread => 1)
    } 1 .. 100;

    sleep 0.3; # all of them wait
    $cameras[0]->publish;
    $_->read_header for @polls;
    sleep 0.3; # and nobody does
    $_->close for @polls;
}

cmp_ok $memory->trims, '<', 3, 'a crowd that comes back at once has not left';
ok wait_for(sub { $memory->trims }, 10), 'until it stays away';

finish();
