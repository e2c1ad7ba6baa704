# An RTSP server of our own, over TCP, that says what a test wants: H.264 in
# RTP packets with any time stamps, markers and contents.

package Vstream::Rtsp;

use v5.36;

use Exporter qw(import);
use Time::HiRes qw(sleep time);

use Vstream::Driver;

our @EXPORT = qw(access_units rtp_packets rtp_send rtsp_server);

my $sequence = 0;


# The access units of a raw H.264 or H.265 stream of one slice each, as lists
# of NAL units.
sub access_units ($bytes, $codec = 'h264') {
    my @units;
    my @now;

    for (grep { length } split /\0?\0\0\x01/, $bytes) {
        push @now, $_;

        if ($codec eq 'h265' ? (ord($_) >> 1 & 63) < 32
            : (ord($_) & 31) =~ /^[15]$/) {
            push @units, [ @now ];
            @now = ();
        }
    }

    return @units;
}

# RTP packets of one access unit, interleaved: fragments of 1000 bytes, the
# last one marked unless told otherwise.
sub rtp_packets ($time, $units, $is_marked = 1, $codec = 'h264') {
    my @packets;

    for (@$units) {
        my $head = ord substr $_, 0, 1;

        if (length $_ <= 1000) {
            push @packets, $_;
            next;
        }

        my $rest = substr $_, $codec eq 'h265' ? 2 : 1;
        my $first = 1;

        while (length $rest) {
            my $piece = substr $rest, 0, 1000, '';
            my $ends = $first << 7 | (length $rest ? 0 : 1) << 6;

            push @packets, ($codec eq 'h265'
                ? pack('CCC', 49 << 1, 1, $ends | $head >> 1 & 0x3f)
                : pack('CC', $head & 0x60 | 28, $ends | $head & 0x1f))
                . $piece;
            $first = 0;
        }
    }

    return map {
        my $mark = $is_marked && $_ == $#packets ? 0x80 : 0;
        my $packet = pack('CCnNN', 0x80, $mark | 96, $sequence++ & 0xffff,
            $time, 1) . $packets[$_];
        pack('Cn/a*', 0, $packet) =~ s/^/\$/r;
    } 0 .. $#packets;
}

# Sends access units at so many a second; `clock` says each one's time stamp.
sub rtp_send ($client, $units, $fps, $clock, $is_marked = 1,
    $codec = 'h264') {
    my $start = time;

    for my $n (0 .. $#$units) {
        my $left = $start + $n / $fps - time;

        sleep $left if $left > 0;
        print $client rtp_packets($clock->($n), $units->[$n], $is_marked,
            $codec) or return;
    }
}

# Answers requests until PLAY, then runs `play` with the connection.
sub rtsp_server ($play, $sdp = undef) {
    $sdp //= join "\r\n", 'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=x', 't=0 0',
        'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000',
        'a=fmtp:96 packetization-mode=1', 'a=control:v', '';

    return server(sub ($client) {
        while (my $request = Vstream::Driver::request($client)) {
            my ($method) = $request =~ /^(\w+)/ or return;
            my ($number) = $request =~ /CSeq: *(\d+)/i;
            my ($more, $body) = ('', '');

            if ($method eq 'DESCRIBE') {
                $body = $sdp;
                $more = "Content-Type: application/sdp\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n";
            } elsif ($method eq 'SETUP') {
                $more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                    . "Session: 1\r\n";
            }

            print $client
                "RTSP/1.0 200 OK\r\nCSeq: $number\r\n$more\r\n$body";
            $play->($client) if $method eq 'PLAY';
        }
    });
}

1;
