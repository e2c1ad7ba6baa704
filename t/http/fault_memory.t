# Memory that is refused: the n-th allocation of an nginx worker fails while a
# request is under way, for each endpoint and n after n.  No crash, no leak; an
# answer is right, or a clean 500 or 503, or the connection is closed; and the
# next request, which finds memory again, is answered as if nothing had been.
#
# Allocations are malloc() and its kin, of nginx, hiredis and the module, and
# the module's own calls to nginx's pools.  TLS is left out: OpenSSL 3.0 itself
# loses blocks where a handshake finds no memory.  VSTREAM_SOAK tries all n from
# 1 to 200, as far as a request asks for that many, and once more with all
# allocations after the n-th refused as well.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Faults;
use Vstream::Memory;
use Vstream::Test;

my $soak = $ENV{VSTREAM_SOAK};
my @few = (1 .. 3, 5, 8, 13, 20, 31, 50, 80, 130, 200);
my @ns = $soak ? 1 .. 200 : @few;

my $redis = start_redis();
my $memory = Vstream::Memory->create;
my $placeholder = Vstream::Jpeg->with_text('away');

# Pools of the smallest size: whatever is asked of them is asked of malloc().
my $nginx = start_nginx($redis, $memory->options, workers => 1,
    http => 'request_pool_size 256; connection_pool_size 256;'
        . 'vstream_camera gate test:;',
    server => <<"END");
    location /away/ {
        vstream_placeholder @{[ write_file('away.jpg', $placeholder) ]};
        vstream_mjpeg \$arg_camera;
    }
END
my ($worker) = $nginx->new_workers;

my $declared = '{"source":"test:","origin":"tests","name":"%s",'
    . '"substream":"test:"}';
my %cameras = map {
    $_ => Vstream::Camera->new($redis, $_, size => 3000)
        ->declare(sprintf $declared, "North $_")->add_still
} qw(a b);

$cameras{$_}->set_status(state => 'live', codec => 'mjpeg', fps => '25',
    heard => int(time() * 1e6), epoch => $cameras{$_}->epoch) for qw(a b);

$nginx->expect(qr/\[(?:emerg|alert)\].* (?:malloc|posix_memalign)\(.*failed/);


sub push_all { $cameras{$_}->push_frame for sort keys %cameras }

sub publish_all { $cameras{$_}->publish for sort keys %cameras }

# undef: it is a picture of camera a or b, or the placeholder.
sub wrong_picture ($jpeg) {
    return undef if $jpeg eq $placeholder;

    my $text = eval { Vstream::Jpeg->text($jpeg) } // '';

    return "picture of $text" if $text !~ /^[ab] \d+-\d+$/;
    return $jpeg eq Vstream::Jpeg->with_text($text, 3000) ? undef
        : "torn picture $text";
}

# undef where a viewer has seen what it should, else what was wrong; "away"
# and "closed" are what it may see while memory is refused.  Where it stays
# refused, pictures come when there is some again.
sub stream ($path, %options) {
    my $viewer;
    my $problem = eval {
        $viewer = Vstream::Viewer->open($nginx, $path, unread => 1, %options);
        _stream($viewer, %options);
    };

    $problem //= is_closing($@) ? 'closed' : $@ if $@;
    $viewer->close if $viewer;

    return $problem;
}

# What dies where a connection ends early.
sub is_closing ($died) {
    return $died =~ /closed|reset|Broken pipe|^body/i;
}

sub _stream ($viewer, %options) {
    my $wanted = $options{parts} // 2;

    for my $try (1 .. 300) {
        last if $viewer->has_answer || $viewer->ended;
        sleep 0.01;
        push_all() if $try % 10 == 0;
    }

    my $status = $viewer->read_header->status;

    return 'away' if $status == 500 || $status == 503;
    return "status $status" if $status != 200;
    return undef if $wanted == 0;
    return _advanced($viewer) if $options{advance};

    for my $try (1 .. 100) {
        my $part = $viewer->part(0.05);

        return 'closed' if !$part && $viewer->ended;
        return wrong_picture($part->{jpeg}) if $part
            && (wrong_picture($part->{jpeg}) || --$wanted == 0);
        $memory->allow if $try == 50;
        push_all();
    }

    return 'no picture';
}

# With early headers a picture has no length: its end is the next boundary.
sub _advanced ($viewer) {
    my $body = '';

    for my $try (1 .. 100) {
        $body .= $viewer->available;
        my @parts = split /--\Q@{[ $viewer->boundary ]}\E(?:--)?\r\n/, $body;

        return wrong_picture($parts[1] =~ s/^.*?\r\n\r\n//sr =~ s/\r\n$//r)
            if @parts > 2;
        return 'closed' if $viewer->ended;
        $memory->allow if $try == 50;
        sleep 0.02;
        push_all();
    }

    return 'no picture';
}

# The same of a whole answer; `right` gets it and says what is wrong.
sub whole ($path, $right, %headers) {
    my $answer = $nginx->get($path, %headers);

    return 'closed' if $answer->{status} == 599;
    return $right->($answer)
        if $answer->{status} != 500 && $answer->{status} != 503;
    return $answer->{headers}{etag} ? 'a refusal with an ETag' : 'away';
}

sub status_is ($status) {
    return sub ($answer) {
        return $answer->{status} == $status ? undef
            : "status $answer->{status}";
    };
}

sub is_picture ($answer) {
    return "status $answer->{status}" if $answer->{status} != 200;
    return wrong_picture($answer->{content});
}

sub row_problem ($row) {
    my $id = $row->{id};

    return undef if $id eq 'gate';
    return "$id: name $row->{name}" if $row->{name} ne "North $id";
    return "$id: state $row->{state}" if $row->{state} ne 'live';
    return "$id: renditions" if @{ $row->{renditions} } != 2;
    return $row->{codec} eq 'mjpeg' && $row->{fps} == 25 ? undef
        : "$id: codec or fps";
}

sub is_status ($answer) {
    return "status $answer->{status}" if $answer->{status} != 200;

    my $json = eval { decode_json($answer->{content}) }
        or return "no JSON: $answer->{content}";
    my $rows = $json->{cameras} // [$json];

    return 'rows ' . @$rows if @$rows != ($json->{cameras} ? 3 : 1);
    return (grep { defined } map { row_problem($_) } @$rows)[0];
}

sub is_metrics ($answer) {
    return $answer->{content} =~ /^vstream_redis_errors_total \d+$/m ? undef
        : 'metrics end early';
}

# A long poll: nothing is newer until it waits.  Where memory stays refused it
# waits on, and is answered when there is some again.
sub poll {
    my $viewer = Vstream::Viewer->open($nginx, '/live/a/frame.jpg?after='
        . $cameras{a}->frame_id, unread => 1);
    my $problem = eval {
        for my $try (1 .. 300) {
            last if $viewer->has_answer || $viewer->ended;
            $memory->allow if $try == 100;
            sleep 0.01;
            push_all();
        }

        my $status = $viewer->read_header->status;
        $status == 503 || $status == 500 ? 'away'
            : $status != 200 ? "status $status"
            : wrong_picture($viewer->content);
    };

    $problem //= is_closing($@) ? 'closed' : $@ if $@;
    $viewer->close;

    return $problem;
}

# Both connections to Redis are cut, and made again.
sub reconnect {
    my $clients = sub {
        my $n = () = $redis->command('CLIENT', 'LIST') =~ /user=vstream-nginx/g;
        return $n;
    };

    $redis->command('CLIENT', 'KILL', 'USER', 'vstream-nginx');
    wait_for(sub { $clients->() < 2 }, 1);
    wait_for(sub { $clients->() == 2 }, 10) or return 'no connection';
    sleep 0.05;

    return undef;
}

my %requests = (
    'stream' => sub { stream('/live/a/stream.mjpg') },
    'advance stream' => sub {
        stream('/live/a/stream.mjpg?advance=1', advance => 1)
    },
    'stream with fps' => sub { stream('/live/a/stream.mjpg?fps=1000') },
    'small' => sub { stream('/live/a/stream.mjpg?rendition=small', parts => 1)
    },
    'HEAD' => sub {
        stream('/live/a/stream.mjpg', method => 'HEAD', parts => 0)
    },
    'wall' => sub { stream('/live/wall.mjpg?cameras=a,b', parts => 4) },
    'placeholder' => sub { stream('/away/?camera=gate', parts => 1) },
    'snapshot' => sub {
        publish_all();
        return whole('/live/a/frame.jpg', \&is_picture);
    },
    'small snapshot' => sub {
        publish_all();
        return whole('/live/a/frame.jpg?rendition=small', \&is_picture);
    },
    'long poll' => \&poll,
    'status' => sub { whole('/api/v1/cameras/a', \&is_status) },
    'status of all' => sub { whole('/api/v1/cameras', \&is_status) },
    'no camera' => sub { whole('/live/none/frame.jpg', status_is(404)) },
    'no id' => sub { whole('/live/-/frame.jpg', status_is(400)) },
    'health' => sub { whole('/health', status_is(200)) },
    'ready' => sub { whole('/ready', status_is(200)) },
    'metrics' => sub { whole('/metrics', \&is_metrics) },
    'reconnect' => \&reconnect,
);

# Of these alone, if any are named: prove t/http/fault_memory.t :: wall
my @names = @ARGV ? @ARGV : sort keys %requests;

my ($refused, $asked, $late, @wrong) = (0, 0, 0);


sub complain ($name, $n, $when, $problem) {
    push @wrong, my $text = "$name, allocation $n, $when: $problem";
    diag $text;
}

# One request with the n-th allocation refused, and one after it.  False: it
# did not ask for as many.
sub try_request ($name, $n, $lasting) {
    my $request = $requests{$name};

    sleep 0.26 if $name =~ /^status/; # a survey is shared for 250 ms
    $memory->refuse($n, $lasting);
    my $problem = $request->();
    my $failed = $memory->allow;

    $asked++;
    $refused++ if $failed;
    complain($name, $n, 'refused', $problem)
        if $problem && ($problem !~ /^(?:away|closed)$/ || !$failed)
        && !($lasting && $name eq 'reconnect');

    $problem = $request->();

    # On a busy machine Redis may not have answered in time, as without us.
    if (($problem // '') eq 'away') {
        $late++;
        sleep 0.3;
        $problem = $request->();
    }

    complain($name, $n, 'afterwards', $problem) if $problem;

    return $failed;
}

# All n of one request, until it asks for no more.
sub try_all ($name, $lasting) {
    my $unreached = 0;

    for my $n (@ns) {
        $unreached = try_request($name, $n, $lasting) ? 0 : $unreached + 1;
        last if $unreached == 3 || @wrong > 20;
        last if ($nginx->new_workers)[0] != $worker;
    }
}

# What is alive at rest, questions to Redis that are under way among it.
sub most_live {
    my $most = $memory->live;

    for (1 .. 50) {
        sleep 0.02;
        $most = $memory->live if $memory->live > $most;
    }

    return $most;
}

# Cameras that nobody watches are forgotten after 2 s.
sub settled ($live) {
    return wait_for(sub { $memory->live <= $live }, 8) ? 0
        : $memory->live - $live;
}


$requests{$_}->() for @names;
sleep 3.5;
$memory->watch($worker);
sleep 0.5;

my %leaks;

for my $name (@names) {
    my $live = $soak ? most_live() : 0;
    my $before = @wrong;

    try_all($name, 0);
    try_all($name, 1) if $soak && $name ne 'reconnect';

    is @wrong - $before, 0, "$name: right or refused, and right afterwards";
    $leaks{$name} = settled($live) if $soak;
    is $leaks{$name}, 0, "$name: nothing is lost" if $soak;
}

cmp_ok $late, '<=', 2 + $asked / 20, 'the next request is answered at once';
is settled(0), 0, 'no block is lost';
is_deeply [ $nginx->new_workers ], [$worker], 'the worker lives';
is $nginx->metric('vstream_viewers{camera="a"}'), 0, 'nobody is counted';

ok fault_row(row => 'Memory', ok => @wrong == 0 && settled(0) == 0,
    endpoints => scalar @names, requests => $asked,
    refused => $refused, late => $late, wrong => scalar @wrong,
    blocks_lost => $memory->live > 0 ? $memory->live : 0),
    'refused memory costs a request, and nothing else';

finish();
