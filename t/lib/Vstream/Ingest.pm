# vstream-ingest replicas under test, the cameras that they are told of, and
# what they leave in Redis.  The program is the one that was built below $B.

package Vstream::Ingest;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use FindBin;
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Test::More ();
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use Vstream::Test ();

our @EXPORT = qw(alive all_held camera_status camera_is declare epoch_of holders
    ingest_program log_time patience start_ingest withdraw);

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");
my %cameras; # Redis's port -> camera id -> 1: what this test has declared


# How long a wait may last before it is a failure: the machine may be busy.
sub patience { return $ENV{SANITIZE} || $ENV{VSTREAM_PRELOAD} ? 60 : 20 }

sub ingest_program {
    my $build = $ENV{B} // 'build';
    my $path = ($build =~ m{^/} ? '' : "$top/") . "$build/vstream-ingest";

    return -x $path ? $path : croak "$path is not built";
}

# Starts a replica, and waits until it is ready.  Options: name, url (of
# Redis), redis, sources, kafka, credentials, limits (YAML of these), files
# (a folder that `file:` may read), environment, arguments, wait (0: does not
# wait), level (of the log, debug), around (a command in front of it).
sub start_ingest ($redis, %options) {
    my $n = ++$count;
    my $folder = Vstream::Test::folder() . "/ingest$n";

    mkdir $folder or croak "$folder: $!";

    my $self = bless {
        wait => 1, level => 'debug', files => "$top/build/t",
        environment => {}, url => $redis->url('ingest'), server => $redis,
        address => '127.0.0.1', %options, number => $n,
        name => $options{name} // "replica-$n", folder => $folder,
        port => Vstream::Process::free_port(),
    }, __PACKAGE__;

    $self->write_configuration;
    Vstream::Test::attend($self->_run);
    croak 'not ready: ' . $self->log if $self->{wait} && !$self->wait_ready;

    return $self;
}

sub _run ($self) {
    my $process = Vstream::Process->start(
        log => "$self->{folder}/ingest.log",
        environment => { %{ $self->{environment} } },
        command => [ @{ $self->{around} // [] }, ingest_program(),
            '--config', "$self->{folder}/ingest.yaml",
            @{ $self->{arguments} // [] } ]);

    $self->{pid} = $process->pid;
    delete @$self{qw(ended killed)};

    return $self;
}

# Starts it again, after it has ended.
sub start_again ($self) {
    $self->_run;
    croak 'not ready: ' . $self->log if $self->{wait} && !$self->wait_ready;
    return $self;
}

sub write_configuration ($self, %options) {
    %$self = (%$self, %options);

    my $sources = $self->{sources} // '{allow: [127.0.0.0/8, "::1/128"], '
        . "files: [\"$self->{files}\"], test: true}";
    my $text = <<"END";
replica: $self->{name}
listen: $self->{address}:$self->{port}
log: {level: $self->{level}}
redis: @{[ $self->{redis} // "{url: \"$self->{url}\"}" ]}
sources: $sources
END

    for (grep { defined $self->{$_} } qw(kafka credentials limits)) {
        $text .= "$_: $self->{$_}\n";
    }

    Vstream::Test::write_file("$self->{folder}/ingest.yaml", $text);

    return $self;
}

sub wait_ready ($self) {
    return Vstream::Test::wait_for(sub {
        defined $self->ended || $self->get('/ready')->{status} == 200;
    }, patience()) && !defined $self->ended;
}

sub name ($self)   { return $self->{name} }
sub port ($self)   { return $self->{port} }
sub folder ($self) { return $self->{folder} }

sub get ($self, $path) {
    return HTTP::Tiny->new(timeout => patience())->get(
        "http://$self->{address}:$self->{port}$path");
}

# What it says of itself and its cameras.
sub overview ($self) {
    my $answer = $self->get('/cameras');

    croak "/cameras: $answer->{status} $answer->{content}"
        if $answer->{status} != 200;

    my $overview = decode_json($answer->{content});

    # So that they can be ended with the replica, whatever becomes of it.
    $self->{spawner} = $overview->{spawner} if $overview->{spawner};
    $self->{seen}{$_} = 1
        for grep { $_ } $overview->{spawner},
            map { $_->{pid} } @{ $overview->{cameras} };

    return $overview;
}

# One camera, as this replica sees it; undef: it knows none of that id.
sub camera ($self, $id) {
    my ($camera) = grep { $_->{id} eq $id } @{ $self->overview->{cameras} };
    return $camera;
}

# Ids of the cameras whose lease it holds.
sub held ($self) {
    my @held = sort map { $_->{id} } grep { $_->{lease} eq 'held' }
        @{ $self->overview->{cameras} };

    return @held;
}

# The value of one sample of /metrics; 0: none.
sub metric ($self, $sample) {
    return $self->get('/metrics')->{content} =~ /^\Q$sample\E (\S+)$/m
        ? 0 + $1 : 0;
}

# Supervisor, spawner and camera processes.
sub processes ($self) {
    my $overview = $self->overview;

    return ($self->{pid}, grep { $_ } $overview->{spawner},
        map { $_->{pid} } @{ $overview->{cameras} });
}

# The whole host stops, as it were; and goes on.
sub freeze ($self) {
    $self->{frozen} = [ $self->processes ];
    CORE::kill 'STOP', @{ $self->{frozen} };
    return $self;
}

sub thaw ($self) {
    CORE::kill 'CONT', @{ delete $self->{frozen} // [] };
    return $self;
}

# kill -9 of the supervisor alone.
sub kill ($self) {
    eval { $self->overview };
    $self->{killed} = 1;
    $self->signal('KILL');
    $self->wait_end;
    return $self;
}

sub stop ($self) {
    eval { $self->overview } unless $self->{frozen} || defined $self->ended;
    $self->thaw;
    $self->signal('TERM');

    my $end = $self->wait_end(patience());

    return $self->{killed} ? 'exit 0' : $end;
}

# Camera processes and spawners that outlive their supervisor for long.
sub left_behind ($self) {
    my @left;

    Vstream::Test::wait_for(sub {
        @left = grep { _is_ours($_) } keys %{ $self->{seen} // {} };
        !@left;
    }, 5);
    CORE::kill 'KILL', @left;

    return @left;
}

# A pid may be another program's by now.
sub _is_ours ($pid) {
    return read_file("/proc/$pid/cmdline") =~ /^vstream-(?:spawner|camera):/;
}

# Those of these processes that live; one that nobody has reaped does not.
sub alive (@pids) {
    return grep { read_file("/proc/$_/stat") =~ /\) [^ZX]/ } @pids;
}

sub read_file ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}

sub log ($self) { return read_file("$self->{folder}/ingest.log") }

# Lines of the log whose message matches, decoded.
sub log_lines ($self, $pattern) {
    return grep { $_->{message} =~ $pattern }
        map { eval { decode_json($_) } // () } split /\n/, $self->log;
}

# When a line was written, as time() tells it.
sub log_time ($line) {
    my ($year, $month, $day, @rest) = split /[-T:Z]/, $line->{time};
    my ($hour, $minute, $second) = @rest;

    return timegm(int $second, $minute, $hour, $day, $month - 1, $year)
        + $second - int $second;
}

# Errors that the test means to provoke are expected; no others may be there.
sub expect ($self, $pattern) {
    push @{ $self->{expected} }, $pattern;
    return $self;
}

sub complaints ($self) {
    my @lines = grep { !/^\{/ || /"level":"error"/ } split /\n/, $self->log;

    for my $pattern (@{ $self->{expected} // [] }) {
        @lines = grep { $_ !~ $pattern } @lines;
    }

    return @lines;
}


# Declares a camera, as nginx does; options are those of vstream_camera.
sub declare ($redis, $id, $source, %options) {
    my %camera = (source => $source, origin => 'tests',
        map { $_ => "$options{$_}" } keys %options);

    $cameras{ $redis->port }{$id} = 1;
    _write($redis, 'HSET', 'vs:{_}:cameras', $id, encode_json(\%camera));
}

sub withdraw ($redis, @ids) {
    delete $cameras{ $redis->port }{$_} for @ids;
    _write($redis, 'HDEL', 'vs:{_}:cameras', @ids);
}

sub _write ($redis, @command) {
    my @ids = sort keys %{ $cameras{ $redis->port } };

    $redis->command('SET', 'vs:{_}:set:tests', encode_json({
        generation => int(time() * 1000), cameras => \@ids }));
    $redis->command(@command);
    $redis->command('SPUBLISH', 'vs:{_}:news', '*');
}

# The status hash of a camera; empty: there is none.
sub camera_status ($redis, $id) {
    return { @{ $redis->command('HGETALL', "vs:{$id}:status") } };
}

# Waits until a camera's status says all of this; returns the status then, or
# what it was at the end, as failure.
sub camera_is ($redis, $id, $name, %wanted) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $status;
    my $is = Vstream::Test::wait_for(sub {
        $status = camera_status($redis, $id);
        !grep { ref $wanted{$_}
                ? ($status->{$_} // '') !~ $wanted{$_}
                : ($status->{$_} // '') ne $wanted{$_} } keys %wanted;
    }, patience());

    Test::More::ok($is, $name)
        or Test::More::diag(Test::More::explain($status));

    return $status;
}

# Which replica holds which camera: { id => name }.
sub holders ($redis) {
    return { map {
        my $owner = $redis->command('GET', "vs:{$_}:lease");
        defined $owner ? ($_ => $owner =~ s/:.*//r) : ();
    } keys %{ $cameras{ $redis->port } } };
}

# Waits until all cameras are held by somebody.
sub all_held ($redis) {
    return Vstream::Test::wait_for(sub {
        keys %{ holders($redis) } == keys %{ $cameras{ $redis->port } };
    }, patience());
}

sub epoch_of ($redis, $id) {
    return $redis->command('GET', "vs:{$id}:epoch") // 0;
}

1;
