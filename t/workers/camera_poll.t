#!/usr/bin/perl

# http: that answers with a single JPEG: asked for again and again, and only
# for what is new; passwords, redirects, limits and all sorts of answers.

use v5.36;

use Digest::MD5 qw(md5_hex);
use FindBin;
use IO::Socket::SSL;
use IO::Socket::SSL::Utils;
use Time::HiRes qw(sleep time);
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $secret = 's3cr:t/%p@ss';
my $quoted = 's3cr%3At%2F%25p%40ss';
my $jpegs = clip('moving.mjpeg', qw(-f lavfi -i
    testsrc2=size=640x360:rate=20:duration=4 -c:v mjpeg -q:v 4));
my @pictures = do {
    open my $file, '<:raw', $jpegs or die "$jpegs: $!";
    local $/;
    <$file> =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg;
};


sub camera ($server, %options) {
    my $path = delete $options{path} // '/snap.jpg';
    my $user = delete $options{user} // '';
    my $host = delete $options{host} // '127.0.0.1';

    return Vstream::Driver::start_drive(
        "http://$user$host:" . $server->port . $path, folder => $folder,
        watch => 0, frames => 1, %options);
}

# Adds a line to a file that all processes of a test share.
sub note_down ($name, $line) {
    open my $file, '>>', "$folder/$name" or die "$name: $!";
    syswrite $file, "$line\n";
}

sub noted ($name) {
    my @lines;

    if (open my $file, '<', "$folder/$name") {
        chomp(@lines = <$file>);
    }

    return @lines;
}

# A camera: answers each request on a connection with what `answer` returns
# for its text and number: status line and headers, and a body.
sub http ($name, $answer, $address = '127.0.0.1') {
    my $n = 0;

    return server(sub ($client) {
        note_down("$name.connections", 1);

        while ((my $request = Vstream::Driver::request($client)) ne '') {
            note_down("$name.requests", time . ' ' . $request =~ s/\r\n/|/gr);

            my ($head, $body) = $answer->($request, $n++) or return;

            print $client "HTTP/1.1 $head\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body" or return;
        }
    }, $address);
}

sub picture ($n) {
    return ("200 OK\r\nContent-Type: image/jpeg",
        $pictures[ $n % @pictures ]);
}


my $fast = http('fast', sub ($request, $n) { picture($n) });
my $still = http('etag', sub ($request, $n) {
    # a new picture after every fourth request
    my $tag = int($n / 4);

    return ("304 Not Modified\r\nETag: \"v$tag\"", '')
        if $request =~ /If-None-Match: "v$tag"\r/;
    return ("200 OK\r\nContent-Type: image/jpeg\r\nETag: \"v$tag\"",
        $pictures[$tag]);
});
my $dated = http('dated', sub ($request, $n) {
    my $date = 'Sun, 29 Nov 2026 10:00:00 GMT';

    return ('304 Not Modified', '')
        if $request =~ /If-Modified-Since: \Q$date\E\r/i;
    return ("200 OK\r\nContent-Type: image/jpeg\r\nLast-Modified: $date",
        $pictures[3]);
});
my @cameras = (
    camera($fast, seconds => 3, configure => { interval_ms => 200 }),
    camera($still, seconds => 4, configure => { interval_ms => 200 }),
    camera($dated, seconds => 6, configure => { interval_ms => 500 }),
);

subtest 'asked for every 200 ms' => sub {
    my $camera = $cameras[0]->finish;
    my %known = map { $_ => 1 } @pictures;
    my $live = $camera->live;

    is $camera->reason, '', 'goes on';
    is_deeply $camera->stream,
        { codec => 'mjpeg', width => 640, height => 360 }, 'what it is';
    cmp_ok $live, '>=', 10, "pictures: $live";
    cmp_ok $live, '<=', 16, 'and no more';
    is scalar(grep { !$known{ $camera->jpeg($_->{n}) } } $camera->frames), 0,
        'byte for byte';
    is scalar(noted('fast.connections')), 1, 'over one connection';
};

subtest 'only what is new' => sub {
    my $camera = $cameras[1]->finish;
    my @requests = noted('etag.requests');
    my @live = $camera->live;

    is $camera->reason, '', 'goes on';
    cmp_ok scalar(@requests), '>=', 15, 'requests: ' . @requests;
    cmp_ok abs(@live - @requests / 4), '<=', 2, 'pictures: ' . @live;
    is scalar(grep { !/\|If-None-Match: "v\d+"\|/ } @requests[1 .. $#requests]),
        0, 'each tells what is known';
};

subtest 'a picture by its type alone' => sub {
    my $server = http('cgi', sub ($request, $n) { picture($n) });
    my $camera = camera($server, path => '/snapshot.cgi?channel=1',
        seconds => 2, configure => { interval_ms => 200 })->finish;

    is $camera->reason, '', 'goes on';
    cmp_ok scalar($camera->live), '>=', 5, 'is asked for again';
};

subtest 'an answer without news is a sign of life' => sub {
    my $camera = $cameras[2]->finish;
    my $heard = $camera->counts->{heard};

    is $camera->reason, '', 'it does not stall';
    is scalar($camera->live), 1, 'one picture';
    is $camera->counts->{units}, 1, 'one access unit';
    cmp_ok $heard - ($camera->live)[0]{t}, '>', 4e6, 'heard of since';
};

subtest 'passwords' => sub {
    my $realm = 'realm="cam"';
    my $digest = http('digest', sub ($request, $n) {
        my %field = $request =~ /(\w+)="?([^",\r]+)/g;
        my ($uri) = $request =~ /^GET (\S+)/;
        my $want = md5_hex(join ':', md5_hex("admin:cam:$secret"), 'n0nce',
            $field{nc} // '', $field{cnonce} // '', 'auth',
            md5_hex("GET:$uri"));

        return picture($n) if ($field{response} // '') eq $want;
        return ("401 No\r\nWWW-Authenticate: Digest $realm, nonce=\"n0nce\", "
            . 'qop="auth"', '');
    });
    my $basic = http('basic', sub ($request, $n) {
        my ($given) = $request =~ /Authorization: Basic (\S+)/;

        require MIME::Base64;
        return picture($n)
            if MIME::Base64::decode($given // '') eq "admin:$secret";
        return ("401 No\r\nWWW-Authenticate: Basic $realm", '');
    });
    my %servers = (digest => $digest, basic => $basic);
    my %started;

    for (sort keys %servers) {
        $started{$_} = [ camera($servers{$_}, user => "admin:$quoted\@",
            seconds => 2, configure => { secrets => $secret,
                interval_ms => 300 }) ];
    }

    for (sort keys %servers) {
        my ($right) = @{ $started{$_} };
        my $live = $right->finish->live;
        my @requests = noted("$_.requests");

        is $right->reason, '', "$_: the right one";
        cmp_ok $live, '>=', 4, "pictures: $live";
        cmp_ok scalar(@requests), '<=', $live + 2,
            'and hardly more requests: ' . @requests;
    }

    for (sort keys %servers) {
        my $wrong = camera($servers{$_}, user => "admin:wrong-$quoted\@",
            configure => { secrets => "wrong-$secret" });
        my $none = camera($servers{$_});

        is $wrong->finish->reason, 'auth_failed', "$_: a wrong one";
        is $none->finish->reason, 'auth_failed', "$_: none";
        unlike $_->text, qr/s3cr|\Q$quoted\E/, 'no secret is told'
            for $started{$_}[0], $wrong;
    }
};

subtest 'what can go wrong' => sub {
    my $n = 0;
    my %answers = (401 => 'auth_failed', 403 => 'auth_failed',
        404 => 'not_found', 400 => 'protocol_error', 410 => 'protocol_error',
        500 => 'protocol_error', 503 => 'protocol_error',
        204 => 'protocol_error');
    my %started = map {
        my $status = $_;
        my $server = http("s$status", sub ($request, $n) {
            return ("$status Text", '');
        });
        $status => [ $server, camera($server) ];
    } sort keys %answers;

    is $started{$_}[1]->finish->reason, $answers{$_}, "answer $_"
        for sort keys %started;

    my $nobody = bless { port => Vstream::Process::free_port() },
        'Vstream::Driver';
    is camera($nobody)->finish->reason, 'refused', 'nobody listens';

    my $html = camera(http('html', sub ($request, $n) {
        return ("200 OK\r\nContent-Type: text/html", '<html>' x 100);
    }))->finish;
    is $html->reason, 'protocol_error', 'a web page';
    like $html->detail, qr{text/html where a JPEG}, $html->detail;

    is drive('http://nowhere.invalid/a.jpg', folder => $folder)->reason,
        'dns_failed', 'a name that does not resolve';

    my $silent = server(sub ($client) {
        Vstream::Driver::request($client);
        sleep 20;
    });
    my $camera = camera($silent, seconds => 6,
        configure => { connect_timeout_ms => 1500 })->finish;
    is $camera->reason, 'timeout', 'no answer';
    cmp_ok $camera->failed_at, '<', 4000, 'in time: ' . $camera->failed_at;

    my $stops = http('stops', sub ($request, $n) {
        sleep 20 if $n > 2;
        return picture($n);
    });
    $camera = camera($stops, seconds => 8, configure => { interval_ms => 100,
        connect_timeout_ms => 1500 })->finish;
    like $camera->reason, qr/^(stalled|timeout)$/, 'it stops to answer';
    cmp_ok $camera->failed_at, '<', 6500, 'in time: ' . $camera->failed_at;

    my $cuts = http('cuts', sub ($request, $n) {
        return if $n > 2;
        return picture($n);
    });
    is camera($cuts, configure => { interval_ms => 100 })->finish->reason,
        'protocol_error', 'it closes instead of answering';
};

subtest 'limits' => sub {
    my $server = http('limits', sub ($request, $n) { picture(0) });
    my $length = length $pictures[0];
    my %want = ("max_frame_bytes $length" => '',
        'max_frame_bytes ' . ($length - 1) => 'too_large',
        'max_pixels ' . 640 * 360 => '',
        'max_pixels ' . (640 * 360 - 1) => 'too_large');

    for (sort keys %want) {
        my ($name, $value) = split;

        is camera($server, seconds => 1,
            configure => { $name => $value })->finish->reason, $want{$_}, $_;
    }

    my $endless = server(sub ($client) {
        Vstream::Driver::request($client);
        print $client "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n";
        print $client "\xff\xd8\xff" . 'x' x 1048576 or return for 1 .. 400;
    });
    is camera($endless, seconds => 8)->finish->reason, 'too_large',
        'a picture without end';

    my $heads = server(sub ($client) {
        Vstream::Driver::request($client);
        print $client "HTTP/1.1 200 OK\r\n";
        print $client 'X-Long: ' . 'x' x 10000 . "\r\n" or return
            for 1 .. 4000;
    });
    my $camera = camera($heads, seconds => 8)->finish;
    is $camera->reason, 'protocol_error', 'a head without end';
    ok $camera->ended_well, 'the camera process leaves by itself';

    my $tag = http('tag', sub ($request, $n) {
        return ("200 OK\r\nETag: \"" . 'e' x (254 - 1 + $n) . '"',
            $pictures[0]);
    });
    camera($tag, seconds => 1.5, configure => { interval_ms => 500 })->finish;
    my @requests = noted('tag.requests');
    like $requests[1], qr/\|If-None-Match: "e{253}"\|/, 'a tag of 255 bytes';
    unlike $requests[2], qr/If-None-Match/, 'one of 256 is none';
};

subtest 'redirects' => sub {
    my $target = http('target', sub ($request, $n) { picture($n) });
    my $port = $target->port;
    my $redirect = sub ($location) {
        return http("to$port", sub ($request, $n) {
            return ("302 Moved\r\nLocation: $location", '');
        }, '127.0.0.2');
    };
    my $denied = $redirect->("http://127.0.0.1:$port/x");
    my $camera = camera($denied, host => '127.0.0.2',
        configure => { allow => '127.0.0.2/32' })->finish;

    is $camera->reason, 'source_denied', 'to 127.0.0.1';
    like $camera->detail, qr/127\.0\.0\.1 port $port/, 'names it';
    is scalar(noted('target.requests')), 0, 'no request went there';

    $camera = camera($denied, host => '127.0.0.2',
        user => "admin:$quoted\@")->finish;
    is $camera->reason, '', 'to where it may go';
    cmp_ok scalar($camera->live), '>=', 2, 'is followed';
    is scalar(grep { /Authorization/i } noted('target.requests')), 0,
        'without the password';

    $camera = camera($redirect->('/again.jpg'), host => '127.0.0.2')->finish;
    is $camera->reason, 'protocol_error', 'in a circle';

    for ("file:$jpegs", "rtsp://127.0.0.2:$port/x", 'gopher://127.0.0.2/x',
        'file:///etc/passwd') {
        $camera = camera($redirect->($_), host => '127.0.0.2', seconds => 2,
            configure => { file_roots => '/' })->finish;
        isnt $camera->reason, '', "to $_: " . $camera->reason;
        is scalar($camera->frames), 0, 'no picture';
    }
};

subtest 'https' => sub {
    my ($ca, $ca_key) = IO::Socket::SSL::Utils::CERT_create(CA => 1,
        subject => { commonName => 'Test authority' });
    my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(
        subject => { commonName => '127.0.0.1' }, issuer => [ $ca, $ca_key ],
        subjectAltNames => [ [ IP => '127.0.0.1' ] ]);
    my $server = server(sub ($client) {
        IO::Socket::SSL->start_SSL($client, SSL_server => 1,
            SSL_cert => $cert, SSL_key => $key) or return;

        while (Vstream::Driver::request($client) ne '') {
            print $client "HTTP/1.1 200 OK\r\nContent-Length: "
                . length($pictures[0]) . "\r\n\r\n$pictures[0]";
        }
    });
    my $url = 'https://127.0.0.1:' . $server->port . '/x.jpeg';

    IO::Socket::SSL::Utils::PEM_cert2file($ca, "$folder/ca.pem");

    my $camera = drive($url, folder => $folder);
    is $camera->reason, 'protocol_error', 'from nobody that is trusted';
    like $camera->detail, qr/certificate is not trusted/, $camera->detail;

    $camera = drive($url, folder => $folder,
        configure => { ca_file => "$folder/ca.pem" });
    is $camera->reason, '', 'from somebody that is'
        or diag $camera->detail;
    cmp_ok scalar($camera->stills), '>=', 1, 'pictures';
};

finish();
