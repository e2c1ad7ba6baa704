# An HTTP/2 client with its hands on the frames: it grants windows or does
# not, resets streams, floods.  A stream is a Vstream::Viewer, read as any
# other.  RFC 9113; of HPACK (RFC 7541) what nginx uses: no dynamic table.

package Vstream::Http2;

use v5.36;

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use Scalar::Util qw(weaken);
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8, CONTINUATION => 9,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4,
    NO_ERROR => 0, CANCEL => 8, INITIAL_WINDOW_SIZE => 4,
};

my @static = split ' ', <<'END';
    - :authority :method :method :path :path :scheme :scheme :status :status
    :status :status :status :status :status accept-charset accept-encoding
    accept-language accept-ranges accept access-control-allow-origin age allow
    authorization cache-control content-disposition content-encoding
    content-language content-length content-location content-range
    content-type cookie date etag expect expires from host if-match
    if-modified-since if-none-match if-range if-unmodified-since last-modified
    link location max-forwards proxy-authenticate proxy-authorization range
    referer refresh retry-after server set-cookie strict-transport-security
    transfer-encoding user-agent vary via www-authenticate
END

my %status = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404,
    14 => 500);

# Huffman codes are canonical: the lengths of the printable characters, from
# space to tilde, say them all.
my @lengths = split ' ', <<'END';
    6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
    13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
    15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13
END

my %huffman = _huffman();


# Options: port, tls (1), window (of a stream, 65535), manual (grants no
# window by itself), receive_buffer.
sub connect ($class, $nginx, %options) {
    my $self = bless { tls => 1, window => 65535, %options, in => '',
        next => 1, streams => {} }, $class;
    my $socket = IO::Socket::INET->new(Proto => 'tcp', Type => 1)
        or croak "socket: $!";

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $options{receive_buffer}
        if $options{receive_buffer};

    $socket->connect($options{port} // $nginx->tls_port,
        Socket::inet_aton('127.0.0.1')) or croak "connect: $!";

    if ($self->{tls}) {
        $socket = IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0,
            SSL_alpn_protocols => ['h2']) or croak "TLS: $SSL_ERROR";
        croak 'no HTTP/2' if ($socket->alpn_selected // '') ne 'h2';
    }

    $socket->blocking(0);
    $self->{socket} = $socket;
    $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS, 0, 0,
        pack 'nN', INITIAL_WINDOW_SIZE, $self->{window});

    return $self;
}

sub write ($self, $bytes) {
    my $deadline = time() + 5;

    while (length $bytes && !$self->{closed}) {
        my $n = syswrite $self->{socket}, $bytes;

        if ($n) {
            substr $bytes, 0, $n, '';
        } elsif (!$!{EAGAIN}) {
            $self->{closed} = "$!";
        } else {
            croak 'write: timeout' if time() > $deadline;
            IO::Select->new($self->{socket})->can_write(0.05);
        }
    }
}

sub frame ($self, $type, $flags, $stream, $payload) {
    $self->write(bytes($type, $flags, $stream, $payload));
}

# The bytes of a frame, for floods.
sub bytes ($type, $flags, $stream, $payload) {
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

# The bytes of a request, for floods.  Also makes its stream known.  Options:
# method, authority, headers (pairs), body (bytes of DATA), unended (more of the
# body is to come).
sub request ($self, $path, %options) {
    my $id = $self->{next};
    my $method = $options{method} // 'GET';
    my $has_body = $options{unended} || defined $options{body};
    my $block = ($method eq 'GET' ? "\x82" : "\x02" . _text($method))
        . ($self->{tls} ? "\x87" : "\x86") . "\x04" . _text($path)
        . "\x01" . _text($options{authority} // '127.0.0.1')
        . literals(@{ $options{headers} // [] });

    $self->{next} += 2;

    return ($id, header_bytes($id, $block, $has_body ? 0 : END_STREAM)
        . (defined $options{body} ? bytes(DATA,
            $options{unended} ? 0 : END_STREAM, $id, $options{body}) : ''));
}

# Fields as a block holds them: neither indexed nor compressed.
sub literals (@pairs) {
    my $block = '';

    while (my ($name, $value) = splice @pairs, 0, 2) {
        $block .= "\x00" . _text($name) . _text($value);
    }

    return $block;
}

# HEADERS, and as many CONTINUATION as its block needs.
sub header_bytes ($id, $block, $flags) {
    my @pieces = unpack '(a16384)*', $block;
    my $text = '';

    for my $n (0 .. $#pieces) {
        $text .= bytes($n ? CONTINUATION : HEADERS,
            ($n ? 0 : $flags) | ($n == $#pieces ? END_HEADERS : 0), $id,
            $pieces[$n]);
    }

    return $text;
}

sub _text ($text) {
    my $n = length $text;

    return pack('C', $n) . $text if $n < 127;

    my $head = pack 'C', 127;

    for ($n -= 127; $n > 127; $n >>= 7) {
        $head .= pack 'C', 128 | $n & 127;
    }

    return $head . pack('C', $n) . $text;
}

# Sends a request, waits for its header.  Options: unread (does not wait), and
# those of request().
sub open ($self, $path, %options) {
    my ($id, $bytes) = $self->request($path, %options);
    my $stream = bless { http2 => $self, id => $id, body => '', raw => '' },
        'Vstream::Http2::Stream';

    # A stream keeps its connection, not the other way round.
    weaken($self->{streams}{$id} = $stream);
    $self->write($bytes);
    $stream->read_header unless $options{unread};

    return $stream;
}

sub grant ($self, $stream, $bytes) {
    $self->frame(WINDOW_UPDATE, 0, $stream, pack 'N', $bytes);
}

sub ping ($self) {
    $self->frame(PING, 0, 0, '12345678');
}

# Was the connection closed?  Then how; undef: it is open.
sub closed ($self) { return $self->{closed} }

# The error code of GOAWAY; undef: none came.
sub goaway ($self) { return $self->{goaway} }

# Has it said that it leaves, and has not begun with this stream?  Then it may
# be asked for again on another connection (RFC 9113, 6.8).
sub has_passed_over ($self, $stream) {
    return defined $self->{goaway} && $self->{goaway} == NO_ERROR
        && $stream->id > $self->{last_stream};
}

sub close ($self) {
    close $self->{socket};
    $self->{closed} //= 'by us';
    return;
}

# Reads until something was understood or the time is over; false: nothing.
sub pump ($self, $deadline) {
    while (1) {
        return 1 if $self->_take;
        return 0 if $self->{closed};

        my $n = sysread $self->{socket}, $self->{in}, 262144,
            length $self->{in};

        next if $n;

        if (defined $n || !($!{EAGAIN} || $!{EWOULDBLOCK})) {
            $self->{closed} = defined $n ? 'closed' : "$!";
            next;
        }

        my $left = $deadline - time();
        return 0 if $left <= 0;
        IO::Select->new($self->{socket})->can_read($left);
    }
}

# Reads all that comes for so long.
sub pump_for ($self, $seconds) {
    my $deadline = time() + $seconds;

    while (time() < $deadline && !$self->{closed}) {
        $self->pump($deadline);
    }

    return $self;
}

# One frame out of what was read; false: none is whole.
sub _take ($self) {
    return 0 if length $self->{in} < 9;

    my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $self->{in};
    my $length = ($high << 16) + $low;
    return 0 if length $self->{in} < 9 + $length;

    my $payload = substr $self->{in}, 9, $length;
    substr $self->{in}, 0, 9 + $length, '';

    my $stream = $self->{streams}{$id};

    if ($type == DATA) {
        $self->_data($stream, $id, $payload);
    } elsif ($type == HEADERS && $stream) {
        $stream->_fields(_decode($payload));
    } elsif ($type == RST_STREAM && $stream) {
        $stream->{reset} = unpack 'N', $payload;
    } elsif ($type == SETTINGS && !($flags & ACK)) {
        $self->frame(SETTINGS, ACK, 0, '');
    } elsif ($type == PING && $flags & ACK) {
        $self->{pongs}++;
    } elsif ($type == GOAWAY) {
        ($self->{last_stream}, $self->{goaway}) = unpack 'NN', $payload;
    } elsif ($type == CONTINUATION) {
        croak 'CONTINUATION is not understood here';
    }

    $stream->{closed} = 'end of stream'
        if $stream && ($type == DATA || $type == HEADERS)
        && $flags & END_STREAM;

    return 1;
}

sub _data ($self, $stream, $id, $payload) {
    $stream->{body} .= $payload if $stream;
    $self->{data} += length $payload;

    return if $self->{manual};

    $self->_owe($self, 0, 65535, length $payload);
    $self->_owe($stream, $id, $self->{window}, length $payload)
        if $stream && !defined $stream->{reset};
}

# Grants again what was read, once it is a good part of the window.
sub _owe ($self, $of, $id, $window, $bytes) {
    $of->{owed} += $bytes;

    if ($of->{owed} > $window / 2) {
        $self->grant($id, $of->{owed});
        $of->{owed} = 0;
    }
}

sub _integer ($block, $bits) {
    my $mask = 2**$bits - 1;
    my $value = unpack('C', substr $$block, 0, 1, '') & $mask;
    my $shift = 0;

    return $value if $value < $mask;

    while (1) {
        my $byte = unpack 'C', substr $$block, 0, 1, '';
        $value += ($byte & 127) << $shift;
        return $value if $byte < 128;
        $shift += 7;
    }
}

sub _string ($block) {
    my $coded = unpack('C', $$block) & 128;
    my $text = substr $$block, 0, _integer($block, 7), '';

    return $text unless $coded;

    my ($plain, $code) = ('', '');

    for my $bit (split //, unpack 'B*', $text) {
        $code .= $bit;
        next unless defined $huffman{$code};
        $plain .= $huffman{$code};
        $code = '';
    }

    return $plain;
}

sub _decode ($block) {
    my @fields;

    while (length $block) {
        my $first = unpack 'C', $block;

        if ($first & 128) {
            my $index = _integer(\$block, 7);
            push @fields, [ $static[$index], $status{$index} // '' ];
        } elsif (($first & 0xe0) == 0x20) {
            _integer(\$block, 5);
        } else {
            my $index = _integer(\$block, $first & 64 ? 6 : 4);
            my $name = $index ? $static[$index] : _string(\$block);
            push @fields, [ $name, _string(\$block) ];
        }
    }

    return @fields;
}

sub _huffman {
    my %symbols;
    my ($code, $last) = (0, 0);

    for my $i (sort { $lengths[$a] <=> $lengths[$b] || $a <=> $b }
        grep { $lengths[$_] < 16 } 0 .. $#lengths)
    {
        $code <<= $lengths[$i] - $last;
        $last = $lengths[$i];
        $symbols{ sprintf "%0${last}b", $code++ } = chr 32 + $i;
    }

    return %symbols;
}


package Vstream::Http2::Stream;

use parent -norequire, 'Vstream::Viewer';

use Carp qw(croak);
use Time::HiRes qw(time);

use Vstream::Viewer;

sub id ($self) { return $self->{id} }

# The code of RST_STREAM; undef: none came.
sub was_reset ($self) { return $self->{reset} }

sub read_header ($self, $timeout = 20) {
    my $deadline = time() + $timeout;

    while (!defined $self->{status}) {
        croak 'no header: ' . ($self->{http2}{closed} // 'reset')
            if defined $self->{reset} || defined $self->{http2}{closed};
        $self->{http2}->pump($deadline) or croak 'no header: timeout'
            unless defined $self->{status};
    }

    return $self;
}

sub _fields ($self, @fields) {
    for my $field (@fields) {
        my ($name, $value) = @$field;
        $self->{status} = $value if $name eq ':status';
        $self->{headers}{$name} = $value;
    }

    my $type = $self->{headers}{'content-type'} // '';
    ($self->{boundary}) = $type =~ m{^multipart/.*boundary=(\S+)$};
}

sub _more ($self, $deadline) {
    my $before = length $self->{body};

    while (length $self->{body} == $before) {
        if (defined $self->{closed}) {
            $self->{ended} = 1;
            return 0;
        }

        if (defined $self->{reset} || defined $self->{http2}{closed}) {
            $self->{closed} = $self->{http2}{closed} // 'reset';
            next;
        }

        $self->{http2}->pump($deadline) or return 0;
    }

    return 1;
}

sub cancel ($self, $code = Vstream::Http2::CANCEL) {
    $self->{http2}->frame(Vstream::Http2::RST_STREAM, 0, $self->{id},
        pack 'N', $code);
    delete $self->{http2}{streams}{ $self->{id} };
    return;
}

sub close ($self) { return $self->cancel }

1;
