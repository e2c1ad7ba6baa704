# What processes use of the machine, and on which core.

package Vstream::Usage;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);
use POSIX qw(sysconf _SC_CLK_TCK);

our @EXPORT_OK = qw(children core_seconds cpu_seconds pin pss_kib);


# CPU time of all threads that live, to the nanosecond.
sub cpu_seconds (@pids) {
    my $ns = 0;

    for my $path (map { glob "/proc/$_/task/*/schedstat" } @pids) {
        my ($ran) = split ' ', _read($path);
        $ns += $ran // 0;
    }

    return $ns / 1e9;
}

# What this core has been busy with, whoever it was.
sub core_seconds ($core) {
    my ($user, $nice, $system, undef, undef, $irq, $softirq)
        = _read('/proc/stat') =~ /^cpu$core (.*)$/m
        ? split ' ', $1 : croak "no core $core";

    return ($user + $nice + $system + $irq + $softirq)
        / sysconf(_SC_CLK_TCK);
}

# Proportional set size: what is shared counts in parts.
sub pss_kib (@pids) {
    my $sum = 0;

    $sum += _read("/proc/$_/smaps_rollup") =~ /^Pss:\s+(\d+)/m ? $1 : 0
        for @pids;

    return $sum;
}

sub children ($pid) {
    return split ' ', join ' ', map { _read($_) }
        glob "/proc/$pid/task/*/children";
}

# Binds these processes, with all of their threads, to a core; what they start
# from then on stays there, too.
sub pin ($core, @pids) {
    for my $pid (@pids) {
        system("taskset -acp $core $pid > /dev/null") == 0
            or croak "taskset: process $pid cannot be bound to core $core";
    }
}

sub _read ($path) {
    open my $file, '<', $path or return '';
    local $/;
    return <$file> // '';
}

1;
