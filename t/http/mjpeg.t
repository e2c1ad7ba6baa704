# vstream_mjpeg: header and framing, what a viewer gets and what it is spared,
# rates and bounds, refusals.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $placeholder = Vstream::Jpeg->with_text('placeholder');
my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, listen => 'reuseport',
    server => <<"END");
    location /slow/ { vstream_max_fps 5; vstream_mjpeg \$arg_camera; }
    location /few { vstream_max_viewers 4; vstream_mjpeg f; }
    location /small/ {
        vstream_max_frame_size 2k;
        vstream_mjpeg \$arg_camera;
    }
    location /away/ {
        vstream_placeholder @{[ write_file('away.jpg', $placeholder) ]};
        vstream_mjpeg \$arg_camera;
    }
END

my $problem = qr{^application/problem\+json$};


# A camera of a subtest's own, with a picture.
sub camera (%options) {
    state $n = 0;
    return Vstream::Camera->new($redis, 'c' . ++$n, %options)
        ->declare->add_still;
}

sub skipped ($camera, $reason) {
    return 'vstream_frames_skipped_total{camera="' . $camera->id
        . "\",reason=\"$reason\"}";
}

sub path ($camera) {
    return '/live/' . $camera->id . '/stream.mjpg';
}

sub viewer ($path, %options) {
    my $open = $options{unread} ? 'open' : 'watch';

    return Vstream::Viewer->$open($nginx, ref $path ? path($path) : $path,
        %options);
}

# Waits until all workers that these viewers are with get a camera's frames.
sub subscribed ($camera, @viewers) {
    my %workers = map { $_->worker => 1 } @viewers;

    return wait_for(sub { $camera->watchers == keys %workers });
}

sub seqs (@parts) {
    return map { $_->{headers}{'x-frame-seq'} } @parts;
}

sub is_rising (@numbers) {
    return !grep { $numbers[$_] <= $numbers[ $_ - 1 ] } 1 .. $#numbers;
}

sub is_problem ($answer, $status, $name, $detail = qr/./) {
    is $answer->{status}, $status, "$name: status $status";
    like $answer->{headers}{'content-type'}, $problem, "$name: problem+json";

    my $json = decode_json($answer->{content});

    is $json->{status}, $status, "$name: status in the body";
    like $json->{detail}, $detail, "$name: detail";
    is $json->{type}, 'about:blank', "$name: type";
}


# Checked again at the end: it takes seconds until it is noticed.
my $w = Vstream::Camera->new($redis, 'w')->declare->add_still;
my $of_withdrawn = viewer('/live/w/stream.mjpg');
my $w_next = Vstream::Camera->new($redis, 'w2')->declare->add_still;
my $of_kept = viewer('/live/w2/stream.mjpg');
$of_withdrawn->part;
$w->withdraw;


subtest 'header' => sub {
    my $c = camera();
    my $v = viewer($c);

    is $v->status, 200, 'status';
    like $v->header('Content-Type'),
        qr{^multipart/x-mixed-replace; boundary=[0-9a-f]{32}$},
        'Content-Type, with a boundary of 128 bits';
    is $v->header('Cache-Control'), 'no-store', 'Cache-Control';
    is $v->header('X-Accel-Buffering'), 'no', 'X-Accel-Buffering';
    is $v->header('Content-Length'), undef, 'no Content-Length';
    is $v->header('Transfer-Encoding'), 'chunked', 'chunked in HTTP/1.1';
    is $v->header('Access-Control-Allow-Origin'), undef, 'no CORS';

    my %boundaries = map { viewer($c)->boundary => 1 } 1 .. 20;
    is scalar keys %boundaries, 2, 'a boundary for each nginx worker';

    my $old = viewer($c, version => '1.0');
    is $old->status, 200, 'HTTP/1.0';
    is $old->header('Transfer-Encoding'), undef, 'not chunked in HTTP/1.0';
    is $old->header('Connection'), 'close', 'and closed at its end';
    is_bytes $old->new_part->{jpeg}, $c->jpeg, 'a picture by HTTP/1.0';
};


subtest 'parts' => sub {
    my $c = camera();
    my $v = viewer($c);
    my $part = $v->part;

    is_bytes $part->{jpeg}, $c->jpeg, 'the still is the first picture';

    subscribed($c, $v);
    $c->push_frame(age_ms => 120);
    $part = $v->new_part;

    is_bytes $part->{jpeg}, $c->jpeg, 'a frame, byte by byte';
    is_deeply [ sort keys %{ $part->{headers} } ],
        [ qw(content-length content-type x-camera x-frame-age-ms x-frame-id
            x-frame-seq x-timestamp) ], 'its header fields';
    is $part->{headers}{'content-type'}, 'image/jpeg', 'Content-Type';
    like $part->{headers}{'x-timestamp'}, qr/^\d{10}\.\d{6}$/, 'X-Timestamp';
    cmp_ok abs(time() - 0.12 - $part->{headers}{'x-timestamp'}), '<', 2,
        'X-Timestamp in seconds';
    is $part->{headers}{'x-frame-seq'}, $c->seq, 'X-Frame-Seq';
    is $part->{headers}{'x-frame-id'}, $c->frame_id, 'X-Frame-Id';
    is $part->{headers}{'x-camera'}, $c->id, 'X-Camera';
    cmp_ok $part->{headers}{'x-frame-age-ms'}, '>=', 120, 'X-Frame-Age-Ms';
    cmp_ok $part->{headers}{'x-frame-age-ms'}, '<', 2000, 'but not too old';

    my $before = $part->{headers}{'x-frame-age-ms'};
    my $came = $part->{came};
    $part = $v->part;
    is $part->{headers}{'x-frame-id'}, $c->frame_id,
        'without a new frame the last one comes again';
    cmp_ok $part->{came} - $came, '>', 1.7, 'after 2 s';
    cmp_ok $part->{headers}{'x-frame-age-ms'}, '>', $before + 1700,
        'with its true age';

    for my $size (1, 10_000, 100_000, 1_000_000, 8_000_000) {
        $c->push_frame(jpeg => Vstream::Jpeg->with_text("s$size", $size));
        is_bytes $v->new_part->{jpeg}, $c->jpeg, "a frame of $size bytes";
    }

    $c->push_frame(jpeg => 'x' x (8 * 1024 * 1024 + 1));
    $c->push_frame;
    is_bytes $v->new_part->{jpeg}, $c->jpeg, 'one above 8 MiB is left out';
};


subtest 'TLS' => sub {
    my $c = camera();
    for my $version ('1.0', '1.1') {
        my $v = viewer($c, tls => 1, version => $version);
        subscribed($c, $v);
        $v->part;
        $c->push_frame(jpeg => Vstream::Jpeg->with_text('tls', 300_000));
        is_bytes $v->new_part->{jpeg}, $c->jpeg, "HTTP/$version over TLS";
    }
};


subtest 'HTTP/2' => sub {
    my $c = camera();
    my $file = folder() . '/h2';
    my $url = $nginx->tls_url . path($c);
    my $pid = open my $curl, '-|', qw(curl -sk --http2 -N --max-time 2
        -o), $file, '-w', '%{http_version} %{http_code} %{content_type}', $url;

    wait_for(sub { -s $file });
    wait_for(sub { $c->watchers });
    my @sent = map { $c->push_frame; sleep 0.1; $c->jpeg } 1 .. 5;
    my $said = <$curl>;
    close $curl;
    my ($version, $status, $type) = split / /, $said, 3;

    is $version, 2, 'spoken';
    is $status, 200, 'status';

    open my $in, '<:raw', $file;
    my $v = Vstream::Viewer->of_bytes($type, do { local $/; <$in> });
    my @got = map { $_->{jpeg} } $v->parts;
    shift @got;
    my @names = map { Vstream::Jpeg->text($_) } @got;
    is_deeply \@names, [ map { Vstream::Jpeg->text($_) } @sent ],
        'all frames, in order';
    ok !(grep { $got[$_] ne $sent[$_] } 0 .. $#sent), 'byte by byte';
};


subtest 'methods' => sub {
    my $c = camera();
    my $v = viewer($c, method => 'HEAD');
    is $v->status, 200, 'HEAD';
    like $v->header('Content-Type'), qr{^multipart/}, 'HEAD has the header';
    $v->request('/health');
    is $v->status, 200, 'and nothing behind it';
    like $v->content, qr/alive/, 'the connection goes on';

    is viewer('/live/none/stream.mjpg', method => 'HEAD')->status, 404,
        'HEAD of an unknown camera';

    for my $method (qw(POST PUT DELETE PATCH OPTIONS)) {
        my $answer = $nginx->request($method, path($c));
        is_problem $answer, 405, $method;
        is $answer->{headers}{allow}, 'GET, HEAD', "$method: Allow";
    }

    $v = viewer($c, headers => [ 'Content-Length: 5' ], unread => 1);
    $v->write('hello');
    is $v->read_header->status, 200, 'a GET with a body';
    is_bytes $v->new_part->{jpeg}, $c->jpeg, 'which is passed over';
};


subtest 'early headers for browsers' => sub {
    my $c = camera();
    my $early = "\r\nContent-Type: image/jpeg\r\n\r\n";

    for my $case (
        [ '?advance=1', 'asked for', 1 ],
        [ '', 'an <img>', 1, 'Sec-Fetch-Dest: image' ],
        [ '', 'an <img> of old', 1, 'Accept: image/avif,image/*,*/*;q=0.8' ],
        [ '?advance=0', 'an <img> that does not want it', 0,
            'Sec-Fetch-Dest: image' ],
        [ '', 'a program', 0, 'Accept: */*' ],
        [ '', 'a page', 0, 'Sec-Fetch-Dest: document' ],
        [ '', 'fetch()', 0, 'Accept: image/jpeg', 'Sec-Fetch-Dest: empty' ],
        [ '', 'fetch(), the other way', 0, 'Sec-Fetch-Dest: empty',
            'Accept: image/jpeg' ],
        [ '?advance=1', 'asked for by a program', 1, 'Accept: */*' ],
    ) {
        my ($query, $who, $wanted, @headers) = @$case;
        $c->publish;
        sleep 0.02;
        my $v = viewer(path($c) . $query, headers => \@headers);
        my $delimiter = '--' . $v->boundary;

        if (!$wanted) {
            ok $v->part->{headers}{'content-length'}, "$who: full headers";
            next;
        }

        my $block = $delimiter . $early;
        my $expected = $block . $c->jpeg . "\r\n$block";

        is_bytes $v->bytes(length $expected), $expected,
            "$who: first part and the next header";

        subscribed($c, $v);
        $c->push_frame;
        $expected = $c->jpeg . "\r\n$block";
        is_bytes $v->bytes(length $expected), $expected,
            "$who: one more part and the next header";
    }
};


subtest 'rates' => sub {
    my $c = camera();
    my $rounds = 75;
    my $slow = '/slow/?camera=' . $c->id;
    my %viewers = (
        all => viewer($c), five => viewer(path($c) . '?fps=5'),
        half => viewer(path($c) . '?fps=12.5'),
        lowest => viewer("$slow&fps=12"), lower => viewer("$slow&fps=2"),
        limited => viewer($slow),
    );

    $_->part for values %viewers;
    subscribed($c, values %viewers);

    my $begin = time();

    for my $i (1 .. $rounds) {
        sleep $begin + $i / 25 - time() if $begin + $i / 25 > time();
        $c->push_frame;
    }

    my $took = time() - $begin;
    my %got = map { $_ => [ seqs($viewers{$_}->parts(0.2)) ] } keys %viewers;

    for my $case (
        [ all => 25 ], [ five => 5 ], [ half => 12.5 ], [ lowest => 5 ],
        [ lower => 2 ], [ limited => 5 ],
    ) {
        my ($name, $fps) = @$case;
        my $n = @{ $got{$name} };

        cmp_ok $n, '>=', int($fps * $took * 0.8) - 1,
            "$name: $n frames, enough";
        cmp_ok $n, '<=', $fps * $took * 1.1 + 1, "$name: and not too many";
        ok is_rising(@{ $got{$name} }), "$name: in order";
    }

    for my $fps ('0', '-1', 'x', '', '1001', '0.001', '1e3', '5%00') {
        is_problem $nginx->get(path($c) . "?fps=$fps"), 400,
            "fps=$fps", qr/0\.01 to 1000/;
    }
};


subtest 'what is too large' => sub {
    my $c = camera();
    my $small = viewer('/small/?camera=' . $c->id);
    my $any = viewer($c);

    $small->part;
    $any->part;
    subscribed($c, $small, $any);

    my $sample = skipped($c, 'large');
    my $before = $nginx->metric($sample);

    $c->push_frame(jpeg => Vstream::Jpeg->with_text('at limit', 2048));
    is_bytes $small->new_part->{jpeg}, $c->jpeg, 'at the limit: sent';
    $c->push_frame(jpeg => Vstream::Jpeg->with_text('above', 2053));
    my $large = $c->jpeg;
    sleep 0.1;
    $c->push_frame;

    is_bytes $small->new_part->{jpeg}, $c->jpeg, 'above: the next one is sent';
    is $nginx->metric($sample), $before + 1, 'and it is counted';
    $any->new_part;
    is_bytes $any->new_part->{jpeg}, $large, 'other viewers get it';
};


subtest 'viewers are bounded over all workers' => sub {
    my $f = Vstream::Camera->new($redis, 'f')->declare->add_still;
    my ($one, $two) = $nginx->new_workers;
    my @viewers = map { Vstream::Viewer->open_at($nginx, $_, '/few') }
        $one, $two, $one, $two;

    is_deeply [ map { $_->status } @viewers ], [ (200) x 4 ], 'four may look';
    $_->part for @viewers;
    is $nginx->metric('vstream_viewers{camera="f"}'), 4, 'four are counted';

    for my $worker ($one, $two) {
        my $v = Vstream::Viewer->open_at($nginx, $worker, '/few');
        is $v->status, 503, 'the fifth may not';
        is $v->header('Retry-After'), 1, 'Retry-After';
        like $v->content, qr/as many viewers as it may have/, 'and is told';
    }

    (shift @viewers)->close;
    ok wait_for(sub { $nginx->metric('vstream_viewers{camera="f"}') == 3 }),
        'one leaves';
    is Vstream::Viewer->open_at($nginx, $two, '/few')->status, 200,
        'another may come';

    is viewer('/live/f/stream.mjpg')->status, 200, 'each location its bound';
};


subtest 'no picture yet' => sub {
    my $c = camera();
    my $n = Vstream::Camera->new($redis, 'n')->declare;
    my $began = time();
    my $answer = $nginx->get('/live/n/stream.mjpg');

    is_problem $answer, 503, 'none', qr/no picture of this camera yet/;
    is $answer->{headers}{'retry-after'}, 1, 'Retry-After';
    cmp_ok time() - $began, '<', 5, 'after a short wait';

    wait_for(sub { $n->watchers == 0 });
    my $v = viewer('/live/n/stream.mjpg', unread => 1);
    ok wait_for(sub { $n->watchers }), 'the wait makes demand';
    $n->push_frame;
    is $v->read_header->status, 200, 'a first frame is waited for';
    is_bytes $v->new_part->{jpeg}, $n->jpeg, 'and sent';

    my $p = Vstream::Camera->new($redis, 'p')->declare;
    $v = viewer('/away/?camera=p');
    is $v->status, 200, 'with a placeholder: at once';
    my $part = $v->part;
    is_bytes $part->{jpeg}, $placeholder, 'the placeholder first';
    is_deeply [ sort keys %{ $part->{headers} } ],
        [ qw(content-length content-type x-camera) ],
        'which has no time and no number';
    subscribed($p, $v);
    $p->push_frame;
    is_bytes $v->new_part->{jpeg}, $p->jpeg, 'then the camera';

    $c->publish;
    sleep 0.05;
    is_bytes viewer('/away/?camera=' . $c->id)->part->{jpeg}, $c->jpeg,
        'no placeholder where there is a picture';
    is $nginx->get('/away/?camera=none')->{status}, 404,
        'nor for an unknown camera';
};


subtest 'ids' => sub {
    my $c = camera();
    my $monitor = $redis->connect;
    $monitor->command('MONITOR');

    is_problem $nginx->get('/live/none/stream.mjpg'), 404, 'unknown',
        qr/no such camera/;
    is_problem $nginx->get('/live/' . 'x' x 64 . '/stream.mjpg'), 404,
        '64 bytes';

    for my $id ('x' x 65, 'x' x 4000, '*', '{a}', '%7ba%7d', '%7Ba', 'a}', '_',
        '-a', '.a', 'a%20b', 'a%0d%0aSET%20x%20y%0d%0a', 'a%0a', '%0aa', 'a%09',
        'a%7f', 'a%ff', '%c3%b6', 'a%2a', 'a:b', 'a%22', "a'", 'a%5c', 'a,b',
        'a%25', '%2525', 'a*', '?a', 'a%3f', '$arg_x', '%24{x}')
    {
        my $v = viewer("/live/$id/stream.mjpg");
        my $status = $v->status;

        if ($id eq '?a') {
            is $status, 404, 'a query is no id';
            next;
        }

        is $status, 400, 'refused: ' . substr $id, 0, 40;
        like $v->header('Content-Type'), $problem, 'by a problem';
        unlike $v->content, qr/\Q$id\E/, 'which does not repeat it'
            if length $id > 2;
    }

    is viewer('/live/a%00/stream.mjpg')->status, 400, 'NUL';
    is viewer("/live/a\0b/stream.mjpg")->status, 400, 'a raw NUL';
    isnt viewer('/live/a%2fb/stream.mjpg')->status, 200, 'a slash';
    isnt viewer('/live/%2e%2e/stream.mjpg')->status, 200, 'two dots';
    is viewer('/live/%63' . substr($c->id, 1) . '/stream.mjpg')->status, 200,
        'a letter, encoded';

    my @seen;
    $redis->command('ECHO', 'end of test');

    while ((my $line = $monitor->reply) !~ /end of test/) {
        push @seen, $line =~ /"((?:[^"\\]|\\.)*)"/g;
    }

    my @strange = grep {
        !/^vs:\{_\}:(?:cameras|set:nginx)$/
            && !/^vs:\{(?:[a-z]\d*|none|x{64})\}:(?:frame|still)$/
            && !/^(?:[A-Z]+|none|x{64}|[a-z]\d*|\+|-|1)$/
    } @seen;

    is_deeply \@strange, [], 'Redis has seen none of them';
};


subtest 'a picture that holds a boundary' => sub {
    my $c = camera();
    my $v = viewer($c);
    my $boundary = $v->boundary;
    my $sent = 6;

    $v->part;
    subscribed($c, $v);

    # Its own boundary cannot be guessed; length and boundary agree anyhow.
    for my $text ("\r\n--frame\r\n", "\r\n--" . 'ab' x 16 . "\r\n", "\r\n--",
        "\r\n--\r\n\r\n", "--frame--\r\n", "\r\nContent-Length: 1\r\n\r\n")
    {
        $c->push_frame(jpeg => Vstream::Jpeg->with_text(
            $text . "Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xd9\r\n"));
        sleep 0.05;
    }

    my @parts = $v->parts;
    is @parts, $sent, 'as many parts as were sent';
    is_bytes $parts[-1]{jpeg}, $c->jpeg, 'the last one as it was';

    my $d = camera();
    my $raw = viewer($d, version => '1.0');
    subscribed($d, $raw);
    $d->push_frame(jpeg => Vstream::Jpeg->with_text("\r\n--frame\r\n\r\n"));
    sleep 0.3;
    my $delimiter = '--' . $raw->boundary . "\r\n";
    my $n = () = $raw->available =~ /\Q$delimiter\E/g;
    is $n, 2, 'also for those who look for the boundary only';
};


subtest 'epochs' => sub {
    my $c = camera();
    my $e = Vstream::Camera->new($redis, 'e', epoch => 5000)->declare;
    my $late = Vstream::Camera->new($redis, 'e', epoch => 4999, seq => 900);
    my $next = Vstream::Camera->new($redis, 'e', epoch => 6000);
    my $sample = skipped($e, 'stale_owner');

    $e->add_still;
    my $v = viewer('/live/e/stream.mjpg');
    $v->part;
    subscribed($e, $v);

    $e->push_frame;
    is_bytes $v->new_part->{jpeg}, $e->jpeg, 'the owner';
    my $owners = $e->jpeg;

    $late->push_frame for 1 .. 3;
    is $v->new_part(0.2), undef, 'a former owner is not heard';
    is $nginx->metric($sample), 3, 'but counted';

    $e->{seq} -= 2;
    $e->push_frame;
    is $v->new_part(0.2), undef, 'nor is an older seq';
    $e->push_frame;
    is $v->new_part(0.2), undef, 'nor the same one';
    $e->push_frame;
    is_bytes $v->new_part->{jpeg}, $e->jpeg, 'the next seq is';

    $next->push_frame;
    is_bytes $v->new_part->{jpeg}, $next->jpeg, 'a new owner is';
    $e->push_frame;
    is $v->new_part(0.2), undef, 'then the former one no more';
    $next->push_frame;
    is_bytes $v->new_part->{jpeg}, $next->jpeg, 'the new one goes on';
};


subtest 'what is no frame' => sub {
    my $c = camera();
    my $g = Vstream::Camera->new($redis, 'g')->declare->add_still;
    my $v = viewer('/live/g/stream.mjpg');
    $v->part;
    subscribed($g, $v);

    my $errors = $nginx->metric('vstream_redis_errors_total');
    my @lines = ('', "\n", "x y z w h\n", "1 2 3\n", "-1 1 1 1 1\n",
        "01 1 1 1 1\n", "1  1 1 1 1\n", '9' x 200 . "\n",
        "99999999999999999999 1 1 1 1\n", "1 1 1 1 1\r\n", "\0 1 1 1 1\n");

    $g->push_frame(line => $_) for @lines;
    $g->push_frame(jpeg => '');
    is $v->new_part(0.3), undef, 'nothing is sent';
    is $nginx->metric('vstream_redis_errors_total'), $errors + @lines + 1,
        'all are counted';

    $redis->command('SPUBLISH', 'vs:{g}:frame:small', $g->line . 'x');
    $g->push_frame;
    is_bytes $v->new_part->{jpeg}, $g->jpeg, 'the next frame comes';
};


subtest 'the newest wins' => sub {
    my $c = camera();
    my $v = viewer($c);
    $v->part;
    subscribed($c, $v);

    my $sample = skipped($c, 'overtaken');
    my $before = $nginx->metric($sample);
    my $client = $redis->connect;
    my @commands = map {
        $c->{seq}++;
        [ 'SPUBLISH', $c->key('frame'), $c->line . $c->picture ]
    } 1 .. 100;

    $client->command('MULTI');
    $client->send_command(@$_) for @commands;
    $client->reply for @commands;
    $client->command('EXEC');

    my @seqs = seqs($v->parts);
    is $seqs[-1], $c->seq, 'the last frame of a burst is sent';
    cmp_ok scalar @seqs, '<', 100, 'not all of them';
    ok is_rising(@seqs), 'in order';
    is $nginx->metric($sample) - $before, 100 - @seqs, 'the rest is counted';
};


subtest 'nobody watches' => sub {
    my $u = Vstream::Camera->new($redis, 'u')->declare->add_still;
    my @viewers = map { viewer('/live/u/stream.mjpg') } 1 .. 8;

    $_->part for @viewers;
    subscribed($u, @viewers);
    cmp_ok $u->watchers, '<=', 2, 'one subscription per worker';
    is $nginx->metric('vstream_viewers{camera="u"}'), 8, 'eight viewers';
    $_->close for @viewers;
    ok wait_for(sub { $u->watchers == 0 }), 'they leave, and demand ends';
    is $nginx->metric('vstream_viewers{camera="u"}'), 0, 'no viewer';
};


subtest 'the access log' => sub {
    my $c = camera();
    my $log = $nginx->access_log;
    like $log,
        qr{^GET /live/(c\d+)/stream\.mjpg 200 \d+ camera=\1 frames=[1-9]}m,
        '$vstream_camera and $vstream_frames in the access log';
    like $log, qr{^GET /live/none/stream\.mjpg 404 \d+ camera=none frames=0}m,
        'of a camera that is unknown';
    like $log, qr{^GET /health 200 \d+ camera=- frames=-}m,
        'nothing where there is no camera' if $log =~ m{GET /health};
};


subtest 'a camera that is withdrawn' => sub {
    my $began = time();

    while ($of_withdrawn->part(12)) {
    }

    ok $of_withdrawn->complete, 'its stream ends with the closing boundary';
    is $nginx->metric('vstream_viewers_closed_total{reason="camera_gone"}'), 1,
        'and is counted';
    is $nginx->get('/live/w/stream.mjpg')->{status}, 404, 'then 404';
    ok $of_kept->part, 'others go on';
};

finish();
