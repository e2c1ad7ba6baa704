#!/usr/bin/perl

# rtsp: a real server, with Basic and Digest, and one of our own that does what
# cameras do on bad days.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $secret = 's3cr:t/%p@ss';
my $quoted = 's3cr%3At%2F%25p%40ss';
my @moving = qw(-f lavfi -i testsrc2=size=640x360:rate=20:duration=4
    -c:v libx264 -preset veryfast);
my $clip = clip('plain.mp4', @moving, qw(-g 20 -bf 0 -pix_fmt yuv420p));
my $reordered = clip('reordered.mp4', @moving, qw(-g 40 -bf 3));


# The NAL units of a raw stream.
sub nal_units ($path) {
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return grep { length } split /\0?\0\0\x01/, <$file>;
}

# RTP packets of one access unit: fragments of 1000 bytes, the last one marked.
my $sequence = 0;

sub rtp_packets ($time, @units) {
    my @packets;

    for (@units) {
        my $head = ord substr $_, 0, 1;

        if (length $_ <= 1000) {
            push @packets, $_;
            next;
        }

        my $rest = substr $_, 1;
        my $first = 1;

        while (length $rest) {
            my $piece = substr $rest, 0, 1000, '';
            push @packets, pack('CC', $head & 0x60 | 28,
                $first << 7 | (length $rest ? 0 : 1) << 6 | $head & 0x1f)
                . $piece;
            $first = 0;
        }
    }

    return map {
        my $packet = pack('CCnNN', 0x80, ($_ == $#packets ? 0x80 : 0) | 96,
            $sequence++ & 0xffff, $time, 1) . $packets[$_];
        pack('Cn/a*', 0, $packet) =~ s/^/\$/r;
    } 0 .. $#packets;
}

# Answers requests until PLAY, then runs `play`.  `describe` may answer
# DESCRIBE instead.
sub rtsp ($play, $describe = undef) {
    return server(sub ($client) {
        while (my $request = Vstream::Driver::request($client)) {
            my ($method) = $request =~ /^(\w+)/ or return;
            my ($number) = $request =~ /CSeq: *(\d+)/i;
            my ($more, $body) = ('', '');

            if ($method eq 'DESCRIBE') {
                if ($describe) {
                    print $client $describe =~ s/CSEQ/CSeq: $number/r;
                    next;
                }

                $body = join "\r\n", 'v=0', 'o=- 1 1 IN IP4 127.0.0.1',
                    's=x', 't=0 0', 'm=video 0 RTP/AVP 96',
                    'a=rtpmap:96 H264/90000',
                    'a=fmtp:96 packetization-mode=1', 'a=control:v', '';
                $more = "Content-Type: application/sdp\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n";
            } elsif ($method eq 'SETUP') {
                $more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                    . "Session: 1\r\n";
            }

            print $client "RTSP/1.0 200 OK\r\nCSeq: $number\r\n$more\r\n$body";
            $play->($client) if $method eq 'PLAY';
        }
    });
}

# Reads and drops what comes, for so many seconds.
sub wait_and_drop ($client, $seconds) {
    my $until = time() + $seconds;

    while (time() < $until) {
        my $mask = '';
        vec($mask, fileno $client, 1) = 1;
        next if !select $mask, undef, undef, 0.05;
        sysread $client, my $bytes, 4096 or return;
    }
}

sub camera ($port, $path = '/x', %options) {
    return drive("rtsp://127.0.0.1:$port$path", folder => $folder, %options);
}


write_file('password', "$secret\n");

my @mounts = ('--mount', '/open', '--file', $clip,
    '--mount', '/shut', '--file', $clip, '--user', 'admin',
    '--password-file', "$folder/password",
    '--mount', '/reordered', '--file', $reordered,
    '--mount', '/stalls', '--file', $clip, '--stall-after', 1);
my $digest = rtsp_camera($folder, @mounts);
my $basic = rtsp_camera($folder, '--auth', 'basic', @mounts);


subtest 'H.264' => sub {
    my $camera = camera($digest->port, '/open', seconds => 5, watch => 2.5);
    my ($watched) = $camera->events('WATCHED');
    my @live = $camera->live;

    is $camera->stream->{codec}, 'h264', 'codec';
    is $camera->stream->{width}, 640, 'width';
    cmp_ok scalar($camera->unwatched), '>=', 2, 'stills';
    cmp_ok $live[0]{ms} - $watched->{ms}, '<', 300, 'a viewer is served';
    cmp_ok abs(@live - 50), '<=', 5, 'with all pictures: ' . @live;
    is $camera->counts->{broken}, 0, 'none broken';
    is $camera->reason, '', 'no failure';
    ok $camera->ended_well, 'it ends when the link closes';
};

subtest 'B-frames' => sub {
    my $camera = camera($digest->port, '/reordered', seconds => 5,
        watch => 2.5);
    cmp_ok abs($camera->live - 50), '<=', 6, 'all pictures';
    is $camera->counts->{broken}, 0, 'none broken';
};

subtest 'a picture is whole at its marker' => sub {
    my @units = nal_units(clip('raw.h264', @moving,
        qw(-g 20 -bf 0 -pix_fmt yuv420p)));
    my @first = splice @units, 0,
        1 + (grep { (ord($units[$_]) & 31) == 5 } 0 .. $#units)[0];

    my $slow = rtsp(sub ($client) {
        print $client rtp_packets(0, @first);
        wait_and_drop($client, 30);
    });
    my $camera = camera($slow->port, '/x', seconds => 2);
    my ($still) = $camera->stills;

    ok $still, 'shown without waiting for the next one';
    cmp_ok $still->{ms}, '<', 1000, 'at once' if $still;

    # a camera that marks no packet: the next picture ends this one
    my $unmarked = rtsp(sub ($client) {
        for my $n (0 .. 1) {
            print $client map { substr($_, 5, 1) = "\x60"; $_ }
                rtp_packets(90000 * ($n + 1), $n ? $units[0] : @first);
        }
        wait_and_drop($client, 30);
    });
    is scalar(camera($unmarked->port, '/x', seconds => 2)->stills), 1,
        'a camera without markers is shown too';
};

subtest 'passwords' => sub {
    for ([ Digest => $digest ], [ Basic => $basic ]) {
        my ($name, $server) = @$_;
        my %secret = (configure => { secrets => $secret });
        my $at = '127.0.0.1:' . $server->port . '/shut';
        my $right = drive("rtsp://admin:$quoted\@$at", folder => $folder,
            seconds => 2.5, %secret);
        my $wrong = drive("rtsp://admin:wrong-$quoted\@$at",
            folder => $folder, configure => { secrets => "wrong-$secret" });
        my $none = drive("rtsp://$at", folder => $folder);

        is $right->reason, '', "$name: the right one";
        cmp_ok scalar($right->stills), '>=', 1, "$name: a picture";
        is $wrong->reason, 'auth_failed', "$name: a wrong one";
        is $none->reason, 'auth_failed', "$name: none";
        cmp_ok $wrong->failed_at, '<', 1000, "$name: known at once";

        unlike $_->text, qr/s3cr|\Q$quoted\E/, "$name: no secret is told"
            for $right, $wrong, $none;
    }
};

subtest 'what can go wrong' => sub {
    is camera($digest->port, '/nothing')->reason, 'not_found', 'no such path';
    is camera(Vstream::Process::free_port())->reason, 'refused',
        'nobody listens';
    is drive('rtsp://camera.invalid/x', folder => $folder, seconds => 8)
        ->reason, 'dns_failed', 'no such name';

    my $mute = server(sub ($client) { wait_and_drop($client, 30) });
    my $camera = camera($mute->port, '/x', seconds => 5,
        configure => { connect_timeout_ms => 1000 });
    is $camera->reason, 'timeout', 'a server that says nothing';
    cmp_ok $camera->failed_at, '<', 1500, 'in time';

    my $hangs_up = server(sub ($client) { Vstream::Driver::request($client) });
    like camera($hangs_up->port)->reason, qr/^(protocol_error|ended)$/,
        'a server that hangs up';

    my %answers = (
        '403 Forbidden' => 'auth_failed',
        '404 Not Found' => 'not_found',
        '454 Session Not Found' => 'protocol_error',
        '503 Service Unavailable' => 'protocol_error',
    );

    for (sort keys %answers) {
        my $server = rtsp(undef, "RTSP/1.0 $_\r\nCSEQ\r\n\r\n");
        is camera($server->port)->reason, $answers{$_}, $_;
    }

    my $sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
        . "m=audio 0 RTP/AVP 0\r\na=control:a\r\n";
    my $audio = rtsp(undef, "RTSP/1.0 200 OK\r\nCSEQ\r\n"
        . "Content-Type: application/sdp\r\nContent-Length: "
        . length($sdp) . "\r\n\r\n$sdp");
    like camera($audio->port)->reason, qr/^(no_video|protocol_error)$/,
        'audio alone: ' . camera($audio->port)->reason;
};

subtest 'it says good-bye' => sub {
    my $server = server(sub ($client) {
        while (my $request = Vstream::Driver::request($client)) {
            my ($method) = $request =~ /^(\w+)/;
            my ($number) = $request =~ /CSeq: *(\d+)/i;
            my $body = $method eq 'DESCRIBE'
                ? "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                . "a=rtpmap:96 H264/90000\r\na=control:v\r\n" : '';

            write_file("said-$method", $request);
            print $client "RTSP/1.0 200 OK\r\nCSeq: $number\r\n"
                . "Session: 7\r\nContent-Type: application/sdp\r\n"
                . "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
        }
    });
    my $camera = camera($server->port, '/x', seconds => 1);

    ok wait_for(sub { -e "$folder/said-PLAY" }), 'it played';
    ok wait_for(sub { -e "$folder/said-TEARDOWN" }, 2),
        'and tore its session down';
    ok $camera->ended_well, 'and left';
    my ($exit) = $camera->events('EXIT');
    cmp_ok $exit->{ms}, '<', 1600, "in time: $exit->{ms} ms";
};

subtest 'silence' => sub {
    my $camera = camera($digest->port, '/stalls', seconds => 9);
    my ($still) = grep {
        $_->{units} eq $camera->counts->{units}
    } $camera->events('COUNTS');

    is $camera->reason, 'stalled', 'is a stall';
    cmp_ok abs($camera->failed_at - $still->{ms} - 3000), '<', 600,
        'after 3 s: ' . ($camera->failed_at - $still->{ms}) . ' ms';
};

subtest 'where it may not dial' => sub {
    my $port = $digest->port;

    for ([ '127.0.0.1', '' ], [ 'localhost', '' ], [ '127.0.0.1', '10.0.0.0/8' ],
        [ '0.0.0.0', '127.0.0.0/8' ], [ '2130706433', '' ], [ '0x7f.1', '' ],
        [ '127.1', '' ], [ '[::1]', '127.0.0.0/8' ],
        [ '[::ffff:127.0.0.1]', '' ]) {
        my ($host, $allow) = @$_;
        my $camera = drive("rtsp://$host:$port/open", folder => $folder,
            configure => { allow => $allow });

        is $camera->reason, 'source_denied', "$host, allowed: '$allow'";
        like $camera->detail, qr/(127\.0\.0\.1|0\.0\.0\.0|::1) port $port/,
            'names the address' if $camera->reason eq 'source_denied';
    }

    # of two addresses one is refused, and the camera asks for a password
    my $asks = server(sub ($client) {
        while (my $request = Vstream::Driver::request($client)) {
            my ($number) = $request =~ /CSeq: *(\d+)/i or last;
            print $client "RTSP/1.0 401 Unauthorized\r\nCSeq: $number\r\n"
                . "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
        }
    });
    my $both = drive('rtsp://localhost:' . $asks->port . '/x',
        folder => $folder, configure => { allow => '127.0.0.0/8' });

    is $both->reason, 'auth_failed', 'a refusal explains no later failure';

    # it listens, it is allowed, and it sends us to where we may not go
    my $inside = server(sub ($client) { write_file('touched', 'x') });
    my $inside_port = $inside->port;
    my $outside = server(sub ($client) {
        while (my $request = Vstream::Driver::request($client)) {
            my ($number) = $request =~ /CSeq: *(\d+)/i;
            print $client "RTSP/1.0 302 Moved\r\nCSeq: $number\r\n"
                . "Location: rtsp://127.0.0.1:$inside_port/x\r\n\r\n";
        }
    }, '127.0.0.2');
    my $camera = drive('rtsp://127.0.0.2:' . $outside->port . '/x',
        folder => $folder, configure => { allow => '127.0.0.2/32' });

    is $camera->reason, 'source_denied', 'a redirect to 127.0.0.1';
    ok !-e "$folder/touched", 'no packet went there';

    $camera = drive('rtsp://127.0.0.2:' . $outside->port . '/x',
        folder => $folder);
    sleep 0.2;
    ok -e "$folder/touched", 'a redirect to where it may go is followed';
};

subtest 'what a camera says is told on one harmless line' => sub {
    my $server = rtsp(undef, "RTSP/1.0 404 \e[31mGone\tforged\x7f\xff\r\n"
        . "CSEQ\r\n\r\n");
    my $camera = camera($server->port);

    is $camera->reason, 'not_found', 'reason';
    unlike $camera->text, qr/[\x00-\x09\x0b-\x1f]/, 'no control character';
    ok utf8::decode(my $text = $camera->text), 'UTF-8';
};

finish();
