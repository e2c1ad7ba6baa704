# Damages bytes, the same way each time for the same seed: flipped bits, bytes
# of note, pieces that are lost, come twice, or are moved.

package Vstream::Mutator;

use v5.36;

use Exporter qw(import);

our @EXPORT = qw(mutate);

my @notable = ("\0", "\xff", "\x7f", "\x80", "\0\0\1", "\xff\xff\xff\xff",
    "\0\0\0\0", "\x7f\xff\xff\xff", "\x80\0\0\0");


# A small generator of our own (xorshift): Perl's differs between versions.
sub _random ($state, $below) {
    $$state ^= $$state << 13 & 0xffffffff;
    $$state ^= $$state >> 17;
    $$state ^= $$state << 5 & 0xffffffff;

    return $$state % $below;
}

# A damaged copy: about one damage in `every` bytes, at least one, none before
# `from`.
sub mutate ($bytes, $seed, %options) {
    my $from = $options{from} // 0;
    my $every = $options{every} // 2000;
    my $state = ($seed * 2654435761 + 88172645) & 0xffffffff || 1;
    my $count = 1 + int((length($bytes) - $from) / $every);

    _random(\$state, 1) for 1 .. 8;

    for (1 .. $count) {
        my $room = length($bytes) - $from;
        last if $room < 8;

        my $at = $from + _random(\$state, $room - 4);
        my $length = 1 + _random(\$state, $room > 64 ? 64 : 4);
        my $kind = _random(\$state, 8);

        if ($kind < 3) {
            substr($bytes, $at, 1) ^.= chr(1 << _random(\$state, 8));
        } elsif ($kind < 5) {
            my $new = $notable[ _random(\$state, scalar @notable) ];
            substr $bytes, $at, length $new, $new;
        } elsif ($kind == 5) {
            substr $bytes, $at, $length, '';
        } elsif ($kind == 6) {
            substr $bytes, $at, 0, substr $bytes, $at, $length;
        } else {
            my $to = $from + _random(\$state, $room - 4);
            substr $bytes, $to, 4, substr $bytes, $at, 4;
        }
    }

    return $bytes;
}

1;
