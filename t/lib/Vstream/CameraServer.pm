# Cameras over a network, as processes: t/cameras/rtsp_camera and http_camera
# of the build below $B, which may go, come back at the same place, and hang.

package Vstream::CameraServer;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use FindBin;
use IO::Socket::INET;
use Time::HiRes qw(sleep);

use Vstream::Test ();

our @EXPORT = qw(clip rtsp_camera http_camera);

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");
my $build = $ENV{B} // 'build';

$build = "$top/$build" if $build !~ m{^/};

my @h264 = qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0
    -sc_threshold 0);

# What ffmpeg makes them of; the pictures count up, so that all differ.
my %clips = (
    'gop1s.mp4' => [ qw(-f lavfi -i testsrc=size=320x240:rate=15:duration=20),
        @h264, qw(-g 15) ],
    'small1s.mp4' => [
        qw(-f lavfi -i testsrc=size=160x120:rate=10:duration=20), @h264,
        qw(-g 10) ],
    'small.mp4' => [ qw(-f lavfi -i testsrc=size=160x120:rate=15:duration=20),
        @h264, qw(-g 15) ],
    'gop1s.mjpeg' => [ qw(-f lavfi -i testsrc=size=320x240:rate=10:duration=6
        -pix_fmt yuvj420p -c:v mjpeg -q:v 6) ],
    'hd.mjpeg' => [ qw(-f lavfi -i testsrc2=size=1280x720:rate=30:duration=4
        -pix_fmt yuvj420p -c:v mjpeg -q:v 4) ],
    'frames.mjpeg' => [ qw(-f lavfi -i testsrc2=size=1280x720:rate=30:duration=4
        -pix_fmt yuvj420p -c:v mjpeg -q:v 3) ], # 58 KB each
    'frame.jpg' => [ qw(-f lavfi -i testsrc2=size=1280x720 -frames:v 1
        -pix_fmt yuvj420p -c:v mjpeg -q:v 3) ], # 57 KB
    'hd30.mp4' => [ qw(-f lavfi -i testsrc2=size=1920x1080:rate=30:duration=8
        -pix_fmt yuv420p -c:v libx264 -preset veryfast -tune zerolatency
        -b:v 4M -g 30) ],
    # Eight blocks at the upper edge are the bits of a picture's number.
    'numbered.h264' => [
        qw(-f lavfi -i testsrc2=size=1920x1080:rate=30:duration=8
        -f lavfi -i color=size=16x2:rate=30:duration=8 -filter_complex),
        "[1]format=gray,geq=lum='255*mod(floor(N/pow(2,floor(X/2))),2)',"
        . 'scale=1920:64:flags=neighbor,format=yuv420p[number];'
        . '[0][number]overlay', @h264, qw(-tune zerolatency -g 30 -b:v 4M
        -x264-params sliced-threads=0:repeat-headers=1) ],
    'sound.mp4' => [ qw(-f lavfi -i sine=frequency=440:duration=5 -c:a aac) ],
);


# The path of a clip, which is made once.
sub clip ($name) {
    my $folder = "$top/build/t/clips";
    my $path = "$folder/$name";
    my ($suffix) = $name =~ /(\.\w+)$/;
    my $new = "$path.$$" . $suffix;

    return $path if -s $path;

    mkdir $_ for "$top/build", "$top/build/t", $folder;
    system('ffmpeg', '-nostdin', '-v', 'error', '-y', @{ $clips{$name} },
        $new) == 0 or croak "ffmpeg cannot make $name";
    rename $new, $path or croak "$path: $!";

    return $path;
}

# Arguments are those of the programs, but for the port.
sub rtsp_camera (@arguments) {
    return _new('rtsp_camera', @arguments);
}

sub http_camera (@arguments) {
    return _new('http_camera', @arguments);
}

sub _new ($program, @arguments) {
    my $port = Vstream::Process::free_port();
    my $self = bless { program => $program, port => $port,
        arguments => \@arguments,
        log => Vstream::Test::folder() . "/$program" . ++$count . '.log',
    }, __PACKAGE__;

    return $self->start_again;
}

# Starts it, again perhaps, and with other arguments.
sub start_again ($self, @arguments) {
    $self->{arguments} = \@arguments if @arguments;

    my $process = Vstream::Process->start(log => $self->{log},
        command => [ "$build/$self->{program}", '--port', $self->{port},
            @{ $self->{arguments} } ]);

    $self->{pid} = $process->pid;
    delete $self->{ended};

    for (1 .. 1000) {
        croak "$self->{program}: " . $self->ended if defined $self->ended;
        return $self
            if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
        sleep 0.02;
    }

    croak "$self->{program} does not listen";
}

sub stop ($self) {
    $self->signal('CONT')->signal('TERM');
    return $self->wait_end;
}

# Its power is cut.
sub kill ($self) {
    $self->signal('KILL');
    $self->wait_end;
    return $self;
}

sub port ($self) { return $self->{port} }

# "rtsp://user@127.0.0.1:port/path"; user is put in as it is.
sub url ($self, $path, $user = undef) {
    my ($scheme) = $self->{program} =~ /^([a-z]+)_/;

    return "$scheme://" . (defined $user ? "$user@" : '')
        . "127.0.0.1:$self->{port}$path";
}

# How often it was dialled so far, for one path or all.
sub dials ($self, $path = '') {
    open my $file, '<', $self->{log} or croak "$self->{log}: $!";

    return scalar grep { /: dial .*for \Q$path\E/ } <$file>;
}

1;
