# A redis-server of the test's own, and a client that speaks RESP over a raw
# socket: arguments are bytes, whatever they hold.

package Vstream::Redis;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my $count = 0;


# Options: arguments (more of them for redis-server), password.
sub start ($class, %options) {
    my $n = ++$count;
    my $port = Vstream::Process::free_port();
    my $folder = "$options{folder}/redis$n";

    mkdir $folder or croak "$folder: $!";

    return $class->_run(%options, name => "redis $n", folder => $folder,
        port => $port, log => "$folder/redis.log");
}

sub _run ($class, %options) {
    my @password = defined $options{password}
        ? ('--requirepass', $options{password}) : ();
    my $self = $class->SUPER::start(%options, command => [
        'redis-server', '--port', $options{port}, '--bind', '127.0.0.1',
        '--unixsocket', "$options{folder}/redis.sock",
        '--dir', $options{folder}, '--save', '', '--appendonly', 'no',
        '--daemonize', 'no', '--enable-debug-command', 'local', @password,
        @{ $options{arguments} // [] },
    ]);

    for (1 .. 500) {
        croak "redis-server: " . $self->ended . ", see $options{log}"
            if defined $self->ended;
        return $self if eval { $self->command('PING') eq 'PONG' };
        sleep 0.01;
    }

    croak "redis-server does not answer";
}

sub name ($self)   { return $self->{name} }
sub port ($self)   { return $self->{port} }
sub url ($self)    { return "redis://127.0.0.1:$self->{port}" }
sub socket ($self) { return "$self->{folder}/redis.sock" }

sub pause ($self)  { return $self->signal('STOP') }
sub resume ($self) { return $self->signal('CONT') }

# kill -9: all that it held is lost.
sub kill ($self) {
    $self->signal('KILL');
    $self->wait_end;
    delete $self->{client};
    return $self;
}

# Starts it again, empty, on the same port.
sub start_again ($self) {
    my $new = (ref $self)->_run(
        map { $_ => $self->{$_} }
            grep { defined $self->{$_} }
            qw(name folder port log password arguments));

    %$self = %$new;
    return $self;
}

sub stop ($self) {
    $self->resume;
    $self->signal('TERM');
    return $self->wait_end;
}

sub left_behind ($self) { return () }
sub complaints ($self)  { return () }


# One command, one reply: text, a number, undef, or an array of these; an
# error dies.
sub command ($self, @arguments) {
    $self->{client} //= $self->connect;
    my $reply = eval { $self->{client}->command(@arguments) };

    if (my $error = $@) {
        delete $self->{client} if $error =~ /^connection/;
        die $error;
    }

    return $reply;
}

# A connection of its own.
sub connect ($self) {
    my $client = Vstream::Redis::Client->new($self->{port});

    $client->command('AUTH', $self->{password}) if defined $self->{password};

    return $client;
}

# Subscribers of a channel, that is, nginx workers with a viewer.
sub subscribers ($self, $channel) {
    return $self->command('PUBSUB', 'SHARDNUMSUB', $channel)->[1];
}


package Vstream::Redis::Client;

use Carp qw(croak);

sub new ($class, $port) {
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "connection: $!\n";

    return bless { socket => $socket, buffer => '' }, $class;
}

sub command ($self, @arguments) {
    $self->send_command(@arguments);
    return $self->reply;
}

# Without waiting for the reply; each must be read by reply(), in order.
sub send_command ($self, @arguments) {
    my $text = '*' . @arguments . "\r\n";

    for my $argument (@arguments) {
        my $bytes = $argument;
        utf8::encode($bytes) if utf8::is_utf8($bytes);
        $text .= '$' . length($bytes) . "\r\n$bytes\r\n";
    }

    while (length $text) {
        my $n = syswrite $self->{socket}, $text;
        die "connection: $!\n" unless defined $n;
        substr $text, 0, $n, '';
    }
}

sub reply ($self) {
    my $line = $self->_line;
    my ($type, $rest) = (substr($line, 0, 1), substr($line, 1));

    return $rest if $type eq '+';
    return 0 + $rest if $type eq ':';
    die "$rest\n" if $type eq '-';
    return $rest < 0 ? undef : substr $self->_bytes($rest + 2), 0, $rest
        if $type eq '$';
    return $rest < 0 ? undef : [ map { $self->reply } 1 .. $rest ]
        if $type eq '*';

    croak "not RESP: $line";
}

sub _fill ($self) {
    IO::Select->new($self->{socket})->can_read(10)
        or die "connection: no reply\n";
    my $n = sysread $self->{socket}, $self->{buffer}, 65536,
        length $self->{buffer};
    die "connection: closed\n" unless $n;
}

sub _line ($self) {
    $self->_fill while $self->{buffer} !~ /\r\n/;
    $self->{buffer} =~ s/^(.*?)\r\n//s;
    return $1;
}

sub _bytes ($self, $length) {
    $self->_fill while length $self->{buffer} < $length;
    return substr $self->{buffer}, 0, $length, '';
}

1;
