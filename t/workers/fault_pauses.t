#!/usr/bin/perl

# FAULTS W3: owners that are stopped in the middle of their work, and wake when
# another holds their cameras.  What they write then is refused, they say so
# and close their cameras, and no viewer is shown a picture of theirs.
#
# VSTREAM_SOAK=1: a thousand owners, 24 cameras at a time; SEED repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(sum0);

use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $seed = fault_seed();
my $wanted = $ENV{VSTREAM_PAUSES} // ($soak ? 1000 : 4);
my @ids = map { "c$_" } 1 .. ($soak ? 24 : 8);
my $redis = start_redis();
my $nginx = start_nginx($redis, workers => 1);
my @replicas = map { start_ingest($redis, name => $_) } qw(one two);
my %result = (row => 'W3', seed => $seed, pauses => 0, stops => 0,
    stale_shown => 0, stale_stills => 0, not_fenced => 0, not_closed => 0,
    twice => 0);
my (%newest, %served);

declare($redis, $_, 'test:', width => 160, fps => 5) for @ids;
camera_is($redis, $_, "$_ streams", state => 'streaming') for @ids;

my $viewer = Vstream::Viewer->open($nginx,
    '/live/wall.mjpg?cameras=' . join ',', @ids);

# What the viewer was shown until now.
sub look {
    while (my $part = $viewer->part(0.01)) {
        my $id = $part->{headers}{'x-camera'} // '';
        my ($epoch, $seq) = split /-/, $part->{headers}{'x-frame-id'} // '0-0';
        my $was = $newest{$id} // [ 0, 0 ];

        next if $epoch == 0; # a placeholder: nobody holds it now
        $result{stale_shown}++ if $epoch < $was->[0]
            || $epoch == $was->[0] && $seq < $was->[1];
        $served{$id}{$epoch}++ if $epoch != $was->[0];
        $newest{$id} = [ $epoch, $seq ];
    }
}

# Waits, and looks meanwhile.
sub watch_until ($code, $seconds = patience()) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        look();
        return 1 if $code->();
    }

    return 0;
}

sub owned ($replica) {
    my $holders = holders($redis);

    return grep { ($holders->{$_} // '') eq $replica->name } @ids;
}

# The one that holds most, when all are held; they need not be shared out.
sub victim {
    my %owned;

    watch_until(sub {
        %owned = map { $_ => scalar owned($replicas[$_]) } 0, 1;
        $owned{0} + $owned{1} == @ids;
    }) or return undef;

    return $replicas[ $owned{0} < $owned{1} ];
}

# Owners are stopped, for longer than their leases last; all processes of a
# host, or the supervisor alone, to which its cameras go on talking.
sub stop ($replica, $is_alone, $seconds) {
    my $began = time();

    if ($is_alone) {
        $replica->signal('STOP');
    } else {
        $replica->freeze;
    }

    watch_until(sub { time() >= $began + $seconds }, $seconds + 1);

    return $began;
}

sub wake ($replica, $is_alone) {
    return $is_alone ? $replica->signal('CONT') : $replica->thaw;
}

# The id of a camera's newest still; '': none.
sub still ($id) {
    return $redis->command('XREVRANGE', "vs:{$id}:still", '+', '-', 'COUNT',
        1)->[0][0] // '';
}

sub pause ($replica, $is_alone, $seconds) {
    my %epoch = map { $_ => epoch_of($redis, $_) } owned($replica);
    my $fenced = $replica->metric('vstream_ingest_leases_fenced_total');

    stop($replica, $is_alone, $seconds);

    # Those that another has by now.
    my @lost = grep { epoch_of($redis, $_) > $epoch{$_} } keys %epoch;
    my %other = map { $_ => epoch_of($redis, $_) } @lost;
    my %still = map { $_ => still($_) } @lost;

    wake($replica, $is_alone);

    watch_until(sub {
        my %camera = map { $_->{id} => $_ } @{ $replica->overview->{cameras} };
        !grep { $camera{$_}{pid} } @lost;
    }) or $result{not_closed}++;
    $result{not_fenced} += @lost - $replica->metric(
        'vstream_ingest_leases_fenced_total') + $fenced;

    # The other may not have had a picture yet, but its former owner's are over.
    $result{stale_stills} += grep {
        my $now = still($_);
        $now ne $still{$_} && $now =~ /^(\d+)-/ && $1 < $other{$_};
    } @lost;
    $result{pauses} += @lost;
    $result{stops}++;

    return @lost;
}

while ($result{pauses} < $wanted) {
    my $n = $result{stops};
    # Every tenth as long as the row says.
    my $seconds = $soak && $n % 10 == 9 ? 10 : 2.5 + rand 1;

    my $victim = victim();

    if (!$victim) {
        fail 'not all cameras are held';
        last;
    }

    pause($victim, $n / 2 % 2, $seconds)
        or note "pause $n has moved nothing";
}

look();
$result{twice} = grep { $_ > 1 } map { values %$_ } values %served;
$result{skipped_as_stale} = sum0($nginx->get('/metrics')->{content}
    =~ /^vstream_frames_skipped_total\{.*reason="stale"\} (\d+)/gm);

cmp_ok $result{pauses}, '>=', $wanted, 'owners were stopped';
is $result{stale_shown}, 0, 'no viewer was shown what was stale';
is $result{stale_stills}, 0, 'no still of a former owner was taken';
is $result{twice}, 0, 'no epoch was shown again after another';
is $result{not_fenced}, 0, 'all were fenced, and said so';
is $result{not_closed}, 0, 'and have closed their cameras';
ok !$viewer->ended, 'the viewer is still there';
fault_row(%result, ok => $result{pauses} >= $wanted
    && !grep { $result{$_} } qw(stale_shown stale_stills twice not_fenced
        not_closed));
finish();
