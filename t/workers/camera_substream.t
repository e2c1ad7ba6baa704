#!/usr/bin/perl

# A camera with a substream: who gives the stills, who is decoded for whom, and
# that a substream that fails takes nothing with it.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $secret = 's3cr:t/%p@ss';
my $quoted = 's3cr%3At%2F%25p%40ss';
my @coding = (qw(-c:v libx264 -preset veryfast -bf 0), '-pix_fmt', 'yuv420p');
my $clip = clip('plain.mp4', qw(-f lavfi -i),
    'testsrc2=size=640x360:rate=20:duration=4', @coding, qw(-g 20));
my $small = clip('quarter.mp4', qw(-f lavfi -i),
    'testsrc2=size=320x180:rate=10:duration=4', @coding, qw(-g 10));

write_file('password', "$secret\n");

my $server = rtsp_camera($folder,
    '--mount', '/main', '--file', $clip,
    '--mount', '/sub', '--file', $small,
    '--mount', '/shut', '--file', $small, '--user', 'admin',
    '--password-file', "$folder/password",
    '--mount', '/stalls', '--file', $small, '--stall-after', 1.5);


# A camera whose substream is at `path`.
sub camera ($path, %options) {
    my $host = '127.0.0.1:' . $server->port;
    my $user = delete $options{user} // '';

    return drive("rtsp://$host/main", folder => $folder, %options,
        configure => { %{ $options{configure} // {} },
            substream => "rtsp://$user$host$path" });
}

sub states ($camera) {
    return map { $_->{json}{state} } $camera->events('SUBSTREAM');
}

# What came from the moment on at which the substream was there.
sub afterwards ($camera) {
    my ($there) = grep { $_->{json}{state} eq 'streaming' }
        $camera->events('SUBSTREAM');

    return grep { $there && $_->{ms} > $there->{ms} } $camera->frames;
}


subtest 'nobody watches' => sub {
    my $camera = camera('/sub', seconds => 4);
    my @after = afterwards($camera);

    is join(' ', states($camera)), 'streaming', 'the substream is there';
    cmp_ok scalar(@after), '>=', 2, 'there are stills';
    is scalar(grep { !$_->{still} || !$_->{small} } @after), 0,
        'all of the substream: the main stream is not decoded';
    is join(' ', sort keys %{ { map { $_->{size} => 1 } @after } }),
        '320x180', 'of its size';
    is $camera->stream->{width}, 640, 'the stream that is told is the main one';
    cmp_ok $camera->counts->{fps_milli}, '>', 15000, 'so is its rate';
    is $camera->reason, '', 'no failure';
    ok $camera->ended_well, 'it ends when the link closes';
};

subtest 'the main stream is watched' => sub {
    my $camera = camera('/sub', seconds => 4, watch => 2);
    my ($watched) = $camera->events('WATCHED');
    my @live = $camera->live;

    is scalar(grep { $_->{small} || $_->{size} ne '640x360' } @live), 0,
        'its own pictures are shown';
    cmp_ok $live[0]{ms} - $watched->{ms}, '<', 600, 'at once';
    cmp_ok scalar(@live), '>=', 20, 'and all of them: ' . @live;

    my @stills = grep { $_->{still} } afterwards($camera);
    is scalar(grep { !$_->{small} } @stills), 0,
        'stills still come from the substream';
    cmp_ok scalar(grep { $_->{ms} > $watched->{ms} } @stills), '>=', 1,
        'while the main stream is watched, too';
};

subtest 'the substream is watched' => sub {
    my $camera = camera('/sub', seconds => 4, watch => 2,
        rendition => 'small', configure => { width => 1280 });
    my @live = $camera->live;

    cmp_ok scalar(@live), '>=', 10, 'all of its pictures: ' . @live;
    cmp_ok scalar(@live), '<=', 25, 'and none of another stream';
    is scalar(grep { !$_->{small} || $_->{size} ne '320x180' } @live), 0,
        'in their own size, whatever width the main stream is given';
    is scalar(grep { !$_->{small} } afterwards($camera)), 0,
        'the main stream is not decoded for them';
};

subtest 'with a wrong password' => sub {
    my $camera = camera('/shut', user => 'admin:no%2Fsuch@', seconds => 4,
        watch => 2, rendition => 'small',
        configure => { secrets => 'no/such' });
    my @stand_in = grep { $_->{stand_in} } $camera->frames;

    is join(' ', states($camera)), 'auth_failed', 'is tried once, and told';
    is $camera->reason, '', 'the camera goes on';
    cmp_ok scalar(grep { !$_->{small} } $camera->stills), '>=', 3,
        'stills are the main stream\'s';
    cmp_ok scalar(@stand_in), '>=', 20,
        'it stands in for those who watch: ' . @stand_in;
    is scalar($camera->live), 0, 'and is not pushed to its own viewers';
    unlike $camera->text, qr{no/such|no%2Fsuch}i, 'the password is not told';
};

subtest 'with the right password' => sub {
    my $camera = camera('/shut', user => "admin:$quoted\@", seconds => 2,
        configure => { secrets => $secret });

    is join(' ', states($camera)), 'streaming', 'is there';
    unlike $camera->text, qr/\Q$secret\E|\Q$quoted\E/, 'nothing tells it';
};

# Silence is a stall after three seconds; then it is dialled again.
subtest 'that stalls' => sub {
    my $camera = camera('/stalls', seconds => 11);
    my @states = states($camera);
    my ($stalled) = grep { $_->{json}{state} eq 'stalled' }
        $camera->events('SUBSTREAM');

    like "@states", qr/^streaming stalled streaming\b/,
        'is dialled anew, within the same process';

    my ($back, $again) = grep { $stalled && $_->{ms} > $stalled->{ms} }
        $camera->events('SUBSTREAM');
    my @between = grep {
        $back && $_->{ms} > $stalled->{ms} && $_->{ms} < $back->{ms} - 50
    } $camera->frames;
    my @after = grep {
        $back && $_->{ms} > $back->{ms} - 50
            && $_->{ms} < ($again ? $again->{ms} : 1e9)
    } $camera->frames;

    is scalar(grep { $_->{small} } @between), 0,
        'meanwhile it gives nothing';
    cmp_ok scalar(grep { $_->{small} } @after), '>=', 1,
        'then it gives stills again';
    is scalar(grep { !$_->{small} && $_->{ms} > $back->{ms} } @after), 0,
        'alone';
    is $camera->reason, '', 'the camera went on';
};

# The main stream's end is the camera's.
subtest 'the main stream fails' => sub {
    my $host = '127.0.0.1:' . $server->port;
    my $camera = drive("rtsp://$host/nothing", folder => $folder, seconds => 5,
        configure => { substream => "rtsp://$host/sub" });

    is $camera->reason, 'not_found', 'is told';
    ok $camera->ended_well, 'and ends the camera process';
};

subtest 'that nobody can open' => sub {
    my $camera = drive('test:', folder => $folder, seconds => 2,
        configure => { substream => 'gopher://127.0.0.1/' });

    is join(' ', states($camera)), 'bad_source', 'is told';
    cmp_ok scalar($camera->stills), '>=', 2, 'the camera goes on';
    is $camera->reason, '', 'without a failure';
};

# A name server, a firewall: nothing comes back, and the thread may hang.
subtest 'that does not answer' => sub {
    my $silent = server(sub ($client) { sleep 20 });
    my $camera = drive('test:', folder => $folder, seconds => 3,
        configure => { substream => 'rtsp://127.0.0.1:' . $silent->port . '/x',
            connect_timeout_ms => 800 });

    like join(' ', states($camera)), qr/^timeout\b/, 'is a timeout';
    cmp_ok scalar($camera->stills), '>=', 2, 'the camera goes on';
    ok $camera->ended_well, 'and ends in time';
};

done_testing();
