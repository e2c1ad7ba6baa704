# A memory cgroup of a test's own, of version 1 or 2, as the kernel has it.
# Needs root; where none can be made, start() returns nothing.

package Vstream::MemoryGroup;

use v5.36;

use Vstream::Test ();

# Names of the same things in both versions.
my %names = (
    1 => { limit => 'memory.limit_in_bytes',
        swap => 'memory.memsw.limit_in_bytes',
        peak => 'memory.max_usage_in_bytes', events => 'memory.oom_control' },
    2 => { limit => 'memory.max', swap => 'memory.swap.max',
        peak => 'memory.peak', events => 'memory.events' },
);


# Of so many bytes, swapped out or not.
sub start ($class, $bytes) {
    for my $version (1, 2) {
        my $path = ($version == 1 ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup')
            . "/vstream-test-$$";
        my $self = bless { path => $path, %{ $names{$version} } }, $class;

        next if !mkdir $path;

        if (-e "$path/$self->{limit}" && $self->_write('limit', $bytes)) {
            $self->_write('swap', $version == 1 ? $bytes : 0);
            return Vstream::Test::attend($self);
        }

        rmdir $path;
    }

    return undef;
}

# What to put in front of a command that is to run in it.
sub around ($self) {
    return [ 'sh', '-c',
        "echo \$\$ > $self->{path}/cgroup.procs && exec \"\$@\"", 'sh' ];
}

# How often the kernel has killed something here for want of memory.
sub kills ($self) {
    return $self->_read('events') =~ /^oom_kill (\d+)/m ? $1 : 0;
}

# The most bytes that it has held, with files in the page cache; 0: not told.
sub peak ($self) {
    return $self->_read('peak') =~ /^(\d+)/ ? $1 : 0;
}

sub name ($self) { return 'a memory cgroup' }

sub stop ($self) {
    Vstream::Test::wait_for(sub { rmdir $self->{path} });
    return -e $self->{path} ? "not empty" : 'exit 0';
}

sub left_behind ($self) { return () }
sub complaints ($self)  { return () }

sub _read ($self, $what) {
    open my $file, '<', "$self->{path}/$self->{$what}" or return '';
    local $/;
    return <$file> // '';
}

sub _write ($self, $what, $value) {
    open my $file, '>', "$self->{path}/$self->{$what}" or return 0;
    return syswrite $file, $value;
}

1;
