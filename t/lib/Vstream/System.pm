# A whole vstream that runs, for faults to happen to: Redis, Kafka perhaps, two
# replicas of vstream-ingest, nginx with two workers, cameras of several kinds,
# and viewers who check every byte.  Between all of them and Redis are relays.
#
# nginx is a daemon, which can be upgraded; this process becomes the parent of
# all whose own parent has died, so that nothing stays behind.

package Vstream::System;

use v5.36;

use Carp qw(croak);
use Digest::MD5 qw(md5_hex);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use List::Util qw(max);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use Vstream::CameraServer;
use Vstream::Ingest;
use Vstream::Kafka;
use Vstream::Load;
use Vstream::Relay;
use Vstream::Test ();

use constant { FPS => 5, PR_SET_CHILD_SUBREAPER => 36 };

my %prctl = (x86_64 => 157, aarch64 => 167);


# Options: cameras (4), viewers (of each kind, 8), seconds (that they watch at
# most), kafka (true: with a camera from Kafka), clock (true: the clock of
# replica two can be set, where this process is root).
sub start ($class, %options) {
    my $self = bless { cameras => 4, viewers => 8, seconds => 600, %options },
        $class;
    my $number = $prctl{ (POSIX::uname())[4] };

    $self->{clock} &&= $> == 0 && !$ENV{VSTREAM_PRELOAD}
        && -e Vstream::Load::program('fake_clock.so');
    syscall $number, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0 if $number;
    $self->{redis} = Vstream::Redis->start(folder => Vstream::Test::folder(),
        arguments => [ '--maxmemory-policy', 'noeviction' ]);
    $self->{kafka} = start_kafka()->expect(
        qr/Exceptionally slow controller event/) if $self->{kafka};
    $self->{relays} = { map { $_ =>
        Vstream::Relay->start($self->{redis}->port) } qw(nginx one two) };
    $self->_start_cameras;
    $self->_start_replicas;
    $self->_start_nginx;
    $self->_start_viewers;

    return $self;
}

sub _start_cameras ($self) {
    my %servers = (http => http_camera('--file', _summed_clip(), '--fps', FPS),
        rtsp => rtsp_camera('--mount', '/street', '--file',
            clip('small1s.mp4')));
    my @sources = ('test:', $servers{http}->url('/video.mjpg'),
        $servers{rtsp}->url('/street'), 'file:' . clip('small1s.mp4'));

    $self->{servers} = \%servers;
    $self->{ids} = [ map { sprintf 'c%02d', $_ } 1 .. $self->{cameras} ];
    $self->{sources} = { map {
        $self->{ids}[$_] => $sources[ $_ % @sources ] } 0 .. $#{ $self->{ids} } };

    # Of the first one's frames there, that is, of a test picture.
    $self->{sources}{ $self->{ids}[-1] }
        = "kafka:vstream.frames.v1?camera=$self->{ids}[0]" if $self->{kafka};
}

# Pictures that say, in a comment, what the MD5 of all that follows is.
sub _summed_clip {
    my $path = clip('gop1s.mjpeg');
    my $pictures = Vstream::Ingest::read_file($path);

    return Vstream::Test::write_file('summed.mjpeg', join '', map {
        my $rest = substr $_, 2;
        my $text = 'vstream ' . md5_hex($rest);
        "\xff\xd8\xff\xfe" . pack('n', length($text) + 2) . $text . $rest;
    } $pictures =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg);
}

sub _start_replicas ($self) {
    my $kafka = $self->{kafka} && '{brokers: ["' . $self->{kafka}->address
        . '"], topics: {create: true}}';

    for my $name (qw(one two)) {
        push @{ $self->{replicas} }, start_ingest($self->{redis},
            name => $name, wait => 0, level => 'info', kafka => $kafka,
            url => $self->{redis}->url('ingest',
                $self->{relays}{$name}->port),
            around => $name eq 'two' && $self->{clock} ? $self->_clock : []);
    }

    $_->wait_ready || croak 'not ready: ' . $_->log
        for @{ $self->{replicas} };
}

# In front of a program whose clock set_clock() sets; see
# t/clients/fake_clock.c.
sub _clock ($self) {
    my $etc = Vstream::Test::folder() . '/etc';

    system('cp', '-a', '/etc', $etc) == 0 or croak 'no copy of /etc';
    Vstream::Test::write_file("$etc/ld.so.preload",
        Vstream::Load::program('fake_clock.so') . "\n");
    Vstream::Test::write_file("$etc/vstream-clock", '');

    return [ 'unshare', '-m', 'sh', '-c',
        "mount --bind $etc /etc && exec \"\$@\"", 'sh' ];
}

# The wall clock of replica two is so many seconds wrong.
sub set_clock ($self, $seconds) {
    my $path = Vstream::Test::folder() . '/etc/vstream-clock';

    Vstream::Test::write_file("$path.new", sprintf "%+d\n", $seconds);
    rename "$path.new", $path or croak "$path: $!";
}

sub _start_nginx ($self) {
    my $redis = $self->{redis};
    my $relay = $redis->url('nginx', $self->{relays}{nginx}->port);
    my $cameras = join '', map { "vstream_camera $_ $self->{sources}{$_} "
        . 'fps=' . FPS . ' width=240 kafka_fps='
        . ($self->{kafka} && $_ eq $self->{ids}[0] ? FPS : 0) . ";\n" }
        @{ $self->{ids} };

    $self->{nginx} = Vstream::Nginx->prepare(tls => 1, level => 'warn',
        folder => Vstream::Test::folder(), redis => $redis,
        redis_line => "vstream_redis $relay;", http => $cameras,
        main => "worker_shutdown_timeout 10s;\n" . join("\n",
            map { "env $_;" } qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS)),
        server => 'keepalive_requests 1000000;')->write_configuration;
    $self->{nginx}->run == 0 or croak $self->{nginx}->error_log;
    $self->follow_nginx;
}

# Its master is who says so in its file: another one after an upgrade.
sub follow_nginx ($self) {
    my $nginx = $self->{nginx};
    my $file = $nginx->folder . '/nginx.pid';

    Vstream::Test::wait_for(sub { -s $file }, patience())
        or croak 'nginx has no pid';
    $nginx->adopt(0 + Vstream::Ingest::read_file($file));
    delete $nginx->{ended};
}

sub _start_viewers ($self) {
    my $nginx = $self->{nginx};
    my %options = (count => $self->{viewers}, seconds => $self->{seconds},
        back => 1, cameras => 1);
    my ($last, @others) = map { "/live/$_/stream.mjpg" }
        reverse @{ $self->{ids} };

    Vstream::Test::wait_for(sub { $self->all_stream }, 3 * patience())
        or croak 'not all cameras stream';

    $self->{groups} = {
        plain => Vstream::Load->view($nginx, \@others, %options),
        tls => Vstream::Load->view($nginx, [ reverse @others ], %options,
            tls => 1),
        last => Vstream::Load->view($nginx, $last, %options, count => 2),
    };
    $self->{requests} = $self->_start_requests;
}

# Somebody asks for pictures and states, twice a second; what is not answered
# by 200 is a line of a file: "<time> <status> <path>".
sub _start_requests ($self) {
    my $log = Vstream::Test::write_file('requests', '');
    my $process = bless { log => $log }, 'Vstream::Process';
    my $url = $self->{nginx}->url;
    my @paths = ('/api/v1/cameras', '/metrics', '/health', '/ready',
        map { ("/live/$_/frame.jpg", "/api/v1/cameras/$_") }
            @{ $self->{ids} });

    my $parent = $$;

    $process->adopt(fork // croak "fork: $!");
    return $process if $process->pid;

    $SIG{TERM} = 'DEFAULT';
    alarm 0;
    open my $file, '>', $log or POSIX::_exit(1);
    $file->autoflush(1);

    my $client = HTTP::Tiny->new(timeout => 5);

    for (my $n = 0; getppid == $parent; $n++) {
        my $began = time();
        my $answer = $client->get($url . $paths[ $n % @paths ]);

        printf $file "%.3f %d %s\n", $began, $answer->{status},
            $paths[ $n % @paths ] if $answer->{status} != 200;
        sleep 0.5;
    }

    POSIX::_exit(0);
}

# Times at which a request was not answered by 200: [ time, text ].
sub refusals ($self) {
    return map { /^(\S+) (.*)/ ? [ $1, $2 ] : () }
        split /\n/, Vstream::Ingest::read_file($self->{requests}{log});
}

sub ids ($self)      { return @{ $self->{ids} } }
sub redis ($self)    { return $self->{redis} }
sub nginx ($self)    { return $self->{nginx} }
sub kafka ($self)    { return $self->{kafka} }
sub replicas ($self) { return @{ $self->{replicas} } }
sub relay ($self, $name)  { return $self->{relays}{$name} }
sub server ($self, $kind) { return $self->{servers}{$kind} }

# What all viewers have seen so far, or those of these groups (plain, tls, last:
# of the last camera): sums, and of times the worst; their news_gap_ms and
# held_up_ms begin anew.  See t/clients/viewers.c.
sub seen ($self, @groups) {
    my %seen;

    for my $name (@groups ? @groups : sort keys %{ $self->{groups} }) {
        my $group = $self->_group($name);

        for (qw(news_gap_ms held_up_ms)) {
            $group->{$_} = max($group->{$_}, delete $self->{$_}{$name} // 0);
        }

        for my $what (keys %$group) {
            $seen{$what} = $what =~ /_ms$/
                ? max($seen{$what} // 0, $group->{$what})
                : ($seen{$what} // 0) + $group->{$what};
        }
    }

    return \%seen;
}

sub _group ($self, $name) {
    return $self->{groups}{$name}->so_far;
}

# How old the newest picture of that viewer is who has waited longest.
sub news_age_ms ($self) {
    return max(map {
        my $name = $_;
        my $group = $self->_group($name);

        for (qw(news_gap_ms held_up_ms)) {
            $self->{$_}{$name} = max($group->{$_}, $self->{$_}{$name} // 0);
        }
        $group->{news_age_ms};
    } keys %{ $self->{groups} });
}

sub all_stream ($self) {
    my $answer = $self->{nginx}->get('/api/v1/cameras');
    my $said = eval { decode_json($answer->{content}) } or return 0;

    return $said->{stale} ? 0 : @{ $self->{ids} } == grep {
        $_->{state} eq 'streaming' } @{ $said->{cameras} };
}

# Cameras whose lease somebody has.
sub leases ($self) {
    return scalar grep {
        $self->{redis}->command('EXISTS', "vs:{$_}:lease")
    } @{ $self->{ids} };
}

# Who was not started here, but is this process's child now.
sub reap ($self) {
    my %known = map { $_->pid => 1 } $self->_processes;

    for (split ' ', Vstream::Ingest::read_file("/proc/$$/task/$$/children")) {
        waitpid $_, WNOHANG if !$known{$_};
    }
}

sub _processes ($self) {
    return (@$self{qw(redis nginx requests)}, $self->{kafka} // (),
        @{ $self->{replicas} }, map { values %{ $self->{$_} } }
            qw(relays servers groups));
}

# Ends all of it; returns what there is to regret.
sub stop ($self) {
    my @regrets;

    $_->signal('TERM')->wait_end
        for $self->{requests}, values %{ $self->{groups} };

    for my $server ($self->{nginx}, @{ $self->{replicas} },
        $self->{kafka} // (), $self->{redis})
    {
        my $end = $server->stop;

        push @regrets, $server->name . ": $end" if $end ne 'exit 0';
        push @regrets, map { $server->name . " left $_" }
            $server->left_behind;
        push @regrets, map { $server->name . ": $_" } $server->complaints;
    }

    $_->stop for values %{ $self->{relays} }, values %{ $self->{servers} };
    $self->reap;

    return @regrets;
}

1;
