#!/usr/bin/perl

# file: in every container and codec that ffmpeg here can make, each played in
# a loop at its own pace; and the recordings that the demo begins with.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $top = "$FindBin::Bin/../..";
my @pattern = ('-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=10:duration=1',
    '-f', 'lavfi', '-i', 'sine=duration=1');
my %h264 = (codec => 'h264', video => [ qw(-c:v libx264 -preset ultrafast -g 5
    -pix_fmt yuv420p) ]);
my %h265 = (codec => 'hevc', video => [ qw(-c:v libx265 -preset ultrafast
    -x265-params log-level=none:keyint=5) ]);
my %vp9 = (codec => 'vp9', video => [ qw(-c:v libvpx-vp9 -deadline realtime
    -cpu-used 8 -g 5) ]);
my %vp8 = (codec => 'vp8', video => [ qw(-c:v libvpx -deadline realtime -g 5) ]);
my %av1 = (codec => 'av1', video => [ qw(-c:v libaom-av1 -cpu-used 8
    -usage realtime -g 5) ]);
my %mpeg1 = (codec => 'mpeg1video', video => [ qw(-c:v mpeg1video -r 25 -g 5) ],
    fps => 25);
my %mpeg2 = (codec => 'mpeg2video', video => [ qw(-c:v mpeg2video -r 25 -g 5) ],
    fps => 25);
my %mpeg4 = (codec => 'mpeg4', video => [ qw(-c:v mpeg4 -g 5) ]);
my %mjpeg = (codec => 'mjpeg', video => [ qw(-c:v mjpeg -q:v 4) ]);
my @silent = ('-an');

# name => codec, then what ffmpeg is told besides
my %files = (
    'box-h264.mp4' => { %h264 },
    'box-h265.mp4' => { %h265 },
    'box-av1.mp4' => { %av1 },
    'box-vp9.mp4' => { %vp9 },
    'box-mpeg4.mp4' => { %mpeg4 },
    'box-parts.mp4' => { %h264,
        more => [ qw(-movflags frag_keyframe+empty_moov) ] },
    'box-h264.mov' => { %h264 },
    'box-mjpeg.mov' => { %mjpeg },
    'box-prores.mov' => { codec => 'prores', video => [ qw(-c:v prores_ks) ] },
    'box-h264.mkv' => { %h264 },
    'box-h265.mkv' => { %h265 },
    'box-av1.mkv' => { %av1 },
    'box-ffv1.mkv' => { codec => 'ffv1', video => [ qw(-c:v ffv1) ] },
    'box-vp8.webm' => { %vp8 },
    'box-vp9.webm' => { %vp9 },
    'box-h264.ts' => { %h264 },
    'box-h265.ts' => { %h265 },
    'box-mpeg2.ts' => { %mpeg2 },
    'box-h264.m2ts' => { %h264 },
    'box-mpeg1.mpg' => { %mpeg1 },
    'box-mpeg2.vob' => { %mpeg2 },
    'box-h264.avi' => { %h264 },
    'box-mjpeg.avi' => { %mjpeg },
    'box-msmpeg4.avi' => { codec => 'msmpeg4v3', video => [ qw(-c:v msmpeg4
        -g 5) ] },
    'box-h264.flv' => { %h264 },
    'box-flv1.flv' => { codec => 'flv1', video => [ qw(-c:v flv -g 5) ],
        more => [ qw(-ar 44100) ] },
    'box-theora.ogv' => { codec => 'theora', video => [ qw(-c:v libtheora -g 5) ] },
    'box-vp8.ivf' => { %vp8, more => \@silent },
    'box-av1.ivf' => { %av1, more => \@silent },
    'box.h264' => { %h264, more => \@silent, fps => 25 },
    'box.h265' => { %h265, more => \@silent, fps => 25 },
    'box.mjpeg' => { %mjpeg, more => \@silent, fps => 25 },
    'box.m4v' => { %mpeg4, more => \@silent, fps => 25 },
    'box.m2v' => { %mpeg2, more => \@silent },
);

my @names = sort keys %files;

while (my @batch = splice @names, 0, 9) {
    my @cameras = map {
        my $file = $files{$_};
        my $clip = clip($_, @pattern, @{ $file->{video} },
            @{ $file->{more} // [] });

        Vstream::Driver::start_drive("file:$clip", folder => $folder,
            seconds => 3, watch => 0.5, direct => 1,
            configure => { file_roots => "$top/build/t/clips" });
    } @batch;

    for my $name (@batch) {
        my $camera = (shift @cameras)->finish;
        my $file = $files{$name};
        my $fps = $file->{fps} // 10;
        my $live = $camera->live;
        my ($size) = map { $_->{size} } $camera->frames;

        subtest $name => sub {
            is $camera->reason, '', 'plays on';
            is $camera->stream->{codec}, $file->{codec}, 'its codec';
            is $size // '', '160x120', 'its size';
            cmp_ok $live, '>=', 12, "pictures in 2.5 s: $live";
            cmp_ok $live, '<=', 4 * $fps, 'at its pace';
            is $camera->counts->{broken}, 0, 'none broken';
        };
    }
}

# The recordings that Debian packages bring, as they are.
my @originals = grep { /\.(?:avi|mp4)$/ } glob "$top/build/media/from/*";

SKIP: {
    skip 'no recordings have been fetched', 1 if !@originals;

    my @cameras = map {
        Vstream::Driver::start_drive("file:$_", folder => $folder,
            seconds => 3, watch => 0.5, direct => 1,
            configure => { file_roots => "$top/build/media" })
    } @originals;

    for (@originals) {
        my $camera = (shift @cameras)->finish;

        subtest s{.*/}{}r => sub {
            is $camera->reason, '', 'plays on';
            cmp_ok scalar($camera->live), '>=', 4,
                $camera->live
                . ' pictures of ' . $camera->stream->{codec};
        };
    }
}

finish();
