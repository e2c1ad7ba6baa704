# What rows of t/bench are made of: runs next to each other, the quietest try
# of each, ratios of pairs against a gate, and the table of all.
#
# A row is a function in t/bench/rows, named by the rows() of its module; those
# that its quick() names are part of `make bench-quick`.  A row gets the bench,
# measures, and calls judge() or note() for each of its figures.

package Vstream::Bench;

use v5.36;

use Exporter qw(import);
use JSON::PP;
use List::Util qw(max min sum0);
use POSIX qw(floor strftime sysconf _SC_CLK_TCK);
use Time::HiRes qw(time);

use Vstream::Usage qw(children);

our @EXPORT_OK = qw(median table);

# Most that may be taken from us, in cores: by the host, and by others here.
use constant { STEAL_MAX => 0.05, FOREIGN_MAX => 0.10 };

# Runs that it may take to find the most of something.
use constant MOST_RUNS => 12;

my $ticks = sysconf(_SC_CLK_TCK);


# Options: build (a folder), folder (for results), quick.
sub new ($class, %options) {
    return bless { results => [], %options }, $class;
}

sub quick ($self) { return $self->{quick} }

# How many pairs a row is made of, and how often a disturbed run is repeated.
sub pairs ($self) { return $self->{quick} ? 3 : 5 }
sub tries ($self) { return $self->{quick} ? 1 : 4 }

# Seconds that one run lasts.
sub seconds ($self, $quick, $full) {
    return $self->{quick} ? $quick : $full;
}

# Path of a program that was built for the bench.
sub program ($self, $name) { return "$self->{build}/t/bench/$name" }

# The line of JSON that a program of the bench prints, which was built or is a
# path.
sub measured ($self, $name, @arguments) {
    my @command = ($name =~ m{/} ? $name : $self->program($name), @arguments);

    open my $pipe, '-|', @command or die "$name: $!";
    my $said = do { local $/; <$pipe> };
    close $pipe or die "@command: ", $? >> 8, "\n";

    my ($line) = $said =~ /^(\{".*\})$/m or die "$name: $said";

    return decode_json($line);
}

# Runs each of these in turn, pair by pair and in changing order, quietly.
# Returns the pairs: { name => result }.
sub interleaved ($self, %code) {
    return $self->in_turn($self->pairs, map {
        my $code = $code{$_};

        $_ => sub { $self->quietly($code) };
    } keys %code);
}

# The same so many times, for code that sees to quietness itself.
sub in_turn ($self, $times, %code) {
    my @pairs;

    for my $pair (1 .. $times) {
        my @order = sort keys %code;

        @order = reverse @order if $pair % 2 == 0;
        push @pairs, { map { $_ => $code{$_}->() } @order };
    }

    return @pairs;
}

# The largest number for which the code returns { good => true }, to a share
# of it (0.02): it is bisected, beginning where it is expected.  Returns the
# result of the last good run, with { most }; it was not quiet where that takes
# too many runs.
sub most ($self, $expected, $share, $code) {
    my ($n, $good, $bad, $stride) = ($expected, 0, undef, 4 * $share);
    my (%result, %quiet);

    while (!defined $bad || $bad - $good > 1 + $share * $good) {
        last if $n < 1 || keys %quiet == MOST_RUNS;

        my $run = $self->quietly(sub { $code->($n) });

        $quiet{$n} = $run->{quiet};
        if ($run->{good}) {
            ($good, %result) = ($n, %$run);
        } else {
            $bad = $n;
        }

        $n = floor(!defined $bad ? $good * (1 + $stride) + 1
            : !$good ? $bad / (1 + $stride) : ($good + $bad) / 2);
        $stride *= 2 if !$good || !defined $bad;
    }

    return { %result, most => $good,
        quiet => $good && defined $bad && $quiet{$good} && $quiet{$bad}
            && keys %quiet < MOST_RUNS ? 1 : 0 };
}

# Judges the ratio of a figure between two runs of each pair.  Options:
#
#     pairs   what interleaved() has returned
#     ours, base  names of the runs
#     figure  name of the figure in their results; unit  how it is shown
#     gate, aim   the ratio that must be kept, and the one that is aimed at;
#                 without them it is told
#     more    true where more is better
#
# All else goes into bench.json as it is.
sub judge ($self, $name, %how) {
    my ($pairs, $ours, $base, $figure)
        = delete @how{qw(pairs ours base figure)};
    my @ratios;

    for my $pair (@$pairs) {
        push @ratios, {
            ratio => $pair->{$ours}{$figure} / ($pair->{$base}{$figure} || 1e-9),
            quiet => $pair->{$ours}{quiet} && $pair->{$base}{quiet} ? 1 : 0,
            ours => $pair->{$ours}, base => $pair->{$base},
        };
    }

    my @quiet = grep { $_->{quiet} } @ratios;
    my @used = map { $_->{ratio} } @quiet ? @quiet : @ratios;
    my $ratio = median(@used);
    my $verdict = !defined $how{gate} ? 'told'
        : !@quiet ? 'not judged: never quiet'
        : _reaches($ratio, $how{aim}, $how{more}) ? 'aim reached'
        : _reaches($ratio, $how{gate}, $how{more}) ? 'kept' : 'missed';

    $self->_result({
        %how, name => $name, against => $base, verdict => $verdict,
        ratio => 0 + sprintf('%.3f', $ratio),
        spread => [ map { 0 + sprintf('%.3f', $_) } min(@used), max(@used) ],
        pairs => scalar @ratios, quiet => scalar @quiet,
        ours => median(map { $_->{ours}{$figure} } @ratios),
        base => median(map { $_->{base}{$figure} } @ratios),
        runs => \@ratios,
    });
}

# Tells a figure that has a gate of its own, or none.  Options: value, unit,
# gate, aim, more; quiet.
sub note ($self, $name, %how) {
    my $value = $how{value};
    my $verdict = !defined $how{gate} ? 'told'
        : defined $how{quiet} && !$how{quiet} ? 'not judged: never quiet'
        : _reaches($value, $how{aim} // $how{gate}, $how{more}) ? 'aim reached'
        : _reaches($value, $how{gate}, $how{more}) ? 'kept' : 'missed';

    $self->_result({ %how, name => $name, verdict => $verdict });
}

sub _reaches ($value, $limit, $more) {
    return $more ? $value >= $limit : $value <= $limit;
}

sub _result ($self, $result) {
    push @{ $self->{results} }, $result;
    print table(_line($result));
}

sub _line ($r) {
    my $unit = $r->{unit} // '';
    my $told = sub ($value) {
        return defined $value ? sprintf('%.4g', $value) . " $unit" : '';
    };

    return [
        $r->{name},
        defined $r->{ratio} ? sprintf('%.3f (%.3f-%.3f)', $r->{ratio},
            @{ $r->{spread} }) : '',
        map({ $_ // '' } @$r{qw(gate aim)}),
        $told->($r->{ours} // $r->{value}),
        defined $r->{base} ? $told->($r->{base}) . " $r->{against}" : '',
        defined $r->{pairs} ? "$r->{quiet}/$r->{pairs}" : '', $r->{verdict},
    ];
}

# Rows that missed their gates.
sub missed ($self) {
    return grep { $_->{verdict} eq 'missed' } @{ $self->{results} };
}

# Writes bench.txt and bench.json, and shows the table.
sub report ($self) {
    my ($model) = _slurp('/proc/cpuinfo') =~ /^model name\s*: (.*)$/m;
    my $cores = () = _slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
    my $text = table(
        [ 'what', 'ratio (spread)', 'gate', 'aim', 'ours', 'against', 'quiet',
            'verdict' ],
        map { _line($_) } @{ $self->{results} });
    my $json = JSON::PP->new->canonical->pretty->encode({
        date => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), cores => $cores,
        cpu => $model, quick => $self->{quick} ? JSON::PP::true
            : JSON::PP::false,
        results => $self->{results},
    });

    for (['bench.txt', $text], ['bench.json', $json]) {
        my ($file, $content) = @$_;

        open my $out, '>', "$self->{folder}/$file" or die "$file: $!\n";
        print $out $content;
        close $out or die "$file: $!\n";
    }
    print "\n$text";
}

sub _slurp ($path) {
    open my $file, '<', $path or return '';
    local $/;
    return <$file> // '';
}


# Calls the code, again while somebody disturbs it, or its result says that it
# was { disturbed }.  Returns that with { steal, foreign, quiet }.
sub quietly ($self, $code) {
    my $best;

    for (1 .. $self->tries) {
        my @before = _used();
        my $result = $code->();
        my @after = _used();
        my $wall = $after[3] - $before[3];
        my $steal = ($after[1] - $before[1]) / $wall;
        my $foreign = ($after[0] - $before[0] - $after[2] + $before[2]) / $wall;

        $foreign = 0 if $foreign < 0;
        $result = { %$result, steal => 0 + sprintf('%.3f', $steal),
            foreign => 0 + sprintf('%.3f', $foreign),
            quiet => $steal <= STEAL_MAX && $foreign <= FOREIGN_MAX
                && !$result->{disturbed} ? 1 : 0 };
        $best = $result if !$best
            || $steal + $foreign < $best->{steal} + $best->{foreign};
        last if $best->{quiet};
    }

    return $best;
}

# Seconds that all of the machine, the host, and this test with all that it
# has started have used; and the time.
sub _used {
    open my $file, '<', '/proc/stat' or die "/proc/stat: $!";
    my (undef, $user, $nice, $system, undef, undef, $irq, $softirq, $steal)
        = split ' ', <$file>;

    return (($user + $nice + $system + $irq + $softirq) / $ticks,
        $steal / $ticks, _ours(), time());
}

# What has ended is in the sums of its parent.
sub _ours {
    my @pids = ($$);
    my $sum = 0;

    while (my $pid = shift @pids) {
        open my $file, '<', "/proc/$pid/stat" or next;
        my @fields = split ' ', (<$file> // next) =~ s/^.*\) //sr;

        $sum += sum0(@fields[11 .. 14]);
        push @pids, children($pid);
    }

    return $sum / $ticks;
}

sub median (@numbers) {
    my @sorted = sort { $a <=> $b } @numbers or return undef;
    my $half = int(@sorted / 2);

    return @sorted % 2 ? $sorted[$half]
        : ($sorted[$half - 1] + $sorted[$half]) / 2;
}

# Rows of texts, in columns.
sub table (@rows) {
    my @widths;

    for my $row (@rows) {
        for my $i (0 .. $#$row) {
            $widths[$i] = max($widths[$i] // 0, length $row->[$i]);
        }
    }

    return join '', map {
        my $row = $_;
        join('  ', map { sprintf "%-*s", $widths[$_], $row->[$_] }
            0 .. $#$row) =~ s/ +$//r . "\n";
    } @rows;
}

1;
