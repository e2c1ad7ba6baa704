# A Vstream::System that runs for long while faults happen to it, one after the
# other, by a seed.  Each is a line of JSON, so is what all processes hold, once
# a minute, and at the end what came of it.

package Vstream::Soak;

use v5.36;

use JSON::PP;
use List::Util qw(max min);
use Time::HiRes qw(sleep time);

use Vstream::Census;
use Vstream::Mishaps;
use Vstream::System;

# What a role may grow in an hour; what its beginning is not judged by, in
# seconds; a gap after a fault that it does not explain.
my %most_growth = (rss_kib => 1024, descriptors => 1);
use constant { WARM_UP => 600, LASTING_MS => 5000 };

# Growth is told of shorter runs, too, but tells little.
use constant JUDGED => 3000;

# As old as a newest picture may be, in seconds.
use constant FRESH => 0.7;

# A machine that holds up its viewers for longer is too busy for a verdict
# about time: that is excused, and said.
use constant HELD_UP_MS => 500;

my $json = JSON::PP->new->canonical;


# Options: system (of Vstream::System), seed, faults (how many) or kinds (names,
# in that order), every (seconds from one to the next), say (gets each line).
sub new ($class, %options) {
    my $self = bless { every => 30, faults => 0, system => {},
        lines => [], regrets => [], %options }, $class;

    $self->{seed} //= int(time()) ^ $$;
    $self->{system} = Vstream::System->start(%{ $self->{system} });
    $self->{census} = Vstream::Census->new;
    $self->{plan} = [ $self->{kinds}
        ? mishaps_named($self->{seed}, @{ $self->{kinds} })
        : mishaps_planned($self->{system}, $self->{seed}, $self->{faults}) ];

    return $self;
}

sub system ($self) { return $self->{system} }

# Returns what came of it, { ok, ... }.
sub run ($self) {
    my $began = $self->{began} = time();
    my $sampled = 0;

    for my $n (0 .. $#{ $self->{plan} }) {
        my $left = $began + $n * $self->{every} - time();

        sleep $left if $left > 0;
        $self->_sample if time() >= $sampled + 59;
        $sampled = time() if time() >= $sampled + 59;
        push @{ $self->{lines} }, $self->_mishap($n, $self->{plan}[$n]);
        $self->{system}->reap;
    }

    sleep min(10, $self->{every} / 5);
    $self->_sample;

    return $self->_verdict;
}

sub _say ($self, %line) {
    my $line = $json->encode(\%line);

    $self->{say} ? $self->{say}->($line) : say $line;

    return \%line;
}

sub _now ($self) { return 0 + sprintf '%.1f', time() - $self->{began} }

sub _sample ($self) {
    my $sample = eval { $self->{census}->sample($self->{system}) };

    push @{ $self->{regrets} }, "no sample at @{[ $self->_now ]} s: $@"
        if !$sample;
    $self->_say(at_s => $self->_now, sample => $sample);
}

# One fault: its line.
sub _mishap ($self, $n, $mishap) {
    my $system = $self->{system};
    my @groups = $mishap->{spares} ? qw(plain tls) : ();
    my $before = $system->seen(@groups);
    my $began = time();
    my $target = eval { mishap($system, $mishap) };
    my $error = $@ =~ s/\n\z//r;
    my $ended = time();
    my $during = $system->seen(@groups);
    my $recovered = $self->_recovery($ended, $mishap->{bound});
    my $after = $system->seen(@groups);
    my %line = (
        n => $n, at_s => 0 + sprintf('%.1f', $began - $self->{began}),
        seed => $self->{seed}, fault => $mishap->{kind}, target => $target,
        lasted_s => 0 + sprintf('%.2f', $ended - $began),
        gap_ms => max($during->{news_gap_ms}, $after->{news_gap_ms}),
        lasting_ms => $before->{news_gap_ms},
        held_up_ms => max(map { $_->{held_up_ms} } $before, $during, $after),
        recovered_s => $recovered, bound_s => $mishap->{bound});
    my $is_held_up = $line{held_up_ms} > HELD_UP_MS;
    my @late = $self->_late($mishap, \%line);
    my @wrong = (length $error ? $error : (), $is_held_up ? () : @late,
        $self->_wrong($mishap, $before, $after, $is_held_up));

    $system->seen if @groups;
    push @{ $self->{windows} }, [ $is_held_up ? $self->{over} // $began
        : $began, $self->{over} = time() + 1 ];

    return $self->_say(%line, ok => @wrong ? JSON::PP::false : JSON::PP::true,
        @wrong ? (wrong => \@wrong) : (),
        $is_held_up && @late ? (excused => \@late) : ());
}

# Seconds until all viewers have new pictures, all cameras stream and are held.
# A picture may have been on its way, so it must last for a while.
sub _recovery ($self, $ended, $bound) {
    my $system = $self->{system};
    my $since;

    while (1) {
        my $passed = time() - $ended;
        my $is_well = $system->news_age_ms < 1000 * min(FRESH, $passed)
            && eval { $system->leases == $system->ids }
            && $system->all_stream;

        $since = $is_well ? $since // $passed : undef;
        return 0 + sprintf '%.2f', $since
            if defined $since && $passed - $since > FRESH;
        return undef if !$is_well && $passed > $bound;
        sleep 0.1;
    }
}

# What has lasted too long.
sub _late ($self, $mishap, $line) {
    my @late;

    push @late, 'not all is well in time: ' . $self->_unwell
        if !defined $line->{recovered_s};
    push @late, "others notice: $line->{gap_ms} ms"
        if $mishap->{spares} && $line->{gap_ms} > $mishap->{spares};
    push @late, "a gap of $line->{lasting_ms} ms after the fault before"
        if $line->{lasting_ms} > LASTING_MS;

    return @late;
}

# What should not have come of it, whatever the time.
sub _wrong ($self, $mishap, $before, $after, $is_held_up) {
    my $system = $self->{system};
    my @wrong;

    for my $what ('bad', 'disorder', $mishap->{tears} ? () : 'torn') {
        push @wrong, "$what: " . ($after->{$what} - $before->{$what})
            if $after->{$what} > $before->{$what};
    }

    for my $server ($system->nginx, $system->redis, $system->replicas,
        $system->kafka // ())
    {
        my $name = $server->name;

        $server->expect(qr/spawner hangs/) if $is_held_up;
        push @wrong, "$name has ended: " . $server->ended
            if defined $server->ended;
        push @wrong, map { $self->{regretted}{$_}++ ? () : "$name: $_" }
            $server->complaints;
    }

    return @wrong;
}

# Those that are not as they should be, in words.
sub _unwell ($self) {
    my $system = $self->{system};
    my $age = $system->news_age_ms;
    my $answer = $system->nginx->get('/api/v1/cameras');
    my $cameras = eval { decode_json($answer->{content})->{cameras} } // [];

    return "news are $age ms old, "
        . (eval { $system->leases } // 'unknown') . ' leases, '
        . "/api/v1/cameras says $answer->{status}"
        . join '', map { $_->{state} eq 'streaming' ? ()
            : ", $_->{id} $_->{state} $_->{reason}" } @$cameras;
}

# The last line, and what it is made of: figures of each kind of fault, growth
# of each role.
sub _verdict ($self) {
    my ($system, $census) = @$self{qw(system census)};
    my $seen = $system->seen;
    my @regrets = (@{ $self->{regrets} }, $system->stop);
    my @failed = grep { !$_->{ok} } @{ $self->{lines} };
    my @refused = $self->_refusals;

    push @regrets, map { "fault $_->{n}, $_->{fault}: "
        . join '; ', @{ $_->{wrong} } } @failed;
    push @regrets, "viewers: $_ $seen->{$_}"
        for grep { $seen->{$_} } qw(bad disorder);
    push @regrets, map { "unanswered without a fault: $_" } @refused;
    push @regrets, $self->_growth;

    $self->_say(fault => $_->[0], %{ $_->[1] }) for $self->_kinds;

    return $self->_say(soak => @regrets ? 'failed' : 'held',
        seed => $self->{seed}, seconds => $self->_now,
        faults => scalar @{ $self->{lines} }, cameras => scalar $system->ids,
        (map { $_ => $seen->{$_} }
            qw(frames bad disorder torn cut complete refused there)),
        excused => scalar(grep { $_->{excused} } @{ $self->{lines} }),
        grows_per_hour => $self->{growth} // {},
        ok => @regrets ? JSON::PP::false : JSON::PP::true,
        @regrets ? (regrets => \@regrets) : ());
}

# Requests that were not answered by 200 though nothing had happened.
sub _refusals ($self) {
    return map { $_->[1] } grep {
        my $time = $_->[0];
        !grep { $time >= $_->[0] - 5 && $time <= $_->[1] }
            @{ $self->{windows} };
    } $self->{system}->refusals;
}

# How each kind of fault went: [ kind, figures ].
sub _kinds ($self) {
    my %kinds;

    push @{ $kinds{ $_->{fault} } }, $_ for @{ $self->{lines} };

    return map {
        my @lines = @{ $kinds{$_} };
        my @gaps = sort { $a <=> $b } map { $_->{gap_ms} } @lines;
        my @back = sort { $a <=> $b } map { $_->{recovered_s} // 1e3 } @lines;

        [ $_, { times => scalar @lines, gap_p50_ms => $gaps[ $#gaps / 2 ],
            gap_max_ms => $gaps[-1], recovered_p50_s => $back[ $#back / 2 ],
            recovered_max_s => $back[-1],
            ok => (grep { !$_->{ok} } @lines) ? JSON::PP::false
                : JSON::PP::true } ];
    } sort keys %kinds;
}

# What has grown more than it may; a line for each role.
sub _growth ($self) {
    my $census = $self->{census};
    my $from = $self->{began} + WARM_UP;
    my @grown;

    for my $role ($census->roles) {
        for my $what (qw(rss_kib descriptors)) {
            my %grows = (all => $census->growth($role, $what, $from),
                within => $census->growth_within($role, $what, $from));

            delete $grows{$_} for grep { !defined $grows{$_} } keys %grows;
            $self->_grows($role, $what, %grows);
            push @grown, map { "$role: $what grows by $grows{$_}/h, $_" }
                grep { $grows{$_} > $most_growth{$what} } sort keys %grows;
        }
    }

    my $used = $census->redis_growth('used_kib', $from) // return ();
    my @leases = $census->redis_range('leases', $self->{began});
    my @keys = $census->redis_range('keys', $from);
    my @clients = $census->redis_range('clients', $from);

    $self->_grows('redis data', 'used_kib', all => $used);
    $self->_say(role => 'redis data', leases => \@leases, keys => \@keys,
        clients => \@clients);
    push @grown, "Redis's data grow by $used KiB/h"
        if $used > $most_growth{rss_kib};
    push @grown, "between $leases[0] and $leases[1] leases"
        if grep { $_ != $self->{system}->ids } @leases;

    return time() - $from >= JUDGED ? @grown : ();
}

# What a role's processes grow in an hour: all, and within one.
sub _grows ($self, $role, $what, %grows) {
    $_ = 0 + sprintf '%.2f', $_ for values %grows;
    $self->{growth}{$role}{$what} = \%grows if %grows;
}

1;
