# A redis-server of the test's own, and a client that speaks RESP over a raw
# socket: arguments are bytes, whatever they hold.
#
# Its users are those of conf/redis/users.acl, each with a password; the test
# itself is an administrator.  What it refuses to nginx and vstream-ingest is
# a complaint when the test ends, unless it was expected.

package Vstream::Redis;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use FindBin;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");


# Options: arguments (more of them for redis-server), prefix (vs), password (of
# all users, instead of one each), default (nginx or ingest: the user without a
# name may do what that one may), also (more rights for both, as in "+select"),
# tls (certificate and key: a port for TLS as well), ca (file of a certificate
# authority: with TLS, only who has a certificate of it is let in).
sub start ($class, %options) {
    my $n = ++$count;
    my $port = Vstream::Process::free_port();
    my $folder = "$options{folder}/redis$n";

    mkdir $folder or croak "$folder: $!";

    _write_users(\%options, "$folder/users.acl");
    $options{tls_port} = Vstream::Process::free_port() if $options{tls};

    return $class->_run(expected => [], denied => [], %options,
        name => "redis $n", folder => $folder, port => $port,
        log => "$folder/redis.log");
}

# conf/redis/users.acl, filled in.
sub _write_users ($options, $path) {
    my $prefix = $options->{prefix} // 'vs';
    my $also = $options->{also} // '';
    my $text = '';

    open my $template, '<', "$top/conf/redis/users.acl" or croak "$!";
    while (my $line = <$template>) {
        my ($user) = $line =~ /^user vstream-(\w+) / or next;
        my $hash = sha256_hex(_password($options, $user));

        $line =~ s/#\@\w+_SHA256\@/#$hash/ or croak "no place for a password";
        $line =~ s/([~&])vs:/$1$prefix:/g;
        $line =~ s/ -\@all / -\@all $also /;
        $text .= $line;
        $text .= $line =~ s/^user \S+/user default/r
            if $user eq ($options->{default} // '');
    }
    close $template;

    $text .= "user default off\n" unless $options->{default};
    $text .= 'user admin on #' . sha256_hex(_password($options, 'admin'))
        . " ~* &* +\@all\n";

    open my $file, '>', $path or croak "$path: $!";
    print $file $text;
    close $file or croak "$path: $!";
}

sub _password ($options, $user) {
    return $options->{password} // "of-$user/\@%";
}

sub _run ($class, %options) {
    my @tls = $options{tls} ? ('--tls-port', $options{tls_port},
        '--tls-cert-file', $options{tls}[0], '--tls-key-file',
        $options{tls}[1], $options{ca} ? ('--tls-ca-cert-file', $options{ca})
        : ('--tls-auth-clients', 'no')) : ();
    my $self = $class->SUPER::start(%options, command => [
        'redis-server', '--port', $options{port}, '--bind', '127.0.0.1',
        '--unixsocket', "$options{folder}/redis.sock",
        '--dir', $options{folder}, '--save', '', '--appendonly', 'no',
        '--daemonize', 'no', '--enable-debug-command', 'local',
        '--aclfile', "$options{folder}/users.acl", @tls,
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
sub tls_port ($self) { return $self->{tls_port} }
sub socket ($self) { return "$self->{folder}/redis.sock" }

# As `user` (nginx or ingest), by way of `port`.
sub url ($self, $user, $port = $self->{port}) {
    return 'redis://' . $self->login($user) . "\@127.0.0.1:$port";
}

# By TLS, at this name of the host.
sub tls_url ($self, $user, $host = 'localhost', $port = $self->{tls_port}) {
    return 'rediss://' . $self->login($user) . "\@$host:$port";
}

# User and password as in a URL.
sub login ($self, $user) {
    return "vstream-$user:" . $self->password($user)
        =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}

sub password ($self, $user) { return _password($self, $user) }

sub pause ($self)  { return $self->signal('STOP') }
sub resume ($self) { return $self->signal('CONT') }

# kill -9: all that it held is lost.
sub kill ($self) {
    $self->_note_denials;
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
            qw(name folder port log password arguments expected denied tls
                tls_port ca));

    %$self = %$new;
    return $self;
}

sub stop ($self) {
    $self->resume;
    $self->_note_denials;
    $self->signal('TERM');
    return $self->wait_end;
}

sub left_behind ($self) { return () }

# What it has denied to whom; "key vstream-nginx set vs:{a}:lease".
sub _note_denials ($self) {
    return if defined $self->ended;

    my $log = eval { $self->command('ACL', 'LOG') } // [];

    for my $entry (@$log) {
        my %entry = @$entry;

        push @{ $self->{denied} },
            join ' ', @entry{qw(reason username context object)};
    }

    eval { $self->command('ACL', 'LOG', 'RESET') };
}

# Denials that match are expected, and no complaint.
sub expect ($self, $pattern) {
    push @{ $self->{expected} }, $pattern;
    return $self;
}

sub complaints ($self) {
    my @denied = @{ $self->{denied} };

    for my $pattern (@{ $self->{expected} }) {
        @denied = grep { $_ !~ $pattern } @denied;
    }

    return @denied;
}


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

    $client->command('AUTH', 'admin', $self->password('admin'));

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
