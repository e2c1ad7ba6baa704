# vstream_wall: several cameras over one response, each at its own pace.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $redis = start_redis();
my $nginx = start_nginx($redis, workers => 1, server => <<'END');
    location /few { vstream_max_viewers 1; vstream_wall $arg_cameras; }
    location /fixed { vstream_wall "f1,f2"; }
END


sub camera ($id, %options) {
    return Vstream::Camera->new($redis, $id, %options)->declare;
}

sub wall (@ids) {
    my $query = @ids == 1 ? $ids[0] : join ',', map { ref ? $_->id : $_ } @ids;

    return Vstream::Viewer->watch($nginx, "/live/wall.mjpg?cameras=$query");
}

sub subscribed (@cameras) {
    return wait_for(sub { !grep { !$_->watchers } @cameras });
}

# Parts by camera, from so many.
sub by_camera (@parts) {
    my %by;

    push @{ $by{ $_->{headers}{'x-camera'} } }, $_ for @parts;

    return \%by;
}


subtest 'tagged' => sub {
    my @cameras = map { camera("t$_")->add_still } 1 .. 3;
    my $v = wall(@cameras);

    is $v->status, 200, 'status';
    like $v->header('Content-Type'), qr{^multipart/x-mixed-replace; boundary=},
        'Content-Type';

    my $by = by_camera(map { $v->part } 1 .. 3);
    is_bytes $by->{ $_->id }[0]{jpeg}, $_->jpeg, $_->id . ': its still'
        for @cameras;

    subscribed(@cameras);

    for my $camera (@cameras) {
        $camera->push_frame;
        my $part = $v->part;
        is $part->{headers}{'x-camera'}, $camera->id, $camera->id . ': X-Camera';
        is $part->{headers}{'x-frame-id'}, $camera->frame_id, 'X-Frame-Id';
        is_bytes $part->{jpeg}, $camera->jpeg, 'its picture';
    }

    is $nginx->metric('vstream_viewers{camera="t2"}'), 1, 'counted for each';
    $v->close;
    ok wait_for(sub { $nginx->metric('vstream_viewers{camera="t2"}') == 0 }),
        'and gone for each';
};


subtest 'each at its own pace' => sub {
    my ($fast, $slow) = (camera('fast')->add_still, camera('slow')->add_still);
    my $v = wall($fast, $slow);
    my $limited = Vstream::Viewer->watch($nginx,
        '/live/wall.mjpg?cameras=fast,slow&fps=5');

    subscribed($fast, $slow);

    for my $i (1 .. 40) {
        $fast->push_frame;
        $slow->push_frame if $i % 10 == 0;
        sleep 0.025;
    }

    for my $case ([ 'all', $v, 30, 41 ], [ 'fps=5', $limited, 4, 9 ]) {
        my ($name, $viewer, $least, $most) = @$case;
        my $by = by_camera($viewer->parts);
        my $n = @{ $by->{fast} };

        cmp_ok $n, '>=', $least, "$name: $n of the fast one";
        cmp_ok $n, '<=', $most, "$name: and not more";
        is @{ $by->{slow} }, 5, "$name: the slow one is not left behind";

        for my $id (qw(fast slow)) {
            my @seqs = map { $_->{headers}{'x-frame-seq'} } @{ $by->{$id} };
            is_deeply \@seqs, [ sort { $a <=> $b } @seqs ],
                "$name: $id in order";
        }
    }
};


subtest 'cameras without a picture' => sub {
    my ($one, $two) = (camera('n1'), camera('n2')->add_still);
    my $v = wall($one, $two, 'none');

    is $v->status, 200, 'an unknown camera is passed over';
    is $v->part->{headers}{'x-camera'}, 'n2', 'one that has a picture';
    is $v->part(0.3), undef, 'nothing of the others';
    subscribed($one);
    $one->push_frame;
    is_bytes $v->part->{jpeg}, $one->jpeg, 'a first picture when it comes';

    my ($three, $four) = (camera('n3'), camera('n4'));
    my $began = time();
    $v = wall($three, $four);
    is $v->status, 200, 'none has a picture';
    cmp_ok time() - $began, '<', 1, 'the header comes at once';
    subscribed($three, $four);
    $four->push_frame;
    is_bytes $v->part->{jpeg}, $four->jpeg, 'then a picture';
};


subtest 'which cameras' => sub {
    camera("m$_")->add_still for 1 .. 65;

    my $v = wall(join ',', map { "m$_" } 1 .. 64);
    is $v->status, 200, '64 cameras';
    is keys %{ by_camera(map { $v->part } 1 .. 64) }, 64, 'all of them';
    is wall(join ',', map { "m$_" } 1 .. 65)->status, 400, '65 are too many';
    is wall(join ',', ('m1', 'm2') x 40)->status, 200, 'the same again is one';

    $v = wall('m1,m1,m2');
    is keys %{ by_camera($v->parts) }, 2, 'twice the same: two cameras';

    for my $good ('m1', 'm1%2Cm2', 'm1%2cm2', 'm1,m2,', '%6d1') {
        is wall($good)->status, 200, "cameras=$good";
    }

    for my $bad ('', ',', ',m1', 'm1,,m2', 'm1;m2', 'm1, m2', 'm1%20', '*',
        'm1,{a}', 'm1%0d%0aX:%20y', '%00', 'x' x 65, 'm1,' . 'x' x 65)
    {
        my $v = wall($bad);

        is $v->status, 400, 'refused: ' . substr $bad, 0, 30;
        like $v->content, $bad =~ / / ? qr/400/ : qr/1 to 64 cameras/,
            'and told what is right';
    }

    is $nginx->get('/live/wall.mjpg')->{status}, 400, 'no cameras';
    is wall('none1', 'none2')->status, 404, 'all unknown';
    is wall('none1')->status, 404, 'one unknown';
    is $nginx->get('/live/wall.mjpg?cameras=m1&fps=0')->{status}, 400,
        'a rate that is none';
    is $nginx->request('POST', '/live/wall.mjpg?cameras=m1')->{status}, 405,
        'POST';

    camera("f$_")->add_still for 1 .. 2;
    $v = Vstream::Viewer->watch($nginx, '/fixed');
    is keys %{ by_camera($v->parts) }, 2, 'cameras that the location names';
};


subtest 'bounds' => sub {
    my @b = map { camera("b$_")->add_still } 1 .. 2;
    my $single = Vstream::Viewer->watch($nginx, '/few?cameras=b2');

    is $single->status, 200, 'one viewer';
    is Vstream::Viewer->watch($nginx, '/few?cameras=b1,b2')->status, 503,
        'one camera of a wall is full';
    is $nginx->metric('vstream_viewers{camera="b1"}'), 0,
        'the other one is not counted';
    is Vstream::Viewer->watch($nginx, '/few?cameras=b1')->status, 200,
        'and free';
};


subtest 'a camera that is withdrawn' => sub {
    my ($gone, $kept) = map { camera($_)->add_still } qw(gone kept);
    my $v = wall($gone, $kept);

    $v->part for 1 .. 2;
    subscribed($gone, $kept);
    $gone->withdraw;

    ok wait_for(sub { $gone->watchers == 0 }, 13), 'is not watched any more';
    $kept->push_frame;

    my $part;
    do { $part = $v->part }
        until !$part || $part->{headers}{'x-frame-id'} eq $kept->frame_id;
    ok $part, 'the other one goes on';
};

finish();
