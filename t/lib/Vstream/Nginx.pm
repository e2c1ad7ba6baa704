# Debian's nginx with the module under test, in a folder of its own, and what
# tests ask of it: requests, reloads, its workers, its logs.
#
# The module is $VSTREAM_MODULE, else the one that was built below $B.  A
# sanitized one needs its sanitizer loaded first: $VSTREAM_PRELOAD.

package Vstream::Nginx;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use FindBin;
use HTTP::Tiny;
use IO::Socket::SSL::Utils;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep time);

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");

# By its full name: an upgrade (USR2) executes what it was started as.
my ($program) = grep { -x } map { "$_/nginx" }
    split(/:/, $ENV{PATH} // ''), '/usr/sbin';


# Options: workers (2), connections (of vstream_redis, 1), main, http, server
# (text for these blocks), redis_line (instead of the usual vstream_redis),
# routes (instead of conf/vstream.conf), tls (a port with HTTP/2 over TLS),
# listen (parameters of it), level (of the error log, info), sockets (that a
# worker may have, 4096), wait (0: not until Redis is there), around (a command
# in front of it), module (instead of the one under test), preload (a library),
# environment (a hash; added to its).
sub start ($class, %options) {
    my $self = $class->prepare(%options);

    $self->write_configuration;
    $self->_start;

    return $self;
}

# All but starting it: for `nginx -t`.
sub prepare ($class, %options) {
    my $n = ++$count;
    my $folder = "$options{folder}/nginx$n";

    mkdir $folder or croak "$folder: $!";
    mkdir "$folder/tmp";

    return bless {
        workers => 2, connections => 1, main => '', http => '', server => '',
        wait => 1, listen => '', level => 'info', sockets => 4096, %options,
        name => "nginx $n", folder => $folder, expected => [],
        port => Vstream::Process::free_port(),
        tls_port => Vstream::Process::free_port(),
    }, $class;
}

sub _start ($self) {
    my $process = Vstream::Process->start(
        log => "$self->{folder}/stderr.log",
        environment => $self->_environment,
        command => [ @{ $self->{around} // [] }, $self->_valgrind,
            $self->_command, '-g', 'daemon off;' ]);

    $self->{pid} = $process->pid;

    if (!$self->wait_until(sub { $self->_is_up })) {
        croak "nginx did not start: " . ($self->ended // 'still trying')
            . "\n" . $self->error_log;
    }
}

# VSTREAM_VALGRIND=1: memcheck, which says nothing where nothing is wrong.  It
# takes minutes for a test, and those that measure time may fail by it.  What is
# lost is not asked: a worker of nginx ends without freeing what it has, and
# t/http/fault_memory.t counts blocks.
sub _valgrind ($self) {
    return () unless $ENV{VSTREAM_VALGRIND};
    return (qw(valgrind --quiet --leak-check=no),
        "--log-file=$self->{folder}/valgrind.%p");
}

sub _command ($self) {
    return ($program, '-p', "$self->{folder}/", '-c', 'nginx.conf',
        '-e', "$self->{folder}/error.log");
}

# With a sanitizer, what else is loaded comes before it, which it must be told.
sub _environment ($self) {
    my @preload = grep { defined && length } $self->{preload},
        $ENV{VSTREAM_PRELOAD};
    my %environment = %{ $self->{environment} // {} };

    $environment{LD_PRELOAD} = "@preload" if @preload;

    return \%environment unless $ENV{VSTREAM_PRELOAD};
    return {
        ASAN_OPTIONS => 'detect_leaks=0:abort_on_error=1'
            . (@preload > 1 ? ':verify_asan_link_order=0' : ''),
        UBSAN_OPTIONS => 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
        %environment,
    };
}

# All workers accept, and have their connections to Redis.
sub _is_up ($self) {
    return 1 if defined $self->ended;
    return -s "$self->{folder}/nginx.pid" unless $self->{wait};

    my $wanted = $self->{workers} * ($self->{connections} + 1);
    my $connections = eval { $self->metric('vstream_redis_connections') };

    return defined $connections && $connections == $wanted;
}

sub wait_until ($self, $code, $seconds = $ENV{VSTREAM_VALGRIND} ? 60 : 10) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        return !defined $self->ended if $code->();
        sleep 0.01;
    }

    return 0;
}

sub module {
    my $build = $ENV{B} // 'build';
    my $module = $ENV{VSTREAM_MODULE}
        // ($build =~ m{^/} ? '' : "$top/") . "$build/ngx_vstream_module.so";

    return abs_path($module) // croak "$module: $!";
}

# What is around the http block; tests of `nginx -t` use it, too.
sub main_lines ($self) {
    my $user = $> == 0 ? "user root;\n" : '';

    return 'load_module ' . ($self->{module} // module()) . ";\n$user"
        . "worker_processes $self->{workers};\n"
        . "pid $self->{folder}/nginx.pid;\n"
        . "error_log $self->{folder}/error.log $self->{level};\n"
        . "events { worker_connections $self->{sockets}; }\n"
        . "$self->{main}\n";
}

sub temp_path_lines ($self) {
    return join '', map { "    ${_}_temp_path $self->{folder}/tmp/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
}

sub redis_line ($self) {
    return $self->{redis_line} if defined $self->{redis_line};
    return '' unless $self->{redis};
    return 'vstream_redis ' . $self->{redis}->url('nginx')
        . " connections=$self->{connections};";
}

sub configuration ($self) {
    my $tls = $self->{tls} ? $self->_tls_lines : '';
    my $routes = $self->{routes} // "include $top/conf/vstream.conf;";

    return $self->main_lines . "http {\n" . $self->temp_path_lines . <<"END";
    log_format vstream '\$request_method \$uri \$status \$body_bytes_sent '
                       'camera=\$vstream_camera frames=\$vstream_frames '
                       'pid=\$pid';
    access_log $self->{folder}/access.log vstream;
    @{[ $self->redis_line ]}
    $self->{http}
    server {
        listen 127.0.0.1:$self->{port} $self->{listen};
        $tls
        add_header X-Worker \$pid always;
        vstream_anonymous on;
        $self->{server}
        $routes
    }
}
END
}

sub _tls_lines ($self) {
    my $folder = $self->{folder};

    if (!-e "$folder/cert.pem") {
        my ($cert, $key) = CERT_create(subject => { commonName => 'vstream' });
        PEM_cert2file($cert, "$folder/cert.pem");
        PEM_key2file($key, "$folder/key.pem");
    }

    return "listen 127.0.0.1:$self->{tls_port} ssl http2;\n"
        . "ssl_certificate $folder/cert.pem;\n"
        . "ssl_certificate_key $folder/key.pem;\n";
}

sub write_configuration ($self, $text = $self->configuration) {
    open my $file, '>:raw', "$self->{folder}/nginx.conf" or croak "$!";
    print $file $text;
    close $file or croak "$!";

    return $self;
}

# Changes options and writes the configuration anew; for reload().
sub change ($self, %options) {
    %$self = (%$self, %options);
    return $self->write_configuration;
}

# `nginx -t`: (exit status, all that it says).
sub test ($self) {
    my $environment = $self->_environment;
    local @ENV{ keys %$environment } = values %$environment;

    open my $pipe, '-|', join(' ', 'exec', $self->_command, '-t', '2>&1')
        or croak "$!";
    my $said = do { local $/; <$pipe> } // '';
    close $pipe;

    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $said);
}

# As a daemon, whose pid is in its folder: for an upgrade, which the test must
# end by itself.  Returns 0 where it runs.
sub run ($self) {
    my $environment = $self->_environment;
    local @ENV{ keys %$environment } = values %$environment;

    return system $self->_command;
}

sub name ($self)     { return $self->{name} }
sub port ($self)     { return $self->{port} }
sub tls_port ($self) { return $self->{tls_port} }
sub folder ($self)   { return $self->{folder} }
sub url ($self)      { return "http://127.0.0.1:$self->{port}" }
sub tls_url ($self)  { return "https://127.0.0.1:$self->{tls_port}" }

# A whole answer as HTTP::Tiny gives it; a connection of its own.
sub get ($self, $path, %headers) {
    return $self->request('GET', $path, %headers);
}

sub request ($self, $method, $path, %headers) {
    return HTTP::Tiny->new(timeout => 30, max_redirect => 0)->request(
        $method, $self->url . $path, { headers => \%headers });
}

sub json ($self, $path) {
    return decode_json($self->get($path)->{content});
}

# The value of one sample, e.g. 'vstream_viewers{camera="a"}'; 0: none.
sub metric ($self, $sample) {
    my $answer = $self->get('/metrics');

    croak "no metrics: $answer->{status}" if $answer->{status} != 200;

    return $answer->{content} =~ /^\Q$sample\E (\S+)$/m ? 0 + $1 : 0;
}

# Pids of the master's children.
sub workers ($self) {
    open my $file, '<', "/proc/$self->{pid}/task/$self->{pid}/children"
        or return ();

    return split ' ', <$file> // '';
}

# Workers that have not been told to leave.
sub new_workers ($self) {
    return grep { _title($_) eq 'nginx: worker process' } $self->workers;
}

sub _title ($pid) {
    open my $file, '<', "/proc/$pid/cmdline" or return '';
    my $title = <$file> // '';
    $title =~ s/\0.*$//s;

    return $title;
}

# Reads the configuration again, and waits for the new workers.
sub reload ($self) {
    my %old = map { $_ => 1 } $self->new_workers;

    $self->signal('HUP');

    return $self->wait_until(sub {
        my @new = $self->new_workers;
        @new == $self->{workers} && !grep { $old{$_} } @new;
    });
}

# A line of the error log that matches is expected, and no complaint.
sub expect ($self, $pattern) {
    push @{ $self->{expected} }, $pattern;
    return $self;
}

sub kill_worker ($self, $pid) {
    $self->expect(qr/worker process $pid exited on signal 9/);
    kill 'KILL', $pid;
    return $self;
}

sub stop ($self, $signal = 'TERM') {
    $self->{last_workers} = [ $self->workers ];
    $self->signal($signal);
    return $self->wait_end(20);
}

sub left_behind ($self) {
    return grep { kill 0, $_ } @{ $self->{last_workers} // [] };
}

sub error_log ($self)  { return _read("$self->{folder}/error.log") }
sub access_log ($self) { return _read("$self->{folder}/access.log") }

sub _read ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}

# Lines that no error log should hold.
sub complaints ($self) {
    my $text = $self->error_log . _read("$self->{folder}/stderr.log");
    my @valgrind = map { split /\n/, _read($_) } glob "$self->{folder}/valgrind.*";
    my @lines = grep {
        /\[(?:alert|crit|emerg)\]|exited on signal|with (?:fatal )?code [1-9]/
            || /Sanitizer|runtime error:/
    } split /\n/, $text;

    for my $pattern (@{ $self->{expected} }) {
        @lines = grep { $_ !~ $pattern } @lines;
    }

    return (@lines, @valgrind);
}

1;
