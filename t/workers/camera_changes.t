#!/usr/bin/perl

# Streams that do not stay what they were: another size, another codec, other
# parameter sets; and clocks that stand still, jump or run backwards.  All go
# on in the same camera process, over the same connection.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Rtsp;
use Vstream::Test;

my $folder = folder();
my @x264 = qw(-c:v libx264 -preset veryfast -g 20 -bf 0 -pix_fmt yuv420p);
my @x265 = qw(-c:v libx265 -preset ultrafast -x265-params
    log-level=none:keyint=20:bframes=0);

sub pattern ($size, $seconds = 2) {
    return ('-f', 'lavfi', '-i',
        "testsrc2=size=$size:rate=20:duration=$seconds");
}

sub slurp ($path) {
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

# A camera that has been started; `finish` waits for its end.
sub play ($name, %options) {
    return Vstream::Driver::start_drive("file:$folder/$name",
        folder => $folder, watch => 0,
        configure => { file_roots => $folder }, %options);
}

sub camera ($server, %options) {
    return Vstream::Driver::start_drive(
        'rtsp://127.0.0.1:' . $server->port . '/x', folder => $folder,
        %options);
}

# What the stream was told to be, one after the other, the size known.
sub told ($camera) {
    return map { "$_->{codec} $_->{width}x$_->{height}" }
        grep { $_->{width} } map { $_->{json} } $camera->events('STREAM');
}

# How many live pictures there are of each size.
sub sizes ($camera) {
    my %sizes;

    $sizes{ $_->{size} }++ for $camera->live;

    return %sizes;
}

my $h264 = clip('small.ts', pattern('320x240'), @x264);
my $h265 = clip('large-hevc.ts', pattern('640x480'), @x265);


# What each turns into, and how often each size must be seen at least.
my %streams = (
    'another codec under the same program map' => [ 'codec.ts',
        slurp($h264) . slurp($h265), 'hevc 640x480' ],
    'another codec under another program map' => [ 'map.ts',
        slurp($h264) . slurp(clip('mpeg2.ts', pattern('640x480'),
            qw(-c:v mpeg2video -g 20 -tables_version 1))),
        'mpeg2video 640x480' ],
    'another packet identifier' => [ 'moved.ts',
        slurp($h264) . slurp(clip('moved.ts', pattern('640x480'), @x265,
            qw(-mpegts_start_pid 0x200))), 'hevc 640x480' ],
    'another sequence header in FLV' => [ 'header.flv',
        slurp(clip('small.flv', pattern('320x240'), @x264))
            . substr(slurp(clip('large.flv', pattern('640x480'), @x264)), 13),
        'h264 640x480' ],
    'VP8 that grows' => [ 'grows.ivf',
        slurp(clip('small.ivf', pattern('320x240'), qw(-c:v libvpx -g 20
            -deadline realtime))) . substr(slurp(clip('large.ivf',
            pattern('640x480'), qw(-c:v libvpx -g 20 -deadline realtime))),
            32), 'vp8 640x480' ],
);

my %cameras;

for (sort keys %streams) {
    my ($name, $bytes) = @{ $streams{$_} };

    write_file($name, $bytes);
    $cameras{$_} = play($name, seconds => 5.5);
}

my $unwatched = play('codec.ts', seconds => 6, watch => undef);

for (sort keys %streams) {
    my ($name, $bytes, $then) = @{ $streams{$_} };

    subtest $_ => sub {
        my $camera = $cameras{$_}->finish;
        my @told = told($camera);
        my %sizes = sizes($camera);

        is $camera->reason, '', 'goes on';
        is $told[-1] eq $then ? $told[-2] : $told[-1], $told[0],
            'begins anew' or diag "@told";
        ok scalar(grep { $_ eq $then } @told), "and is $then for a while"
            or diag "@told";
        cmp_ok $sizes{'320x240'}, '>=', 20, "small: $sizes{'320x240'}";
        cmp_ok $sizes{'640x480'}, '>=', 6, "large: $sizes{'640x480'}";
    };
}

subtest 'stills while nobody watches' => sub {
    my %sizes;

    $sizes{ $_->{size} }++ for $unwatched->finish->stills;
    cmp_ok $sizes{'320x240'} // 0, '>=', 1, 'of the one';
    cmp_ok $sizes{'640x480'} // 0, '>=', 1, 'and of the other';
};

subtest 'a codec that nobody decodes here' => sub {
    # MPEG-4 systems take the place of H.264, as far as the program map says
    my $bytes = slurp($h264);
    my $other = slurp(clip('other.ts', pattern('320x240'), @x264,
        qw(-tables_version 1)));

    $other =~ s/\x1b\xe1\x00\xf0\x00..../\x24\xe1\x00\xf0\x00XXXX/sg;
    write_file('other.ts', $bytes . $other);

    my $camera = play('other.ts', seconds => 5)->finish;
    my %sizes = sizes($camera);

    cmp_ok $sizes{'320x240'}, '>=', 30, 'what is decoded is shown';
    is $camera->reason, '', 'and begins again';
};


# Writes the time stamps of all pictures anew: `code` gets the number of the
# picture, and returns ticks of 90 kHz.
sub retime ($bytes, $code) {
    my $n = 0;

    for (my $at = 0; $at < length $bytes; $at += 188) {
        my ($head) = unpack 'x1n', substr $bytes, $at, 188;
        my $start = index substr($bytes, $at, 188), "\0\0\1\xe0";

        next if !($head & 0x4000) || $start < 0;

        my $flags = ord(substr $bytes, $at + $start + 7, 1) >> 6;
        my $ticks = $code->($n++);

        for my $i ($flags == 3 ? (0, 1) : $flags == 2 ? 0 : ()) {
            substr $bytes, $at + $start + 9 + 5 * $i, 5, pack 'Cnn',
                ($flags == 3 ? $i ? 1 : 3 : 2) << 4 | ($ticks >> 30 & 7) << 1
                    | 1, ($ticks >> 15 & 0x7fff) << 1 | 1,
                ($ticks & 0x7fff) << 1 | 1;
        }
    }

    return $bytes;
}

my %clocks = (
    'stand still' => sub ($n) { 90000 },
    'run backwards' => sub ($n) { 900000 - 4500 * $n },
    'jump' => sub ($n) { $n * 4500 + 90000 * 3600 * ($n % 2) },
    'wrap' => sub ($n) { ((1 << 33) - 90000 + $n * 4500) % (1 << 33) },
    'lie about' => sub ($n) { ($n * 7919 * 4500) % (1 << 33) },
);

for (sort keys %clocks) {
    my $name = tr/ /-/r . '.ts';

    write_file($name, retime(slurp($h264), $clocks{$_}));
    $cameras{$_} = play($name, seconds => 3);
}

for (sort keys %clocks) {
    subtest "time stamps of a recording that $_" => sub {
        my $camera = $cameras{$_}->finish;
        my $live = $camera->live;

        is $camera->reason, '', 'goes on';
        cmp_ok $live, '>=', 40, "at its usual pace: $live in 3 s";
        cmp_ok $live, '<=', 90, 'and no faster';
    };
}

subtest 'a recording without time stamps, of any speed' => sub {
    for my $name ('small.h265', 'small.m4v') {
        my $codec = $name =~ /m4v/ ? [ qw(-c:v mpeg4 -g 20) ] : \@x265;
        my $clip = clip($name, pattern('320x240'), @$codec);
        my $camera = drive("file:$clip", folder => $folder, watch => 0,
            configure => { file_roots => "$FindBin::Bin/../../build/t/clips" });
        my $live = $camera->live;

        is $camera->reason, '', "$name goes on";
        cmp_ok $live, '>=', 30, "at a usual pace: $live in 3 s";
        cmp_ok $live, '<=', 120, 'and no faster';
    }
};


my @small = access_units(slurp(clip('small.h264', pattern('320x240', 1), @x264)));
my @large = access_units(slurp(clip('large.h264', pattern('640x480', 1), @x264)));

# Without the parameter sets that stand before its keyframes.
sub bare (@units) {
    return map { [ grep { (ord($_) & 31) !~ /^[78]$/ } @$_ ] } @units;
}

subtest 'rtsp: parameter sets that change in band' => sub {
    my $server = rtsp_server(sub ($client) {
        my @all = (@small, @large, (bare(@large)) x 4);

        rtp_send($client, \@all, 20, sub ($n) { $n * 4500 });
    });
    my $camera = camera($server, seconds => 6, watch => 4)->finish;
    my @stills = grep { $_->{still} && $_->{ms} > 2500 } $camera->unwatched;
    my %sizes = sizes($camera);

    is_deeply [ (told($camera))[ 0, -1 ] ], [ 'h264 320x240', 'h264 640x480' ],
        'size is told anew';
    cmp_ok scalar(@stills), '>=', 1, 'stills';
    is scalar(grep { $_->{size} ne '640x480' } @stills), 0,
        'of keyframes that came without their sets';
    cmp_ok $sizes{'640x480'} // 0, '>=', 20, 'live, too';
    is $camera->counts->{broken}, 0, 'none broken';
};

subtest 'rtsp: H.265, as H.264' => sub {
    my @units = access_units(slurp(clip('small.h265', pattern('320x240'),
        @x265)), 'h265');
    my $sdp = join "\r\n", 'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=x', 't=0 0',
        'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H265/90000', 'a=control:v', '';
    my $server = rtsp_server(sub ($client) {
        rtp_send($client, [ (@units) x 3 ], 20, sub ($n) { $n * 4500 }, 1,
            'h265');
    }, $sdp);
    my $camera = camera($server, seconds => 5, watch => 2.5)->finish;
    my $live = $camera->live;
    my @ages = sort { $a <=> $b } map { $_->{age_us} } $camera->live;

    is_deeply [ told($camera) ], [ 'hevc 320x240' ], 'what it is';
    cmp_ok scalar($camera->unwatched), '>=', 1, 'stills of keyframes';
    cmp_ok $live, '>=', 25, "then all pictures: $live";
    cmp_ok $ages[ @ages / 2 ], '<', 45000, 'each whole at its marker';
    is $camera->counts->{broken}, 0, 'none broken';
};

my %rtp_clocks = (
    'stands still' => sub ($n) { 90000 },
    'runs backwards' => sub ($n) { (900000 - 4500 * $n) & 0xffffffff },
    'jumps' => sub ($n) { $n * 4500 + 1e9 * ($n % 2) },
    'wraps' => sub ($n) { (0xffffffff - 90000 + $n * 4500) & 0xffffffff },
);

my %rtp;

for my $clock (sort keys %rtp_clocks) {
    for my $is_marked (1, 0) {
        my $server = rtsp_server(sub ($client) {
            rtp_send($client, [ (@small) x 4 ], 20, $rtp_clocks{$clock},
                $is_marked);
        });

        $rtp{ $clock . ($is_marked ? '' : ', and no markers') } =
            [ $server, camera($server, seconds => 2.5, watch => 0) ];
    }
}

for (sort keys %rtp) {
    subtest "rtsp: a clock that $_" => sub {
        my $camera = $rtp{$_}[1]->finish;
        my $live = $camera->live;

        is $camera->reason, '', 'goes on';
        cmp_ok $live, '>=', 25, "pictures: $live";
        is $camera->counts->{broken}, 0, 'none broken';
    };
}

finish();
