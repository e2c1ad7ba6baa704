# An HTTP client over a raw socket that reads a response as it comes: the
# header, then bytes, or the parts of an MJPEG stream.  HTTP/1.0 and 1.1,
# plain and TLS.  It is strict: what is not framed as it should be dies.

package Vstream::Viewer;

use v5.36;

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

my $seconds = $ENV{VSTREAM_VALGRIND} ? 60 : $ENV{VSTREAM_PRELOAD} ? 20 : 5;


# Sends a request and reads the header of its response.  Options: version,
# method, headers (lines), port, tls, receive_buffer, raw (instead of all of
# these), unread (does not wait for the header).
sub open ($class, $nginx, $path, %options) {
    return $class->connect($nginx, %options)->request($path, %options);
}

# The same, but asks again where a busy machine kept Redis from answering in
# time: that is 503, too.
sub watch ($class, $nginx, $path, %options) {
    for my $try (1 .. 10) {
        my $self = $class->open($nginx, $path, %options);

        return $self if $self->status != 503 || $try == 10
            || ($options{method} // '') eq 'HEAD';

        my $content = $self->content;
        $self->{body} = $content;
        return $self if $content !~ /cannot be reached/;
    }
}

# As open(), on a connection that this nginx worker has accepted.
sub open_at ($class, $nginx, $worker, $path, %options) {
    for (1 .. 200) {
        my $self = $class->open($nginx, '/health', %options);

        $self->content;
        next if $self->worker != $worker;

        $self->request($path, %options);
        return $self;
    }

    croak "worker $worker accepts nothing";
}

# One more request on a connection whose last answer has been read.
sub request ($self, $path, %options) {
    my $version = $options{version} // '1.1';

    delete @$self{qw(ended complete chunk in_chunk)};
    $self->{method} = $options{method} // 'GET';
    $self->write($options{raw} // join "\r\n",
        "$self->{method} $path HTTP/$version", "Host: 127.0.0.1",
        @{ $options{headers} // [] }, '', '');
    $self->read_header unless $options{unread};

    return $self;
}

# A stream that another program has read: its Content-Type and its body.
sub of_bytes ($class, $type, $body) {
    my ($boundary) = $type =~ /boundary=(\S+)$/;

    return bless { raw => '', body => $body, ended => 1,
        boundary => $boundary }, $class;
}

sub connect ($class, $nginx, %options) {
    my $port = $options{port}
        // ($options{tls} ? $nginx->tls_port : $nginx->port);
    my $socket = IO::Socket::INET->new(Proto => 'tcp', Type => 1)
        or croak "socket: $!";

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $options{receive_buffer}
        if $options{receive_buffer};

    $socket->connect($port, Socket::inet_aton('127.0.0.1'))
        or croak "connect to port $port: $!";

    if ($options{tls}) {
        $socket = IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0)
            or croak "TLS: $IO::Socket::SSL::SSL_ERROR";
    }

    $socket->blocking(0);

    return bless { socket => $socket, raw => '', body => '' }, $class;
}

sub status ($self)   { return $self->{status} }
sub socket ($self)   { return $self->{socket} }
sub boundary ($self) { return $self->{boundary} }

# A field of the header by name; undef: there is none.
sub header ($self, $name) { return $self->{headers}{ lc $name } }

# The nginx worker that answers, where Vstream::Nginx wrote the configuration.
sub worker ($self) { return $self->header('X-Worker') }

sub write ($self, $text) {
    my $deadline = time() + $seconds;

    while (length $text) {
        my $n = syswrite $self->{socket}, $text;

        if ($n) {
            substr $text, 0, $n, '';
            next;
        }

        croak "write: $!" unless $!{EAGAIN};
        croak "write: timeout" if time() > $deadline;
        IO::Select->new($self->{socket})->can_write(0.1);
    }
}

# Reads what is there, or waits for something.  False: nothing came in time.
sub _fill ($self, $deadline) {
    while (1) {
        my $n = sysread $self->{socket}, $self->{raw}, 262144,
            length $self->{raw};

        return 1 if $n;

        if (defined $n || !($!{EAGAIN} || $!{EWOULDBLOCK})) {
            $self->{closed} = defined $n ? 'closed' : "$!";
            return 0;
        }

        my $left = $deadline - time();
        return 0 if $left <= 0;
        IO::Select->new($self->{socket})->can_read($left);
    }
}

sub read_header ($self, $timeout = $seconds) {
    my $deadline = time() + $timeout;

    while ($self->{raw} !~ /\r\n\r\n/) {
        $self->_fill($deadline)
            or croak "no header: " . ($self->{closed} // 'timeout');
    }

    $self->{raw} =~ s/^(.*?)\r\n\r\n//s;
    my ($line, @fields) = split /\r\n/, $1;

    $line =~ m{^HTTP/(1\.[01]) (\d{3}) } or croak "bad status line: $line";
    $self->{status} = $2;
    $self->{headers} = {};

    for my $field (@fields) {
        $field =~ /^([^:\s]+): (.*)$/ or croak "bad header field: $field";
        $self->{headers}{ lc $1 } = $2;
    }

    $self->{chunked} = ($self->header('Transfer-Encoding') // '') eq 'chunked';
    $self->{left} = $self->header('Content-Length');
    $self->{left} = 0
        if $self->{method} eq 'HEAD' || $self->{status} =~ /^(1..|204|304)$/;

    my $type = $self->header('Content-Type') // '';
    ($self->{boundary}) = $type =~ m{^multipart/.*boundary=(\S+)$};

    return $self;
}

# Moves what has come from raw to body, without the framing of HTTP.
sub _unframe ($self) {
    if (!$self->{chunked}) {
        my $n = length $self->{raw};

        if (defined $self->{left}) {
            $n = $self->{left} if $self->{left} < $n;
            $self->{left} -= $n;
            $self->{ended} = 1 if $self->{left} == 0;
        }

        $self->{body} .= substr $self->{raw}, 0, $n, '';
        $self->{ended} = 1 if $self->{closed};
        return;
    }

    while (!$self->{ended}) {
        if ($self->{chunk}) {
            my $n = length $self->{raw};
            $n = $self->{chunk} if $self->{chunk} < $n;
            return if $n == 0;
            $self->{body} .= substr $self->{raw}, 0, $n, '';
            $self->{chunk} -= $n;
            $self->{in_chunk} = 1;
            next;
        }

        if ($self->{in_chunk}) {
            return if length $self->{raw} < 2;
            croak "chunk does not end with CRLF"
                if substr($self->{raw}, 0, 2, '') ne "\r\n";
            $self->{in_chunk} = 0;
        }

        return if $self->{raw} !~ /\r\n/;

        $self->{raw} =~ s/^([0-9a-fA-F]+)\r\n//
            or croak "bad chunk size: " . substr $self->{raw}, 0, 40;
        $self->{chunk} = hex $1;

        if ($self->{chunk} == 0) {
            return $self->{raw} = "0\r\n$self->{raw}"
                if length $self->{raw} < 2;
            $self->{raw} =~ s/^\r\n// or croak "trailer after chunks";
            $self->{ended} = 1;
        }
    }
}

# More of the body.  False: it has ended, or nothing came in time.
sub _more ($self, $deadline) {
    my $before = length $self->{body};

    while (1) {
        $self->_unframe;
        return 1 if length $self->{body} > $before;
        return 0 if $self->{ended};

        if (!$self->_fill($deadline)) {
            $self->_unframe;
            return length $self->{body} > $before;
        }
    }
}

# The whole body; dies where it does not end in time.
sub content ($self, $timeout = $seconds) {
    my $deadline = time() + $timeout;

    while (!$self->{ended}) {
        $self->_more($deadline)
            or $self->{ended}
            or croak "body does not end: " . ($self->{closed} // 'timeout');
    }

    return substr $self->{body}, 0, length $self->{body}, '';
}

# Exactly so many bytes of the body.
sub bytes ($self, $n, $timeout = $seconds) {
    my $deadline = time() + $timeout;

    while (length $self->{body} < $n) {
        $self->_more($deadline) or croak "body: $n bytes wanted, only "
            . length($self->{body}) . " came: "
            . ($self->{closed} // ($self->{ended} ? 'ended' : 'timeout'));
    }

    return substr $self->{body}, 0, $n, '';
}

# Has any of the answer come by now?  For requests that are `unread`.
sub has_answer ($self) {
    $self->_fill(time());
    return length $self->{raw} > 0;
}

# What of the body has come by now.
sub available ($self) {
    1 while $self->_more(time());
    return substr $self->{body}, 0, length $self->{body}, '';
}

# The next part of an MJPEG stream: { headers => {}, jpeg, came (time) }.
# undef: nothing came in time, or the body has ended (see ended()).
sub part ($self, $timeout = $seconds) {
    my $deadline = time() + $timeout;
    my $boundary = $self->{boundary} // croak "not a multipart stream";

    while ($self->{body} !~ /\r\n\r\n/) {
        next if $self->_more($deadline);

        $self->{complete} = 1
            if $self->{ended} && $self->{body} eq "--$boundary--\r\n";
        return undef;
    }

    $self->{body} =~ s/^--\Q$boundary\E\r\n(.*?)\r\n\r\n//s
        or croak "part does not begin with its boundary: "
            . substr $self->{body}, 0, 80;

    my %headers;

    for my $field (split /\r\n/, $1) {
        $field =~ /^([^:\s]+): (.*)$/ or croak "bad part header: $field";
        croak "part header twice: $1" if exists $headers{ lc $1 };
        $headers{ lc $1 } = $2;
    }

    my $length = $headers{'content-length'} // croak "part without a length";
    my $jpeg = $self->bytes($length + 2, $deadline - time() + $seconds);

    croak "part does not end with CRLF"
        if substr($jpeg, $length, 2, '') ne "\r\n";

    $self->{frame_id} = $headers{'x-frame-id'};

    return { headers => \%headers, jpeg => $jpeg, came => time() };
}

# The next part that is not the last picture again.
sub new_part ($self, $timeout = $seconds) {
    my $deadline = time() + $timeout;
    my $last = $self->{frame_id} // '';

    while (1) {
        my $left = $deadline - time();
        my $part = $self->part($left > 0 ? $left : 0) // return undef;
        return $part if ($part->{headers}{'x-frame-id'} // '') ne $last;
    }
}

# All parts that come until nothing has come for so long.
sub parts ($self, $quiet = 0.3) {
    my @parts;

    while (my $part = $self->part($quiet)) {
        push @parts, $part;
    }

    return @parts;
}

# Has the response ended, or the connection?
sub ended ($self) { return $self->{ended} || $self->{closed} }

# Has a stream ended with its closing boundary?
sub complete ($self) { return $self->{complete} }

sub close ($self) {
    close $self->{socket};
    return;
}

1;
