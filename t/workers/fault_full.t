#!/usr/bin/perl

# FAULTS R4: Redis is full, has room again, is full again.  Stills are dropped
# and counted, pictures are pushed, leases are renewed and kept; a replica that
# dies meanwhile loses its cameras to another, under a higher epoch; all goes
# on by itself once there is room.  VSTREAM_SOAK=1 does so for ten minutes, or
# $VSTREAM_FULL_SECONDS; SEED repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $seconds = $ENV{VSTREAM_FULL_SECONDS} // ($soak ? 600 : 0);
my @ids = map { "camera-$_" } 1 .. ($soak ? 8 : 3);
my $redis = start_redis(arguments => [ '--maxmemory-policy', 'noeviction' ]);
my @replicas = map { start_ingest($redis, name => $_) } qw(one two);
my %result = (row => 'R4', seed => fault_seed(), cycles => 0, lease_flaps => 0, takeovers => 0,
    frames_while_full => 0, dropped => 0);
my (@takeover_ms, @recovery_ms);

declare($redis, $_, 'test:', width => 320, fps => 5) for @ids;
ok settled(), 'all cameras are held, by one and by two';
camera_is($redis, $_, "$_ streams", state => 'streaming') for @ids;

my $until = time() + $seconds;

do {
    cycle($result{cycles}++);
} while (time() < $until);

is $result{lease_flaps}, 0, 'no lease was lost but by a death';
cmp_ok $result{takeovers}, '>=', 1, 'leases were taken while it was full';
cmp_ok $result{frames_while_full}, '>', 0, 'pictures were pushed';
cmp_ok $result{dropped}, '>', 0, 'stills were dropped, and counted';

$result{takeover_max_ms} = (sort { $b <=> $a } @takeover_ms)[0];
$result{recovery_max_ms} = (sort { $b <=> $a } @recovery_ms)[0];
fault_row(%result, ok => Test::More->builder->is_passing);
finish();


# Full, a death every other time, room again.
sub cycle ($n) {
    my %epoch = epochs();
    my $dropped = dropped();

    fill($n);

    my $subscriber = Vstream::Subscriber->new($redis, $ids[ $n % @ids ]);
    watch_leases(2.5 + ($soak ? rand 10 : 0), \%epoch);
    $result{frames_while_full} += $subscriber->drain;
    $subscriber->close;

    ok wait_for(sub { dropped() > $dropped }, patience()),
        "cycle $n: what is dropped is counted as redis_full";
    $result{dropped} += dropped() - $dropped;
    take_over($n) if $n % 2 == 0;

    release($n);
}

# Nothing that asks for memory is granted.
sub fill ($n) {
    $redis->command('CONFIG', 'SET', 'maxmemory', 100_000);
    eval { $redis->command('SET', 'more', 1) };
    like $@, qr/^OOM/, "cycle $n: it is full";
}

sub release ($n) {
    my %still = map { $_ => still($_) } @ids;
    my $began = time();

    $redis->command('CONFIG', 'SET', 'maxmemory', 0);
    ok wait_for(sub { !grep { still($_) eq $still{$_} } @ids }, patience()),
        "cycle $n: there is room again, stills come";
    push @recovery_ms, int(1000 * (time() - $began));
}

sub watch_leases ($duration, $epoch) {
    my $end = time() + $duration;

    while (time() < $end) {
        for my $id (@ids) {
            next if $redis->command('EXISTS', "vs:{$id}:lease")
                && epoch_of($redis, $id) == $epoch->{$id};
            $result{lease_flaps}++;
            diag "lease of $id: epoch ", epoch_of($redis, $id),
                " instead of $epoch->{$id}";
            $epoch->{$id} = epoch_of($redis, $id);
        }
        sleep 0.1;
    }
}

# A replica dies while it is full; another starts in its place, later.
sub take_over ($n) {
    my ($victim, $heir) = $n / 2 % 2 ? @replicas : reverse @replicas;
    my %epoch = epochs();
    my @lost = grep { holders($redis)->{$_} eq $victim->name } @ids;
    my $began = time();

    $victim->kill;
    ok wait_for(sub {
        !grep { (holders($redis)->{$_} // '') ne $heir->name } @lost;
    }, patience()), "cycle $n: the other takes its cameras";
    push @takeover_ms, int(1000 * (time() - $began)) if @lost;
    $result{takeovers} += @lost;

    is scalar(grep { epoch_of($redis, $_) <= $epoch{$_} } @lost), 0,
        "cycle $n: under higher epochs";
    ok wait_for(sub {
        !grep { camera_status($redis, $_)->{state} ne 'streaming' } @lost;
    }, patience()), "cycle $n: and they stream";

    $victim->start_again;
    ok settled(), "cycle $n: who comes back gets a share, by leases that are "
        . 'given back';
}

# Each replica has its share of the cameras, and none is on its way.
sub settled {
    return wait_for(sub {
        my $count = grep { $_ eq 'one' } values %{ holders($redis) };
        return all_held($redis) && abs(2 * $count - @ids) <= 1;
    }, patience());
}

sub epochs { return map { $_ => epoch_of($redis, $_) } @ids }

# The id of a camera's newest still; '': none.
sub still ($id) {
    return $redis->command('XREVRANGE', "vs:{$id}:still", '+', '-', 'COUNT',
        1)->[0][0] // '';
}

# Dropped for this reason, by those that run.
sub dropped {
    my $sum = 0;

    for my $replica (grep { !defined $_->ended } @replicas) {
        my $page = $replica->get('/metrics')->{content};
        $sum += $1 while $page =~ /reason="redis_full"\} (\d+)/g;
    }

    return $sum;
}
