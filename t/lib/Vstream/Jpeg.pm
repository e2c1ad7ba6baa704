# JPEGs that decoders accept, of any size and with any text inside: a small
# picture of the fuzzers' corpus, with comment segments put in.

package Vstream::Jpeg;

use v5.36;

use Carp qw(croak);
use FindBin;

my $picture;


sub _picture {
    return $picture //= do {
        my $path = "$FindBin::Bin/../fuzz/corpus/jpeg/ffmpeg_16x16.jpg";

        open my $file, '<:raw', $path or croak "$path: $!";
        local $/;
        <$file>;
    };
}

# A JPEG of 16x16 pixels with `text` in it, padded to `size` bytes.
sub with_text ($class, $text, $size = 0) {
    my $jpeg = _picture();
    my $missing = $size - length($jpeg) - length($text) - 4;
    my $comments = $class->_comment($text);

    while ($missing > 4) {
        my $length = $missing > 60004 ? 60000 : $missing - 4;
        $comments .= $class->_comment('.' x $length);
        $missing -= $length + 4;
    }

    substr $jpeg, 2, 0, $comments;

    return $jpeg;
}

# The text that with_text() put into it.
sub text ($class, $jpeg) {
    return substr $jpeg, 6, unpack('n', substr $jpeg, 4, 2) - 2;
}

sub _comment ($class, $text) {
    return "\xff\xfe" . pack('n', length($text) + 2) . $text;
}

1;
