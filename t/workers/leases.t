#!/usr/bin/perl

# FAULTS W1, W3, W4: whoever dies, sleeps or is cut off, each camera has one
# holder, no epoch serves twice, and no viewer is shown anything of a former
# holder after the first picture of the next.  (gaps measures many deaths,
# fault_pauses.t has a thousand sleepers, fault_cut.t cuts by a packet filter.)

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::CameraServer;
use Vstream::Faults;
use Vstream::Gaps;
use Vstream::Ingest;
use Vstream::Relay;
use Vstream::Subscriber;
use Vstream::Test;

my $rounds = $ENV{VSTREAM_SOAK} ? 10 : 2;
my $seconds = $ENV{VSTREAM_SOAK} ? 10 : 4; # that a replica sleeps
my $redis = start_redis();
my $nginx = start_nginx($redis, workers => 1);
my $camera = rtsp_camera('--mount', '/street', '--file', clip('gop1s.mp4'));
my $relay = Vstream::Relay->start($redis->port);
my %replica = (
    one => start_ingest($redis, name => 'one'),
    two => start_ingest($redis, name => 'two'),
);

declare($redis, 'street', $camera->url('/street'));
camera_is($redis, 'street', 'street streams', state => 'streaming');

my $subscriber = Vstream::Subscriber->new($redis, 'street');
my $viewer = Vstream::Viewer->open($nginx, '/live/street/stream.mjpg');
my (@camera_gaps, @replica_gaps);
my %shown;         # epoch -> times that a viewer was shown it anew
my $shown = [ 0, 0 ]; # epoch and seq of the last picture that one was shown
my $stale = 0;     # pictures that a viewer should not have been shown

# The replica that holds the camera, and the other.
sub owner {
    all_held($redis);
    my $name = holders($redis)->{street};

    return ($replica{$name}, $replica{ $name eq 'one' ? 'two' : 'one' });
}

# What the viewer was shown until now.
sub look {
    while (my $part = $viewer->part(0.02)) {
        next if $part->{headers}{'x-frame-age-ms'} > 1500; # again, no news
        my ($epoch, $seq) = split /-/, $part->{headers}{'x-frame-id'};

        $stale++ if $epoch < $shown->[0]
            || $epoch == $shown->[0] && $seq < $shown->[1];
        $shown{$epoch}++ if $epoch != $shown->[0];
        $shown = [ $epoch, $seq ];
    }
}

# The first frame of another epoch than this, and all frames until then.
sub next_epoch ($epoch) {
    my $deadline = time() + patience();
    my @frames;

    while (time() < $deadline) {
        my $frame = $subscriber->frame(1) or next;
        push @frames, $frame;
        last if $frame->{epoch} > $epoch;
    }

    return @frames;
}


subtest 'a camera process is killed' => sub {
    for my $round (1 .. 3) { # more would be quarantined
        my ($owner) = owner();
        my $dials = camera_status($redis, 'street')->{dials};

        $subscriber->frame;
        kill 'KILL', $owner->camera('street')->{pid};
        my $killed = time();
        ok wait_for(sub { $owner->camera('street')->{restarts} == $round },
            patience()), 'its end is seen';
        my $last = ($subscriber->drain)[-1] // $subscriber->frame;
        my $frame = $subscriber->frame(patience());

        is $frame->{epoch}, $last->{epoch}, 'same epoch';
        is $frame->{seq}, $last->{seq} + 1, 'next seq';
        push @camera_gaps, $frame->{came} - $killed;
        camera_is($redis, 'street', 'status tells', state => 'streaming',
            reason => '', restarts => $round, dials => $dials + 1,
            epoch => $frame->{epoch});
        look();
    }
};


subtest 'a replica is killed' => sub {
    for (1 .. $rounds) {
        my ($owner, $other) = owner();
        my $epoch = ($subscriber->frame)->{epoch};

        $owner->kill;
        my $killed = time();
        my $frame = (next_epoch($epoch))[-1];

        cmp_ok $frame->{epoch}, '>', $epoch, 'another epoch, a higher one';
        is holders($redis)->{street}, $other->name, 'of the other replica';
        push @replica_gaps, $frame->{came} - $killed;
        is_deeply [ $owner->left_behind ], [], 'no process is left behind';
        look();
        $owner->start_again;
        ok wait_for(sub { @{ $owner->overview->{cameras} } }, patience()),
            'it comes back';
        is holders($redis)->{street}, $other->name,
            'and takes nothing from the other';
    }
};


for ([ 'W1', @camera_gaps ], [ 'W1-replica', @replica_gaps ]) {
    my ($row, @gaps) = @$_;

    fault_row(row => $row, ok => Test::More->builder->is_passing,
        figures(@gaps));
}


subtest 'a replica sleeps and wakes' => sub {
    for (1 .. $rounds) {
        my ($owner, $other) = owner();
        my $fenced = $owner->metric('vstream_ingest_leases_fenced_total');
        my $epoch = ($subscriber->frame)->{epoch};

        $owner->freeze;
        my $asleep = time();
        my $frame = (next_epoch($epoch))[-1];

        cmp_ok $frame->{epoch}, '>', $epoch, 'the other takes over';
        note sprintf 'frame gap %.2f s', $frame->{came} - $asleep;
        sleep 0.05 while time() < $asleep + $seconds;

        $subscriber->drain;
        look();
        $owner->thaw;

        ok wait_for(sub {
            $owner->camera('street')->{lease} eq 'none'
                && !$owner->camera('street')->{pid};
        }, patience()), 'awake, it gives the camera up';
        is $owner->metric('vstream_ingest_leases_fenced_total'), $fenced + 1,
            'fenced, and says so';

        my @frames = $subscriber->frames(1);
        my @late = grep { $_->{epoch} <= $epoch } @frames;
        cmp_ok scalar @late, '<=', 1, 'at most what was under way is pushed';
        note scalar(@late) . ' frames of the former epoch';
        cmp_ok scalar @frames, '>', @late, 'while the other goes on';

        my ($still) = @{ $redis->command('XREVRANGE', 'vs:{street}:still',
            '+', '-', 'COUNT', 1) };
        like $still->[0], qr/^$frame->{epoch}-/, 'the still is the other\'s';
        is camera_status($redis, 'street')->{owner}, $other->name,
            'status is of the other';
        look();
    }
};


subtest 'cut off from Redis, alone' => sub {
    my ($owner, $other) = owner();
    $other->stop;
    $owner->stop;
    my $lonely = start_ingest($redis, name => 'lonely', url =>
        $redis->url('ingest', $relay->port));

    camera_is($redis, 'street', 'lonely has it', state => 'streaming',
        owner => 'lonely');
    $subscriber->drain;
    my $before = $lonely->camera('street');
    my $frame = $subscriber->frame;

    $relay->cut;
    my $cut = time();
    my ($suspended, $expired);
    wait_for(sub {
        my $lease = $lonely->camera('street')->{lease};
        my $there = $redis->command('EXISTS', 'vs:{street}:lease');

        $suspended //= time() if $lease eq 'suspended';
        $expired //= time() if !$there;
        $suspended && $expired;
    }, 10);

    ok $suspended && $expired && $suspended < $expired,
        'it stops publishing before the lease runs out'
        or diag explain [ $suspended - $cut, $expired - $cut ];
    my @frames = $subscriber->frames(3);
    is @frames, 0, 'and nothing comes';

    $relay->mend;
    my $mended = time();
    my @more = next_epoch($frame->{epoch});
    my $after = $lonely->camera('street');

    cmp_ok scalar @more, '<=', 2, 'what was under way, then a new epoch';
    cmp_ok $more[-1]{epoch}, '>', $frame->{epoch}, 'a higher one';
    note sprintf 'goes on after %.2f s', $more[-1]{came} - $mended;
    is $after->{pid}, $before->{pid}, 'the same camera process';
    is $after->{dials}, $before->{dials}, 'no redial';
    is $after->{epoch}, $more[-1]{epoch}, 'epoch';
    look();

    if ($ENV{VSTREAM_SOAK}) {
        $relay->cut;
        ok wait_for(sub {
            look();
            !$lonely->camera('street')->{pid};
        }, 40),
            'it gives the camera up after 30 s';
        $relay->mend;
        camera_is($redis, 'street', 'and has it again',
            state => 'streaming', owner => 'lonely');
    }

    $replica{lonely} = $lonely;
};


subtest 'cut off from Redis, with another' => sub {
    my $lonely = $replica{lonely};
    my $other = $replica{one}->start_again;
    my $epoch = ($subscriber->drain)[-1]{epoch};

    # While pictures flow, so that one is under way.
    $relay->cut;
    my @frames = next_epoch($epoch);
    is camera_status($redis, 'street')->{owner}, 'one', 'the other takes over';
    look();
    $relay->mend;
    ok wait_for(sub { !$lonely->camera('street')->{pid} }, patience()),
        'mended, it gives the camera up';

    my @late = grep { $_->{epoch} <= $epoch } $subscriber->frames(1);
    cmp_ok scalar @late, '<=', 1, 'at most what was under way is pushed';
    note scalar(@late) . ' frames of the former epoch';
    look();
};


is $stale, 0, 'no viewer was shown what was stale';
is_deeply [ grep { $shown{$_} != 1 } keys %shown ], [],
    'and no epoch served twice';
ok !$viewer->ended, 'and the viewer is still there';

$camera->stop;
$relay->stop;
finish();
