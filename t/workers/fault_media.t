#!/usr/bin/perl

# What cameras send is damaged on purpose, with seeds: no stream makes our
# code stumble (FAULTS S7), and a decoder that crashes costs its own camera a
# moment, and no other one anything (FAULTS W5).

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Faults;
use Vstream::Ingest;
use Vstream::Mutator;
use Vstream::Rtsp;
use Vstream::Subscriber;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my $seeds = $soak ? 100 : 2;
my $folder = folder();
my @pattern = ('-f', 'lavfi', '-i',
    'testsrc2=size=320x240:rate=20:duration=2');
my @x264 = qw(-c:v libx264 -preset veryfast -g 20 -pix_fmt yuv420p);
my @x265 = qw(-c:v libx265 -preset ultrafast -x265-params
    log-level=none:keyint=20);
my %clips = (
    'damaged.flv' => [ @x264 ],
    'damaged.ts' => [ @x264 ],
    'damaged.mp4' => [ @x264 ],
    'damaged.mkv' => [ @x265 ],
    'damaged.h264' => [ @x264 ],
    'damaged.h265' => [ @x265 ],
    'damaged.avi' => [ qw(-c:v mpeg4 -g 20) ],
    'damaged.mjpeg' => [ qw(-c:v mjpeg -q:v 4) ],
    'damaged-jpeg.avi' => [ qw(-c:v mjpeg -q:v 4) ],
    'damaged.ivf' => [ qw(-c:v libvpx -g 20 -deadline realtime) ],
    'damaged-field.ts' => [ qw(-c:v mpeg2video -g 20 -flags +ildct+ilme) ],
);

sub slurp ($path) {
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

my %bytes = map { $_ => slurp(clip($_, @pattern, @{ $clips{$_} })) }
    keys %clips;
my @units = access_units(slurp(clip('small.h264', '-f', 'lavfi', '-i',
    'testsrc2=size=320x240:rate=20:duration=1', @x264, qw(-bf 0))));
my @pictures = $bytes{'damaged.mjpeg'} =~
    /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg;


# What is sent over a connection, damaged, as fast as it is read.

sub flood ($client, $make) {
    for my $n (1 .. 200) {
        print $client $make->($n) or return;
        sleep 0.02;
    }
}

sub rtp_damaged ($seed) {
    return rtsp_server(sub ($client) {
        flood($client, sub ($n) {
            my @packets = rtp_packets($n * 4500, $units[ $n % @units ]);

            # the frame of four bytes before a packet stays, now and then not
            return join '', map {
                my $damaged = mutate($packets[$_], $seed * 7919 + $n * 31 + $_,
                    from => 4, every => 600);
                substr $damaged, 2, 2, pack 'n', length($damaged) - 4;
                $n % 50 == 49 ? mutate($damaged, $n) : $damaged;
            } 0 .. $#packets;
        });
    });
}

sub sdp_damaged ($seed) {
    my $sdp = join "\r\n", 'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=x',
        'c=IN IP4 127.0.0.1', 't=0 0', 'm=video 0 RTP/AVP 96',
        'a=rtpmap:96 H264/90000', 'a=framerate:20', 'a=control:v',
        'a=fmtp:96 packetization-mode=1;profile-level-id=64001f;'
        . 'sprop-parameter-sets=Z2QAH6zZQFAFuhAAAAMAEAAAAwPI8YMZYA==,aOvjyyLA',
        '';

    return rtsp_server(sub ($client) {
        flood($client, sub ($n) {
            return rtp_packets($n * 4500, $units[ $n % @units ]);
        });
    }, mutate($sdp, $seed, every => 60));
}

sub multipart_damaged ($seed) {
    return server(sub ($client) {
        Vstream::Driver::request($client);
        print $client "HTTP/1.0 200 OK\r\nContent-Type: "
            . "multipart/x-mixed-replace; boundary=b\r\n\r\n";
        flood($client, sub ($n) {
            my $jpeg = $pictures[ $n % @pictures ];

            return mutate("--b\r\nContent-Type: image/jpeg\r\n"
                . 'Content-Length: ' . length($jpeg) . "\r\n\r\n$jpeg\r\n",
                $seed * 7919 + $n);
        });
    });
}

sub poll_damaged ($seed) {
    my $n = 0;

    return server(sub ($client) {
        while (Vstream::Driver::request($client) ne '') {
            my $jpeg = mutate($pictures[ $n % @pictures ],
                $seed * 7919 + $n++, from => 3);
            my $head = "HTTP/1.1 200 OK\r\nETag: \"$n\"\r\nContent-Type: "
                . "image/jpeg\r\nContent-Length: " . length($jpeg)
                . "\r\n\r\n";

            $head = mutate($head, $n) if $n % 8 == 7;
            print $client $head . $jpeg or return;
        }
    });
}

my %servers = (rtp => [ 'rtsp', '/x', \&rtp_damaged ],
    sdp => [ 'rtsp', '/x', \&sdp_damaged ],
    mjpeg => [ 'http', '/x.mjpg', \&multipart_damaged ],
    jpeg => [ 'http', '/x.jpg', \&poll_damaged ]);


# One camera process on one damaged stream.
sub attack ($kind, $seed) {
    my %options = (folder => $folder, seconds => 1.4, watch => 0, direct => 1,
        configure => { file_roots => $folder, interval_ms => 100,
            $seed % 2 ? (width => 160) : () });

    if (my $server = $servers{$kind}) {
        my ($scheme, $path, $start) = @$server;
        my $camera = $start->($seed);

        return [ $kind, $seed, Vstream::Driver::start_drive(
            "$scheme://127.0.0.1:" . $camera->port . $path, %options),
            $camera ];
    }

    write_file("$seed-$kind", mutate($bytes{$kind}, $seed,
        every => 400 + $seed % 7 * 700));

    return [ $kind, $seed, Vstream::Driver::start_drive(
        "file:$folder/$seed-$kind", %options) ];
}

subtest 'damaged streams' => sub {
    my @kinds = sort(keys %clips, keys %servers);
    my %result = (row => 'S7', kinds => scalar @kinds, executions => 0,
        units => 0, shown => 0, crashes => 0, findings => 0);
    my @work = map { my $seed = $_; map { [ $_, $seed ] } @kinds } 1 .. $seeds;

    while (my @batch = map { attack(@$_) } splice @work, 0, 7) {
        for (@batch) {
            my ($kind, $seed, $camera) = @$_;
            my $end = $camera->wait_end(60);
            my $text = $camera->text;
            my ($units) = $text =~ /.*COUNTS units=(\d+)/s;

            $result{executions}++;
            $result{units} += $units // 0;
            $result{shown} += () = $text =~ /FRAME/g;
            $result{findings} += $text =~ /(?:Sanitizer|runtime error)/;

            next if $end eq 'exit 0' && $text =~ /EXIT status=0 signal=0/
                && $text !~ /Sanitizer|runtime error/;
            $result{crashes}++;
            diag "$kind, seed $seed: $end: " . substr $text, -2000;
        }
    }

    cmp_ok $result{units}, '>', $result{executions} * 5,
        'most of it is read: ' . $result{units} . ' access units';
    cmp_ok $result{shown}, '>', $result{executions} * 3,
        'and what is whole is shown: ' . $result{shown} . ' pictures';
    is $result{findings}, 0, 'no sanitizer complains';
    is $result{crashes}, 0, 'no camera process crashes';
    fault_row(%result, ok => !$result{findings} && !$result{crashes});
};


subtest 'a decoder that crashes' => sub {
    my $redis = start_redis();
    my $ingest = start_ingest($redis, files => $folder);
    my @hit = map {
        write_file("hit-$_", mutate($bytes{$_}, 5, from => 6000,
            every => 3000));
        "hit-$_";
    } qw(damaged.h264 damaged.h265 damaged-jpeg.avi);
    my %result = (row => 'W5', cameras => 2 + @hit);

    declare($redis, $_, "file:$folder/$_", width => 160) for @hit;
    declare($redis, 'crashes', "file:$folder/$hit[0]");
    declare($redis, 'stays', 'test:', fps => 10);
    camera_is($redis, $_, "$_ streams", state => 'streaming')
        for @hit, 'crashes', 'stays';

    my $viewer = Vstream::Subscriber->new($redis, 'stays');
    my $damaged = Vstream::Subscriber->new($redis, $hit[0]);

    cmp_ok scalar($damaged->frames(3)), '>=', 10,
        'what is damaged is shown where it is whole';

    # no input at hand crashes a decoder: a signal stands for one, which a
    # sanitizer would take for its own
    my $signal = $ENV{SANITIZE} ? 'KILL' : 'SEGV';

    for my $n (1 .. 5) {
        my $pid;

        ok wait_for(sub { $pid = $ingest->camera('crashes')->{pid} },
            2 * patience()), "runs $n";
        kill $signal, $pid;
        wait_for(sub { ($ingest->camera('crashes')->{pid} || 0) != $pid },
            patience());

        if ($n == 1) {
            camera_is($redis, 'crashes', 'comes back by itself',
                state => 'streaming', restarts => 1);
        }
    }

    camera_is($redis, 'crashes', 'the fifth time it is quarantined',
        state => 'quarantined', reason => 'crashed', detail => qr/signal (?:9|11)/);

    my @seen = $viewer->frames(1);

    $result{hit} = grep { camera_status($redis, $_)->{restarts} > 0 }
        @hit, 'crashes', 'stays';
    is $result{hit}, 1, 'no other camera was hit';
    cmp_ok scalar(@seen), '>=', 5, 'and they are shown';
    camera_is($redis, 'stays', 'streams', state => 'streaming', dials => 1,
        restarts => 0);
    fault_row(%result, ok => Test::More->builder->is_passing);
};

finish();
