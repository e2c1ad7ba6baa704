# vstream_status: the state of one camera or of all, valid JSON whatever Redis
# holds.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Encode qw(decode encode);
use Vstream::Test;

my $redis = start_redis();
my $list = '/api/v1/cameras';

# What another nginx has declared before ours comes.
Vstream::Camera->new($redis, 'twice')
    ->declare('{"source":"test:","origin":"elsewhere"}');

my $nginx = start_nginx($redis, http => <<'END');
    vstream_origin here;
    vstream_camera one test: "name=North <gate> & \"yard\" Ö";
    vstream_camera two test:;
    vstream_camera twice test:;
END


sub camera ($id, %options) {
    return Vstream::Camera->new($redis, $id, %options);
}

# Asks until an answer is newer than what was written before the call.
sub status_of ($id) {
    sleep 0.3;
    my $answer = $nginx->get("$list/$id");
    return undef if $answer->{status} != 200;
    return decode_json($answer->{content});
}

sub now_us ($ago = 0) {
    return int((time() - $ago) * 1e6);
}

wait_for(sub { $redis->command('HEXISTS', 'vs:{_}:cameras', 'two') });


subtest 'all cameras' => sub {
    camera('two')->set_status(state => 'streaming', heard_unix_us => now_us());
    sleep 0.3;
    my $answer = $nginx->get($list);
    my $cameras = decode_json($answer->{content})->{cameras};

    is $answer->{status}, 200, 'status';
    is $answer->{headers}{'content-type'}, 'application/json', 'Content-Type';
    is $answer->{headers}{'cache-control'}, 'no-store', 'Cache-Control';
    is $answer->{headers}{'content-length'}, length $answer->{content},
        'Content-Length';
    is_deeply [ map { $_->{id} } @$cameras ], [ qw(one twice two) ],
        'sorted by id';
    is $cameras->[0]{name}, "North <gate> & \"yard\" \x{d6}", 'a name';
    is $cameras->[2]{name}, 'two', 'the id where there is none';
    is $cameras->[0]{origin}, 'here', 'origin';
    unlike $answer->{content}, qr/test:/, 'no source';

    is $cameras->[1]{origin}, 'elsewhere', 'who came first keeps a camera';
    is $cameras->[1]{claimed_twice}, 'here', 'and the other is named';
    ok !exists $cameras->[0]{claimed_twice}, 'nowhere else';
    like $nginx->error_log, qr/camera "twice" belongs to another origin/,
        'also in the log';
};


subtest 'a camera that streams' => sub {
    my $c = camera('two')->set_status(
        state => 'streaming', reason => '', detail => '', owner => 'replica-1',
        epoch => 1763800000000, since_unix_ms => 1763800000123,
        codec => 'h264', width => 1280, height => 720, fps => '29.97',
        kbps => 2048, keyframe_ms => 1000, heard_unix_us => now_us(0.2),
        still_unix_us => now_us(0.5), watched => 1, access_units => 1234,
        frames_published => 99, frames_dropped => 0, dials => 1,
        restarts => 0);
    $c->add_still;
    my @viewers = map {
        Vstream::Viewer->watch($nginx, '/live/two/stream.mjpg')
    } 1 .. 3;
    my $s = status_of('two');

    is $s->{state}, 'streaming', 'state';
    is $s->{owner}, 'replica-1', 'owner';
    is $s->{codec}, 'h264', 'codec';
    is $s->{width}, 1280, 'width';
    is $s->{fps}, 29.97, 'fps';
    is $s->{epoch}, 1763800000000, 'epoch';
    is $s->{access_units}, 1234, 'a counter';
    is $s->{stale}, JSON::PP::false, 'not stale';
    cmp_ok $s->{age_ms}, '>=', 200, 'age_ms';
    cmp_ok $s->{age_ms}, '<', 3000, 'but not too old';
    is $s->{viewers}, 3, 'viewers';

    my $text = $nginx->get("$list/two")->{content};
    like $text, qr/"width":1280,/, 'numbers are numbers';
    like $text, qr/"state":"streaming"/, 'texts are texts';
};


subtest 'away and stale' => sub {
    my $s = status_of('one');

    is $s->{state}, 'away', 'nobody writes a status';
    is $s->{reason}, 'no_replica', 'reason';
    like $s->{detail}, qr/vstream-ingest/, 'what to do';
    is $s->{age_ms}, undef, 'age_ms: never';
    is $s->{stale}, JSON::PP::true, 'stale';
    is $s->{viewers}, 0, 'no viewers';

    for my $case (
        [ 2, 25, 0 ], [ 4, 25, 1 ], [ 4, '0.5', 0 ], [ 11, '0.5', 1 ],
        [ 4, '', 1 ], [ 4, 0, 1 ], [ -5, 25, 0 ],
    ) {
        my ($seconds, $fps, $stale) = @$case;

        camera('two')->set_status(state => 'streaming', fps => $fps,
            heard_unix_us => now_us($seconds));
        is !!status_of('two')->{stale}, !!$stale,
            "heard $seconds s ago, $fps fps: stale: $stale";
    }

    camera('two')->set_status(state => 'backing_off', reason => 'auth_failed',
        detail => 'the camera refuses user and password');
    $s = status_of('two');
    is $s->{state}, 'backing_off', 'state';
    is $s->{reason}, 'auth_failed', 'reason';
    is $s->{stale}, JSON::PP::true, 'stale, as nothing was heard';
};


subtest 'hostile texts' => sub {
    my @texts = (
        "\"}],\"x\":[{\"", "a\r\nb", "\x1b[31mred\x1b[0m", "\0", "\x7f",
        '</script><script>alert(1)</script>', '<!--', "\\", '\\"', "\\u0022",
        encode('UTF-8', "\x{2028}\x{2029}\x{feff}\x{85}"),
        encode('UTF-8', "\x{1f4f7} \x{d6}"), "\xff\xfe\xc0\xaf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", 'x' x 100_000, "\t\x01\x1f", '{{7*7}}', "'--",
    );

    for my $text (@texts) {
        my $name = substr $text =~ s/[^ -~]/?/gr, 0, 30;

        camera('two')->set_status(state => 'streaming', detail => $text,
            reason => $text, owner => $text, codec => $text);
        sleep 0.3;

        my $answer = $nginx->get("$list/two");
        my $json = eval { decode_json($answer->{content}) };

        ok $json, "$name: valid JSON" or next;
        is encode('UTF-8', $json->{detail} =~ s/\x{fffd}+/?/gr),
            encode('UTF-8', decode('UTF-8', $text) =~ s/\x{fffd}+/?/gr),
            "$name: as it was";
        like $answer->{content}, qr/\A[^\x00-\x1f\x7f]*\n\z/,
            "$name: one line, no control characters";
        unlike $answer->{content}, qr/<|\xe2\x80[\xa8\xa9]/,
            "$name: nothing that a page would run";
    }

    for my $number ('1e400', '007', '-1', '+1', '1.', '.5', '1.2.3', 'NaN', '',
        ' 1', "1\n", '0x10', '"x"', '1' x 400)
    {
        camera('two')->set_status(state => 'x', fps => $number,
            heard_unix_us => $number, epoch => $number);
        ok status_of('two'), 'valid JSON with the number '
            . substr $number =~ s/\n/?/r, 0, 20;
    }

    $redis->command('DEL', camera('two')->key('status'));
    $redis->command('SET', camera('two')->key('status'), 'x');
    is status_of('two')->{state}, 'away', 'a status that is no hash';
    $redis->command('DEL', camera('two')->key('status'));
};


subtest 'hostile declarations' => sub {
    my @hostile = (
        'x', '', '[1,2]', 'null', '"text"', '{"name":5,"origin":{}}', '[' x 9999,
        '{"name":"\ud800"}', "{\"name\":\"\xff\"}", '{"name":"a\u0000b"}',
        '{"name":"</script>\u001b"}', '{"name":"' . 'n' x 200_000 . '"}',
    );

    for my $i (0 .. $#hostile) {
        camera("h$i")->declare($hostile[$i]);
    }

    for my $id ('bad id', '{x}', "a\r\nb", 'x' x 65, '', '_', "\0") {
        camera($id)->declare('{"source":"test:","origin":"x","name":"bad"}');
    }

    sleep 0.3;
    my $answer = $nginx->get($list);
    my $cameras = decode_json($answer->{content})->{cameras};
    is @$cameras, 3 + @hostile, 'what is no id is left out';
    is scalar(grep { $_->{name} eq 'bad' } @$cameras), 0, 'all of these';
    unlike $answer->{content}, qr/[<\x00-\x09\x0b-\x1f\x7f]/,
        'nothing that a page would run';
    is $nginx->get("$list/h$_")->{status}, 200, "h$_ on its own"
        for 0 .. $#hostile;
    camera("h$_")->withdraw for 0 .. $#hostile;
};


subtest 'one camera' => sub {
    is $nginx->get("$list/none")->{status}, 404, 'unknown';
    is $nginx->get("$list/$_")->{status}, 400, "bad id $_"
        for qw(* {a} a%0d%0ab _ -a), 'x' x 65;
    is $nginx->request('HEAD', "$list/one")->{status}, 200, 'HEAD';
    is $nginx->request($_, "$list/one")->{status}, 405, "$_ is not allowed"
        for qw(POST PUT DELETE);
    ok wait_for(sub {
        return $nginx->request('HEAD', $list)->{headers}{'content-length'} ==
            length $nginx->get($list)->{content};
    }), 'HEAD has the length';
    is $nginx->request('DELETE', $list)->{status}, 405, 'DELETE of the list';
};


subtest 'many ask' => sub {
    my $calls = sub {
        my $info = $redis->command('INFO', 'commandstats');
        return $info =~ /cmdstat_hgetall:calls=(\d+)/ ? $1 : 0;
    };
    my $before = $calls->();
    my $began = time();

    $nginx->get($list) for 1 .. 100;

    my $surveys = (time() - $began) / 0.25 + 2;
    my $cameras = @{ $nginx->json($list)->{cameras} };
    cmp_ok $calls->() - $before, '<=', 2 * $surveys * (1 + $cameras),
        'one survey in 250 ms for each worker, however many ask';
};

finish();
