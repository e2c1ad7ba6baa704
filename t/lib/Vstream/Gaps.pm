# How long a viewer sees nothing new when something dies, and what such times
# come to.

package Vstream::Gaps;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);
use List::Util qw(max);
use POSIX qw(ceil);
use Time::HiRes qw(time);

use Vstream::Viewer;

our @EXPORT = qw(figures gap);

# Seconds of watching after which a viewer is not held up by his beginning.
use constant WARM => 1.5;


# Watches a camera over `nginx`, does `fault`, and goes on until `over` is true
# and some more pictures have come.  Returns the longest time between two of
# them, and the last before and the first after it, as parts.
sub gap ($nginx, $id, $fault, $over) {
    my $viewer = Vstream::Viewer->open($nginx, "/live/$id/stream.mjpg");
    my $until = time() + WARM + rand 1;
    my ($last, $asked, $more, @longest) = (undef, 0, 8, 0);

    while (time() < $until) {
        $last = $viewer->new_part(20) or croak "$id does not stream";
    }

    $fault->();

    while ($more > 0) {
        if (my $part = $viewer->new_part(0.1)) {
            my $took = $part->{came} - $last->{came};

            @longest = ($took, $last, $part) if $took > $longest[0];
            $last = $part;
            $more-- if !defined $asked;
        }

        croak "$id is not back" if time() > $last->{came} + 60;
        next if !defined $asked || time() < $asked + 0.25;
        $asked = $over->() ? undef : time();
    }

    $viewer->close;

    return @longest;
}

# Of times in seconds: how many, and the middle, the 99th of a hundred and the
# longest in ms.  (n => 0): none.
sub figures (@seconds) {
    my @sorted = sort { $a <=> $b } @seconds;

    return (n => 0) if !@sorted;
    return (n => scalar @sorted, p50_ms => _rank(\@sorted, 0.5),
        p99_ms => _rank(\@sorted, 0.99), max_ms => int(1000 * $sorted[-1]));
}

sub _rank ($sorted, $part) {
    return int(1000 * $sorted->[ ceil($part * @$sorted) - 1 ]);
}

1;
