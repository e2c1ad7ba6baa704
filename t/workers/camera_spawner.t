#!/usr/bin/perl

# The spawner: what a camera process is left with, and who goes when who dies.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $sanitized = $ENV{SANITIZE};


sub slurp ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}

# The spawner and the camera process of a driver, once both are there.
sub family ($driver) {
    my ($spawner, $camera);

    wait_for(sub {
        ($spawner) = split ' ',
            slurp("/proc/$driver->{pid}/task/$driver->{pid}/children");
        ($camera) = split ' ',
            slurp("/proc/$spawner/task/$spawner/children") if $spawner;
        return $camera && slurp("/proc/$camera/comm") =~ /camera/;
    }) or die 'no camera process: ' . $driver->text;

    return ($spawner, $camera);
}

sub is_gone ($pid) {
    return wait_for(sub {
        my $status = slurp("/proc/$pid/status");
        return $status eq '' || $status =~ /^State:\s+Z/m;
    }, 3);
}

sub command ($pid) {
    return slurp("/proc/$pid/cmdline") =~ s/\0+$//r =~ s/\0/ /gr;
}


subtest 'what a camera process is left with' => sub {
    local $ENV{VSTREAM_TEST_SECRET} = 'canary';

    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 3);
    my ($spawner, $camera) = family($driver);
    my $status = slurp("/proc/$camera/status");

    sleep 0.5;
    my $limits = slurp("/proc/$camera/limits");
    is command($camera), 'vstream-camera: driver', 'its title';
    is slurp("/proc/$camera/comm"), "vstream-camera\n", 'its name';
    is command($spawner), 'vstream-spawner: waiting for cameras',
        "the spawner's title";
    is slurp("/proc/$spawner/comm"), "vstream-spawner\n", 'its name';

    like $status, qr/^NoNewPrivs:\s+1$/m, 'no new privileges';
    like $status, qr/^Threads:\s+2$/m, 'two threads';
    like $limits, qr/^Max core file size\s+0\s/m, 'no core file';
    like $limits, qr/^Max open files\s+32\s/m, 'few descriptors';
    like $limits, qr/^Max processes\s+0\s+0\s/m, 'it cannot fork';
    is slurp("/proc/$camera/oom_score_adj"), "500\n", 'first to go';

    if (!$sanitized) {
        like $limits, qr/^Max address space\s+1073741824\s/m, '1 GiB';
        like $limits, qr/^Max file size\s+0\s/m, 'writes no file';
    }

    for my $pid ($spawner, $camera) {
        unlike slurp("/proc/$pid/environ"), qr/canary|PATH=/,
            'no environment';
    }

    my %fds = map { s{.*/}{}r => readlink($_) // '' }
        glob "/proc/$camera/fd/*";
    is $fds{0}, '/dev/null', 'nothing to read';
    is $fds{1}, '/dev/null', 'nothing to write';
    is $fds{2}, '/dev/null', 'not even errors' unless $sanitized;
    like $fds{3}, qr/^socket:/, 'its link';
    is scalar(keys %fds), 5, 'and an eventfd: ' . join ' ', %fds;

    ok $driver->finish->ended_well, 'it ends with its link';
    ok is_gone($spawner), 'the spawner ends with its supervisor';
};

subtest 'with two streams' => sub {
    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 2,
        configure => { substream => 'test:?size=32x24' });
    my ($spawner, $camera) = family($driver);

    sleep 0.5;
    like slurp("/proc/$camera/status"), qr/^Threads:\s+3$/m, 'three threads';
    like slurp("/proc/$camera/limits"), qr/^Max processes\s+0\s+0\s/m,
        'it cannot fork either';
    ok $driver->finish->ended_well, 'it ends with its link';
};

subtest 'a camera process that dies' => sub {
    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 10);
    my ($spawner, $camera) = family($driver);

    kill 'KILL', $camera;
    $driver->finish;
    my ($exit) = $driver->events('EXIT');
    is $exit->{signal}, 9, 'is reported with its signal';
    cmp_ok $exit->{ms}, '<', 5000, 'at once';
    ok is_gone($spawner), 'and the spawner ended with the test';
};

subtest 'a spawner that dies takes its cameras along' => sub {
    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 10);
    my ($spawner, $camera) = family($driver);

    kill 'KILL', $spawner;
    ok is_gone($camera), 'no orphan';
    $driver->wait_end;
};

subtest 'a supervisor that dies takes all along' => sub {
    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 10);
    my ($spawner, $camera) = family($driver);

    $driver->signal('KILL')->wait_end;
    ok is_gone($camera), 'the camera process';
    ok is_gone($spawner), 'the spawner';
};

subtest 'Ctrl-C is for the supervisor alone' => sub {
    my $driver = Vstream::Driver::start_drive('test:?size=64x48',
        folder => $folder, seconds => 2);
    my ($spawner, $camera) = family($driver);

    kill 'INT', $spawner, $camera;
    ok $driver->finish->ended_well, 'they go on';
};

finish();
