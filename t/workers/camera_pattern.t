#!/usr/bin/perl

# The test pattern, and what every source has in common: stills while nobody
# watches, every picture while somebody does, counters, limits, the end.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();


# The time that the row of blocks in a picture tells, in Unix ms.
sub blocks_ms ($gray, $width, $height) {
    my $block = int($width / 48);
    my $row = substr $gray, $width * ($height - 16), $width;
    my $ms = 0;

    for my $i (0 .. 47) {
        my $value = ord substr $row, $i * $block + int($block / 2), 1;
        $ms = $ms * 2 + ($value > 127);
    }

    return $ms;
}


subtest 'a still a second while nobody watches' => sub {
    my $camera = drive('test:', folder => $folder, seconds => 3.5,
        frames => 1, memory => 1);
    my @stills = $camera->stills;
    my ($memory) = $camera->text =~ /^MEMORY Pss: +(\d+)/m;

    is_deeply $camera->stream, { codec => 'test', width => 1280,
        height => 720 }, 'what it is';
    is scalar(@stills), 4, 'four stills in 3.5 s';
    is scalar($camera->live), 0, 'nothing live';
    cmp_ok $camera->counts->{units}, '>=', 90, 'all pictures are counted';
    cmp_ok abs($camera->counts->{fps_milli} - 30000), '<', 1500, '30 fps';
    is $camera->counts->{broken}, 0, 'none is broken';
    ok $camera->ended_well, 'it ends when the link closes';
    diag "one idle camera process: PSS $memory kB";

    my $gray = gray($camera->jpeg(1), $folder);
    my $late = blocks_ms($gray, 1280, 720) - int($stills[0]{t} / 1000);

    is length $gray, 1280 * 720, 'a whole JPEG';
    is $late, 0, 'the picture shows its own time';
    is ord(substr $gray, 1280 * 20 + 20, 1), 255, 'white is white';
    cmp_ok ord(substr $gray, 1280 * 20 + 1240, 1), '<=', 3, 'black is black';
};

subtest 'every picture while somebody watches' => sub {
    my $camera = drive('test:?size=320x240&fps=25', folder => $folder,
        seconds => 4, watch => 1, unwatch => 3);
    my ($watched, $unwatched) = $camera->events('WATCHED');
    my @live = $camera->live;
    my @late = grep { $_->{ms} > $unwatched->{ms} + 100 } @live;

    cmp_ok $live[0]{ms} - $watched->{ms}, '<', 300, 'the first one at once';
    is $live[0]{still}, 1, 'which is a still too';
    cmp_ok abs(@live - 50), '<=', 4, 'then all of them: ' . @live;
    is scalar(@late), 0, 'and none once nobody watches';
    cmp_ok scalar($camera->stills), '<=', 6, 'a still a second, no more';

    my @times = map { $_->{t} } $camera->frames;
    is_deeply \@times, [ sort { $a <=> $b } @times ], 'in order';
};

subtest 'fps and still as configured' => sub {
    my $camera = drive('test:?size=320x240&fps=30', folder => $folder,
        seconds => 3, watch => 0, configure => { fps_milli => 5000 });

    cmp_ok abs($camera->live - 15), '<=', 2, 'fps=5: ' . $camera->live;

    $camera = drive('test:?size=320x240', folder => $folder, seconds => 2,
        configure => { still_ms => 250, still_is_set => 'true' });
    cmp_ok abs($camera->stills - 8), '<=', 1, 'still=0.25';

    $camera = drive('test:?size=320x240', folder => $folder, seconds => 2,
        watch => 1, configure => { still_ms => 0 });
    is scalar($camera->unwatched), 0, 'still=off: nothing until watched';
    cmp_ok scalar($camera->stills), '>=', 1, 'stills while watched';
    is $camera->stream->{width}, 320, 'its size is known all the same';
};

subtest 'width and quality' => sub {
    my $camera = drive('test:?size=640x360', folder => $folder, seconds => 1,
        configure => { width => 320 });
    is(($camera->frames)[0]{size}, '320x180', 'the height follows');

    my $bytes = ($camera->frames)[0]{bytes};
    $camera = drive('test:?size=640x360', folder => $folder, seconds => 1,
        configure => { width => 320, quality => 20 });
    cmp_ok(($camera->frames)[0]{bytes}, '<', $bytes, 'quality=20 is smaller');
};

subtest 'slow patterns do not stall' => sub {
    my $camera = drive('test:?size=64x48&fps=0.2', folder => $folder,
        seconds => 6);
    is $camera->reason, '', 'one picture in 5 s';
    is $camera->counts->{units}, 2, 'two in 6 s';
};

subtest 'what it does not take' => sub {
    for (qw(test:x test:? test:?fps test:?fps=0 test:?fps=121 test:?fps=nan
            test:?size=1x1 test:?size=15x16 test:?size=16x15 test:?size=16
            test:?size=7682x16 test:?size=+16x16 test:?fps=1&fps2=1
            test:?size=16x16&)) {
        my $camera = drive($_, folder => $folder, seconds => 2, direct => 1);
        is $camera->reason, 'bad_source', $_;
    }

    is drive('ftp://x/', folder => $folder, seconds => 2)->reason,
        'bad_source', 'a scheme that nobody reads';
    is drive('test:?size=7680x7680', folder => $folder, seconds => 2)->reason,
        'too_large', 'more pixels than allowed';
    is drive('test:?size=16x16&fps=120', folder => $folder, seconds => 1)
        ->reason, '', 'the smallest and fastest';
};

finish();
