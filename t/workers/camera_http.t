#!/usr/bin/perl

# http: MJPEG, passed through byte for byte, from a camera that works and from
# all sorts that do not.

use v5.36;

use FindBin;
use IO::Socket::SSL;
use IO::Socket::SSL::Utils;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $secret = 's3cr:t/%p@ss';
my $quoted = 's3cr%3At%2F%25p%40ss';
my $jpegs = clip('moving.mjpeg', qw(-f lavfi -i
    testsrc2=size=640x360:rate=20:duration=4 -c:v mjpeg -q:v 4));
my $all = do {
    open my $file, '<:raw', $jpegs or die "$jpegs: $!";
    local $/;
    <$file>;
};
my @pictures = $all =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg;


sub camera ($port, %options) {
    my $path = delete $options{path} // '/video.mjpg';
    my $user = delete $options{user} // '';

    return drive("http://${user}127.0.0.1:$port$path", folder => $folder,
        %options);
}

sub part ($jpeg, $headers = '') {
    return "--b\r\nContent-Type: image/jpeg\r\n$headers"
        . 'Content-Length: ' . length($jpeg) . "\r\n\r\n$jpeg\r\n";
}

# A server that answers with a header and then whatever `send` does.
sub http ($send, $type = 'multipart/x-mixed-replace; boundary=b') {
    return server(sub ($client) {
        Vstream::Driver::request($client);
        print $client "HTTP/1.0 200 OK\r\nContent-Type: $type\r\n\r\n";
        $send->($client);
    });
}

sub steadily ($client, @parts) {
    for (1 .. 200) {
        print $client $parts[ $_ % @parts ] or return;
        sleep 0.05;
    }
}


subtest 'passed through' => sub {
    my $server = http_camera($folder, '--file', $jpegs, '--fps', 20);
    my $camera = camera($server->port, seconds => 4, watch => 1.5,
        frames => 1);
    my ($watched) = $camera->events('WATCHED');
    my @live = $camera->live;
    my %known = map { $_ => 1 } @pictures;

    is_deeply $camera->stream,
        { codec => 'mjpeg', width => 640, height => 360 }, 'what it is';
    is scalar($camera->unwatched), 2, 'a still a second';
    cmp_ok $live[0]{ms} - $watched->{ms}, '<', 150, 'a viewer is served';
    cmp_ok abs(@live - 50), '<=', 5, 'with all pictures: ' . @live;
    is scalar(grep { !$known{ $camera->jpeg($_->{n}) } } $camera->frames), 0,
        'byte for byte';
    cmp_ok $camera->counts->{keyframe_ms}, '<', 100, 'each is a keyframe';

    $camera = camera($server->port, seconds => 1,
        configure => { width => 320 });
    is(($camera->frames)[0]{size}, '320x180', 'width= encodes anew');
};

subtest 'parts without a length' => sub {
    my $server = http_camera($folder, '--file', $jpegs, '--fps', 20,
        '--no-length');
    my $camera = camera($server->port, seconds => 3, watch => 1,
        frames => 1);
    my %known = map { $_ => 1 } @pictures;

    cmp_ok abs($camera->live - 40), '<=', 6, 'pictures';
    is scalar(grep { !$known{ $camera->jpeg($_->{n}) } } $camera->frames), 0,
        'byte for byte';
};

subtest 'ffmpeg as camera' => sub {
    my $port = Vstream::Process::free_port();
    my $ffmpeg = Vstream::Process->start(log => "$folder/ffmpeg.log",
        command => [ qw(ffmpeg -v error -re -stream_loop -1 -f mjpeg -i),
            $jpegs, qw(-c copy -f mpjpeg -listen 1),
            "http://127.0.0.1:$port/x.mjpg" ]);

    sleep 0.7;
    my $camera = camera($port, path => '/x.mjpg', seconds => 3, watch => 1);
    cmp_ok scalar($camera->live), '>=', 30, 'pictures: ' . $camera->live;
    is $camera->counts->{broken}, 0, 'none broken';
};

subtest 'padding and broken pictures' => sub {
    my $good = $pictures[0];
    my $server = http(sub ($client) {
        steadily($client, part($good), part("$good\0\0\0\0"),
            part(substr $good, 0, length($good) / 2), part('no picture'),
            part("\xff\xd8\xff\xd9"));
    });
    my $camera = camera($server->port, seconds => 3, watch => 0,
        frames => 1);

    is scalar(grep { $camera->jpeg($_->{n}) ne $good } $camera->frames), 0,
        'only what is whole is shown, without its padding';
    cmp_ok scalar($camera->live), '>=', 15, 'and all of that';
    cmp_ok $camera->counts->{broken}, '>=', 20, 'the rest is counted';
};

subtest 'passwords' => sub {
    write_file('password', "$secret\n");

    my $server = http_camera($folder, '--file', $jpegs, '--user', 'admin',
        '--password-file', "$folder/password");
    my $right = camera($server->port, user => "admin:$quoted\@",
        seconds => 1.5, configure => { secrets => $secret });
    my $wrong = camera($server->port, user => "admin:wrong-$quoted\@",
        configure => { secrets => "wrong-$secret" });
    my $none = camera($server->port);

    is $right->reason, '', 'the right one';
    cmp_ok scalar($right->stills), '>=', 1, 'a picture';
    is $wrong->reason, 'auth_failed', 'a wrong one';
    is $none->reason, 'auth_failed', 'none';
    unlike $_->text, qr/s3cr|\Q$quoted\E/, 'no secret is told'
        for $right, $wrong, $none;
};

subtest 'what can go wrong' => sub {
    my %answers = (401 => 'auth_failed', 403 => 'auth_failed',
        404 => 'not_found', 400 => 'protocol_error',
        500 => 'protocol_error', 503 => 'protocol_error');

    for (sort keys %answers) {
        my $server = http_camera($folder, '--file', $jpegs, '--status', $_);
        is camera($server->port)->reason, $answers{$_}, "answer $_";
    }

    is camera(Vstream::Process::free_port())->reason, 'refused',
        'nobody listens';

    my $html = http(sub ($client) { print $client '<html>' x 1000 },
        'text/html');
    like camera($html->port)->reason, qr/^(protocol_error|ended)$/,
        'a web page';

    my $closes = http_camera($folder, '--file', $jpegs, '--close-after', 1);
    my $camera = camera($closes->port, seconds => 4);
    is $camera->reason, 'ended', 'it closes in the middle of a picture';
    cmp_ok scalar($camera->stills), '>=', 1, 'after the first pictures';

    my $stalls = http_camera($folder, '--file', $jpegs, '--stall-after', 1);
    $camera = camera($stalls->port, seconds => 7);
    is $camera->reason, 'stalled', 'it stalls';
    cmp_ok abs($camera->failed_at - 4000), '<', 600,
        'known after 3 s: ' . $camera->failed_at;
};

subtest 'limits' => sub {
    my $server = http(sub ($client) { steadily($client, part($pictures[0])) });
    my $length = length $pictures[0];

    is camera($server->port, seconds => 1,
        configure => { max_frame_bytes => $length })->reason, '',
        'as many bytes as allowed';
    is camera($server->port, seconds => 1,
        configure => { max_frame_bytes => $length - 1 })->reason, 'too_large',
        'one more';
    is camera($server->port, seconds => 1,
        configure => { max_pixels => 640 * 360 })->reason, '',
        'as many pixels as allowed';
    is camera($server->port, seconds => 1,
        configure => { max_pixels => 640 * 360 - 1 })->reason, 'too_large',
        'one more';

    # a JPEG of 65535 x 65535 is refused by its header
    my $huge = $pictures[0] =~ s/(\xff\xc0..\x08)..../$1\xff\xff\xff\xff/sr;
    my $hostile = http(sub ($client) { steadily($client, part($huge)) });

    is camera($hostile->port, seconds => 2)->reason, 'too_large',
        '65535 x 65535';
    is camera($hostile->port, seconds => 2, configure => { width => 320 })
        ->reason, 'too_large', 'the same, to be encoded anew';

    # a part that never ends
    my $endless = http(sub ($client) {
        print $client "--b\r\nContent-Type: image/jpeg\r\n\r\n";
        print $client 'x' x 1048576 or return for 1 .. 4000;
    });
    my $camera = camera($endless->port, seconds => 20);
    like $camera->reason, qr/^(too_large|stalled)$/,
        'a part without end: ' . $camera->reason;
    ok $camera->ended_well, 'the camera process leaves by itself';
};

subtest 'redirects' => sub {
    my $target = http(sub ($client) {
        write_file('touched', 'x');
        steadily($client, part($pictures[0]));
    });
    my $port = $target->port;
    my $redirect = sub ($location) {
        return server(sub ($client) {
            Vstream::Driver::request($client);
            print $client "HTTP/1.0 302 Moved\r\nLocation: $location\r\n"
                . "Content-Length: 0\r\n\r\n";
        }, '127.0.0.2');
    };
    my $denied = $redirect->("http://127.0.0.1:$port/x");
    my $url = 'http://127.0.0.2:' . $denied->port . '/x';
    my $camera = drive($url, folder => $folder,
        configure => { allow => '127.0.0.2/32' });

    is $camera->reason, 'source_denied', 'to 127.0.0.1';
    like $camera->detail, qr/127\.0\.0\.1 port $port/, 'names it';
    ok !-e "$folder/touched", 'no packet went there';

    $camera = drive($url, folder => $folder);
    is $camera->reason, '', 'to where it may go';
    ok scalar($camera->stills), 'is followed';

    for ("file:$jpegs", 'file:/etc/passwd', "rtsp://127.0.0.2:$port/x",
        "concat:$jpegs", 'data:text/plain,x', 'gopher://127.0.0.2/x',
        "subfile,,start,0,end,0,,:$jpegs", 'unix:/tmp/x') {
        my $server = $redirect->($_);
        $camera = drive('http://127.0.0.2:' . $server->port . '/x',
            folder => $folder, configure => { file_roots => '/' });

        isnt $camera->reason, '', "to $_: " . $camera->reason;
        is scalar($camera->frames), 0, 'no picture';
    }
};

subtest 'https from nobody that is trusted' => sub {
    my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(
        subject => { commonName => '127.0.0.1' });
    my $server = server(sub ($client) {
        IO::Socket::SSL->start_SSL($client, SSL_server => 1,
            SSL_cert => $cert, SSL_key => $key) or return;
        Vstream::Driver::request($client);
        print $client "HTTP/1.0 200 OK\r\n"
            . "Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
        steadily($client, part($pictures[0]));
    });
    my $camera = drive('https://127.0.0.1:' . $server->port . '/x',
        folder => $folder, seconds => 4);

    is $camera->reason, 'protocol_error', 'is not taken';
    like $camera->detail, qr/certificate is not trusted/, 'and why: ' . $camera->detail;
    is scalar($camera->frames), 0, 'no picture';
};

subtest 'a boundary inside a picture' => sub {
    my $evil = $pictures[0];
    my $text = "\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n";

    substr $evil, 2, 0, "\xff\xfe" . pack('n/a*', $text . 'xx');
    substr $evil, 4, 2, pack 'n', length($text) + 4;

    my $server = http(sub ($client) { steadily($client, part($evil)) });
    my $camera = camera($server->port, seconds => 1.5, watch => 0,
        frames => 1);

    cmp_ok scalar($camera->frames), '>', 10, 'pictures';
    is scalar(grep { $camera->jpeg($_->{n}) ne $evil } $camera->frames), 0,
        'stays inside';
};

finish();
