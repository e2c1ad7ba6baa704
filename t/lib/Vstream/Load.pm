# Load for the fault tests: cameras that publish by themselves, many viewers
# that check what they get, and what processes cost.  The programs are in
# t/clients; those in C were built below $B.

package Vstream::Load;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Digest::MD5 qw(md5_hex);
use FindBin;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Time::HiRes;

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");


# Cameras that publish until the test ends.  Options: cameras (ids), fps,
# smallest, largest (bytes of a picture), port (instead of the Redis's own).
sub publish ($class, $redis, %options) {
    my $log = $redis->{folder} . '/publisher' . ++$count . '.log';

    return $class->start(log => $log, command => [
        "$top/t/clients/publisher", '--port', $options{port} // $redis->port,
        '--password', $redis->password('admin'),
        (map { ("--$_", $options{$_}) }
            grep { defined $options{$_} } qw(fps smallest largest epoch)),
        @{ $options{cameras} },
    ]);
}

# Between nginx and a Redis, on a port of its own; see t/clients/redis_fault.
sub spoil ($class, $redis, $port, @mode) {
    return $class->spoil_port($redis, $redis->port, $port, @mode);
}

# The same in front of any port of a Redis: of that for TLS.
sub spoil_port ($class, $redis, $upstream, $port, @mode) {
    my $self = $class->start(log => "$redis->{folder}/fault" . ++$count,
        command => [ "$top/t/clients/redis_fault", '--port', $port,
            '--upstream', $upstream, @mode ]);

    for (1 .. 200) {
        last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        Time::HiRes::sleep(0.01);
    }

    return $self;
}

# Connections that it has had.
sub connections ($self) {
    open my $file, '<', $self->{log} or return 0;
    my @lines = <$file>;
    return scalar @lines;
}

# Viewers of one path, or of a list of them in turn, for so many seconds;
# result() waits for them.  Options: count, seconds, tls, joins, stalled, drip
# (seconds for a byte, of those that stall), rate, buffer, back (true: they come
# back when their stream has ended), cameras (true: pictures are a camera's own,
# not publish()'s), port.
sub view ($class, $nginx, $path, %options) {
    my $log = $nginx->folder . '/viewers' . ++$count . '.json';
    my %letter = (count => 'n', seconds => 't', joins => 'j', stalled => 's',
        drip => 'd', rate => 'r', buffer => 'b');
    my @arguments = map { ("-$letter{$_}", $options{$_}) }
        grep { defined $options{$_} } sort keys %letter;

    push @arguments, '-T' if $options{tls};
    push @arguments, '-w' if $options{back};
    push @arguments, '-c' if $options{cameras};

    # Who is asked (so_far) before he listens does not die of it.
    local $SIG{USR1} = 'IGNORE';

    return $class->start(log => $log, seconds => $options{seconds} // 1,
        command => [ program('viewers'), @arguments,
            $options{port}
                // ($options{tls} ? $nginx->tls_port : $nginx->port),
            ref $path ? @$path : $path ]);
}

# The same over HTTP/2; see t/clients/viewers_http2 for the options.
sub view_http2 ($class, $nginx, $path, %options) {
    my $log = $nginx->folder . '/viewers' . ++$count . '.json';

    return $class->start(log => $log, seconds => $options{seconds} // 1,
        command => [ "$top/t/clients/viewers_http2", '--port',
            delete $options{port} // $nginx->tls_port,
            delete $options{back} ? '--back' : (),
            (map { ("--$_", $options{$_}) } sort keys %options), $path ]);
}

# Requests at an even pace until stop(); see t/clients/requests.
sub ask ($class, $nginx, $rate, @paths) {
    my $log = $nginx->folder . '/requests' . ++$count . '.json';

    return $class->start(log => $log, command => [
        "$top/t/clients/requests", '--port', $nginx->port, '--rate', $rate,
        @paths ]);
}

# Does a part hold what it says, as t/clients/publisher made it?
sub is_right ($part) {
    my $jpeg = $part->{jpeg};
    my ($length) = unpack 'n', substr $jpeg, 4, 2;

    return substr($jpeg, 6, $length - 2) eq "vstream "
        . "$part->{headers}{'x-camera'} $part->{headers}{'x-frame-id'} "
        . md5_hex(substr $jpeg, 4 + $length);
}

# What they have seen, by the names that their program gives it.
sub result ($self) {
    my $end = $self->wait_end(($self->{seconds} // 0) + 15);

    open my $file, '<', $self->{log} or croak "$self->{log}: $!";
    my @lines = <$file>;
    croak "viewers: $end: @lines" if $end ne 'exit 0';

    return decode_json($lines[-1]);
}

# The same in between; news_gap_ms, held_up_ms, gap_p50_ms and gap_p99_ms begin
# anew.
sub so_far ($self) {
    my $had = -s $self->{log};

    open my $file, '<', $self->{log} or croak "$self->{log}: $!";

    for my $try (0 .. 1000) {
        $self->signal('USR1') if $try == 0 || !$had && $try % 20 == 0;
        seek $file, $had, 0;
        my $line = <$file> // '';
        return decode_json($line) if $line =~ /\n$/;
        croak 'viewers: ' . $self->ended if defined $self->ended;
        Time::HiRes::sleep(0.01);
    }

    croak 'viewers say nothing';
}

# What they have seen until now; they end.
sub stop ($self) {
    return $self->signal('TERM')->result;
}

sub program ($name) {
    my $build = $ENV{B} // 'build';

    $build = "$top/$build" if $build !~ m{^/};

    return "$build/t/clients/$name";
}

# Resident memory of processes, in bytes, without what they share with others.
sub memory (@pids) {
    my $sum = 0;

    for my $pid (@pids) {
        open my $file, '<', "/proc/$pid/smaps_rollup" or next;
        while (<$file>) {
            $sum += 1024 * $1 if /^Private_(?:Clean|Dirty):\s+(\d+)/;
        }
    }

    return $sum;
}

# Memory of the kernel for all TCP connections to a port, both of their ends,
# in bytes.
sub kernel_memory ($port) {
    my $sum = 0;

    open my $pipe, '-|', 'ss', '-tmnH', "( sport = :$port or dport = :$port )"
        or return 0;

    while (<$pipe>) {
        my ($fields) = /skmem:\(([^)]*)\)/ or next;
        $sum += $_ for $fields =~ /\b(?:r|f|w|o|bl)(\d+)/g;
    }

    return $sum;
}

# Open descriptors of a process.
sub descriptors ($pid) {
    opendir my $folder, "/proc/$pid/fd" or return 0;
    return grep { !/^\./ } readdir $folder;
}

1;
