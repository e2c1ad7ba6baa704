#!/usr/bin/perl

# Redis hangs, dies and comes back empty, cuts its subscribers.  Viewers keep
# their connection and the last picture with its true age; what is new is
# refused at once; all goes on by itself.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Http2;
use Vstream::Load;
use Vstream::Test;

my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, connections => 2,
    http => 'vstream_camera gate test:; vstream_camera yard test:;',
    server => 'location = /plain { return 200 "here\n"; }');

# Not of this file: whoever declared it must do so again.
my $foreign = Vstream::Camera->new($redis, 'foreign')->declare;

Vstream::Load->publish($redis, cameras => [ 'gate', 'yard', 'foreign' ],
    fps => 20, largest => 60000);
wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 });

# Each worker has been asked for the state of the cameras.
my %asked;
wait_for(sub {
    $asked{ $nginx->get('/api/v1/cameras')->{headers}{'x-worker'} } = 1;
    keys %asked == 2;
});


# A viewer of each kind: by name, over which.
sub open_viewers {
    my $http2 = Vstream::Http2->connect($nginx);

    return (
        'HTTP/1.1' => Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg'),
        'TLS' => Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg',
            tls => 1),
        'HTTP/2' => $http2->open('/live/gate/stream.mjpg'),
        'a wall' => Vstream::Viewer->open($nginx,
            '/live/wall.mjpg?cameras=gate,yard'),
    );
}

# All parts until now.
sub drain ($viewer) {
    my @parts;

    while (my $part = $viewer->part(0.02)) {
        push @parts, $part;
    }

    return @parts;
}

# A request, and how long its answer took in ms.
sub timed ($path) {
    my $from = time();
    my $answer = $nginx->get($path);

    return ($answer, 1000 * (time() - $from));
}

sub epoch ($part) {
    return (split /-/, $part->{headers}{'x-frame-id'})[0];
}


# What is seen while Redis does not answer; it hangs when this is called.
sub hangs ($how, $seconds, %viewers) {
    my $began = time();
    my %parts = map { $_ => [] } keys %viewers;
    my ($late, @took, %statuses) = (0);

    while (time() < $began + $seconds) {
        push @{ $parts{$_} }, drain($viewers{$_}) for keys %viewers;

        my ($answer, $ms) = timed('/plain');
        push @took, $ms;

        # Until it has not answered for half a second, it may only be slow.
        next if time() < $began + 1.4;

        for my $path ('live/yard/stream.mjpg', 'live/wall.mjpg?cameras=yard',
            'live/other/stream.mjpg', 'ready')
        {
            my ($refusal, $took) = timed("/$path");
            $statuses{ $refusal->{status} }++;
            diag "$refusal->{status} of $path after ", time() - $began if $refusal->{status} != 503;
            $statuses{'without Retry-After'}++
                unless $refusal->{headers}{'retry-after'};
            $late++ if $took > 300;
        }

        my $status = $nginx->json('/api/v1/cameras/gate');
        $statuses{fresh}++ unless $status->{stale};
    }

    is_deeply [ keys %statuses ], [503],
        "$how: who is new gets 503 and Retry-After, status says stale"
        or diag explain \%statuses;
    # A busy machine may hold up one or two of some hundred.
    ok $late <= 2, "$how: within 300 ms" or diag $late;
    @took = sort { $a <=> $b } @took;
    ok $took[ @took * 0.95 ] < 50, "$how: other locations are answered at once"
        or diag "@took";

    for my $name (sort keys %viewers) {
        my @again = grep { $_->{headers}{'x-frame-age-ms'} > 1500 }
            grep { $_->{headers}{'x-camera'} eq 'gate' } @{ $parts{$name} };
        my ($two, @more) = map { $_->{headers}{'x-frame-age-ms'} } @again;
        my %ids = map { $_->{headers}{'x-frame-id'} => 1 } @again;

        is @again, int(($seconds - 0.2) / 2),
            "$how: over $name the last picture comes every 2 s"
            or diag join ' ', map { $_->{headers}{'x-frame-age-ms'} } @again;
        ok keys %ids == 1 && abs($two - 2000) < 600
            && (!@more || abs($more[0] - 4000) < 600),
            "$how: over $name it is one picture, with its true age";
        ok !$viewers{$name}->ended, "$how: over $name it goes on";
    }
}

# Redis answers again: when has each viewer a new picture?
sub recovers ($how, %viewers) {
    my $began = time();

    for my $name (sort keys %viewers) {
        my $part;

        do {
            $part = $viewers{$name}->part(3);
        } while ($part && $part->{headers}{'x-frame-age-ms'} > 1000);

        my $ms = 1000 * ($part ? $part->{came} - $began : 99);
        ok $ms < 1000, "$how: over $name it is live again within 1 s"
            or diag "$ms ms";
    }

    # Not one worker alone: each has connections of its own.  On an idle machine
    # one may take all that is asked; the other hears of it by its next PING.
    ok wait_for(sub {
        return 8 == grep { $nginx->get('/ready')->{status} == 200 } 1 .. 8;
    }, 1.5), "$how: ready again";
    sleep 0.8;
    my $viewer = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');
    is $viewer->status, 200, "$how: and there is room for more";
}

{
    my %viewers = open_viewers();
    drain($_) for values %viewers;
    $redis->pause;
    hangs('hangs 5 s', 5, %viewers);
    $redis->resume;
    recovers('hangs 5 s', %viewers);
}

{
    my %viewers = open_viewers();
    my $client = $redis->connect;
    drain($_) for values %viewers;
    my $until = time() + 2.5;
    $client->command('CLIENT', 'PAUSE', 2500, 'ALL');
    hangs('paused 2.5 s', 2.4, %viewers);
    sleep 0.01 while time() < $until;
    recovers('paused 2.5 s', %viewers);
}

{
    my %viewers = (open_viewers(), 'another origin\'s' =>
        Vstream::Viewer->open($nginx, '/live/foreign/stream.mjpg'));
    my %epochs = map { $_ => epoch($viewers{$_}->part) } keys %viewers;

    $redis->kill;
    sleep 0.3;
    drain($_) for values %viewers;
    $redis->start_again;
    recovers('killed', map { $_ => $viewers{$_} }
        grep { !/origin/ } keys %viewers);

    ok wait_for(sub { $redis->command('HEXISTS', 'vs:{_}:cameras', 'gate') },
        1), 'killed: cameras are declared again';
    like $redis->command('GET', 'vs:{_}:set:nginx'), qr/"gate"/,
        'killed: and their set';

    sleep 1;
    $foreign->reconnect->declare;

    for my $name (sort keys %viewers) {
        my @parts = drain($viewers{$name});
        ok @parts > 0 && !grep({ epoch($_) <= $epochs{$name} } @parts),
            "killed: over $name under a higher epoch";
    }

    # Long enough for a second look at what was not there.
    my $until = time() + 5.5;
    my %count;

    while (time() < $until) {
        $count{$_} += drain($viewers{$_}) for keys %viewers;
    }

    for my $name (sort keys %viewers) {
        ok $count{$name} > 50 && !$viewers{$name}->ended,
            "killed: over $name it lasts" or diag $count{$name};
    }

    is $nginx->metric('vstream_viewers_closed_total{reason="camera_gone"}'),
        0, 'killed: no camera was taken for withdrawn';
}

{
    # A worker that reaches the empty Redis before worker 0 has declared.
    my ($first, $second) = sort { $a <=> $b } $nginx->new_workers;
    my %statuses;

    $redis->kill;
    kill 'STOP', $first;
    $redis->start_again;

    for (1 .. 100) {
        my $answer = HTTP::Tiny->new(timeout => 0.5)->get(
            $nginx->url . '/live/gate/frame.jpg');
        $statuses{ $answer->{status} }++;
        sleep 0.01;
    }

    kill 'CONT', $first;
    ok $statuses{503} && !$statuses{404},
        'not declared yet: 503, for it is in our file' or diag
        explain \%statuses;
    ok wait_for(sub { $nginx->get('/live/gate/frame.jpg')->{status} == 200 }),
        'then declared';
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 6 }),
        'and all connections are back';
    $foreign->reconnect->declare;
}

{
    # Busy with a script it answers all with an error.  That is no 404.
    my $viewer = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');
    my $client = $redis->connect;
    my $other = $redis->connect;
    my %statuses;

    $client->command('CONFIG', 'SET', 'busy-reply-threshold', 100);
    $client->send_command('EVAL', 'while true do end', 0);

    for (1 .. 20) {
        $statuses{ $nginx->get('/live/yard/stream.mjpg')->{status} }++;
        sleep 0.1;
    }

    drain($viewer);
    $other->command('SCRIPT', 'KILL');
    is_deeply [ keys %statuses ], [503], 'busy with a script: 503'
        or diag explain \%statuses;
    recovers('busy with a script', 'HTTP/1.1' => $viewer);
}

{
    my %viewers = open_viewers();
    my $losses = $nginx->metric('vstream_redis_losses_total');

    drain($_) for values %viewers;
    $redis->command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    recovers('subscribers cut', %viewers);
    ok $nginx->metric('vstream_redis_losses_total') > $losses,
        'subscribers cut: counted';
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 2 * 3 }),
        'subscribers cut: all are back';
}

{
    # Redis itself cuts who is overrun: bursts beyond what it may hold.
    my %viewers = open_viewers();
    my $losses = $nginx->metric('vstream_redis_losses_total');
    my $camera = Vstream::Camera->new($redis, 'yard', epoch => now_ms() + 1e6,
        size => 400000);

    $redis->command('CONFIG', 'SET', 'client-output-buffer-limit',
        'pubsub 200000 0 0');
    drain($_) for values %viewers;
    kill 'STOP', $nginx->new_workers;

    for (1 .. 40) {
        $camera->push_frame;
    }

    kill 'CONT', $nginx->new_workers;
    $redis->command('CONFIG', 'SET', 'client-output-buffer-limit',
        'pubsub 32mb 8mb 60');
    recovers('overrun', %viewers);
    ok $nginx->metric('vstream_redis_losses_total') > $losses,
        'overrun: counted';
}

finish();
