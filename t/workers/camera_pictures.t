#!/usr/bin/perl

# Every form of picture that codecs have becomes the JPEG that it should:
# compared with what ffmpeg itself decodes and converts, in its colours and in
# its details; and pictures of two fields without a comb.

use v5.36;

use FindBin;
use List::Util qw(sum);
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $roots = "$FindBin::Bin/../../build/t/clips";
my ($width, $height) = (320, 180);
my @still = ('-f', 'lavfi', '-i',
    "testsrc2=size=${width}x$height:rate=5:duration=2");
my @x264 = qw(-c:v libx264 -preset ultrafast -crf 4 -g 5);
my @x265 = qw(-c:v libx265 -preset ultrafast -x265-params
    log-level=none:keyint=5:crf=4);

sub play ($path, %options) {
    return Vstream::Driver::start_drive("file:$path", folder => $folder,
        seconds => 1.5, frames => 1, %options, configure =>
        { file_roots => $roots, quality => 95, %{ $options{configure} // {} } });
}

# The bytes that ffmpeg writes.
sub raw (@arguments) {
    open my $out, '-|:raw', 'ffmpeg', '-v', 'error', @arguments, '-f',
        'rawvideo', '-' or die "ffmpeg: $!";
    local $/;
    return scalar <$out>;
}

# Mean difference of two pictures' bytes.
sub difference ($x, $y) {
    return 255 if length $x != length $y || $x eq '';

    my @x = unpack 'C*', $x;
    my @y = unpack 'C*', $y;

    return sum(map { abs($x[$_] - $y[$_]) } 0 .. $#x) / @x;
}



# name, matrix and range that it is in, arguments
my @forms = (
    [ 'h264-420-10.mp4', 'bt709', 'tv', @x264, qw(-pix_fmt yuv420p10le) ],
    [ 'h264-422.mp4', 'bt601', 'tv', @x264, qw(-pix_fmt yuv422p) ],
    [ 'h264-422-10.mp4', 'bt709', 'tv', @x264, qw(-pix_fmt yuv422p10le) ],
    [ 'h264-444.mp4', 'bt709', 'tv', @x264, qw(-pix_fmt yuv444p) ],
    [ 'h264-444-10.mp4', 'bt601', 'pc', @x264, qw(-pix_fmt yuv444p10le) ],
    [ 'h264-gray.mp4', 'bt601', 'tv', @x264, qw(-pix_fmt gray) ],
    [ 'h264-rgb.mp4', '', '', qw(-c:v libx264rgb -crf 1 -g 5) ],
    [ 'hevc-420-10.mp4', 'bt2020', 'tv', @x265, qw(-pix_fmt yuv420p10le) ],
    [ 'hevc-420-pc.mp4', 'bt709', 'pc', @x265, qw(-pix_fmt yuv420p) ],
    [ 'hevc-422-10.mp4', 'bt709', 'tv', @x265, qw(-pix_fmt yuv422p10le) ],
    [ 'hevc-444-12.mp4', 'bt709', 'tv', @x265, qw(-pix_fmt yuv444p12le) ],
    [ 'vp9-420-10.webm', 'bt709', 'tv', qw(-c:v libvpx-vp9 -crf 10 -g 5
        -deadline realtime -cpu-used 8 -pix_fmt yuv420p10le) ],
    [ 'mpeg2-422.ts', 'bt709', 'tv', qw(-c:v mpeg2video -q:v 1 -g 5 -pix_fmt
        yuv422p) ],
    [ 'mjpeg-444.avi', 'bt601', 'pc', qw(-c:v mjpeg -q:v 1 -pix_fmt
        yuvj444p) ],
    [ 'ffv1-bgr.mkv', '', '', qw(-c:v ffv1 -pix_fmt bgr0) ],
    [ 'ffv1-411.mkv', 'bt601', 'tv', qw(-c:v ffv1 -pix_fmt yuv411p) ],
);
my %spaces = (bt601 => 'smpte170m', bt709 => 'bt709', bt2020 => 'bt2020nc');
my %cameras;

for (@forms) {
    my ($name, $matrix, $range, @arguments) = @$_;
    my @to = $matrix eq '' ? () : ('-vf',
        "scale=out_color_matrix=$matrix:out_range=$range",
        '-color_range', $range, '-colorspace', $spaces{$matrix});
    my $clip = clip($name, @still, @to, @arguments);

    $cameras{$name} = [ $clip, play($clip, configure =>
            $name =~ /mjpeg/ ? { quality_is_set => 'true' } : {}) ];
}

for (@forms) {
    my ($name, $matrix, $range) = @$_;
    my ($clip, $camera) = @{ $cameras{$name} };
    my $from = $matrix eq '' ? ''
        : "in_color_matrix=$matrix:in_range=$range:";

    $camera->finish;
    is $camera->reason, '', $name;
    is $camera->counts->{broken}, 0, 'none broken';

    my ($frame) = glob "$camera->{frames}/*.jpg" or next;
    my @details = ('-vf', "scale=${from}out_range=pc:out_color_matrix=bt601,"
        . 'format=gray');
    my $ours = raw('-i', $frame, '-vf', 'format=gray');
    my $theirs = raw('-i', $clip, @details, qw(-frames:v 1));
    my $detail = difference($ours, $theirs);

    cmp_ok $detail, '<', 2, sprintf 'luma differs by %.2f of 256', $detail;

    my $small = 'format=rgb24,scale=40:24:flags=area';
    my $colour = difference(
        raw('-i', $frame, '-vf',
            "scale=in_color_matrix=bt601:in_range=pc,$small"),
        raw('-i', $clip, '-vf', ($from ? "scale=$from" . "flags=bicubic," : '')
            . $small, qw(-frames:v 1)));

    cmp_ok $colour, '<', 2.5, sprintf 'colours differ by %.2f of 256', $colour;
}


# The share of samples that stick out of their neighbours above and below.
sub comb ($gray) {
    my $count = 0;
    my @rows = map { [ unpack 'C*', $_ ] } unpack "(a$width)*", $gray;

    for my $y (1 .. $#rows - 1) {
        my ($above, $row, $below) = @rows[ $y - 1 .. $y + 1 ];

        for my $x (0 .. $width - 1) {
            my ($c, $a, $b) = ($row->[$x], $above->[$x], $below->[$x]);
            $count++ if ($c - $a) * ($c - $b) > 0 && abs($c - $a) > 20
                && abs($c - $b) > 20;
        }
    }

    return $count / $width / $height;
}

# Bars that move sideways, above a picture that stands still.
my @fields = ('-f', 'lavfi', '-i', "color=gray:size=${width}x$height:rate=50:"
    . "duration=2,geq=lum='if(lt(Y\\,90)\\,16+219*lt(mod(X+8*N\\,64)\\,32)\\,"
    . "64+(X+Y)/3)':cb=128:cr=128,interlace=scan=tff:lowpass=0");
my @interlaced = (
    [ 'fields.ts', qw(-c:v mpeg2video -q:v 2 -g 5 -flags +ildct+ilme -top 1) ],
    [ 'fields.mp4', @x264, qw(-x264-params tff=1 -pix_fmt yuv420p) ],
    [ 'fields-10.mp4', @x264, qw(-x264-params tff=1 -pix_fmt yuv422p10le) ],
);

for (@interlaced) {
    my ($name, @arguments) = @$_;
    my $clip = clip($name, @fields, @arguments);

    $cameras{$name} = [ $clip, play($clip) ];
}

for (@interlaced) {
    my ($name) = @$_;
    my ($clip, $camera) = @{ $cameras{$name} };
    my $full = 'scale=in_range=tv:out_range=pc,format=gray';

    $camera->finish;

    my ($frame) = glob "$camera->{frames}/*.jpg" or fail($name), next;
    my $ours = raw('-i', $frame, '-vf', 'format=gray');
    my $theirs = raw('-i', $clip, '-vf', $full, qw(-frames:v 1));
    my $still = $width * 100;

    cmp_ok comb($theirs), '>', 0.02, sprintf '%s: fields make a comb: %.3f',
        $name, comb($theirs);
    cmp_ok comb($ours), '<', 0.002, sprintf 'which is gone: %.4f', comb($ours);

    my $detail = difference(substr($ours, $still), substr($theirs, $still));
    cmp_ok $detail, '<', 3, sprintf 'what stands still differs by %.2f',
        $detail;

    # a field by itself, doubled: what moved is where it was
    my $moved = difference(substr($ours, 0, $width * 80), substr(raw('-i',
        $clip, '-vf', "$full,field=top,scale=$width:$height", qw(-frames:v 1)),
        0, $width * 80));
    cmp_ok $moved, '<', 8, sprintf 'what moves, by %.2f', $moved;
}

finish();
