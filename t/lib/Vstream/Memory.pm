# What one process of nginx asks of memory: counted, and refused on demand.
# t/faults/memory.c is in the process, and shares a page with the test.

package Vstream::Memory;

use v5.36;

use Carp qw(croak);
use Cwd qw(abs_path);
use FindBin;

use Vstream::Test ();

my @fields = qw(pid fail_at lasting seen failed live allocations copied
    writes trims);
my %offset = map { $fields[$_] => 8 * $_ } 0 .. $#fields;
my $count = 0;


# The page; of nobody until watch() says of whom.
sub create ($class) {
    my $path = Vstream::Test::write_file('memory' . ++$count, "\0" x 4096);

    open my $file, '+<:raw', $path or croak "$path: $!";

    return bless { path => $path, file => $file }, $class;
}

# Options of start_nginx() that bring nginx under watch, with the module whose
# calls to pools are counted, too.
sub options ($self) {
    my $build = abs_path("$FindBin::Bin/../../" . ($ENV{B} // 'build'))
        // abs_path($ENV{B});

    return (
        module => "$build/t/faults/ngx_vstream_module.so",
        preload => "$build/t/faults/memory.so",
        environment => { VSTREAM_MEMORY => $self->{path} },
    );
}

# The process; all is counted from now on.
sub watch ($self, $pid) {
    $self->_set($_ => 0) for @fields;
    $self->_set(pid => $pid);

    return $self;
}

# The n-th allocation from now fails; with `lasting`, all after it, too.
sub refuse ($self, $n, $lasting = 0) {
    $self->_set(fail_at => 0);
    $self->_set(lasting => $lasting ? 1 : 0);
    $self->_set($_ => 0) for qw(seen failed);
    $self->_set(fail_at => $n);

    return $self;
}

# Enough of that.  How many have failed?
sub allow ($self) {
    $self->_set(fail_at => 0);

    return $self->get('failed');
}

# Blocks that are not freed; what succeeded; bytes copied; calls of writev();
# how often the C library was told to return what is free.
sub live ($self)        { return $self->get('live') }
sub allocations ($self) { return $self->get('allocations') }
sub copied ($self)      { return $self->get('copied') }
sub writes ($self)      { return $self->get('writes') }
sub trims ($self)       { return $self->get('trims') }

sub get ($self, $field) {
    sysseek $self->{file}, $offset{$field}, 0 or croak "$!";
    sysread $self->{file}, my $bytes, 8 or croak "$!";

    return unpack 'q', $bytes;
}

sub _set ($self, $field, $value) {
    sysseek $self->{file}, $offset{$field}, 0 or croak "$!";
    syswrite $self->{file}, pack 'q', $value or croak "$!";
}

1;
