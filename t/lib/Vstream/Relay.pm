# A TCP relay in front of a server, as a network that fails: cut() holds back
# all that is under way in both directions, without a word to either end, and
# mend() lets it through.

package Vstream::Relay;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use POSIX ();


# In front of port `to`; `address` is where it listens.
sub start ($class, $to, $address = '127.0.0.1') {
    my $port = Vstream::Process::free_port();
    my $listener = IO::Socket::INET->new(LocalAddr => $address,
        LocalPort => $port, Listen => 16, ReuseAddr => 1)
        or croak "port $port: $!";
    my $self = bless { port => $port }, $class;

    $self->adopt(fork // croak "fork: $!");

    if ($self->{pid} == 0) {
        $SIG{TERM} = 'DEFAULT';
        alarm 0;
        _relay($listener, $to);
    }

    return $self;
}

sub port ($self) { return $self->{port} }

sub cut ($self)  { return $self->signal('STOP') }
sub mend ($self) { return $self->signal('CONT') }

sub stop ($self) {
    $self->mend->signal('TERM');
    return $self->wait_end;
}

# Each socket has its other end; what cannot be passed on yet is not read.
sub _relay ($listener, $to) {
    my $select = IO::Select->new($listener);
    my %other;

    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listener) {
                my $client = $listener->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                    PeerPort => $to) or next;

                $other{$client} = $server;
                $other{$server} = $client;
                $select->add($client, $server);
                next;
            }

            my $peer = $other{$socket} or next;
            my $n = sysread $socket, my $bytes, 65536;

            next if $n && _pass($peer, $bytes);

            $select->remove($socket, $peer);
            delete @other{ $socket, $peer };
            close $socket;
            close $peer;
        }
    }

    POSIX::_exit(0);
}

sub _pass ($socket, $bytes) {
    while (length $bytes) {
        my $n = syswrite $socket, $bytes or return 0;
        substr $bytes, 0, $n, '';
    }

    return 1;
}

1;
