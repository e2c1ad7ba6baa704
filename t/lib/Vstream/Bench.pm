# Figures for t/bench: how noisy a moment was, medians of ratios, and a table.
# Ratios are of runs next to each other; one that others disturbed is repeated,
# and the quietest try is kept.

package Vstream::Bench;

use v5.36;

use Exporter qw(import);
use List::Util qw(sum0);
use POSIX qw(sysconf _SC_CLK_TCK);
use Time::HiRes qw(time);

our @EXPORT = qw(median quietly table);

# Most that may be taken from us, in cores: by the host, and by others here.
use constant { STEAL_MAX => 0.05, FOREIGN_MAX => 0.10 };

my $ticks = sysconf(_SC_CLK_TCK);


# Calls the code up to so many times until nobody disturbs it.  Returns its
# result with { steal, foreign, quiet }.
sub quietly ($tries, $code) {
    my $best;

    for (1 .. $tries) {
        my @before = _used();
        my $result = $code->();
        my @after = _used();
        my $wall = $after[3] - $before[3];
        my $steal = ($after[1] - $before[1]) / $wall;
        my $foreign = ($after[0] - $before[0] - $after[2] + $before[2]) / $wall;

        $foreign = 0 if $foreign < 0;
        $result = { %$result, steal => 0 + sprintf('%.3f', $steal),
            foreign => 0 + sprintf('%.3f', $foreign),
            quiet => $steal <= STEAL_MAX && $foreign <= FOREIGN_MAX ? 1 : 0 };
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
        for my $list (glob "/proc/$pid/task/*/children") {
            open my $children, '<', $list or next;
            push @pids, split ' ', <$children> // '';
        }
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
            my $length = length $row->[$i];
            $widths[$i] = $length if $length > ($widths[$i] // 0);
        }
    }

    return join '', map {
        my $row = $_;
        join('  ', map { sprintf "%-*s", $widths[$_], $row->[$_] }
            0 .. $#$row) =~ s/ +$//r . "\n";
    } @rows;
}

1;
