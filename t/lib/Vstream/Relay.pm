# A TCP relay in front of a server, as a network that fails: cut() holds back
# all that is under way in both directions, without a word to either end,
# slow() lets it through a tenth of a second late, and mend() at once.  Who
# does not read is waited for; the others do not notice.

package Vstream::Relay;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use POSIX ();
use Time::HiRes qw(time);

use constant { DELAY => 0.1, HELD_MAX => 262144 };


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
sub slow ($self) { return $self->signal('USR1') }
sub mend ($self) { return $self->signal('USR2')->signal('CONT') }

sub stop ($self) {
    $self->mend->signal('TERM');
    return $self->wait_end;
}

# Each end of a connection is { socket, peer, out: [ [ due, bytes ] ], held }.
sub _relay ($listener, $to) {
    my $delay = 0;
    my %ends;

    local $SIG{USR1} = sub { $delay = DELAY };
    local $SIG{USR2} = sub { $delay = 0 };

    while (1) {
        my ($readable, $writable) = _wait($listener, values %ends);

        for my $socket (@$readable) {
            if ($socket == $listener) {
                _begin($listener, $to, \%ends);
            } elsif (my $end = $ends{$socket}) {
                _read($end, time() + $delay) or _close($end, \%ends);
            }
        }

        for my $end (grep { $_ } map { $ends{$_} } @$writable) {
            _write($end) or _close($end, \%ends);
        }
    }

    POSIX::_exit(0);
}

# What can be read and written now, or in a moment.
sub _wait ($listener, @ends) {
    my $now = time();
    my @waiting = grep { @{ $_->{out} } } @ends;
    my @due = grep { $_->{out}[0][0] <= $now } @waiting;
    my $next = min(map { $_->{out}[0][0] } grep { $_->{out}[0][0] > $now }
        @waiting);
    my ($readable, $writable) = IO::Select->select(
        IO::Select->new($listener, map { $_->{socket} }
            grep { $_->{peer}{held} < HELD_MAX } @ends),
        IO::Select->new(map { $_->{socket} } @due), undef,
        defined $next ? $next - $now : undef);

    return ($readable // [], $writable // []);
}

sub _begin ($listener, $to, $ends) {
    my $client = $listener->accept or return;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $to) or return;
    my ($here, $there) = map {
        $_->blocking(0);
        { socket => $_, out => [], held => 0 };
    } $client, $server;

    $here->{peer} = $there;
    $there->{peer} = $here;
    @$ends{ $client, $server } = ($here, $there);
}

sub _read ($end, $due) {
    my $n = sysread $end->{socket}, my $bytes, 65536;

    return !defined $n && ($! == EAGAIN || $! == EINTR) if !$n;
    push @{ $end->{peer}{out} }, [ $due, $bytes ];
    $end->{peer}{held} += $n;

    return $due > time() || _write($end->{peer});
}

sub _write ($end) {
    while (@{ $end->{out} } && $end->{out}[0][0] <= time()) {
        my $n = syswrite $end->{socket}, $end->{out}[0][1];

        return $! == EAGAIN || $! == EINTR if !defined $n;
        $end->{held} -= $n;
        substr $end->{out}[0][1], 0, $n, '';
        shift @{ $end->{out} } if !length $end->{out}[0][1];
    }

    return 1;
}

sub _close ($end, $ends) {
    for ($end, $end->{peer}) {
        delete $ends->{ $_->{socket} };
        close $_->{socket};
    }

    # They hold one another.
    delete $_->{peer} for $end->{peer} // (), $end;
}

1;
