#!/usr/bin/perl

# Some of what t/faults/soak does for hours: a whole vstream with viewers, and
# faults one after the other.  All is well again after each, and nobody gets a
# picture that is not right.
#
# VSTREAM_SEED repeats a run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Faults;
use Vstream::Soak;
use Vstream::Test;

my $soak = Vstream::Soak->new(every => 2, seed => $ENV{VSTREAM_SEED},
    say => sub ($line) { note $line },
    kinds => [ 'kill camera', 'cut nginx from redis', 'reload nginx',
        'kill nginx worker', 'kill redis', 'slow redis', 'kill replica' ]);
my $verdict = $soak->run;

is_deeply $verdict->{regrets} // [], [],
    "nothing to regret, VSTREAM_SEED=$soak->{seed}";
is $verdict->{faults}, 7, 'after all faults';
cmp_ok $verdict->{frames}, '>', 100, "$verdict->{frames} pictures were seen";
is $verdict->{there}, 18, 'by all viewers, who are still there';

fault_row(row => 'SOAK', map { $_ => $verdict->{$_} }
    qw(ok seed seconds faults cameras frames bad torn disorder));
done_testing();
