# What every t/http test opens with: Test::More, the rooms of t/lib, and one
# promise at its end.  finish() stops what the test has started and asserts,
# as nginx's own tests do, that no process was killed, none stayed behind, and
# that no error log holds an alert or a word of a sanitizer.

package Vstream::Test;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

use Vstream::Camera;
use Vstream::Jpeg;
use Vstream::Nginx;
use Vstream::Process;
use Vstream::Redis;
use Vstream::Viewer;

our @EXPORT = (
    @Test::More::EXPORT,
    qw(decode_json finish folder is_bytes now_ms sleep start_nginx
       start_redis time wait_for write_file)
);

my (@servers, $folder);


# A folder for this test file alone; it goes with it.
sub folder {
    return $folder //= tempdir("vstream-test-XXXXXX", TMPDIR => 1,
        CLEANUP => !$ENV{VSTREAM_KEEP});
}

sub start_redis (%options) {
    my $redis = Vstream::Redis->start(folder => folder(), %options);
    push @servers, $redis;
    return $redis;
}

# See Vstream::Nginx for the options.
sub start_nginx ($redis, %options) {
    my $nginx = Vstream::Nginx->start(
        folder => folder(), redis => $redis, %options);
    push @servers, $nginx;
    return $nginx;
}

# What a room of another kind has started is finish()'s to stop, too.
sub attend ($server) {
    push @servers, $server;
    return $server;
}

sub now_ms {
    return int(time() * 1000);
}

# Like is(), for what a terminal should not be shown.
sub is_bytes ($got, $wanted, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $same = defined $got && $got eq $wanted;

    ok $same, $name or diag sprintf "got %s, wanted %d bytes",
        defined $got ? length($got) . ' bytes' : 'nothing', length $wanted;

    return $same;
}

# Polls until the code returns something true, and returns that.
sub wait_for ($code, $seconds = 5) {
    my $deadline = time() + $seconds;

    while (1) {
        my $result = $code->();
        return $result if $result || time() > $deadline;
        sleep 0.02;
    }
}

sub write_file ($name, $text) {
    my $path = $name =~ m{^/} ? $name : folder() . "/$name";

    open my $file, '>:raw', $path or croak "$path: $!";
    print $file $text;
    close $file or croak "$path: $!";

    return $path;
}

sub finish {
    for my $server (reverse @servers) {
        my $name = $server->name;
        my $status = $server->stop;

        is $status, 'exit 0', "$name ended by itself";
        is_deeply [ $server->left_behind ], [], "$name left no process";
        is_deeply [ $server->complaints ], [], "$name has nothing to regret";
    }

    done_testing();
}


# A test that hangs is told from one that is slow, and takes nothing with it.
$SIG{ALRM} = sub { diag "$0 takes too long"; exit 1 };
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
$SIG{PIPE} = 'IGNORE';
alarm($ENV{VSTREAM_SOAK} ? 14400 : $ENV{VSTREAM_VALGRIND} ? 3600
    : $ENV{VSTREAM_PRELOAD} ? 600 : 240);

# Warnings of perl itself are defects of a test.
$SIG{__WARN__} = sub ($text) { diag($text) };

1;
