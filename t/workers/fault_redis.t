#!/usr/bin/perl

# FAULTS R1 and R2, all of vstream together: Redis hangs for 5 s in three ways,
# or is killed and comes back empty.  Viewers keep their last picture, who is
# new is refused at once, other locations do not notice, no camera is dialled
# again, and all is live soon after.  (t/http/fault_redis.t looks closer at
# nginx, redis.t at vstream-ingest.)
#
# VSTREAM_SOAK=1: again and again; SEED repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $seconds = $soak ? 5 : 3;
my $slow = $ENV{SANITIZE} || $ENV{VSTREAM_PRELOAD} ? 5 : 1;
my @ids = map { "street-$_" } 1 .. ($soak ? 8 : 3);
my $redis = start_redis();
my $camera = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'));
my @replicas = map { start_ingest($redis, name => $_) } qw(one two);
my $nginx = start_nginx($redis, connections => 2,
    http => join('', map { "vstream_camera $_ "
        . $camera->url('/street') . ";\n" } @ids),
    server => 'location = /plain { return 200 "here\n"; }');

sub all_stream {
    return wait_for(sub {
        !grep { (camera_status($redis, $_)->{state} // '') ne 'streaming' }
            @ids;
    }, patience());
}

ok all_stream(), 'all cameras stream';

my %viewer = map { $_ => Vstream::Viewer->watch($nginx,
    "/live/$_/stream.mjpg") } @ids;
my %newest;       # camera -> newest part that was shown
my $stale = 0;    # parts of a former epoch, after one of the next

# What the viewers are shown for so long; returns who has had a new picture.
sub look ($until) {
    my %fresh;

    do {
        for my $id (@ids) {
            while (my $part = $viewer{$id}->part(0.003)) {
                my ($epoch, $seq) = split /-/, $part->{headers}{'x-frame-id'};
                my ($was, $number) = @{ $newest{$id} // [ 0, 0 ] };

                $stale++ if $epoch < $was || $epoch == $was && $seq < $number;
                $fresh{$id} //= $part->{came}
                    if $epoch > $was || $seq > $number;
                $newest{$id} = [ $epoch, $seq ];
            }
        }
    } while (time() < $until);

    return %fresh;
}

# Requests while Redis does not answer: how long each took, by their kind, and
# those with another answer than there should be.
sub knock ($until) {
    my (%took, @wrong);
    my $began = time();

    while (time() < $until) {
        for my $path ('plain', 'ready', map { "live/$_/stream.mjpg" }
            'other', $ids[0])
        {
            my $asked = time();
            my $answer = Vstream::Viewer->open($nginx, "/$path");
            my $ms = 1000 * (time() - $asked);

            $answer->close;

            # Until it has not answered for a while, it may only be slow.
            next if $path ne 'plain' && $asked < $began + 1.4;
            push @{ $took{ $path eq 'plain' ? 'other' : 'refused' } }, $ms;
            push @wrong, "$path: " . $answer->status
                if $answer->status != ($path eq 'plain' ? 200 : 503)
                    || $answer->status == 503
                        && !$answer->header('Retry-After');
        }

        look(time() + 0.05);
    }

    return (\%took, \@wrong);
}

# When all viewers have had a new picture, in ms since `began`.
sub recovery ($began) {
    my %fresh;

    while (keys %fresh < @ids && time() < $began + 60) {
        my %more = look(time() + 0.01);
        $fresh{$_} //= $more{$_} for keys %more;
    }

    return keys %fresh == @ids ? int(1000 * (max(values %fresh) - $began))
        : 60_000;
}

# What must be as it was.
sub cameras {
    my %cameras;

    for my $camera (map { @{ $_->overview->{cameras} } } @replicas) {
        $cameras{ $camera->{id} } = $camera if $camera->{lease} eq 'held';
    }

    return %cameras;
}

sub settled {
    return wait_for(sub {
        my %now = cameras();
        keys %now == @ids && !grep { $_->{state} ne 'streaming' } values %now;
    }, patience());
}

# From one state of the cameras to the next.
sub is_undisturbed ($result, $before, $what) {
    ok settled(), "$what: all are held and stream";

    my %after = cameras();
    my $epochs = grep { $after{$_}{epoch} <= $before->{$_}{epoch} } @ids;

    is_deeply [ map { $after{$_}{pid} } @ids ],
        [ map { $before->{$_}{pid} } @ids ], "$what: the same processes";
    is $epochs, 0, "$what: epochs have risen";
    ok !grep({ $_->ended } values %viewer), "$what: viewers are kept";
    $result->{epochs_not_risen} += $epochs;
    $result->{viewers_lost} += grep { $_->ended } values %viewer;
}

sub rank ($part, @values) {
    @values = sort { $a <=> $b } @values;
    return @values ? int $values[ $part * $#values ] : 0;
}


subtest 'R1: it hangs' => sub {
    my %result = (row => 'R1', hang_s => $seconds, epochs_not_risen => 0,
        viewers_lost => 0, wrong_answers => 0);
    my $dials = $camera->dials;
    my (@refused, @other, @recovery);
    my $admin = $redis->connect;
    my %ways = (
        stop => [ sub { $redis->pause }, sub { $redis->resume } ],
        pause => [ sub {
            $admin->command('CLIENT', 'PAUSE', 1000 * $seconds, 'ALL');
        }, sub { } ],
        sleep => [ sub {
            $admin->send_command('DEBUG', 'SLEEP', $seconds);
        }, sub { $admin->reply } ],
    );

    # Others try the other ways in short.
    for my $way ($soak ? map { sort keys %ways } 1 .. 8 : 'sleep') {
        my ($hang, $goes_on) = @{ $ways{$way} };
        my %before = cameras();

        look(time() + 0.2);
        $hang->();
        my $until = time() + $seconds;
        my ($took, $wrong) = knock($until - 0.2);

        is_deeply $wrong, [], "$way: 503 and Retry-After; others are served";
        sleep 0.01 while time() < $until;
        $goes_on->();
        push @recovery, recovery($until);
        push @refused, @{ $took->{refused} };
        push @other, @{ $took->{other} };
        $result{wrong_answers} += @$wrong;
        is_undisturbed(\%result, \%before, $way);
    }

    @result{qw(refused refused_p99_ms other_p99_ms recovery_p50_ms
        recovery_max_ms redials)} = (scalar @refused, rank(0.99, @refused),
        rank(0.99, @other), rank(0.5, @recovery), max(@recovery),
        $camera->dials - $dials);
    $result{stale_shown} = $stale;

    cmp_ok $result{refused_p99_ms}, '<', 300 * $slow, 'refused at once';
    cmp_ok $result{other_p99_ms}, '<', 100 * $slow, 'others served at once';
    cmp_ok $result{recovery_p50_ms}, '<', 1000 * $slow, 'live again in 1 s';
    is $result{redials}, 0, 'no camera was dialled again';
    is $stale, 0, 'nothing stale was shown';
    my @bad = grep { $result{$_} } qw(redials stale_shown epochs_not_risen
        viewers_lost wrong_answers);
    fault_row(%result, ok => !@bad && $result{refused_p99_ms} < 300 * $slow
        && $result{recovery_p50_ms} < 1000 * $slow);
};


subtest 'R2: it is killed and comes back empty' => sub {
    my %result = (row => 'R2', seed => fault_seed(), kills => 0, epochs_not_risen => 0,
        viewers_lost => 0, not_declared => 0);
    my $dials = $camera->dials;
    my (@recovery, @connections);

    $stale = 0;

    for my $n (1 .. ($soak ? 30 : 1)) {
        my %before = cameras();

        look(time() + 0.2);
        $redis->kill;
        look(time() + 0.3 + ($soak ? rand 4 : 0));
        $redis->start_again;
        my $began = time();

        push @recovery, recovery($began);
        # nginx writes its cameras again; no hand of ours has.
        $result{not_declared}++ if !wait_for(sub {
            @ids == grep { $redis->command('HEXISTS', 'vs:{_}:cameras', $_) }
                @ids;
        });
        is_undisturbed(\%result, \%before, "kill $n");
        push @connections, $redis->command('INFO', 'stats')
            =~ /total_connections_received:(\d+)/;
        $result{kills}++;
    }

    # Two nginx workers with two connections and a subscriber each, two
    # replicas with three, and ours.
    @result{qw(recovery_p50_ms recovery_max_ms redials stale_shown
        connections_max connections_aim)} = (rank(0.5, @recovery),
        max(@recovery), $camera->dials - $dials, $stale, max(@connections),
        2 * 3 + 2 * 3 + 2);

    cmp_ok $result{recovery_p50_ms}, '<', 1000 * $slow, 'live again in 1 s';
    is $result{redials}, 0, 'no camera was dialled again';
    is $result{not_declared}, 0, 'nginx has declared its cameras again';
    is $stale, 0, 'nothing stale was shown';
    my @bad = grep { $result{$_} } qw(redials stale_shown epochs_not_risen
        viewers_lost not_declared);
    fault_row(%result, ok => !@bad
        && $result{recovery_p50_ms} < 1000 * $slow);
};

$camera->stop;
finish();
