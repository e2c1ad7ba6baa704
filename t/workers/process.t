#!/usr/bin/perl

# vstream-ingest as a program: its command line, its configuration, signals,
# systemd, its pages, and its family of processes.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use IO::Socket::UNIX;

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Subscriber;
use Vstream::Test;

my $program = ingest_program();
my $clip = clip('gop1s.mp4');

# Runs it to its end: (exit status, standard output, standard error).
sub ends (@arguments) {
    my $errors = folder() . '/stderr';

    open my $pipe, '-|', 'sh', '-c', 'exec "$0" "$@" 2> ' . $errors,
        $program, @arguments or die $!;
    my $said = do { local $/; <$pipe> } // '';
    close $pipe;

    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $said,
        Vstream::Ingest::read_file($errors));
}


subtest 'command line' => sub {
    my ($status, $out, $errors) = ends('--help');
    is $status, 0, '--help';
    like $out, qr/^Usage: /m, 'says how it is used';
    like $out, qr/^  --$_ /m, "names --$_"
        for qw(config replica listen log-level log-format check help version);
    is $errors, '', 'and nothing on standard error';

    ($status, $out) = ends('--version');
    is $status, 0, '--version';
    like $out, qr/^vstream-ingest \d+\.\d+\.\d+\n$/, 'says it';

    for ([ '--nonsense' ], [ 'nonsense' ], [ '--config' ], [ '--help=1' ],
        [ '--log-level', 'loud' ], [ '--log-format', 'xml' ])
    {
        my ($name) = $_->[0] =~ /^([-a-z]+)/;

        ($status, $out, $errors) = ends(@$_);
        is $status, 2, "@$_: refused";
        like $errors, qr/^vstream-ingest: .*$name.*\n$/,
            'by a sentence that names it';
        is $out, '', 'on standard error';
    }
};


subtest 'configuration' => sub {
    my ($status, $out, $errors) = ends('--check', '--config',
        "$FindBin::Bin/../../conf/ingest.example.yaml");
    is $status, 0, 'the example is right' or diag $errors;

    ($status, $out, $errors) = ends('--check', '--config', '/none.yaml');
    is $status, 2, 'a file that is not there';
    like $errors, qr{^vstream-ingest: /none\.yaml: .*open}, 'is named';

    # What is wrong, where, and what the sentence says of it.
    for (
        [ "replica: a\nspeed: 3\n", 2, 1, 'speed' ],
        [ "redis:\n  urll: x\n", 2, 3, 'urll' ],
        [ "redis: {url: \"http://x\"}\n", 1, 14, 'redis' ],
        [ "replica: \"a b\"\n", 1, 10, 'replica' ],
        [ "listen: nowhere\n", 1, 9, 'listen' ],
        [ "log: {level: loud}\n", 1, 14, 'loud' ],
        [ "sources:\n  allow: [127.0.0.0/8, 300.0.0.0/8]\n", 2, 24,
            'allow' ],
        [ "sources:\n  test: maybe\n", 2, 9, 'maybe' ],
        [ "limits: {camera_memory_mb: 1}\n", 1, 28, 'camera_memory_mb' ],
        [ "limits:\n  cameras: -1\n", 2, 12, '-1' ],
        [ "credentials: {directory: relative}\n", 1, 26, 'directory' ],
        [ "redis:\n  url: [\n", 2, 8, '' ],
    ) {
        my ($text, $line, $column, $what) = @$_;
        my $path = write_file('bad.yaml', $text);

        ($status, $out, $errors) = ends('--check', '--config', $path);
        is $status, 2, "refused: $text" =~ s/\n/ /gr;
        like $errors,
            qr/^vstream-ingest: \Q$path\E: line $line, column $column: .*$what/,
            'with line, column and what it is';
        is $errors =~ tr/\n//, 1, 'in one line';

        ($status, $out, $errors) = ends('--config', $path);
        is $status, 2, 'nor does it run with that';
    }

    my $path = write_file('secret.yaml',
        "redis: {url: \"redis://u:canary\@host:99999\"}\n");
    ($status, $out, $errors) = ends('--check', '--config', $path);
    is $status, 2, 'a bad address of Redis';
    unlike $errors, qr/canary/, 'is not repeated with its password';
};


my $redis = start_redis();
my $notify = folder() . '/notify';
my $systemd = IO::Socket::UNIX->new(Local => $notify, Type => SOCK_DGRAM)
    or die $!;
my $sources = "allow: [127.0.0.0/8], files: [\"$FindBin::Bin/../../build/t\"]";
my $ingest = start_ingest($redis, sources => "{$sources, test: true}",
    environment => { NOTIFY_SOCKET => $notify, WATCHDOG_USEC => 400000 });

# Waits until systemd has been told so, and returns all that it was told.
sub told ($pattern) {
    my $deadline = time() + patience();
    my $all = '';

    while ($all !~ $pattern && time() < $deadline) {
        next if !IO::Select->new($systemd)->can_read(0.2);
        $systemd->recv(my $state, 4096);
        $all .= "$state\n";
    }

    return $all;
}


subtest 'systemd' => sub {
    like told(qr/^READY=1$/m), qr/^READY=1$/m, 'ready';
    like told(qr/^WATCHDOG=1$/m), qr/^WATCHDOG=1$/m, 'watchdog';
    $ingest->signal('HUP');
    like told(qr/^RELOADING=1\nMONOTONIC_USEC=\d+\n(?:WATCHDOG=1\n)*READY=1$/m),
        qr/RELOADING=1/, 'reloading, and ready again';
    ok wait_for(sub { $ingest->log_lines(qr/^configuration reread$/) }, 5),
        'so says the log';
};


subtest 'pages' => sub {
    my $health = $ingest->get('/health');
    is $health->{status}, 200, '/health';
    is $ingest->get('/ready')->{status}, 200, '/ready';

    my $metrics = $ingest->get('/metrics');
    like $metrics->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
        '/metrics';
    my $text = write_file('metrics.txt', $metrics->{content});
    my $said = `promtool check metrics < $text 2>&1`;
    is $?, 0, 'promtool accepts them' or diag $said;
    is $said, '', 'and has nothing to add';

    my $cameras = $ingest->get('/cameras');
    is $cameras->{headers}{'content-type'}, 'application/json', '/cameras';
    is_deeply decode_json($cameras->{content})->{cameras}, [], 'none yet';

    is $ingest->get('/none')->{status}, 404, 'another path';
    is(HTTP::Tiny->new->request('HEAD',
        'http://127.0.0.1:' . $ingest->port . '/health')->{status}, 200,
        'HEAD');
    is(HTTP::Tiny->new->request('POST',
        'http://127.0.0.1:' . $ingest->port . '/health')->{status}, 405,
        'POST is not allowed');
};


subtest 'SIGHUP' => sub {
    declare($redis, 'pattern', 'test:', width => 320, fps => 5);
    declare($redis, 'file', "file:$clip");
    camera_is($redis, $_, "$_ streams", state => 'streaming')
        for qw(pattern file);
    my $pid = $ingest->camera('file')->{pid};

    $ingest->write_configuration(sources => "{$sources, test: false}");
    $ingest->signal('HUP');
    camera_is($redis, 'pattern', 'what is not allowed any more ends',
        reason => 'source_denied');

    write_file($ingest->folder . '/ingest.yaml', "nonsense: 1\n");
    $ingest->expect(qr/configuration refused/)->signal('HUP');
    ok wait_for(sub { $ingest->log_lines(qr/^configuration refused/) },
        patience()), 'a bad one is refused';
    my ($line) = $ingest->log_lines(qr/^configuration refused/);
    like $line->{error}, qr/line 1, column 1/, 'and why is said';
    is $ingest->get('/ready')->{status}, 200, 'while all goes on';

    $ingest->write_configuration(sources => "{$sources, test: true}");
    $ingest->signal('HUP');
    camera_is($redis, 'pattern', 'what is allowed again streams at once',
        state => 'streaming', reason => '');
    is $ingest->camera('file')->{pid}, $pid,
        'whom it does not concern notices nothing'
        or diag explain [ $ingest->log_lines(qr/file/) ];
};


subtest 'what a camera process has' => sub {
    my ($camera) = $ingest->camera('file');
    my $pid = $camera->{pid};
    my $status = Vstream::Ingest::read_file("/proc/$pid/status");
    my @files = sort map { readlink || '' } glob "/proc/$pid/fd/*";

    like $status, qr/^NoNewPrivs:\s*1$/m, 'no new privileges';
    like $status, qr/^Name:\s*vstream-camera$/m, 'its name';
    like Vstream::Ingest::read_file("/proc/$pid/cmdline"),
        qr/^vstream-camera: file\0*$/, 'its title';
    unlike Vstream::Ingest::read_file("/proc/$pid/environ"),
        qr/(?:PATH|HOME|USER|NOTIFY_SOCKET)=/, 'no environment';

    my @other = grep {
        !m{^(?:/dev/null|anon_inode:\[eventfd\])$} && $_ ne $clip
    } @files;
    @other = grep { !/ingest\.log$/ } @other if $ENV{SANITIZE};

    if ($> == 0) {
        is @other, 1, 'its link, its file, and nothing else'
            or diag explain \@files;
        like $other[0], qr/^socket:/, 'the link is a socket';
    } else {
        is @files, 0, 'what that is its user cannot see';
    }

    my $limits = Vstream::Ingest::read_file("/proc/$pid/limits");
    like $limits, qr/^Max open files\s+32\s+32 /m, 'few files';
    like $limits, qr/^Max core file size\s+0\s+0 /m, 'no core';
    if (!$ENV{SANITIZE}) {
        like $limits, qr/^Max address space\s+1073741824\s+1073741824 /m,
            'bounded memory';
        like $limits, qr/^Max file size\s+0\s+0 /m, 'writes no file';
    }
};


subtest 'a camera process hangs' => sub {
    my $before = $ingest->camera('file');

    kill 'STOP', $before->{pid};
    my $stopped = time();
    ok wait_for(sub {
        my $camera = $ingest->camera('file');
        $camera->{pid} && $camera->{pid} != $before->{pid};
    }, patience()), 'it is replaced';
    note sprintf 'after %.2f s', time() - $stopped;
    my $status = camera_is($redis, 'file', 'and streams',
        state => 'streaming', restarts => $before->{restarts} + 1);
    is $status->{epoch}, $before->{epoch}, 'under the same epoch';
    is alive($before->{pid}), 0, 'the one that hung is gone';
};


subtest 'the spawner dies' => sub {
    my $before = $ingest->overview;
    my %pids = map { $_->{id} => $_->{pid} } @{ $before->{cameras} };

    $ingest->expect(qr/spawner is gone/);
    kill 'KILL', $before->{spawner};
    ok wait_for(sub {
        my $now = $ingest->overview;
        $now->{spawner} && $now->{spawner} != $before->{spawner}
            && !grep { !$_->{pid} || $_->{pid} == $pids{ $_->{id} } }
                @{ $now->{cameras} };
    }, patience()), 'another one starts, and all cameras with it';
    camera_is($redis, $_->{id}, "$_->{id} streams", state => 'streaming',
        epoch => $_->{epoch}) for @{ $before->{cameras} };
    ok wait_for(sub { !alive(values %pids) }, patience()),
        'the former camera processes are gone';
};


subtest 'the spawner hangs' => sub {
    my $before = $ingest->overview;
    my %pids = map { $_->{id} => $_->{pid} } @{ $before->{cameras} };

    $ingest->expect(qr/spawner hangs/);
    kill 'STOP', $before->{spawner};
    my $stopped = time();
    kill 'KILL', $pids{file};
    ok wait_for(sub {
        my $now = $ingest->overview;
        $now->{spawner} && $now->{spawner} != $before->{spawner}
            && !grep { !$_->{pid} || $_->{pid} == $pids{ $_->{id} } }
                @{ $now->{cameras} };
    }, patience()), 'another one starts, and all cameras with it';
    note sprintf 'after %.2f s', time() - $stopped;
    camera_is($redis, $_->{id}, "$_->{id} streams", state => 'streaming')
        for @{ $before->{cameras} };
    ok wait_for(sub { !alive(values %pids, $before->{spawner}) }, patience()),
        'the former processes are gone';
};


subtest 'the spawner hangs, and cameras are to be started' => sub {
    my $before = $ingest->overview;
    my @new = map { "new$_" } 1 .. 4;

    $ingest->expect(qr/spawner hangs/);
    kill 'STOP', $before->{spawner};
    declare($redis, $_, 'test:', width => 160, fps => 5) for @new;
    camera_is($redis, $_, "$_ streams", state => 'streaming') for @new;
    camera_is($redis, $_->{id}, "$_->{id} streams", state => 'streaming',
        epoch => $_->{epoch}) for @{ $before->{cameras} };
    unlike $ingest->log, qr/"to":"suspended"/, 'no lease was suspended';
    withdraw($redis, @new);
    ok wait_for(sub { !grep { $ingest->camera($_) } @new }, patience()),
        'and they go again';
};


subtest 'the spawner is slow' => sub {
    my $before = $ingest->overview;
    my $refused = $ingest->log_lines(qr/could not be started$/);

    kill 'STOP', $before->{spawner};
    declare($redis, 'soon', 'test:', width => 160, fps => 5);
    ok wait_for(sub {
        $ingest->log_lines(qr/could not be started$/) > $refused;
    }, patience()), 'a camera process cannot be started';
    kill 'CONT', $before->{spawner};
    camera_is($redis, 'soon', 'it is started in a moment',
        state => 'streaming');

    my $after = $ingest->overview;
    my %pids = map { $_->{id} => $_->{pid} } @{ $after->{cameras} };
    is $after->{spawner}, $before->{spawner}, 'by the same spawner';
    is $pids{ $_->{id} }, $_->{pid}, "$_->{id} is not disturbed"
        for @{ $before->{cameras} };
    withdraw($redis, 'soon');
    ok wait_for(sub { !$ingest->camera('soon') }, patience()), 'it goes again';
};


subtest 'a camera process crashes again and again' => sub {
    for my $n (1 .. 5) {
        my $pid;
        ok wait_for(sub { $pid = $ingest->camera('pattern')->{pid} }, 40),
            "runs $n";
        kill 'KILL', $pid;
        wait_for(sub {
            ($ingest->camera('pattern')->{pid} || 0) != $pid;
        }, patience());
    }

    camera_is($redis, 'pattern', 'the fifth time it is quarantined',
        state => 'quarantined', reason => 'crashed', detail => qr/signal 9/);
    is $ingest->camera('pattern')->{pid}, 0, 'and does not run';
    my ($wait) = reverse grep { $_->{camera} eq 'pattern' }
        $ingest->log_lines(qr/^camera waits$/);
    is $wait->{delay_ms}, 300000, 'for 5 minutes';
    camera_is($redis, 'file', 'others go on', state => 'streaming');

    declare($redis, 'pattern', 'test:', width => 160, fps => 5);
    camera_is($redis, 'pattern', 'until somebody changes it',
        state => 'streaming', reason => '');
};


subtest 'the supervisor dies' => sub {
    my @family = $ingest->processes;

    $ingest->kill;
    ok wait_for(sub { !alive(@family) }, patience()),
        'its spawner and camera processes go with it';
    $ingest->start_again;
    ok wait_for(sub { $ingest->held == 2 }, patience()),
        'started again it has its cameras when their leases have run out';
    camera_is($redis, 'file', 'and they stream', state => 'streaming');
};


subtest 'SIGTERM' => sub {
    told(qr/^READY=1$/m);
    is $ingest->stop, 'exit 0', 'exit 0';
    like told(qr/^STOPPING=1$/m), qr/^STOPPING=1$/m, 'systemd is told';
    is_deeply holders($redis), {}, 'no lease is held';
    is_deeply [ map { @{ $redis->command('KEYS', $_) } } 'vs:*:status',
        'vs:replica:*' ], [], 'no status is left, nor its name';
};


subtest 'SIGINT, and a port that is taken' => sub {
    $ingest->start_again;

    my ($status, $out, $errors) = ends('--config',
        $ingest->folder . '/ingest.yaml', '--replica', 'twin');
    is $status, 1, 'the second one on a port: exit 1';
    like $errors, qr/cannot listen.*Address already in use/, 'and why';

    $ingest->signal('INT');
    is $ingest->wait_end, 'exit 0', 'Ctrl-C: exit 0';
};

finish();
