# Processes that a test starts: each with a port of its own and a log, ended
# when the test ends, whatever way that is.

package Vstream::Process;

use v5.36;

use Carp qw(croak);
use Fcntl qw(:flock O_CREAT O_RDWR);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my (%running, @locks);


# A port that no other test takes, as long as this process lives: it is locked
# by a file, so that tests may run side by side.  Ports that the kernel hands
# out to clients are not used.
sub free_port {
    my $folder = "/tmp/vstream-test-ports.$>";

    mkdir $folder;

    for my $try (1 .. 2000) {
        my $port = 17000 + ($$ * 13 + @locks + $try) % 2000;

        sysopen my $lock, "$folder/$port", O_CREAT | O_RDWR or next;
        flock $lock, LOCK_EX | LOCK_NB or next;

        my $socket = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            ReuseAddr => 1) or next;
        close $socket;

        push @locks, $lock;
        return $port;
    }

    croak "no free port";
}

# Starts a program with its output in `log`; `environment` is added to ours.
sub start ($class, %options) {
    my $self = bless {%options}, $class;
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        %ENV = (%ENV, %{ $options{environment} // {} });
        open STDIN, '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>>', $options{log} or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        exec { $options{command}[0] } @{ $options{command} }
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = $$;

    return $self;
}

# Takes over a process that the test has forked itself.
sub adopt ($self, $pid) {
    $self->{pid} = $pid;
    $running{$pid} = $$ if $pid;
    return $self;
}

sub pid ($self) { return $self->{pid} }

# Has it ended?  Then as "exit 0" or "signal 9"; else undef.
sub ended ($self) {
    return $self->{ended} if defined $self->{ended};
    return undef if waitpid($self->{pid}, WNOHANG) != $self->{pid};

    delete $running{ $self->{pid} };

    return $self->{ended}
        = $? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8);
}

sub signal ($self, $signal) {
    kill $signal, $self->{pid} unless defined $self->ended;
    return $self;
}

# Waits for its end; kills what does not end.
sub wait_end ($self, $seconds = 10) {
    my $deadline = time() + $seconds;

    while (!defined $self->ended) {
        if (time() > $deadline) {
            kill 'KILL', $self->{pid};
            waitpid $self->{pid}, 0;
            delete $running{ $self->{pid} };
            return $self->{ended} = "did not end within $seconds s";
        }

        sleep 0.01;
    }

    return $self->{ended};
}

END {
    my $status = $?;

    for my $pid (grep { $running{$_} == $$ } keys %running) {
        kill 'CONT', $pid;
        kill 'TERM', $pid;

        for (1 .. 100) {
            last if waitpid($pid, WNOHANG) != 0;
            sleep 0.01;
        }

        kill 'KILL', $pid if kill 0, $pid;
    }

    $? = $status;
}

1;
