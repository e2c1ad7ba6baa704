# vstream_snapshot: the newest picture as one JPEG, conditional requests, the
# long poll, and when a snapshot makes demand.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $placeholder = Vstream::Jpeg->with_text('placeholder');
my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, server => <<"END");
    location /small/ {
        vstream_max_frame_size 2k;
        vstream_snapshot \$arg_camera;
    }
    location /away/ {
        vstream_placeholder @{[ write_file('away.jpg', $placeholder) ]};
        vstream_snapshot \$arg_camera;
    }
END


sub camera (%options) {
    state $n = 0;
    return Vstream::Camera->new($redis, 's' . ++$n, %options)->declare;
}

sub path ($camera, $query = '') {
    return '/live/' . (ref $camera ? $camera->id : $camera)
        . "/frame.jpg$query";
}

# Asks again where a busy machine kept Redis from answering in time.
sub get ($path, %headers) {
    for my $try (1 .. 10) {
        my $answer = $nginx->get($path, %headers);
        $answer->{content} //= '';
        return $answer if $answer->{content} !~ /cannot be reached/;
    }
}

# A request whose answer is read later.
sub ask ($path) {
    return Vstream::Viewer->open($nginx, $path, unread => 1);
}

sub took ($code) {
    my $began = time();
    $code->();
    return time() - $began;
}


# Its answer is looked at in the end: a long poll lasts 25 s.
my $quiet = camera()->add_still;
my $polled = ask(path($quiet, '?after=' . $quiet->frame_id));
my $poll_began = time();


subtest 'header and body' => sub {
    my $c = camera()->add_still(age_ms => 300);
    my $answer = get(path($c));
    my $h = $answer->{headers};

    is $answer->{status}, 200, 'status';
    is_bytes $answer->{content}, $c->jpeg, 'the still, byte by byte';
    is $h->{'content-type'}, 'image/jpeg', 'Content-Type';
    is $h->{'content-length'}, length $c->jpeg, 'Content-Length';
    is $h->{etag}, '"' . $c->frame_id . '"', 'ETag';
    is $h->{'cache-control'}, 'no-cache', 'Cache-Control';
    is $h->{'x-frame-seq'}, $c->seq, 'X-Frame-Seq';
    like $h->{'x-timestamp'}, qr/^\d{10}\.\d{6}$/, 'X-Timestamp';
    cmp_ok $h->{'x-frame-age-ms'}, '>=', 300, 'X-Frame-Age-Ms';
    cmp_ok $h->{'x-frame-age-ms'}, '<', 5000, 'but not too old';
    is $h->{'access-control-allow-origin'}, undef, 'no CORS';
    is $h->{'accept-ranges'}, undef, 'no ranges';

    $c->add_still;
    is_bytes get(path($c), Range => 'bytes=0-9')->{content}, $c->jpeg,
        'a range is not heard';

    $c->add_still(jpeg => Vstream::Jpeg->with_text('large', 3_000_000));
    is_bytes get(path($c))->{content}, $c->jpeg, '3 MB';

    for my $version ('1.0', '1.1') {
        for my $tls (0, 1) {
            $c->add_still(jpeg => Vstream::Jpeg->with_text('v', 400_000));
            my $v = Vstream::Viewer->open($nginx, path($c), tls => $tls,
                version => $version);
            is_bytes $v->content, $c->jpeg, "HTTP/$version, TLS: $tls";
        }
    }

    $c->add_still(jpeg => Vstream::Jpeg->with_text('h2', 400_000));
    open my $curl, '-|', qw(curl -sk --http2), $nginx->tls_url . path($c);
    is_bytes do { local $/; <$curl> }, $c->jpeg, 'HTTP/2';
};


subtest 'conditional requests' => sub {
    my $c = camera()->add_still;
    my $tag = '"' . $c->frame_id . '"';

    for my $case (
        [ $tag, 304 ], [ "W/$tag", 304 ], [ "\"1-1\", $tag", 304 ],
        [ '*', 304 ], [ '"1-1"', 200 ], [ $c->frame_id, 200 ],
        [ '"' . $c->epoch . '-2"', 200 ],
    ) {
        my ($value, $status) = @$case;
        my $answer;

        $answer = get(path($c), 'If-None-Match' => $value);
        is $answer->{status}, $status, "If-None-Match: $value";
        is $answer->{content}, '', 'no body' if $status == 304;
        is $answer->{headers}{etag}, $tag, 'its ETag';
    }

    $c->add_still;
    my $answer = get(path($c), 'If-None-Match' => $tag);
    is $answer->{status}, 200, 'a newer picture';
    is_bytes $answer->{content}, $c->jpeg, 'is sent';
};


subtest 'methods' => sub {
    my $c = camera()->add_still;
    my $v = Vstream::Viewer->open($nginx, path($c), method => 'HEAD');

    is $v->status, 200, 'HEAD';
    is $v->header('Content-Length'), length $c->jpeg, 'has the length';
    is $v->header('ETag'), '"' . $c->frame_id . '"', 'and the ETag';
    $v->request('/health');
    like $v->content, qr/alive/, 'but no body';

    is $nginx->request($_, path($c))->{status}, 405, "$_ is not allowed"
        for qw(POST PUT DELETE);
};


subtest 'long poll' => sub {
    my $c = camera()->add_still;
    my $first = $c->frame_id;

    my $v = ask(path($c, "?after=$first"));
    ok wait_for(sub { $c->watchers }), 'waiting makes demand';
    sleep 0.2;
    ok !$v->has_answer, 'nothing while there is nothing newer';
    $c->push_frame;
    my $after = took(sub { $v->read_header });
    is $v->status, 200, 'then the next one';
    is_bytes $v->content, $c->jpeg, 'as it came';
    is $v->header('ETag'), '"' . $c->frame_id . '"', 'with its ETag';
    cmp_ok $after, '<', 2, 'at once';

    $c->publish;
    my $newest = $c->jpeg;

    for my $case (
        [ $first, 'an older one' ], [ '1-1', 'an epoch of long ago' ],
        [ ($c->epoch - 1) . '-900', 'a lower epoch, a higher seq' ],
        [ ($c->epoch + 10) . '-1', 'an epoch that never was' ],
        [ '', 'empty' ], [ 'x', 'a letter' ], [ '1', 'a number' ],
        [ '-', 'a dash' ], [ '1-', 'half' ], [ '-1', 'the other half' ],
        [ '1-1-1', 'three' ], [ '%00', 'NUL' ], [ '0-0', 'zeros' ],
        [ '99999999999999999999-1', 'too large a number' ],
        [ 'x' x 3000, 'long' ], [ '%22%22', 'quotes' ], [ '%22', 'a quote' ],
        [ '%0d%0aX:%20y', 'CRLF' ],
    ) {
        my ($value, $what) = @$case;
        my ($answer, $seconds);

        $c->publish;
        sleep 0.02;
        $seconds = took(sub { $answer = get(path($c, "?after=$value")) });
        is $answer->{status}, 200, "after $what: answered";
        is_bytes $answer->{content}, $c->jpeg, 'with the newest';
        cmp_ok $seconds, '<', 1.4, 'at once';
    }

    for my $quote ('%22', '"') {
        $v = ask(path($c, "?after=$quote" . $c->frame_id . $quote));
        sleep 0.3;
        ok !$v->has_answer, "an id in quotes ($quote) is an id";
        $c->publish;
        is_bytes $v->read_header->content, $c->jpeg, 'and gets the next';
    }

    my @many = map { ask(path($c, '?after=' . $c->frame_id)) } 1 .. 50;
    wait_for(sub { $c->watchers });
    sleep 0.5;
    $c->publish;
    is scalar(grep { $_->read_header->content eq $c->jpeg } @many), 50,
        'fifty that wait get it';

    $v = ask(path($c, '?after=' . $c->frame_id));
    sleep 0.2;
    $v->close;
    ok wait_for(sub { $c->watchers == 0 }), 'one that leaves ends its demand';
};


subtest 'demand' => sub {
    my $c = camera()->add_still;
    my $answer = get(path($c));

    is $c->watchers, 0, 'a fresh still makes none';

    $c->add_still(age_ms => 1500);
    my $v = ask(path($c));
    ok wait_for(sub { $c->watchers }), 'one older than a second makes it';
    $c->push_frame;
    is_bytes $v->read_header->content, $c->jpeg, 'the fresh picture is sent';
    ok wait_for(sub { $c->watchers == 0 }), 'then it ends';

    my $old = camera()->add_still(age_ms => 60_000);
    my $seconds = took(sub { $answer = get(path($old)) });
    is_bytes $answer->{content}, $old->jpeg, 'nothing fresh comes: the old one';
    cmp_ok $answer->{headers}{'x-frame-age-ms'}, '>=', 60_000, 'with its age';
    cmp_ok $seconds, '>', 1.2, 'after a wait';
    cmp_ok $seconds, '<', 4, 'which is short';
};


subtest 'no picture' => sub {
    my $c = camera();
    my $answer = get(path($c));

    is $answer->{status}, 503, 'none yet';
    is $answer->{headers}{'retry-after'}, 1, 'Retry-After';
    like decode_json($answer->{content})->{detail}, qr/no picture/, 'told so';

    $answer = get('/away/?camera=' . $c->id);
    is $answer->{status}, 200, 'a placeholder';
    is_bytes $answer->{content}, $placeholder, 'byte by byte';
    is $answer->{headers}{$_}, undef, "no $_"
        for qw(etag x-timestamp x-frame-seq x-frame-age-ms);
    is $answer->{headers}{'cache-control'}, 'no-store', 'not to be kept';

    my $v = ask(path($c));
    wait_for(sub { $c->watchers });
    sleep 0.1;
    $c->push_frame;
    is_bytes $v->read_header->content, $c->jpeg, 'a first one is waited for';

    for my $fields (
        [ fence => 1 ], [ t => 1, w => 1, h => 1 ], [ jpeg => 'x' ],
        [ t => 'x', w => 1, h => 1, jpeg => 'x' ],
        [ t => -1, w => 1, h => 1, jpeg => 'x' ],
        [ t => 1, w => 1, h => 1, jpeg => '' ],
    ) {
        my $b = camera();
        $redis->command('XADD', $b->key('still'), '5-0', @$fields);
        is get(path($b))->{status}, 503, "an entry of @$fields is no still";
    }

    my $b = camera();
    $redis->command('SET', $b->key('still'), 'x');
    is get(path($b))->{status}, 503, 'nor is a string';
};


subtest 'refusals' => sub {
    is get(path('none'))->{status}, 404, 'unknown camera';
    is get(path($_))->{status}, 400, "bad id $_"
        for qw(* {a} a%0d%0ab -a), 'x' x 65;

    my $c = camera()->add_still(jpeg => Vstream::Jpeg->with_text('l', 3000));
    is get('/small/?camera=' . $c->id)->{status}, 503, 'above the bound';
    $c->publish(jpeg => Vstream::Jpeg->with_text('s', 2048));
    is get('/small/?camera=' . $c->id)->{status}, 200, 'at the bound';
};


subtest 'a long poll in vain' => sub {
    $polled->read_header(40);
    is $polled->status, 204, 'ends without content';
    cmp_ok time() - $poll_began, '>', 24, 'after 25 s';
    $polled->request('/health');
    like $polled->content, qr/alive/, 'the connection goes on';
};

like $nginx->access_log,
    qr{^GET /live/s2/frame\.jpg 200 \d+ camera=s2 frames=1}m,
    '$vstream_camera and $vstream_frames in the access log';

finish();
