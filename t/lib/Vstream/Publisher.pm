# Cameras of the kinds that t/cameras does not play: ffmpeg that sends, nginx
# with its RTMP module, a server of FLV and MPEG-TS over HTTP, TLS in front of
# a camera that has none.  Each may go and come back at the same place.

package Vstream::Publisher;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(sleep);

use Vstream::Test ();

our @EXPORT = qw(publish rtmp_server stream_server tls_front);

my $count = 0;


# Sends `clip` for ever, at its own pace, in the format to the URL; "sound" is
# MPEG-TS without pictures.  More options of ffmpeg's may follow.
sub publish ($clip, $format, $url, @options) {
    my $n = ++$count;
    my $self = bless { url => $url,
        log => Vstream::Test::folder() . "/publisher$n.log",
        program => [ qw(ffmpeg -nostdin -v error -re -stream_loop -1), '-i',
            $clip, $format eq 'sound' ? qw(-c copy -f mpegts)
                : (qw(-map 0:v -c copy -f), $format),
            $format eq 'hls' ? qw(-hls_time 1 -hls_list_size 4
                -hls_flags delete_segments+omit_endlist) : (), @options, $url ] },
        __PACKAGE__;

    return $self->start_again;
}

# nginx that takes RTMP in at rtmp://127.0.0.1:port/live/..., gives it out
# there, and serves `folder` over HTTP at http_port.  What asks for "quiet" is
# told nothing of streams that do not exist; "shut" is shut.
sub rtmp_server {
    my $n = ++$count;
    my $folder = Vstream::Test::folder() . "/rtmp$n";
    my $user = $> == 0 ? "user root;\n" : '';
    my ($port, $http_port) = map { Vstream::Process::free_port() } 1, 2;

    mkdir $_ or croak "$_: $!" for $folder, "$folder/www";
    chmod 0755, $folder, "$folder/www";
    Vstream::Test::write_file("$folder/nginx.conf", <<"END");
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
${user}daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 64; }
rtmp {
    server {
        listen 127.0.0.1:$port;
        application live { live on; idle_streams off; }
        application quiet { live on; }
        application shut { live on; deny play all; }
    }
}
http {
    access_log off;
@{[ map { "    ${_}_temp_path $folder/$_;\n" }
    qw(client_body proxy fastcgi uwsgi scgi) ]}
    server {
        listen 127.0.0.1:$http_port;
        root $folder/www;
        types { application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
        location /shut/ { return 403; }
    }
}
END

    my $self = bless { port => $port, http_port => $http_port,
        folder => "$folder/www", log => "$folder/log",
        program => [ 'nginx', '-e', "$folder/error.log", '-c',
            "$folder/nginx.conf" ] }, __PACKAGE__;

    return $self->start_again->_wait_listening;
}

# A server of `clip`, endless, over HTTP: /flv and /ts with the types that they
# should have, /plain (MPEG-TS) with one that says nothing; others are a 404.
# Options: user, password (Basic).
sub stream_server ($clip, %options) {
    my $self = bless { %options, clip => $clip, serves => \&_stream,
        port => Vstream::Process::free_port() }, __PACKAGE__;

    return $self->start_again;
}

# TLS in front of port `to`, by a certificate as PEM files.
sub tls_front ($to, $certificate, $key) {
    my $self = bless { to => $to, serves => \&_tls,
        tls => { SSL_cert_file => $certificate, SSL_key_file => $key },
        port => Vstream::Process::free_port() }, __PACKAGE__;

    return $self->start_again;
}

sub start_again ($self) {
    delete $self->{ended};

    if ($self->{serves}) {
        $self->_serve;
        return $self;
    }

    my $process = Vstream::Process->start(log => $self->{log},
        command => $self->{program});

    $self->{pid} = $process->pid;

    return $self->{port} ? $self->_wait_listening : $self;
}

sub kill ($self) {
    $self->signal('KILL');
    $self->wait_end;
    return $self;
}

# nginx ends its workers itself.
sub stop ($self) {
    $self->signal('TERM');
    return $self->wait_end;
}

sub port ($self)      { return $self->{port} }
sub http_port ($self) { return $self->{http_port} }
sub folder ($self)    { return $self->{folder} }

sub _wait_listening ($self) {
    for (1 .. 500) {
        croak 'it has ended: ' . $self->ended if defined $self->ended;
        return $self
            if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
        sleep 0.02;
    }

    croak 'it does not listen';
}

# A process for the server, which forks one for each client; they end with it.
sub _serve ($self) {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $self->{port}, Listen => 16, ReuseAddr => 1)
        or croak "port $self->{port}: $!";

    $self->adopt(fork // croak "fork: $!");
    return if $self->{pid};

    my $server = $$;

    alarm 0;
    $SIG{TERM} = 'DEFAULT';
    $SIG{CHLD} = 'IGNORE';

    while (my $client = $listener->accept) {
        next if fork // 1;

        close $listener;
        $SIG{ALRM} = sub { POSIX::_exit(0) if getppid != $server; alarm 1 };
        alarm 1;
        $self->{serves}->($self, $client);
        POSIX::_exit(0);
    }

    POSIX::_exit(0);
}

sub _stream ($self, $client) {
    my %formats = ('/flv' => [ 'flv', 'video/x-flv' ],
        '/ts' => [ 'mpegts', 'video/mp2t' ],
        '/plain' => [ 'mpegts', 'application/octet-stream' ]);
    my $head = '';

    while ($head !~ /\r\n\r\n$/) {
        sysread $client, $head, 1, length $head or return;
    }

    my ($path) = $head =~ /^GET (\S+)/;
    my ($given) = $head =~ /^Authorization: Basic (\S+)/mi;

    if (defined $self->{user} && (!defined $given || decode_base64($given) ne
        "$self->{user}:$self->{password}")) {
        syswrite $client, "HTTP/1.1 401 Unauthorized\r\n"
            . "WWW-Authenticate: Basic realm=\"camera\"\r\n"
            . "Content-Length: 0\r\nConnection: close\r\n\r\n";
        return;
    }

    if (!$formats{$path}) {
        syswrite $client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
            . "Connection: close\r\n\r\n";
        return;
    }

    my ($format, $type) = @{ $formats{$path} };
    my $pid = open my $media, '-|', qw(ffmpeg -nostdin -v quiet -re
        -stream_loop -1 -i), $self->{clip}, qw(-map 0:v -c copy -f), $format,
        '-' or return;
    my $server = getppid;

    $SIG{PIPE} = 'IGNORE';
    $SIG{ALRM} = sub {
        CORE::kill 'KILL', $pid if getppid != $server;
        POSIX::_exit(0) if getppid != $server;
        alarm 1;
    };
    alarm 1;
    syswrite $client, "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
        . "Connection: close\r\n\r\n";

    while (1) {
        my $n = sysread $media, my $bytes, 65536;
        next if !defined $n && $!{EINTR};
        last if !$n || !_write($client, $bytes);
    }

    CORE::kill 'KILL', $pid;
}

sub _tls ($self, $client) {
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{to}) or return;

    IO::Socket::SSL->start_SSL($client, SSL_server => 1, %{ $self->{tls} })
        or return;

    my $select = IO::Select->new($client, $server);

    while (1) {
        for my $socket ($client->pending ? $client : $select->can_read) {
            my $n = sysread $socket, my $bytes, 65536;

            next if !defined $n && $!{EINTR};
            return if !$n;
            _write($socket == $client ? $server : $client, $bytes) or return;
        }
    }
}

sub _write ($socket, $bytes) {
    while (length $bytes) {
        my $n = syswrite $socket, $bytes;

        next if !defined $n && $!{EINTR};
        return 0 if !$n;
        substr $bytes, 0, $n, '';
    }

    return 1;
}

1;
