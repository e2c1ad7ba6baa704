# vstream_metrics: what is counted, over all nginx workers, and that no worker
# takes its counts along when it dies.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $redis = start_redis();
my $nginx = start_nginx($redis, listen => 'reuseport');


# All samples as a hash.
sub samples {
    my $text = $nginx->get('/metrics')->{content};

    return map { /^(\S+) (\S+)$/ ? ($1 => $2) : () } split /\n/, $text;
}

sub camera ($id) {
    return Vstream::Camera->new($redis, $id)->declare->add_still;
}

sub viewer_at ($worker, $camera) {
    return Vstream::Viewer->open_at($nginx, $worker,
        '/live/' . $camera->id . '/stream.mjpg');
}


subtest 'format' => sub {
    my $c = camera('f1');
    my $v = Vstream::Viewer->watch($nginx, '/live/f1/stream.mjpg');

    $v->part;

    my $answer = $nginx->get('/metrics');
    my $file = write_file('metrics', $answer->{content});

    is $answer->{status}, 200, 'status';
    is $answer->{headers}{'content-type'}, 'text/plain; version=0.0.4',
        'Content-Type';
    is $answer->{headers}{'content-length'}, length $answer->{content},
        'Content-Length';
    my $said = `promtool check metrics < $file 2>&1`;
    is $? >> 8, 0, 'promtool has nothing to say' or diag $said;
    is $said, '', 'not even a hint';

    my %s = samples();
    is $s{'vstream_viewers{camera="f1"}'}, 1, 'viewers';
    is $s{'vstream_redis_connections'}, 4, 'connections to Redis';
    ok exists $s{"vstream_frames_skipped_total{camera=\"f1\",reason=\"$_\"}"},
        "frames skipped, $_" for qw(slow rate large stale_owner overtaken);
    ok exists $s{"vstream_viewers_closed_total{reason=\"$_\"}"},
        "viewers closed, $_" for qw(left stalled drained camera_gone);
    like join(' ', keys %s), qr/vstream_build_info\{version="\d+\.\d+\.\d+"\}/,
        'version';

    is $nginx->request('HEAD', '/metrics')->{status}, 200, 'HEAD';
    is $nginx->request('POST', '/metrics')->{status}, 405, 'POST';
};


subtest 'two workers' => sub {
    my $c = camera('w1');
    my ($one, $two) = $nginx->new_workers;
    my @viewers = map { viewer_at($_, $c) } $one, $one, $two;

    $_->part for @viewers;
    wait_for(sub { $c->watchers == 2 });

    my %before = samples();
    my $rounds = 10;

    for (1 .. $rounds) {
        $c->push_frame(age_ms => 30);
        $_->new_part for @viewers;
    }

    wait_for(sub {
        my %now = samples();
        $now{'vstream_frames_sent_total{camera="w1"}'}
            >= $before{'vstream_frames_sent_total{camera="w1"}'} + 3 * $rounds;
    });
    my %after = samples();
    my $more = sub ($name) { $after{$name} - $before{$name} };

    is $after{'vstream_viewers{camera="w1"}'}, 3, 'viewers of both';
    is $more->('vstream_frames_received_total{camera="w1"}'), 2 * $rounds,
        'frames received, once per worker';
    cmp_ok $more->('vstream_frames_sent_total{camera="w1"}'), '>=',
        3 * $rounds, 'frames sent, once per viewer';
    cmp_ok $more->('vstream_bytes_sent_total{camera="w1"}'), '>=',
        3 * $rounds * length $c->jpeg, 'bytes sent';

    my @buckets = map { $after{$_} }
        sort { ($a =~ /"([^"]+)"/)[0] <=> ($b =~ /"([^"]+)"/)[0] }
        grep { /_bucket.*"[0-9.]+"/ } keys %after;
    is_deeply \@buckets, [ sort { $a <=> $b } @buckets ],
        'buckets of the histogram rise';
    is $after{'vstream_frame_age_seconds_bucket{le="+Inf"}'},
        $after{vstream_frame_age_seconds_count}, 'the last one holds all';
    cmp_ok $more->('vstream_frame_age_seconds_sum'), '>',
        3 * $rounds * 0.03, 'sum of the ages';
    is $more->('vstream_frame_age_seconds_bucket{le="0.020"}'), 0,
        'no frame was younger than it was'
        or diag join "\n", grep { /age/ } keys %after;
};


subtest 'a worker is killed' => sub {
    my $c = camera('k1');
    my ($one, $two) = $nginx->new_workers;
    my @viewers = map { viewer_at($_, $c) } $one, $one, $two;

    $_->part for @viewers;

    my %before = samples();

    $nginx->kill_worker($one);
    ok wait_for(sub {
        $nginx->new_workers == 2 && !grep { $_ == $one } $nginx->new_workers
    }), 'another takes its place';
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 4 }),
        'with its connections to Redis';

    my %after = samples();
    is $after{'vstream_viewers{camera="k1"}'}, 1, 'its viewers are gone';

    my @fewer = grep { /_total|_bucket|_sum|_count/ && $after{$_} < $before{$_} }
        keys %before;
    is_deeply \@fewer, [], 'nothing that was counted is lost';

    my ($new) = grep { $_ != $two } $nginx->new_workers;
    my $v = viewer_at($new, $c);
    $v->part;
    is $nginx->metric('vstream_viewers{camera="k1"}'), 2, 'it counts on';
};


subtest 'reload' => sub {
    my $c = camera('r1');
    my $v = Vstream::Viewer->watch($nginx, '/live/r1/stream.mjpg');
    $v->part;

    my %before = samples();

    ok $nginx->reload, 'reload';
    my %after = samples();
    my @fewer = grep { /_total|_bucket|_sum|_count/ && $after{$_} < $before{$_} }
        keys %before;
    is_deeply \@fewer, [], 'nothing that was counted is lost';
    is $after{'vstream_viewers{camera="r1"}'}, 1,
        'a viewer of a draining worker is counted still';

    1 while $v->part(8);
    ok $v->complete, 'until it is ended';
    ok wait_for(sub {
        $nginx->metric('vstream_viewers{camera="r1"}') == 0
    }), 'then no more';
};

finish();
