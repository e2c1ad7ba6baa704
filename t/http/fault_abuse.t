#!/usr/bin/perl

# Every endpoint of the module, asked in every way that it should not be:
# bodies that nobody expects, methods, versions, ranges and conditions, lies
# about lengths, several requests at once, ends in the middle.  Whatever the
# answer is, it is framed as it says, and the next request on that connection
# is answered right; nobody is counted who has gone.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Socket qw(SOL_SOCKET SO_LINGER);

use Vstream::Faults;
use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, workers => 1,
    http => 'vstream_camera gate test:; vstream_camera yard test:;'
        . 'keepalive_requests 100000; client_max_body_size 64k;'
        . 'lingering_timeout 1s;');
my ($worker) = $nginx->new_workers;
my $soak = $ENV{VSTREAM_SOAK};

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard' ], fps => 40,
    smallest => 500, largest => 3000);
wait_for(sub { $nginx->get("/live/$_/frame.jpg")->{status} == 200 })
    for 'gate', 'yard';


# The endpoints: path; what a body begins with; the status where all is well;
# `endless`: the body does not end, and has parts (`early`: with their headers
# in advance).
my %endpoints = (
    stream => { path => '/live/gate/stream.mjpg', endless => 1 },
    early => { path => '/live/gate/stream.mjpg?advance=1', endless => 1,
        early => 1 },
    wall => { path => '/live/wall.mjpg?cameras=gate,yard', endless => 1 },
    snapshot => { path => '/live/gate/frame.jpg', begins => "\xff\xd8" },
    poll => { path => \&poll, begins => "\xff\xd8" },
    status => { path => '/api/v1/cameras/gate', begins => '{"id":"gate"' },
    list => { path => '/api/v1/cameras', begins => '{"cameras":[' },
    health => { path => '/health', begins => '{"status":"alive"}' },
    ready => { path => '/ready', begins => '{"status":"ready"}' },
    metrics => { path => '/metrics', begins => '# HELP vstream_' },
    'no camera' => { path => '/live/none/frame.jpg', status => 404,
        begins => '{"type":"about:blank"' },
    'no id' => { path => '/live/-/stream.mjpg', status => 400,
        begins => '{"type":"about:blank"' },
);

# A picture that comes in a moment.
sub poll {
    my ($epoch, $seq) = $nginx->get('/live/gate/frame.jpg')->{headers}{etag}
        =~ /^"(\d+)-(\d+)"$/;
    return '/live/gate/frame.jpg?after=' . $epoch . '-' . ($seq + 3);
}

sub path ($endpoint) {
    return ref $endpoint->{path} ? $endpoint->{path}->() : $endpoint->{path};
}

# What is wrong with an answer whose header has been read?  Its status is to be
# that of the endpoint, where no other is named.
sub fault_of ($answer, $endpoint, $status, $method = 'GET') {
    my $wanted = $status // $endpoint->{status} // 200;

    return 'status ' . $answer->status if $answer->status !~ /^(?:$wanted)$/;
    return body_fault($answer, $endpoint)
        if !defined $status && $method ne 'HEAD';

    my $content = $answer->content;

    return 'a body' if length $content
        && ($method eq 'HEAD' || $answer->status == 304);
    return;
}

sub body_fault ($answer, $endpoint) {
    if (!$endpoint->{endless}) {
        my $content = $answer->content;
        return if index($content, $endpoint->{begins}) == 0;
        return 'a wrong body: ' . substr $content, 0, 60;
    }

    if ($endpoint->{early}) {
        my $begins = "--$answer->{boundary}\r\n"
            . "Content-Type: image/jpeg\r\n\r\n\xff\xd8";
        return if $answer->bytes(length $begins) eq $begins;
        return 'no early header';
    }

    for (1 .. ($soak ? 3 : 1)) {
        my $part = $answer->part or return 'no part';
        return 'a wrong part' unless Vstream::Load::is_right($part);
    }

    return;
}

# And does the connection go on?
sub next_fault ($answer) {
    return 'bytes after the answer' if length $answer->{raw};

    $answer->request('/health');
    return 'the next request: status ' . $answer->status
        if $answer->status != 200;
    return 'the next request: a wrong body'
        if $answer->content ne qq({"status":"alive"}\n);
    return 'bytes after the next answer' if $answer->has_answer;
    return;
}


# The abuses of HTTP/1.1.  `lines` stand in the header, `body` after it;
# `late` comes a moment after all of these, `then` once "100 Continue" has
# come.  `status`: the answer, where it is not that of the endpoint; `good`: in
# place of 200; `closes`: the connection goes no further, nor does it where the
# answer says so; `waits`: it may, or may end when nginx sees fit.
my @bodies = (
    [ 'a body', lines => ['Content-Length: 5'], body => 'hello' ],
    [ 'a body that comes late', lines => ['Content-Length: 5'],
        late => 'hello' ],
    [ 'half a body, then the rest', lines => ['Content-Length: 50000'],
        body => 'x' x 20000, late => 'x' x 30000 ],
    [ 'chunks', lines => ['Transfer-Encoding: chunked'],
        body => "5\r\nhello\r\n0\r\n\r\n" ],
    [ 'chunks that come late', lines => ['Transfer-Encoding: chunked'],
        body => "5\r\nhe", late => "llo\r\n3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n" ],
    [ 'Expect, with chunks', lines => [ 'Transfer-Encoding: chunked',
        'Expect: 100-continue' ], then => "1\r\na\r\n0\r\n\r\n" ],
    [ 'Expect', lines => [ 'Content-Length: 5', 'Expect: 100-continue' ],
        then => 'hello' ],
    [ 'Expect, but the body is there', lines => [ 'Content-Length: 5',
        'Expect: 100-continue' ], body => 'hello', continues => 1 ],
);

my @abuses = (
    [ 'nothing special' ],
    @bodies,
    (map { my ($name, %how) = @$_;
        [ "POST, $name", %how, method => 'POST', status => 405 ] } @bodies),
    [ 'HEAD', method => 'HEAD' ],
    [ 'HEAD with a body', method => 'HEAD', lines => ['Content-Length: 5'],
        body => 'hello' ],
    (map { [ $_, method => $_, status => 405 ] } qw(PUT DELETE OPTIONS PATCH
        MKCOL LOCK)),
    [ 'TRACE', method => 'TRACE', status => 405, closes => 1 ],
    [ 'get', method => 'get', status => 400, closes => 1 ],
    [ 'CONNECT', method => 'CONNECT', target => '127.0.0.1:80',
        status => '400|405', closes => 1 ],
    [ 'an absolute URI', before => 'http://127.0.0.1' ],
    [ 'an absolute URI of another host', before => 'http://example.com:99' ],
    [ 'an absolute URI that is broken', before => 'http://', status => 400,
        closes => 1 ],
    [ 'a fragment', after => '#' . 'a' x 50 ],
    [ 'a range', lines => ['Range: bytes=0-9'] ],
    [ 'ranges', lines => ['Range: bytes=0-0,5-6,-1'] ],
    [ 'a range of nothing', lines => ['Range: bytes=999999999-'] ],
    [ 'a range that is broken', lines => ['Range: bytes=9-0,x'] ],
    [ 'a range on condition', lines => [ 'Range: bytes=0-9',
        'If-Range: "x"' ] ],
    [ 'If-None-Match: *', lines => ['If-None-Match: *'], good => 304 ],
    [ 'If-None-Match', lines => ['If-None-Match: "1-1", W/"2-2", "'] ],
    [ 'If-Modified-Since', lines => [
        'If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT' ] ],
    [ 'If-Match', lines => ['If-Match: "x"'], good => 412, waits => 1 ],
    [ 'If-Unmodified-Since', lines => [
        'If-Unmodified-Since: Thu, 01 Jan 1998 00:00:00 GMT' ], good => 412,
        waits => 1 ],
    [ 'no Host', no_host => 1, status => 400, closes => 1 ],
    [ 'a bad Host', no_host => 1, lines => ['Host: a/b'], status => 400,
        closes => 1 ],
    [ 'an empty Host', no_host => 1, lines => ['Host: '], status => 400,
        closes => 1 ],
    [ 'two Hosts', lines => ['Host: b'], status => 400, closes => 1 ],
    [ 'HTTP/1.0', version => '1.0', closes => 1 ],
    [ 'HTTP/1.0 that is kept', version => '1.0',
        lines => ['Connection: keep-alive'] ],
    [ 'HTTP/3.0', version => '3.0', status => 505, closes => 1 ],
    [ 'HTTP/1.9', version => '1.9' ],
    [ 'Connection: close', lines => ['Connection: close'], closes => 1 ],
    [ 'an upgrade', lines => [ 'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c, websocket', 'HTTP2-Settings: AAMAAABk' ] ],
    [ 'two lengths', lines => [ 'Content-Length: 5', 'Content-Length: 6' ],
        status => 400, closes => 1 ],
    [ 'a length and chunks', lines => [ 'Content-Length: 5',
        'Transfer-Encoding: chunked' ], body => "0\r\n\r\n", status => 400,
        closes => 1 ],
    (map { [ "a length of $_", lines => ["Content-Length: $_"],
        status => '400', closes => 1 ] } '-1', '+5', '5x',
        '9' x 30),
    [ 'a length beyond all bounds', lines => ['Content-Length: 70000'],
        status => 413, waits => 1 ],
    [ 'chunks that are none', lines => ['Transfer-Encoding: chunked'],
        body => "zz\r\n", status => 400, closes => 1 ],
    [ 'a chunk beyond all bounds', lines => ['Transfer-Encoding: chunked'],
        body => "fffffffffffffffff\r\n", status => 400, closes => 1 ],
    [ 'a chunk that is too large', lines => ['Transfer-Encoding: chunked'],
        body => "fffffff\r\n", waits => 1 ],
    [ 'an unknown transfer coding', lines => ['Transfer-Encoding: gzip'],
        status => 501, closes => 1 ],
    [ 'a hundred fields', lines => [ map { "X-$_: " . 'y' x 100 } 1 .. 100 ] ],
    [ 'fields that are too large', lines => [ map { "X-$_: " . 'y' x 7000 }
        1 .. 10 ], status => 400, closes => 1 ],
    [ 'a target that is too long', after => ('?' . 'a' x 9000),
        status => 414, closes => 1 ],
    [ 'a field without a colon', lines => ['Nonsense'] ],
    [ 'a space before a colon', lines => ['X-A : b'], status => 400,
        closes => 1 ],
    [ 'a field over two lines', lines => [ 'X-A: b', '  c' ], status => 400,
        closes => 1 ],
    [ 'a field with NUL', lines => ["X-A: a\0b"], status => 400, closes => 1 ],
    [ 'lines that end with LF', eol => "\n" ],
    [ 'all conditions', lines => [ 'If-Match: *', 'If-Range: *',
        'Accept: image/*', 'Sec-Fetch-Dest: document', 'TE: trailers' ] ],
);

sub request_text ($path, %how) {
    my $eol = $how{eol} // "\r\n";
    my $query = $how{after} // '';

    $query =~ s/^\?/&/ if $path =~ /\?/;

    return join($eol, ($how{method} // 'GET') . ' '
        . ($how{target} // ($how{before} // '') . $path . $query)
        . ' HTTP/' . ($how{version} // '1.1'),
        $how{no_host} ? () : 'Host: 127.0.0.1', @{ $how{lines} // [] }, '',
        '') . ($how{body} // '');
}

sub wanted_status ($endpoint, %how) {
    return $how{status} // ($endpoint->{status} ? undef : $how{good});
}

sub abuse ($name, $tls, %how) {
    my $endpoint = $endpoints{$name};
    my $answer = Vstream::Viewer->connect($nginx, tls => $tls);

    $answer->request('', %how, unread => 1,
        raw => request_text(path($endpoint), %how));

    if (defined $how{then} || $how{continues}) {
        $answer->read_header;
        return 'no 100 but ' . $answer->status if $answer->status != 100;
        $answer->write($how{then} // '');
    }

    if (defined $how{late}) {
        sleep 0.01;
        $answer->write($how{late});
    }

    $answer->read_header;

    my $fault = fault_of($answer, $endpoint, wanted_status($endpoint, %how),
        $answer->{method});
    return $fault if defined $fault;
    return if $how{waits} || $endpoint->{endless} && $answer->status == 200
        && $answer->{method} ne 'HEAD';

    if ($how{closes} || ($answer->header('Connection') // '') eq 'close') {
        $answer->_fill(time() + 5);
        return 'bytes after the answer' if length $answer->{raw};
        return $answer->{closed} ? undef : 'the connection is open';
    }

    return next_fault($answer);
}

# Of all endpoints; in the short form of every other one, and of every third
# where they are dear.  Returns how many that were.
sub try_all ($over, $what, $code) {
    my ($n, $cases, @wrong) = (length $what, 0);

    for my $name (sort keys %endpoints) {
        next if !$soak && $n++ % ($over eq 'plain' ? 2 : 3);
        $cases++;

        my $fault = eval { $code->($name) } // ($@ ? "died: $@" : next);
        push @wrong, "$name: $fault";
    }

    ok !@wrong, "$over: $what" or diag join "\n", @wrong;

    return $cases;
}

# All that a row has tried is over.
sub figures ($cases) {
    ok wait_for(sub { viewers() == 0 }), 'nobody is counted afterwards';
    is_deeply [ $nginx->new_workers ], [$worker], 'the worker lives';

    return (cases => $cases, endpoints => scalar keys %endpoints,
        sanitized => $ENV{VSTREAM_PRELOAD} ? 1 : 0);
}

sub viewers {
    return $nginx->metric('vstream_viewers{camera="gate"}')
        + $nginx->metric('vstream_viewers{camera="yard"}');
}

fault_test('N10-abuse' => sub {
    my $cases = 0;

    for my $tls (0, 1) {
        for my $abuse (@abuses) {
            my ($what, %how) = @$abuse;

            $cases += try_all($tls ? 'TLS' : 'plain', $what,
                sub ($name) { abuse($name, $tls, %how) });
        }
    }

    return figures($cases);
});


# Many requests at once, on one connection: answered in their order.
sub pipeline ($name, $tls) {
    my $endpoint = $endpoints{$name};
    my $paths = $endpoint->{endless} ? 1 : $soak ? 100 : 5;
    my $path = path($endpoint);
    my $answer = Vstream::Viewer->connect($nginx, tls => $tls);

    $answer->request('', unread => 1, raw => join '', map {
        request_text($path), request_text('/health'),
        request_text('/api/v1/cameras', method => 'HEAD')
    } 1 .. $paths);

    for (1 .. $paths) {
        $answer->read_header;
        my $fault = fault_of($answer, $endpoint, undef) // next_answer($answer);
        return if $endpoint->{endless} && !defined $fault;
        return $fault if defined $fault;
    }

    return next_fault($answer);
}

# The other two of a pipeline; after a stream they do not come.
sub next_answer ($answer) {
    return if $answer->{boundary};

    delete @$answer{qw(ended chunk in_chunk)};
    $answer->read_header;
    return 'the second is not right'
        if $answer->content ne qq({"status":"alive"}\n);

    delete @$answer{qw(ended chunk in_chunk)};
    $answer->{method} = 'HEAD';
    $answer->read_header;
    return 'the third is not right' if $answer->status != 200
        || !$answer->header('Content-Length');

    $answer->content;
    delete @$answer{qw(ended chunk in_chunk)};
    $answer->{method} = 'GET';
    return;
}

# HTTP/0.9: no header, a body.
sub ancient ($name, $tls) {
    my $endpoint = $endpoints{$name};
    my $answer = Vstream::Viewer->connect($nginx, tls => $tls);

    $answer->write('GET ' . path($endpoint) . "\r\n");
    $answer->_fill(time() + 5) or return 'nothing came';
    return if index($answer->{raw}, $endpoint->{begins} // '--') == 0;
    return 'a wrong body: ' . substr $answer->{raw}, 0, 60;
}

fault_test('N10-pipeline' => sub {
    my $cases = 0;

    for my $tls (0, 1) {
        my $over = $tls ? 'TLS' : 'plain';
        $cases += try_all($over, 'many at once',
            sub ($name) { pipeline($name, $tls) });
        $cases += try_all($over, 'HTTP/0.9',
            sub ($name) { ancient($name, $tls) });
    }

    return figures($cases);
});


# A body that never comes: nobody is sent away for it.
{
    my @viewers = map {
        Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg', tls => $_,
            headers => ['Content-Length: 50'])
    } 0, 1;

    sleep 2;

    my $now = time();

    for my $tls (0, 1) {
        my $part = $viewers[$tls]->part;

        $part = $viewers[$tls]->part
            while $part && $part->{headers}{'x-timestamp'} < $now;
        ok $part, 'a viewer whose body does not come sees on'
            . ' over TLS' x $tls;
        $viewers[$tls]->close;
    }
}


# The abuses of HTTP/2: options of Vstream::Http2's open(); `late` is a body
# that comes a moment after the header; `resets`: the stream is.
my @streams = (
    [ 'nothing special' ],
    [ 'HEAD', method => 'HEAD' ],
    [ 'HEAD with a body', method => 'HEAD', body => 'hello' ],
    [ 'a body', body => 'hello' ],
    [ 'an empty body', body => '' ],
    [ 'a body that comes late', unended => 1, late => 'hello' ],
    [ 'a body that does not come', unended => 1 ],
    [ 'Expect', headers => [ expect => '100-continue',
        'content-length' => 5 ], unended => 1, late => 'hello' ],
    [ 'a length that lies', headers => [ 'content-length' => 9 ],
        body => 'hello' ],
    [ 'POST', method => 'POST', body => 'hello', status => 405 ],
    [ 'POST, late', method => 'POST', unended => 1, late => 'hello',
        status => 405 ],
    [ 'PUT', method => 'PUT', body => 'x' x 16000, status => 405 ],
    [ 'TRACE', method => 'TRACE', status => 405 ],
    [ 'get', method => 'get', status => 400 ],
    [ 'a range', headers => [ range => 'bytes=0-9' ] ],
    [ 'If-None-Match: *', headers => [ 'if-none-match' => '*' ],
        good => 304 ],
    [ 'If-Match', headers => [ 'if-match' => '"x"' ], good => 412 ],
    [ 'a bad authority', authority => 'a/b', status => 400 ],
    [ 'another Host', headers => [ host => 'b' ], status => '200|400|404' ],
    [ 'fields of HTTP/1.1', headers => [ connection => 'close, upgrade',
        upgrade => 'websocket', 'keep-alive' => '300' ] ],
    [ 'a name with capitals', headers => [ 'X-A' => 'b' ], resets => 1 ],
    [ 'a value with LF', headers => [ 'x-a' => "b\nc" ], resets => 1 ],
    [ 'a length beyond all bounds', headers => [ 'content-length' => 70000 ],
        unended => 1, status => 413 ],
    [ 'a length that is none', headers => [ 'content-length' => '-1' ],
        unended => 1, status => 400 ],
    [ 'a hundred fields', headers => [ map { ("x-$_" => 'y' x 50) }
        1 .. 100 ] ],
    [ 'fields that go on and on', headers => [ map { ("x-$_" => 'y' x 900) }
        1 .. 30 ] ],
);

sub reset_fault ($http2, $answer) {
    my $end = time() + 10;

    $http2->pump_for(0.01) until defined $answer->was_reset || time() > $end;
    return defined $answer->was_reset ? undef : 'not reset';
}

sub abuse_stream ($http2, $name, %how) {
    my $endpoint = $endpoints{$name};
    my $answer = $http2->open(path($endpoint), %how, unread => 1);

    if (defined $how{late}) {
        sleep 0.01;
        $http2->frame(Vstream::Http2::DATA, Vstream::Http2::END_STREAM,
            $answer->id, $how{late});
    }

    my $fault = $how{resets} ? reset_fault($http2, $answer)
        : fault_of($answer->read_header, $endpoint,
            wanted_status($endpoint, %how), $how{method} // 'GET');
    return $fault if defined $fault;

    $answer->cancel if $endpoint->{endless};

    my $next = $http2->open('/health');
    return 'the next stream: status ' . $next->status if $next->status != 200;
    return 'the next stream: a wrong body'
        if $next->content ne qq({"status":"alive"}\n);
    return;
}

fault_test('N10-abuse-http2' => sub {
    my $cases = 0;

    for my $abuse (@streams) {
        my ($what, %how) = @$abuse;
        my $http2 = Vstream::Http2->connect($nginx);

        $cases += try_all('HTTP/2', $what,
            sub ($name) { abuse_stream($http2, $name, %how) });
        $http2->close;
    }

    return figures($cases);
});


# Ends in each phase: so much of the request is sent, and so much of the answer
# is read, then the client is gone.
my @phases = (
    [ 'in the request line', sends => 9 ],
    [ 'in the header', sends => -7 ],
    [ 'in the body', lines => ['Content-Length: 50'], body => 'x' ],
    [ 'before the answer' ],
    [ 'within the answer', reads => 100 ],
    [ 'after much of it', reads => 3000 ],
);

my %ends = (
    'closed' => sub ($socket) { close $socket },
    'reset' => sub ($socket) {
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        $socket->isa('IO::Socket::SSL')
            ? $socket->close(SSL_no_shutdown => 1) : close $socket;
    },
    'half closed' => sub ($socket) { shutdown $socket, 1 },
);

my @half;

sub end_early ($name, $tls, $end, %how) {
    my $text = request_text(path($endpoints{$name}), %how);
    my $answer = Vstream::Viewer->connect($nginx, tls => $tls);

    $answer->write($how{sends} ? substr $text, 0, $how{sends} : $text);
    $answer->_fill(time() + 1)
        while length $answer->{raw} < ($how{reads} // 0)
            && !$answer->{closed} && $endpoints{$name}{endless};
    $ends{$end}->($answer->socket);
    push @half, $answer->socket if $end eq 'half closed';
    return;
}

sub end_stream_early ($name, $whole, $reads) {
    my $http2 = Vstream::Http2->connect($nginx);
    my ($id, $bytes) = $http2->request(path($endpoints{$name}));

    $http2->write($whole ? $bytes : substr $bytes, 0, 12);
    $http2->pump_for(0.02) if $reads;
    $http2->close;
    return;
}

fault_test('N10-early-close' => sub {
    my $cases = 0;
    my $descriptors = Vstream::Load::descriptors($worker);

    for my $end (sort keys %ends) {
        for my $phase (@phases) {
            my ($what, %how) = @$phase;

            $cases += try_all($_ ? 'TLS' : 'plain', "$end $what", sub ($name) {
                end_early($name, $_, $end, %how)
            }) for 0, 1;
        }
    }

    for my $phase ([ 'in a frame', 0, 0 ], [ 'before the answer', 1, 0 ],
        [ 'within the answer', 1, 1 ])
    {
        my ($what, @how) = @$phase;
        $cases += try_all('HTTP/2', "closed $what",
            sub ($name) { end_stream_early($name, @how) });
    }

    ok wait_for(sub { viewers() == 0 }), 'nobody is counted, though some have'
        . ' only closed their half';
    close $_ for splice @half;
    ok wait_for(sub {
        Vstream::Load::descriptors($worker) <= $descriptors + 2
    }, 8), 'no descriptor is left'
        or diag Vstream::Load::descriptors($worker) . " of $descriptors";

    return figures($cases);
});

finish();
