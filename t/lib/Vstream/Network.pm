# Hosts of a test's own: each is a network namespace with one link to this
# machine, which may be cut, and a packet filter that may lose what it is told
# to.  Needs root; where the kernel allows none, missing_network() says why.

package Vstream::Network;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);

use Vstream::Process;
use Vstream::Test ();

our @EXPORT = qw(missing_network start_host);

my (%there, $missing);


# '' where hosts can be made, else the reason.
sub missing_network {
    return $missing //= $> != 0 ? 'namespaces are for root'
        : _runs('unshare', '-n', 'nft', 'list', 'ruleset') ? ''
        : 'the kernel has no network namespaces with nft';
}

# A host with loopback, a filter that drops nothing, and a link to us.
sub start_host {
    # A port that is ours alone makes a network that is.
    my $net = (Vstream::Process::free_port() - 17000) * 4;
    my $self = bless { name => "vstream-$$-$net", ours => "vs$net",
        us => _address($net + 1), address => _address($net + 2),
    }, __PACKAGE__;

    $there{ $self->{name} } = $$;
    _run('ip', 'netns', 'add', $self->{name});
    _run('ip', 'link', 'add', $self->{ours}, 'type', 'veth', 'peer', 'name',
        'uplink', 'netns', $self->{name});
    _run('ip', 'addr', 'add', "$self->{us}/30", 'dev', $self->{ours});
    _run('ip', 'link', 'set', $self->{ours}, 'up');
    $self->run('ip', 'addr', 'add', "$self->{address}/30", 'dev', 'uplink');
    $self->run('ip', 'link', 'set', $_, 'up') for qw(lo uplink);
    $self->run('ip', 'route', 'add', 'default', 'via', $self->{us});
    $self->run('nft', 'add table inet vstream');
    $self->run('nft', "add chain inet vstream $_ "
        . "{ type filter hook $_ priority 0; }") for qw(input output);
    Vstream::Test::attend($self);

    return $self;
}

# Of 198.18.0.0/15, which is set aside for tests.
sub _address ($n) {
    return '198.18.' . ($n >> 8) . '.' . ($n & 255);
}

sub name ($self)    { return "host $self->{name}" }
sub address ($self) { return $self->{address} } # of the host
sub us ($self)      { return $self->{us} }      # where hosts reach us

# What to put in front of a command that is to run there.
sub around ($self) { return [ 'ip', 'netns', 'exec', $self->{name} ] }

sub run ($self, @command) { return _run(@{ $self->around }, @command) }

# The cable is pulled out, and put in again.
sub unplug ($self) { return _run('ip', 'link', 'set', $self->{ours}, 'down') }
sub plug ($self)   { return _run('ip', 'link', 'set', $self->{ours}, 'up') }

# No packet to or from this port of ours gets through from now on; nobody is
# told.
sub lose ($self, $port) {
    $self->run('nft', "add rule inet vstream output tcp dport $port drop");
    $self->run('nft', "add rule inet vstream input tcp sport $port drop");
}

sub lose_nothing ($self) {
    return $self->run('nft', 'flush table inet vstream');
}

sub stop ($self) {
    delete $there{ $self->{name} };
    _run('ip', 'link', 'del', $self->{ours});
    _run('ip', 'netns', 'del', $self->{name});
    return 'exit 0';
}

# Processes that still live there.
sub left_behind ($self) { return () }
sub complaints ($self)  { return () }

sub _run (@command) {
    system(@command) == 0 or croak "@command: $?";
}

sub _runs (@command) {
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { $command[0] } @command or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    return $? == 0;
}

END {
    my $status = $?;

    for my $name (grep { $there{$_} == $$ } keys %there) {
        system 'ip', 'netns', 'del', $name;
    }

    $? = $status;
}

1;
