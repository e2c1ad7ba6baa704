#!/usr/bin/perl

# A substream through the whole of vstream-ingest: demand for each rendition,
# whose stills are in Redis, and what is left when the substream's camera goes.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my $password = 'a b:c@/%';
my $secret = write_file('password', "$password\n");
my $redis = start_redis();
my $main = rtsp_camera('--mount', '/1', '--file', clip('gop1s.mp4'));
my $sub = rtsp_camera('--mount', '/2', '--file', clip('small1s.mp4'),
    '--user', 'viewer', '--password-file', $secret);
my $ingest = start_ingest($redis,
    environment => { VSTREAM_CAMERA_SUB => $password });


# The newest still: { id, w, h, rendition, jpeg }; undef: there is none.
sub still ($id) {
    my $entries = $redis->command('XREVRANGE', "vs:{$id}:still", '+', '-',
        'COUNT', 1);

    return @$entries ? { id => $entries->[0][0], @{ $entries->[0][1] } }
        : undef;
}

# Waits for a still newer than what is there now, of this size.
sub next_still_is ($id, $size, $rendition, $name) {
    my $before = (still($id) // {})->{id} // '';
    my $still;

    ok wait_for(sub {
        $still = still($id);
        $still && $still->{id} ne $before && "$still->{w}x$still->{h}" eq $size;
    }, patience()), $name;
    is $still->{rendition}, $rendition, "$name: as Redis tells it";
}

# The size of the next frame that is pushed, and whether it is in order.
sub pushed ($subscriber) {
    my $frame = $subscriber->frame(patience()) or return 'none';

    return "$frame->{width}x$frame->{height}";
}


declare($redis, 'yard', $main->url('/1'),
    substream => $sub->url('/2', 'viewer:${SUB}'));
declare($redis, 'plain', $main->url('/1'));

camera_is($redis, 'yard', 'both streams are there', state => 'streaming',
    reason => '', substream => 'streaming', substream_detail => '',
    width => 320, height => 240);
camera_is($redis, 'plain', 'a camera without one', state => 'streaming',
    substream => '');
next_still_is('yard', '160x120', 'small', 'stills come from the substream');
next_still_is('plain', '320x240', undef, 'or from the only stream');
is $sub->dials, 1, 'dialled once';

subtest 'demand' => sub {
    my $small = Vstream::Subscriber->new($redis, 'yard', 'small');

    is pushed($small), '160x120', 'small is pushed to whoever wants that';
    camera_is($redis, 'yard', 'a subscriber is counted', watched => 1);

    my $first = Vstream::Subscriber->new($redis, 'yard');
    is pushed($first), '320x240', 'main to others';
    camera_is($redis, 'yard', 'of both renditions', watched => 2);

    my %seqs;
    my @frames = map { $_->frames(1) } $small, $first;
    $seqs{ $_->{seq} }++ for @frames;
    cmp_ok scalar(@frames), '>', 10, 'both at once';
    is scalar(grep { $_ > 1 } values %seqs), 0, 'no number is given twice';
    cmp_ok $ingest->metric(
        'vstream_ingest_camera_small_frames_pushed_total{camera="yard"}'),
        '>', 0, 'counted apart';

    $_->close for $small, $first;
    camera_is($redis, 'yard', 'and demand goes', watched => 0);
};

subtest 'the substream goes and comes back' => sub {
    my $small = Vstream::Subscriber->new($redis, 'yard', 'small');
    my $epoch = epoch_of($redis, 'yard');
    my $restarts = camera_status($redis, 'yard')->{restarts};

    is pushed($small), '160x120', 'it is watched';
    $sub->kill;

    my $size;
    ok wait_for(sub { ($size = pushed($small)) ne '160x120' }, patience()),
        'its camera is killed';
    is $size, '320x240', 'main stands in for those who watch';
    ok wait_for(sub {
        (camera_status($redis, 'yard')->{substream} // 'streaming')
            ne 'streaming';
    }, patience()), 'status says so';
    my $status = camera_status($redis, 'yard');
    is $status->{state}, 'streaming', 'of the substream alone';
    isnt $status->{substream_detail}, '', 'and why';
    next_still_is('yard', '320x240', undef, 'main gives the stills');

    $sub->start_again;
    camera_is($redis, 'yard', 'it is dialled until it is there',
        substream => 'streaming', substream_detail => '');
    ok wait_for(sub { pushed($small) eq '160x120' }, patience()),
        'small is small again';
    next_still_is('yard', '160x120', 'small', 'stills come from it again');
    is epoch_of($redis, 'yard'), $epoch, 'the camera was held all the time';
    is camera_status($redis, 'yard')->{restarts}, $restarts,
        'by the same camera process';
    $small->close;
};

subtest 'a substream that may not be had' => sub {
    declare($redis, 'nocred', $main->url('/1'),
        substream => $sub->url('/2', '${NOBODY}'));
    declare($redis, 'same', $main->url('/1'), substream => 'test:');

    my $status = camera_is($redis, 'nocred', 'the camera goes on without',
        state => 'streaming', reason => '',
        substream => 'credential_missing');
    like $status->{substream_detail}, qr/VSTREAM_CAMERA_NOBODY/, 'and says why';
    next_still_is('nocred', '320x240', undef, 'its stills are main\'s');

    camera_is($redis, 'same', 'one of another kind', substream => 'streaming');
    declare($redis, 'same', $main->url('/1'));
    camera_is($redis, 'same', 'that is withdrawn', substream => '',
        state => 'streaming');
    next_still_is('same', '320x240', undef, 'leaves the stills to main');
};

my $said = $ingest->log . join ' ', map { @{ $redis->command('HGETALL',
    "vs:{$_}:status") } } qw(yard nocred);
unlike $said, qr/\Q$password\E|a%20b%3Ac/, 'nobody tells the password';

finish();
