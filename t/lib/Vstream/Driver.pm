# One camera process under test, run by t/workers/camera_driver, which plays
# its supervisor; and what its tests need around it: clips, cameras, servers
# that misbehave on purpose, and a look into its pictures.

package Vstream::Driver;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use FindBin;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use POSIX ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(clip drive start_drive gray rtsp_camera http_camera server);

my $top = abs_path("$FindBin::Bin/../..");
my $build = $ENV{B} // 'build';
my $count = 0;

$build = "$top/$build" if $build !~ m{^/};


# Starts the driver on `url` and reads all that it says until it ends.
# Options: folder (of the test), seconds (3), watch, unwatch (seconds), pause
# (reads nothing for so many seconds, from 2 on), rendition (that is watched,
# main if not given), frames (true: keeps the pictures), direct (no spawner),
# memory; values: a folder whose files are sent as values, and rate: how many
# of them a second; configure: a hash of fields of CONFIGURE.  Loopback is
# allowed unless `allow` is given.
sub drive ($url, %options) {
    return start_drive($url, %options)->finish;
}

sub start_drive ($url, %options) {
    my $n = ++$count;
    my $frames = "$options{folder}/frames$n";
    my %fields = (allow => '127.0.0.0/8,::1/128',
        %{ $options{configure} // {} });
    my @command = ("$build/t/workers/camera_driver", '-t',
        $options{seconds} // 3);

    mkdir $frames;
    push @command, '-s' unless $options{direct};
    push @command, '-m' if $options{memory};
    push @command, '-w', $options{watch} if defined $options{watch};
    push @command, '-u', $options{unwatch} if defined $options{unwatch};
    push @command, '-r', $options{rendition} if $options{rendition};
    push @command, '-p', $options{pause} if $options{pause};
    push @command, '-d', $frames if $options{frames};
    push @command, '-v', $options{values} if $options{values};
    push @command, '-n', $options{rate} if $options{rate};

    return __PACKAGE__->start(log => "$options{folder}/driver$n.log",
        environment => $options{environment} // {},
        seconds => $options{seconds} // 3, frames => $frames,
        command => [ @command, $url,
            map { "$_=$fields{$_}" } sort keys %fields ]);
}

sub finish ($self) {
    my $end = $self->wait_end($self->{seconds} + 20);

    croak "camera_driver: $end: " . $self->text
        if $end ne 'exit 0' || $self->text =~ /Sanitizer|runtime error/;

    for (split /\n/, $self->text) {
        push @{ $self->{events} }, _event($_);
    }

    return $self;
}

sub _event ($line) {
    my ($ms, $kind, $rest) = $line =~ /^ *(\d+) (\w+) ?(.*)$/
        or return { kind => 'OTHER', text => $line };
    my %event = (ms => $ms, kind => $kind, text => $rest);

    if ($rest =~ /^\{/) {
        $event{json} = decode_json($rest);
    } else {
        %event = (%event, $rest =~ /(\w+)=(\S+)/g);
    }

    return \%event;
}

# All that it printed.
sub text ($self) {
    open my $file, '<', $self->{log} or croak "$self->{log}: $!";
    local $/;
    return scalar <$file>;
}

sub events ($self, $kind) {
    return grep { $_->{kind} eq $kind } @{ $self->{events} };
}

sub frames ($self) { return $self->events('FRAME') }
sub live ($self)   { return grep { $_->{live} } $self->frames }
sub stills ($self) { return grep { $_->{still} } $self->frames }

# Those that came before anybody watched.
sub unwatched ($self) {
    my ($watched) = $self->events('WATCHED');

    return grep { !$watched || $_->{ms} < $watched->{ms} } $self->frames;
}

# The last counters.
sub counts ($self) { return ($self->events('COUNTS'))[-1] }

# What the stream turned out to be.
sub stream ($self) { return ($self->events('STREAM'))[-1]{json} }

# The reason that it gave up for, or ''.
sub reason ($self) {
    my ($failed) = $self->events('FAILED');
    return $failed ? $failed->{json}{reason} : '';
}

sub detail ($self) {
    my ($failed) = $self->events('FAILED');
    return $failed ? $failed->{json}{detail} : '';
}

# When it gave up, in ms.
sub failed_at ($self) { return ($self->events('FAILED'))[0]{ms} }

sub ended_well ($self) {
    my ($exit) = $self->events('EXIT');
    return $exit && $exit->{status} eq '0' && $exit->{signal} eq '0';
}

# The bytes of picture number n.
sub jpeg ($self, $n) {
    my ($path) = glob sprintf '%s/%05d-*.jpg', $self->{frames}, $n;

    croak "no picture $n" if !defined $path;
    open my $file, '<:raw', $path or croak "$path: $!";
    local $/;
    return scalar <$file>;
}


# A clip that ffmpeg makes, once per build.
sub clip ($name, @arguments) {
    my $folder = "$top/build/t/clips";
    my $path = "$folder/$name";

    return $path if -s $path;

    system 'mkdir', '-p', $folder;
    my ($suffix) = $name =~ /(\.\w+)$/;
    my $new = "$path.$$" . $suffix;
    system('ffmpeg', '-v', 'error', '-y', @arguments, $new) == 0
        or croak "ffmpeg cannot make $name";
    rename $new, $path or croak "$path: $!";

    return $path;
}

# The luma of a JPEG as one string of width x height bytes.
sub gray ($jpeg, $folder) {
    my $path = "$folder/gray.jpg";

    open my $file, '>:raw', $path or croak "$path: $!";
    print $file $jpeg;
    close $file;

    open my $out, '-|:raw', 'ffmpeg', '-v', 'error', '-i', $path, '-f',
        'rawvideo', '-pix_fmt', 'gray', '-' or croak "ffmpeg: $!";
    local $/;
    return scalar <$out>;
}


# t/cameras/rtsp_camera and http_camera; the port is filled in.
sub rtsp_camera ($folder, @arguments) {
    return _camera($folder, 'rtsp_camera', @arguments);
}

sub http_camera ($folder, @arguments) {
    return _camera($folder, 'http_camera', @arguments);
}

sub _camera ($folder, $program, @arguments) {
    my $port = Vstream::Process::free_port();
    my $self = __PACKAGE__->start(log => "$folder/$program$port.log",
        port => $port,
        command => [ "$build/$program", '--port', $port, @arguments ]);

    for (1 .. 500) {
        croak "$program: " . $self->ended if defined $self->ended;
        return $self if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        sleep 0.02;
    }

    croak "$program does not listen";
}

sub port ($self) { return $self->{port} }


# A server that runs `code` on each connection, in a process of its own.
sub server ($code, $address = '127.0.0.1') {
    my $port = Vstream::Process::free_port();
    my $socket = IO::Socket::INET->new(LocalAddr => $address,
        LocalPort => $port, Listen => 8, ReuseAddr => 1)
        or croak "$address:$port: $!";
    my $self = __PACKAGE__->_serve($socket, $code);

    $self->{port} = $port;
    close $socket;

    return $self;
}

sub _serve ($class, $socket, $code) {
    my $self = bless {}, $class;

    $self->adopt(fork // croak "fork: $!");
    return $self if $self->{pid};

    $SIG{TERM} = 'DEFAULT';
    local $SIG{PIPE} = 'IGNORE';

    while (my $client = $socket->accept) {
        $client->autoflush(1);
        eval { $code->($client) };
        close $client;
    }

    POSIX::_exit(0);
}

# The head of one request, as text.
sub request ($client) {
    my $head = '';

    while ($head !~ /\r\n\r\n$/) {
        defined sysread $client, my $byte, 1 or return $head;
        return $head if $byte eq '';
        $head .= $byte;
    }

    return $head;
}

1;
