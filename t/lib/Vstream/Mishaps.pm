# What may happen to a Vstream::System: kinds of faults, and how soon all must
# be well again when one is over.  mishap() lets one happen, waits as long as
# it lasts, and makes whole what would not become whole by itself.

package Vstream::Mishaps;

use v5.36;

use Exporter qw(import);
use Time::HiRes qw(sleep time);

use Vstream::Ingest;
use Vstream::Test ();

our @EXPORT = qw(mishap mishaps_named mishaps_planned);

# Each has a `weight` among the others, a `bound` in seconds from its end until
# all cameras stream and all viewers have new pictures, and `act`, which gets
# the system and two numbers of [0, 1), and returns what it has hit.
#
#   tears  a stream may end within a picture
#   needs  kafka, clock: possible where the system has that
#   spares viewers of other cameras than the last do not notice, by more than
#          so many ms
my %kinds = (
    'kill camera' => { weight => 3, bound => 10, act => \&kill_camera },
    'stop camera' => { weight => 2, bound => 10, act => \&stop_camera },
    'kill camera server' =>
        { weight => 2, bound => 25, act => \&kill_camera_server },
    'stop camera server' =>
        { weight => 1, bound => 25, act => \&stop_camera_server },
    'kill spawner' => { weight => 1, bound => 15, act => \&kill_spawner },
    'kill replica' => { weight => 1, bound => 15, act => \&kill_replica },
    'stop replica' => { weight => 1, bound => 15, act => \&stop_replica },
    'kill nginx worker' => { weight => 1, bound => 10, tears => 1,
        act => \&kill_nginx_worker },
    'stop nginx worker' =>
        { weight => 2, bound => 10, act => \&stop_nginx_worker },
    'kill redis' => { weight => 1, bound => 15, act => \&kill_redis },
    'stop redis' => { weight => 2, bound => 15, act => \&stop_redis },
    'kill kafka' => { weight => 0.3, bound => 90, needs => 'kafka',
        spares => 2000, act => \&kill_kafka },
    'stop kafka' => { weight => 1, bound => 30, needs => 'kafka',
        spares => 2000, act => \&stop_kafka },
    'cut ingest from redis' =>
        { weight => 2, bound => 15, act => \&cut_ingest },
    'cut nginx from redis' =>
        { weight => 2, bound => 15, act => \&cut_nginx },
    'cut connections' => { weight => 1, bound => 10, act => \&cut_clients },
    'slow redis' => { weight => 2, bound => 10, act => \&slow_redis },
    'fill redis' => { weight => 2, bound => 10, act => \&fill_redis },
    'clock' => { weight => 2, bound => 10, needs => 'clock',
        act => \&change_clock },
    'reload nginx' => { weight => 1, bound => 10, act => \&reload_nginx },
    'upgrade nginx' => { weight => 1, bound => 10, act => \&upgrade_nginx },
);


# So many faults, the same for the same seed and system: { kind, draws, and
# what is above }.
sub mishaps_planned ($system, $seed, $count) {
    my @names = grep { !$kinds{$_}{needs} || $system->{ $kinds{$_}{needs} } }
        sort keys %kinds;
    my $sum = 0;

    $sum += $kinds{$_}{weight} for @names;
    srand $seed;

    return map {
        my $at = rand $sum;
        my ($name) = grep { ($at -= $kinds{$_}{weight}) < 0 } @names;

        mishap_of($name, rand, rand);
    } 1 .. $count;
}

# Those of these names, in this order.
sub mishaps_named ($seed, @names) {
    srand $seed;

    return map { mishap_of($_, rand, rand) } @names;
}

sub mishap_of ($name, @draws) {
    my $kind = $kinds{$name} // die "no such fault: $name\n";

    return { %$kind, kind => $name, draws => \@draws };
}

# Returns what was hit.
sub mishap ($system, $mishap) {
    return $mishap->{act}->($system, @{ $mishap->{draws} });
}

sub one_of ($draw, @things) { return $things[ $draw * @things ] }

sub between ($draw, $least, $most) {
    return $least + $draw * ($most - $least);
}

# A camera process, of whoever has it now.
sub camera_of ($system, $draw) {
    my $id = one_of($draw, $system->ids);
    my $camera;

    Vstream::Test::wait_for(sub {
        ($camera) = grep { $_ && $_->{lease} eq 'held' && $_->{pid} }
            map { $_->camera($id) } $system->replicas;
    }, patience()) or die "nobody has $id\n";

    return ($id, $camera->{pid});
}

sub kill_camera ($system, $draw, $) {
    my ($id, $pid) = camera_of($system, $draw);

    kill 'KILL', $pid;
    return $id;
}

# It is found to hang, and replaced.
sub stop_camera ($system, $draw, $long) {
    my ($id, $pid) = camera_of($system, $draw);

    kill 'STOP', $pid;
    sleep between($long, 1, 8);
    kill 'CONT', $pid;
    return $id;
}

sub kill_camera_server ($system, $draw, $long) {
    my $kind = one_of($draw, qw(http rtsp));

    $system->server($kind)->kill;
    sleep between($long, 0.2, 5);
    $system->server($kind)->start_again;
    return $kind;
}

sub stop_camera_server ($system, $draw, $long) {
    my $kind = one_of($draw, qw(http rtsp));

    $system->server($kind)->signal('STOP');
    sleep between($long, 1, 8);
    $system->server($kind)->signal('CONT');
    return $kind;
}

sub kill_spawner ($system, $draw, $) {
    my $replica = one_of($draw, $system->replicas);

    $replica->expect(qr/spawner is gone|camera process could not be started/);
    kill 'KILL', $replica->overview->{spawner};
    return $replica->name;
}

sub kill_replica ($system, $draw, $long) {
    my $replica = one_of($draw, $system->replicas);

    $replica->kill;
    sleep between($long, 0.2, 8);
    $replica->start_again;
    return $replica->name;
}

sub stop_replica ($system, $draw, $long) {
    my $replica = one_of($draw, $system->replicas);

    $replica->freeze;
    sleep between($long, 1, 8);
    $replica->thaw;
    return $replica->name;
}

sub kill_nginx_worker ($system, $draw, $) {
    my $pid = one_of($draw, sort { $a <=> $b } $system->nginx->new_workers);

    $system->nginx->kill_worker($pid);
    return "worker $pid";
}

sub stop_nginx_worker ($system, $draw, $long) {
    my $pid = one_of($draw, sort { $a <=> $b } $system->nginx->new_workers);

    kill 'STOP', $pid;
    sleep between($long, 0.5, 6);
    kill 'CONT', $pid;
    return "worker $pid";
}

sub kill_redis ($system, $, $long) {
    $system->redis->kill;
    sleep between($long, 0, 3);
    $system->redis->start_again;
    return 'redis';
}

sub stop_redis ($system, $, $long) {
    $system->redis->pause;
    sleep between($long, 0.3, 8);
    $system->redis->resume;
    return 'redis';
}

sub kill_kafka ($system, $, $long) {
    $system->kafka->kill;
    sleep between($long, 0, 5);
    $system->kafka->start_again;
    return 'kafka';
}

sub stop_kafka ($system, $, $long) {
    $system->kafka->pause;
    sleep between($long, 1, 10);
    $system->kafka->resume;
    return 'kafka';
}

sub cut ($system, $name, $long) {
    $system->relay($name)->cut;
    sleep between($long, 0.3, 8);
    $system->relay($name)->mend;
    return $name;
}

sub cut_ingest ($system, $draw, $long) {
    return cut($system, one_of($draw, qw(one two)), $long);
}

sub cut_nginx ($system, $, $long) {
    return cut($system, 'nginx', $long);
}

sub cut_clients ($system, $draw, $) {
    my $type = one_of($draw, qw(pubsub normal));

    $system->redis->command('CLIENT', 'KILL', 'TYPE', $type, 'SKIPME', 'yes');
    return $type;
}

sub slow_redis ($system, $draw, $long) {
    my $name = one_of($draw, qw(nginx one two));

    $system->relay($name)->slow;
    sleep between($long, 2, 8);
    $system->relay($name)->mend;
    return $name;
}

sub fill_redis ($system, $, $long) {
    $system->redis->command('CONFIG', 'SET', 'maxmemory', 100_000);
    sleep between($long, 1, 8);
    $system->redis->command('CONFIG', 'SET', 'maxmemory', 0);
    return 'redis';
}

sub change_clock ($system, $draw, $long) {
    my $seconds = one_of($draw, -86400, -3600, 3600, 86400);

    # What is of tomorrow is refused there.
    $system->kafka->expect(qr/Error processing append operation/)
        if $system->kafka;
    $system->set_clock($seconds);
    sleep between($long, 2, 8);
    $system->set_clock(0);
    return sprintf 'two by %+d s', $seconds;
}

sub reload_nginx ($system, $, $) {
    $system->nginx->reload or die "it does not reload\n";
    return 'nginx';
}

# Two masters for a while; the old one's workers leave first.
sub upgrade_nginx ($system, $, $long) {
    my $nginx = $system->nginx;
    my $file = $nginx->folder . '/nginx.pid';

    $nginx->signal('USR2');
    Vstream::Test::wait_for(sub { -s "$file.oldbin" && -s $file }, patience())
        or die "no new master comes\n";
    sleep 1;
    $nginx->signal('WINCH');
    sleep between($long, 0.2, 3);
    $nginx->signal('QUIT');
    $nginx->wait_end(patience()) eq 'exit 0' or die "the old one stays\n";
    $system->follow_nginx;
    return 'nginx';
}

1;
