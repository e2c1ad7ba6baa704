# What no Redis says: replies that break its protocol, or are beyond all
# bounds.

package Vstream::Lies;

use v5.36;

use Exporter qw(import);

our @EXPORT = qw(bulk lies message);


# By their names; whoever reads one must give its connection up.
sub lies {
    my $long = 'x' x 1_000_000;

    return (
        'a bulk of 1 GiB' => "\$1073741824\r\n" . $long x 20,
        'an array beyond all bounds' => "*2147483647\r\n:1\r\n",
        'an array of a million' => "*1000000\r\n" . ":0\r\n" x 1_000_000,
        'arrays in arrays' => "*2\r\n" x 40,
        'bulks without end' => "*100\r\n" . bulk($long) x 60,
        'a line without end' => '+' . $long x 20,
        'negative lengths' => "\$-5\r\n*-7\r\n",
        'a number too long' => ':' . '9' x 60 . "\r\n",
        # What begins like a reply might be one that is not over.
        'noise' => "\0" . join('', map { chr int rand 256 } 1 .. 5000),
        'HTTP' => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
}

sub bulk ($text) { return '$' . length($text) . "\r\n$text\r\n" }
sub message (@elements) { return '*' . @elements . "\r\n" . join '', @elements }

1;
