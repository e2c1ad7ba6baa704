#!/usr/bin/perl

# v4l2: a webcam that is played by a preloaded library, which answers for its
# device; and what is none.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $fake = "$FindBin::Bin/../../" . ($ENV{B} // 'build') . '/fake_v4l2.so';
my @modes = ('YUYV:320x240@30', 'YUYV:640x480@15', 'YUYV:1280x720@5');

$fake = "$ENV{B}/fake_v4l2.so" if ($ENV{B} // '') =~ m{^/};


sub webcam (%options) {
    my $query = delete $options{query} // '';
    my $device = delete $options{device} // '/dev/video0';
    my $driver = delete $options{driver} // $fake;
    my %settings = (
        # a sanitizer wants to be loaded first
        LD_PRELOAD => join(':', grep { length } $ENV{VSTREAM_PRELOAD} // '',
            $driver),
        map { ("FAKE_V4L2_$_" => $options{$_}) }
            grep { /^[A-Z]+$/ } keys %options);

    delete @options{ grep { /^[A-Z]+$/ } keys %options };

    # without the spawner, which clears the environment
    return drive("v4l2:$device$query", folder => $folder, direct => 1,
        environment => \%settings, seconds => 2, %options,
        configure => { devices => '/dev/video0,/dev/null,/dev/video77',
            %{ $options{configure} // {} } });
}

subtest 'JPEGs are passed through' => sub {
    my $jpegs = clip('webcam.mjpeg', qw(-f lavfi -i
        testsrc2=size=640x480:rate=10:duration=1 -c:v mjpeg -q:v 4
        -huffman default));
    open my $file, '<:raw', $jpegs or die $!;
    my $all = do { local $/; <$file> };
    my @pictures = $all =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg;
    my %fake = (FILE => $jpegs, SIZES => join(',', map { length }
            @pictures), MODES => join ',', @modes, 'MJPG:640x480@30');
    my $camera = webcam(%fake, watch => 0, frames => 1);
    my %known = map { $_ => 1 } @pictures;
    my $live = $camera->live;

    is $camera->reason, '', 'runs';
    is_deeply $camera->stream,
        { codec => 'mjpeg', width => 640, height => 480 }, 'what it is';
    cmp_ok $live, '>=', 25, "pictures: $live, but for damaged ones";
    cmp_ok $live, '<=', 60, 'at its rate';
    is scalar(grep { !$known{ $camera->jpeg($_->{n}) } } $camera->frames),
        0, 'byte for byte';

    # without tables, as webcams send them
    my @bare = map { s/\xff\xc4(..)(??{ "(?s:.{" . (unpack('n', $1) - 2)
        . "})" })//sgr } @pictures;
    my $path = write_file('bare.mjpeg', join '', @bare);

    cmp_ok length $bare[0], '<', length($pictures[0]) - 400, 'without';
    $camera = webcam(%fake, FILE => $path, SIZES => join(',', map {
        length } @bare), watch => 0, frames => 1);
    cmp_ok scalar($camera->live), '>=', 25, 'tables are put in';
    my ($frame) = $camera->frames;
    my $gray = gray($camera->jpeg($frame->{n}), $folder);
    is length $gray, 640 * 480, 'and it can be decoded';
    my %same = map { gray($_, $folder) => 1 } @pictures;
    ok $same{$gray}, 'to the same picture';

    my $gone = webcam(%fake, FAIL => 'gone', seconds => 5);
    is $gone->reason, 'ended', 'it is unplugged: ' . $gone->detail;
    my $silent = webcam(%fake, FAIL => 'silent', seconds => 6);
    is $silent->reason, 'stalled', 'it stops to send';
};

subtest 'raw pictures become JPEGs' => sub {
    my $raw = clip('webcam.yuv', qw(-f lavfi -i
        testsrc2=size=320x240:rate=5:duration=1 -f rawvideo -pix_fmt
        yuyv422));
    my %fake = (FILE => $raw, MODES => join(',', @modes),
        SIZES => join ',', (320 * 240 * 2) x 5);
    my $camera = webcam(%fake, query => '?size=320x240&fps=10',
        watch => 0, frames => 1, configure => { quality => 95 });
    my $live = $camera->live;

    is_deeply $camera->stream,
        { codec => 'rawvideo', width => 320, height => 240 },
        'the size that was asked for';
    cmp_ok $live, '>=', 10, "pictures: $live";
    cmp_ok $live, '<=', 22, 'and the rate';

    my $ours = gray($camera->jpeg(1), $folder);
    my @want = map {
        open my $out, '-|:raw', qw(ffmpeg -v error -f rawvideo -pix_fmt
            yuyv422 -s 320x240 -i), $raw, '-vf', "select=eq(n\\,$_),"
            . 'scale=in_range=tv:out_range=pc,format=gray', qw(-frames:v 1
            -f rawvideo -) or die $!;
        local $/;
        scalar <$out>;
    } 0 .. 4;
    my ($best) = sort { $a <=> $b } map { difference($ours, $_) } @want;

    cmp_ok $best, '<', 2, sprintf 'as it was: differs by %.2f', $best;

    # rows that are longer than they need be
    my $wide = "$folder/wide.yuv";
    open my $in, '<:raw', $raw or die $!;
    my $bytes = do { local $/; <$in> };

    write_file('wide.yuv', join '', map { $_ . 'x' x 64 }
        unpack '(a640)*', $bytes);
    $camera = webcam(%fake, FILE => $wide, STRIDE => 704, SIZES =>
        join(',', (704 * 240) x 5), query => '?size=320x240', watch => 0,
        frames => 1, configure => { quality => 95 });
    ($best) = sort { $a <=> $b } map {
        difference(gray($camera->jpeg(1), $folder), $_) } @want;
    cmp_ok $best, '<', 2, 'and with rows of another length';

    # the same of planes, of which some have shorter rows
    for ([ NV12 => 'nv12', 'a320', 0 ],
        [ YU12 => 'yuv420p', 'a160', 320 * 240 ])
    {
        my ($fourcc, $name, $row, $whole) = @$_;
        my $planes = clip("$name.yuv", qw(-f rawvideo -pix_fmt yuyv422
            -s 320x240 -i), $raw, qw(-f rawvideo -pix_fmt), $name);
        open my $in, '<:raw', $planes or die $!;
        my $bytes = do { local $/; <$in> };
        my $pad = sub ($rows, $form) {
            join '', map { $_ . 'x' x (length($_) / 5) }
                unpack "($form)*", $rows;
        };

        write_file('wide.yuv', join '', map {
            $pad->(substr($_, 0, $whole), 'a320')
                . $pad->(substr($_, $whole), $row)
        } unpack '(a115200)*', $bytes);
        $camera = webcam(%fake, FILE => $wide, STRIDE => 384,
            MODES => "$fourcc:320x240\@30",
            SIZES => join(',', (384 * 360) x 5), watch => 0, frames => 1,
            configure => { quality => 95 });
        ($best) = sort { $a <=> $b } map {
            difference(gray($camera->jpeg(1), $folder), $_) } @want;
        cmp_ok $best, '<', 2, "$name with longer rows";
    }
};

subtest 'what can go wrong' => sub {
    my %fake = (MODES => join ',', @modes);
    my %want = (
        'source_denied FAIL open=13' => qr/add the user .*group/,
        'refused FAIL open=16' => qr/in use/,
        'refused FAIL S_FMT=16' => qr/in use/,
        'not_found FAIL open=2' => qr/plugged in/,
        'protocol_error FAIL STREAMON=28' => qr/No space/,
        'no_video KIND output' => qr/gives no pictures/,
        'source_denied KIND file' => qr/no video device/,
        'unsupported_codec MODES BA81:640x480@30' => qr/known here/,
    );

    for (sort keys %want) {
        my ($reason, $name, $value) = split;
        my $camera = webcam(%fake, $name => $value, seconds => 2);

        is $camera->reason, $reason, "$name $value: $reason";
        like $camera->detail, $want{$_}, $camera->detail;
    }

    my $camera = webcam(%fake, query => '?format=mjpeg', seconds => 2);
    is $camera->reason, 'unsupported_codec', 'a form that it has not';
    like $camera->detail, qr/in mjpeg/, $camera->detail;
    is webcam(%fake, seconds => 2, query => '?size=1280x720', configure =>
        { max_pixels => 1280 * 720 - 1 })->reason, 'too_large',
        'one pixel too many';
};

subtest 'what is no webcam' => sub {
    my %want = ('/dev/null' => 'source_denied', '/dev/video77' => 'not_found',
        '/dev/zero' => 'source_denied');

    for (sort keys %want) {
        is webcam(device => $_, driver => '', seconds => 2)->reason,
            $want{$_}, $_;
    }
};


# Mean difference of two pictures' bytes.
sub difference ($x, $y) {
    my @x = unpack 'C*', $x;
    my @y = unpack 'C*', $y;
    my $sum = 0;

    $sum += abs($x[$_] - $y[$_]) for 0 .. $#x;

    return @x == @y ? $sum / @x : 255;
}

finish();
