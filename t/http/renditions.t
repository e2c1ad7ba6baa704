# ?rendition=: which pictures a viewer, a wall and a snapshot get of a camera
# that has a substream, and for what demand is made.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $declared = '{"source":"test:","origin":"tests","substream":"test:"}';
my $redis = start_redis();
my $nginx = start_nginx($redis, workers => 1);


sub camera ($id) {
    return Vstream::Camera->new($redis, $id)->declare($declared);
}

# One without a substream.
sub plain ($id) {
    return Vstream::Camera->new($redis, $id)->declare;
}

sub stream ($camera, $query = '') {
    return Vstream::Viewer->watch($nginx,
        '/live/' . $camera->id . "/stream.mjpg$query");
}

sub snapshot_path ($camera, $query = '') {
    return '/live/' . $camera->id . "/frame.jpg$query";
}

# A snapshot whose answer is read later.
sub ask ($camera, $query = '') {
    return Vstream::Viewer->open($nginx, snapshot_path($camera, $query),
        unread => 1);
}

# The picture that it got.
sub answer ($asked) {
    return $asked->read_header->content;
}

sub watched ($camera, $rendition) {
    return wait_for(sub { $camera->watchers($rendition) });
}

sub push_small ($camera) {
    return $camera->push_frame(rendition => 'small');
}


# What takes seconds to be seen goes on while other things are tried.
my $seen = camera('seen')->add_still(rendition => 'small');
my $seen_by = stream($seen);
my $changed = camera('changed')->add_still(rendition => 'small');
my $changed_wall = Vstream::Viewer->watch($nginx,
    '/live/wall.mjpg?cameras=changed,seen&rendition=small');
my $changed_alone = stream($changed, '?rendition=small');
my $first_still = $seen->jpeg;

$seen_by->part;
$changed_wall->part for 1, 2;
$changed_alone->part;
ok watched($seen, 'main') && watched($changed, 'small'), 'all are watched';
$seen->push_frame;
my $first_frame = $seen->jpeg;
my $later_still = $seen->add_still(rendition => 'small')->jpeg;
$changed->declare('{"source":"test:","origin":"tests"}');
my $began = time();


subtest 'one of two' => sub {
    my $c = camera('two')->add_still(rendition => 'small');
    my $still = $c->jpeg;
    my $small = stream($c, '?rendition=small');

    is $small->status, 200, 'small';
    is_bytes $small->part->{jpeg}, $still, 'begins with the still';
    ok watched($c, 'small'), 'makes demand';
    is $c->watchers, 0, 'but not of main';

    my $main = stream($c, '?rendition=main');
    is_bytes $main->part->{jpeg}, $still,
        'main begins with the still, too: a picture at once';
    ok watched($c, 'main'), 'and makes demand of its own';

    push_small($c);
    is_bytes $small->part->{jpeg}, $c->jpeg, 'a small picture for small';
    $c->push_frame;
    is_bytes $main->part->{jpeg}, $c->jpeg, 'a main picture for main';
    is $main->part(0.3), undef, 'and nothing else';
    is $small->part(0.3), undef, 'for either';

    is $nginx->metric('vstream_viewers{camera="two"}'), 2,
        'both are viewers of the camera';

    my $default = stream($c);
    is_bytes $default->part->{jpeg}, $c->jpeg, 'without a word it is main';

    $small->close;
    ok wait_for(sub { !$c->watchers('small') }), 'demand goes with its viewer';
    is $c->watchers, 1, 'the other stays';
};


subtest 'refused' => sub {
    my $c = plain('plain')->add_still;

    for my $what (qw(stream.mjpg frame.jpg)) {
        my $answer = $nginx->get("/live/plain/$what?rendition=small");
        is $answer->{status}, 404, "$what: there is no small";
        is $answer->{headers}{'content-type'}, 'application/problem+json',
            'as a problem';
        like $answer->{content}, qr/no rendition small/, 'that says so';

        $answer = $nginx->get("/live/nobody/$what?rendition=small");
        is $answer->{status}, 404, 'no such camera';
        like $answer->{content}, qr/no such camera/, 'which is another thing';

        for my $word ('large', '', 'SMALL', 'smal', 'small%00') {
            $answer = $nginx->get("/live/plain/$what?rendition=$word");
            is $answer->{status}, 400, "$what: \"$word\" is no rendition";
            like $answer->{content}, qr/main or small/, 'what would be one';
        }
    }

    is $nginx->get('/live/wall.mjpg?cameras=plain&rendition=x')->{status}, 400,
        'nor is it in a wall';
    is $nginx->get('/live/plain/frame.jpg?rendition=main')->{status}, 200,
        'main is there';
    is $c->watchers('small'), 0, 'no demand was made';
};


subtest 'a wall' => sub {
    my $both = camera('w1')->add_still(rendition => 'small');
    my $plain = plain('w2')->add_still;
    my $v = Vstream::Viewer->watch($nginx,
        '/live/wall.mjpg?cameras=w1,w2,none&rendition=small');
    my %part = map { $_->{headers}{'x-camera'} => $_ } map { $v->part } 1, 2;

    is $v->status, 200, 'status';
    is_bytes $part{w1}{jpeg}, $both->jpeg, 'a still of each';
    is_bytes $part{w2}{jpeg}, $plain->jpeg, 'whoever it comes from';
    ok watched($both, 'small'), 'small, where it is';
    ok watched($plain, 'main'), 'main, where it is not';
    is $both->watchers, 0, 'and not both';

    push_small($both);
    is_bytes $v->part->{jpeg}, $both->jpeg, 'a small picture';
    $plain->push_frame;
    is_bytes $v->part->{jpeg}, $plain->jpeg, 'a main picture';
    is $nginx->metric("vstream_viewers{camera=\"$_\"}"), 1, "$_ has a viewer"
        for qw(w1 w2);

    my $alone = Vstream::Viewer->watch($nginx,
        '/live/wall.mjpg?cameras=w2&rendition=small');
    is_bytes $alone->part->{jpeg}, $plain->jpeg, 'a wall of one does the same';
};


subtest 'snapshots' => sub {
    my $c = camera('snap')->add_still(rendition => 'small');
    my $still = $c->jpeg;
    my $etag = '"' . $c->frame_id . '"';

    for my $query ('', '?rendition=small') {
        my $answer = $nginx->get(snapshot_path($c, $query));
        is_bytes $answer->{content}, $still, "\"$query\": the still";
        is $answer->{headers}{etag}, $etag, 'with its ETag';
        is $nginx->get(snapshot_path($c, $query),
            'If-None-Match' => $etag)->{status}, 304, 'or 304';
    }

    is $c->watchers, 0, 'no demand of main';
    is $c->watchers('small'), 0, 'nor of small';

    my $main = ask($c, '?rendition=main');
    ok watched($c, 'main'), 'main is waited for';
    push_small($c);
    $c->push_frame;
    is_bytes answer($main), $c->jpeg, 'and comes';
    is $main->header('ETag'), '"' . $c->frame_id . '"', 'under its number';

    my $missed = camera('missed')->add_still(rendition => 'small');
    is $nginx->get(snapshot_path($missed, '?rendition=main'))->{status}, 503,
        'where it does not come, no other is given';
};


subtest 'snapshots of what is old' => sub {
    my $c = camera('old')->add_still(rendition => 'small', age_ms => 5000);
    my $any = ask($c);

    ok watched($c, 'small'), 'demand is made where stills come from';
    is $c->watchers, 0, 'and not of main';
    push_small($c);
    is_bytes answer($any), $c->jpeg, 'a fresh picture';

    my $after = $c->frame_id;
    my $poll = ask($c, "?after=$after");
    push_small($c) if watched($c, 'small');
    is_bytes answer($poll), $c->jpeg, 'the next one after it';

    my $other = ask($c, "?after=$after&rendition=main");
    $c->push_frame if watched($c, 'main');
    is_bytes answer($other), $c->jpeg, 'numbers are of one sequence';

    my $stood_in = camera('stood')->add_still;
    is_bytes $nginx->get(snapshot_path($stood_in, '?rendition=small'))
        ->{content}, $stood_in->jpeg,
        'small is the still, though main had to give it';
};


subtest 'status' => sub {
    my $c = camera('state')->set_status(state => 'streaming', reason => '',
        substream => 'auth_failed', substream_detail => 'check the password');
    my $s = JSON::PP::decode_json(
        $nginx->get('/api/v1/cameras/state')->{content});

    is "@{ $s->{renditions} }", 'main small', 'renditions';
    is $s->{substream}, 'auth_failed', 'how the substream is';
    is $s->{substream_detail}, 'check the password', 'and what to do';

    $s = JSON::PP::decode_json(
        $nginx->get('/api/v1/cameras/plain')->{content});
    is "@{ $s->{renditions} }", 'main', 'of a camera without one';
};


# A camera that is watched is looked up every five seconds.
subtest 'in the course of time' => sub {
    my @wall = grep { $_->{headers}{'x-camera'} eq 'changed' }
        $changed_wall->parts;

    ok wait_for(sub { watched($changed, 'main') }, 15),
        'a wall goes on with main where the substream is withdrawn';
    ok wait_for(sub { !$changed->watchers('small') }, 15),
        'and wants small no more';
    $changed->push_frame;

    my $part;
    do { $part = $changed_wall->part(10) }
        until !$part || $part->{jpeg} eq $changed->jpeg;
    ok $part, 'its pictures are shown';
    ok wait_for(sub { $changed_alone->parts; $changed_alone->ended }, 15),
        'a stream of small ends';

    sleep 0.2 while time() - $began < 6;
    my @shown = map { $_->{jpeg} } $seen_by->parts;
    is scalar(grep { $_ eq $later_still } @shown), 0,
        'a still of the substream does not come between pictures of main';
    ok scalar(grep { $_ eq $first_frame } @shown), 'which are shown';
};

finish();
