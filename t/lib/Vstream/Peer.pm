# What vstream is measured against when it shows pictures to many: the plain
# program that does no more than it must (t/bench/mjpeg_limit.c), Debian's
# Nchan, and Flask.  They show the picture of Vstream::Gateway, on the same
# core.

package Vstream::Peer;

use v5.36;

use Carp qw(croak);
use Exporter qw(import);
use FindBin;
use IO::Socket::INET;
use Time::HiRes qw(sleep);

use Vstream::CameraServer;
use Vstream::Gateway qw(pinned);
use Vstream::Process;
use Vstream::Test;
use Vstream::Usage qw(children);

our @EXPORT_OK = qw(watched);

# Viewers that Flask has a thread for; one more would get nothing.
use constant THREADS => 2000;

my $count = 0;


# Options: cameras (1), fps (30).
sub limit ($class, $bench, %options) {
    my $self = $class->_new('/live/c1/stream.mjpg');

    $self->_serve($bench->program('mjpeg_limit'), '-k',
        $options{cameras} // 1, '-f', $options{fps} // 30, $self->{port},
        clip('frame.jpg'));
    $self->{pids} = [ $self->{server}->pid ];

    return $self;
}

sub nchan ($class, $bench) {
    my $self = $class->_new('/stream');
    my $folder = folder() . '/nchan' . $count;

    mkdir $folder or croak "$folder: $!";
    write_file("$folder/nginx.conf", _nchan_configuration($self->{port},
        $folder));
    $self->_serve('/usr/sbin/nginx', '-p', "$folder/", '-c', 'nginx.conf');
    wait_for(sub { children($self->{server}->pid) }) or croak 'no worker';
    $self->{pids} = [ children($self->{server}->pid) ];
    $self->{feed} = Vstream::Process->start(log => "$folder/feed.log",
        command => pinned('load', $bench->program('nchan_feed'),
            $self->{port}, clip('frame.jpg')));

    return $self;
}

# "shared" or "encode": t/bench/flask_*.py.
sub flask ($class, $bench, $kind) {
    my $self = $class->_new('/stream');

    local @ENV{qw(JPEG PYTHONDONTWRITEBYTECODE)} = (clip('frame.jpg'), 1);
    $self->_serve('/usr/bin/gunicorn', '--chdir', "$FindBin::Bin", '-w', 1,
        '-k', 'gthread', '--threads', THREADS, '--worker-connections',
        2 * THREADS, '-b', "127.0.0.1:$self->{port}", "flask_$kind:app");
    wait_for(sub { children($self->{server}->pid) }) or croak 'no worker';
    $self->{pids} = [ children($self->{server}->pid) ];

    return $self;
}

sub _nchan_configuration ($port, $folder) {
    my $user = $> == 0 ? "user root;\n" : '';
    my $paths = join '', map { "${_}_temp_path $folder/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);

    return <<"END";
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
${user}daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid $folder/nginx.pid;
error_log $folder/error.log warn;
events { worker_connections 16384; }
http {
    $paths
    access_log off;
    client_max_body_size 1m;
    client_body_buffer_size 1m;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:$port;
        location /publish {
            nchan_publisher;
            nchan_channel_id camera;
            nchan_message_buffer_length 2;
            nchan_message_timeout 5s;
        }
        location /stream {
            nchan_subscriber http-raw-stream;
            nchan_channel_id camera;
            nchan_subscriber_first_message newest;
        }
    }
}
END
}

sub _new ($class, $path) {
    return bless { path => $path, name => 'peer' . ++$count,
        port => Vstream::Process::free_port() }, $class;
}

# Starts what serves, and waits until it listens.
sub _serve ($self, @command) {
    my $log = folder() . "/$self->{name}.log";

    $self->{server} = Vstream::Process->start(log => $log,
        command => pinned('server', @command));

    for (1 .. 1000) {
        croak "@command: ", $self->{server}->ended, ", see $log"
            if defined $self->{server}->ended;
        return if IO::Socket::INET->new("127.0.0.1:$self->{port}");
        sleep 0.02;
    }

    croak "@command does not listen";
}

# What so many viewers see of it; see watched().
sub watched_by ($self, $bench, $viewers, %options) {
    return watched($bench, $viewers, port => $self->{port},
        paths => [ $self->{path} ], pids => $self->{pids}, %options);
}

sub stop ($self) {
    for my $process (grep { $_ } @$self{qw(feed server)}) {
        $process->signal('TERM');
        $process->wait_end;
    }
}

# What viewers at a port see (mjpeg_load.c), and what that costs processes.
# Options: port, paths, pids, seconds (3), warm (1), stalled, slow, fps (30).
sub watched ($bench, $viewers, %options) {
    return $bench->measured(@{ pinned('load',
        $bench->program('mjpeg_load'), '-n', $viewers,
        '-t', $options{seconds} // 3, '-w', $options{warm} // 1,
        '-f', $options{fps} // 30, '-s', $options{stalled} // 0,
        '-l', $options{slow} // 0, (map { ('-P', $_) } @{ $options{pids} }),
        $options{port}, @{ $options{paths} }) });
}

1;
