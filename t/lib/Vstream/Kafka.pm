# A real Apache Kafka of the test's own: one node on free ports, started by
# conf/local/kafka/broker with the jars of `make kafka`; and what others put
# into it and take from it, by kcat.
#
# It always listens without protection, at address(); with `tls` also at
# address('tls'), with `users` also at address('sasl'), with both also at
# address('sasl_tls').

package Vstream::Kafka;

use v5.36;

use parent 'Vstream::Process';

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use FindBin;
use IO::Select;
use Time::HiRes qw(sleep time);

use Vstream::Test ();

our @EXPORT = qw(java_command python_command start_kafka);

my $count = 0;
my $top = abs_path("$FindBin::Bin/../..");
my %protocol = (plain => 'PLAINTEXT', tls => 'SSL', sasl => 'SASL_PLAINTEXT',
    sasl_tls => 'SASL_SSL');

# How long Java may take to come up or to end: the machine may be busy.
my $patience = $ENV{SANITIZE} || $ENV{VSTREAM_PRELOAD} ? 120 : 60;


# Starts a broker, and waits until it answers.  Options:
#   tls         true: with a certificate of ca_file() for 127.0.0.1; a text:
#               for that name instead (DNS:other.example)
#   client_tls  true: clients must show a certificate, client_files()'s
#   users       { name => password }, for PLAIN, SCRAM-SHA-256 and -512
#   properties  { name => value } of server.properties, over ours
#   wait        0: does not wait
#   old         true: Kafka 3.9, which unlike 4 takes SCRAM of Debian's
#               librdkafka; it says its nonce twice (librdkafka #4895)
sub start_kafka (%options) {
    my $n = ++$count;
    my $folder = Vstream::Test::folder() . "/kafka$n";
    my $lib = "$top/build/kafka/lib" . ($options{old} ? '-3.9' : '');

    croak 'no Kafka here: run `make kafka`' unless -e "$lib/pom.xml";
    mkdir $folder or croak "$folder: $!";

    my $self = bless {
        wait => 1, properties => {}, %options, name => "kafka $n",
        folder => $folder, lib => $lib, log => "$folder/kafka.log",
        controller => Vstream::Process::free_port(),
    }, __PACKAGE__;

    $self->{port}{$_} = Vstream::Process::free_port() for $self->_listeners;
    $self->_make_certificates if $self->{tls};
    $self->write_configuration;
    $self->_run;

    return Vstream::Test::attend($self);
}

sub _listeners ($self) {
    return grep { (!/tls/ || $self->{tls}) && (!/sasl/ || $self->{users}) }
        sort keys %protocol;
}

# Writes server.properties anew, after a change of properties; for
# start_again().
sub write_configuration ($self, %properties) {
    my $properties = $self->{properties}
        = { %{ $self->{properties} }, %properties };
    my %all = ($self->_basics, $self->_security, %$properties);

    Vstream::Test::write_file("$self->{folder}/server.properties",
        join '', map { "$_=$all{$_}\n" } sort keys %all);

    return $self;
}

sub _basics ($self) {
    my @at = map { uc($_) . "://127.0.0.1:$self->{port}{$_}" }
        $self->_listeners;
    my @map = map { uc($_) . ":$protocol{$_}" } $self->_listeners;

    return (
        'process.roles' => 'broker,controller', 'node.id' => 1,
        'controller.quorum.voters' => "1\@127.0.0.1:$self->{controller}",
        'controller.listener.names' => 'CONTROLLER',
        'listeners' => join(',', @at,
            "CONTROLLER://127.0.0.1:$self->{controller}"),
        'advertised.listeners' => join(',', @at),
        'listener.security.protocol.map' => join(',', @map,
            'CONTROLLER:PLAINTEXT'),
        'inter.broker.listener.name' => 'PLAIN',
        # One that was killed comes back only when its session has ended.
        'broker.session.timeout.ms' => 3000,
        'broker.heartbeat.interval.ms' => 500,
        'log.dirs' => "$self->{folder}/data",
        'num.network.threads' => 2, 'num.io.threads' => 2,
        'log.cleaner.dedupe.buffer.size' => 4 << 20,
        'offsets.topic.num.partitions' => 1,
        'offsets.topic.replication.factor' => 1,
        'transaction.state.log.num.partitions' => 1,
        'transaction.state.log.replication.factor' => 1,
        'transaction.state.log.min.isr' => 1,
        'group.initial.rebalance.delay.ms' => 0,
    );
}

sub _security ($self) {
    my ($folder, $users) = @$self{qw(folder users)};
    my %security;

    %security = (
        'ssl.keystore.type' => 'PEM', 'ssl.truststore.type' => 'PEM',
        'ssl.keystore.location' => "$folder/broker.pem",
        'ssl.truststore.location' => "$folder/ca.crt",
        'ssl.client.auth' => $self->{client_tls} ? 'required' : 'none',
    ) if $self->{tls};

    return %security unless $users;

    my $plain = 'org.apache.kafka.common.security.plain.PlainLoginModule';
    my $scram = 'org.apache.kafka.common.security.scram.ScramLoginModule';
    my $list = join ' ', map { qq(user_$_="$users->{$_}") } sort keys %$users;

    for my $listener (grep { /sasl/ } $self->_listeners) {
        my $name = "listener.name.$listener";

        $security{"$name.plain.sasl.jaas.config"}
            = qq($plain required $list;);
        $security{"$name.$_.sasl.jaas.config"} = qq($scram required;)
            for qw(scram-sha-256 scram-sha-512);
    }

    $security{'sasl.enabled.mechanisms'}
        = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512';

    return %security;
}

# An authority, a certificate of the broker's and one of a client's.
sub _make_certificates ($self) {
    my $folder = $self->{folder};
    my $name = $self->{tls} =~ /:/ ? $self->{tls} : 'IP:127.0.0.1';
    my @new = qw(openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256
        -nodes -days 30);

    _quietly(@new, '-x509', '-subj', '/CN=authority',
        '-keyout', "$folder/ca.key", '-out', "$folder/ca.crt");

    for ([ 'broker', $name ], [ 'client', 'DNS:client' ]) {
        my ($who, $names) = @$_;

        Vstream::Test::write_file("$folder/$who.ext",
            "subjectAltName=$names\n");
        _quietly(@new, '-subj', "/CN=$who", '-keyout', "$folder/$who.key",
            '-out', "$folder/$who.csr");
        _quietly(qw(openssl x509 -req -days 30 -CAcreateserial),
            '-in', "$folder/$who.csr", '-CA', "$folder/ca.crt",
            '-CAkey', "$folder/ca.key", '-extfile', "$folder/$who.ext",
            '-out', "$folder/$who.crt");
    }

    Vstream::Test::write_file("$folder/broker.pem",
        join '', map { _read("$folder/broker.$_") } qw(key crt));
}

sub _quietly (@command) {
    open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command
        or croak "$command[0]: $!";
    my $said = do { local $/; <$pipe> } // '';
    close $pipe or croak "@command: $said";
}

sub _run ($self) {
    my %users = %{ $self->{users} // {} };
    my @scram = map {
        my $user = $_;
        map { ('--add-scram', "$_=[name=$user,password=$users{$user}]") }
            qw(SCRAM-SHA-256 SCRAM-SHA-512);
    } sort keys %users;

    my $process = Vstream::Process->start(log => $self->{log},
        environment => { KAFKA_LIB => $self->{lib} },
        command => [ "$top/conf/local/kafka/broker", $self->{folder},
            @scram ]);

    $self->{pid} = $process->pid;
    delete @$self{qw(ended killed)};
    $self->wait_ready if $self->{wait};

    return $self;
}

# Until it answers.
sub wait_ready ($self) {
    Vstream::Test::wait_for(sub {
        croak 'Kafka: ' . $self->ended . ', ' . $self->log
            if defined $self->ended;
        $self->answers;
    }, $patience) or croak 'Kafka does not answer: ' . $self->log;

    return $self;
}

# Does it answer, now?
sub answers ($self) {
    return _silently('timeout', 2, 'kcat', '-b', $self->address, '-L', '-m',
        1) && $self->log =~ /Kafka Server started/;
}

sub _silently (@command) {
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;

    return $? == 0;
}

sub name ($self)   { return $self->{name} }
sub folder ($self) { return $self->{folder} }
sub log ($self)    { return _read($self->{log}) }

# Where clients find it: plain, tls, sasl or sasl_tls.
sub address ($self, $listener = 'plain') {
    return '127.0.0.1:' . $self->port($listener);
}

sub port ($self, $listener = 'plain') {
    return $self->{port}{$listener} // croak "no listener $listener";
}

# For clients of `tls`; and for those of `client_tls`: (certificate, key).
sub ca_file ($self)      { return "$self->{folder}/ca.crt" }
sub client_files ($self) { return map { "$self->{folder}/client.$_" }
        qw(crt key) }

# SIGSTOP: its connections stay, and nothing answers.
sub pause ($self)  { return $self->signal('STOP') }
sub resume ($self) { return $self->signal('CONT') }

# kill -9; what it had acknowledged is still there afterwards.
sub kill ($self) {
    $self->resume->signal('KILL');
    $self->wait_end;
    $self->{killed} = 1;
    return $self;
}

# Ends it in good order.  Its own status of an end by SIGTERM is 143.
sub stop ($self) {
    return 'exit 0' if $self->{killed};
    $self->resume->signal('TERM');
    return $self->wait_end($patience) =~ s/^exit 143$/exit 0/r;
}

# After stop() or kill(): on the same ports, with its data.
sub start_again ($self) {
    return $self->_run;
}

sub left_behind ($self) { return () }

# Errors that the test means to provoke are expected; no others may be there,
# but what a busy machine makes of a broker that heartbeats to itself.
sub expect ($self, $pattern) {
    push @{ $self->{expected} }, $pattern;
    return $self;
}

sub complaints ($self) {
    my @lines = grep { /^[\d:.]+ (?:ERROR|FATAL) |OutOfMemoryError/ }
        split /\n/, $self->log;

    # A busy machine is slow, and Kafka says so.
    for my $pattern (qr/controller event queue overloaded/,
        qr/Exceptionally slow controller event/,
        @{ $self->{expected} // [] })
    {
        @lines = grep { $_ !~ $pattern } @lines;
    }

    return @lines;
}


# Other people's clients: commands that run a Python program with kafka-python,
# and a Java program of one source file with Kafka's own client.
sub python_command (@arguments) {
    return ('env', "PYTHONPATH=$top/build/kafka/python", '/usr/bin/python3',
        @arguments);
}

sub java_command (@arguments) {
    return ('java', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
        '-cp', "$top/build/kafka/lib/*", @arguments);
}

# Settings are those of a topic, by Kafka's names ('max.message.bytes').
sub create_topic ($self, $topic, $partitions = 1, %settings) {
    _quietly("$top/t/clients/kafka_topic", $self->address, $topic,
        $partitions, map { "$_=$settings{$_}" } sort keys %settings);
    return $self;
}

# Names of its topics, but for Kafka's own.
sub topics ($self) {
    my $list = $self->_kcat([ '-L' ]);
    return grep { !/^__/ } sort $list =~ /^  topic "([^"]+)"/mg;
}

# How many partitions a topic has; 0: there is none of that name.
sub partitions ($self, $topic) {
    return $self->_kcat([ '-L' ])
        =~ /^  topic "\Q$topic\E" with (\d+) partitions/m ? $1 : 0;
}

# One message, whatever its bytes.  Options: key, headers ({ name => value }),
# partition.
sub produce ($self, $topic, $value, %options) {
    my $file = Vstream::Test::write_file("$self->{folder}/value", $value);
    my $headers = $options{headers} // {};

    $self->_kcat([ '-P', '-t', $topic,
        '-X', 'message.max.bytes=100000000',
        (defined $options{partition} ? ('-p', $options{partition}) : ()),
        (defined $options{key} ? ('-k', $options{key}) : ()),
        (map { ('-H', "$_=$headers->{$_}") } sort keys %$headers), $file ]);

    return $self;
}

# Messages of a topic, each { topic, partition, offset, time (ms), key,
# headers, value }, in the order of their arrival in each partition: all that
# are there now, or with `count` as many, which are waited for.  Options:
# count, offset ('beginning'; 'end' makes sense with count alone), partition,
# seconds (most to wait).
sub consume ($self, $topic, %options) {
    my $seconds = $options{seconds} // $patience;
    my $bytes = $self->_kcat([ '-C', '-q', '-t', $topic, _format(),
        '-o', $options{offset} // 'beginning',
        '-X', 'fetch.message.max.bytes=100000000',
        '-X', 'receive.message.max.bytes=101000000',
        (defined $options{partition} ? ('-p', $options{partition}) : ()),
        defined $options{count} ? ('-c', $options{count}) : '-e' ], $seconds);

    return _messages(\$bytes);
}

# Reads a topic from now on, in the background: a process, whose messages()
# are those that have come.
sub follow ($self, $topic) {
    my $file = "$self->{folder}/$topic." . ++$count;
    my $errors = "$file.errors";
    my @command = $self->_command('-C', '-q', '-u', '-E', '-t', $topic,
        _format(), '-o', 'end', '-X', 'fetch.message.max.bytes=100000000',
        '-X', 'receive.message.max.bytes=101000000',
        '-X', 'topic.metadata.refresh.interval.ms=500');

    return bless Vstream::Process->start(log => $file, file => $file,
        command => [ 'sh', '-c', 'exec "$@" 2> "$0"', $errors, @command ]),
        'Vstream::Kafka::Follower';
}

# Lengths stand before what may hold any byte.
sub _format {
    return ('-f', '%t %p %o %T %K %S %k\n%h\n%s');
}

sub _messages ($bytes) {
    my @messages;
    my $at = 0;

    while ($at < length $$bytes) {
        my $head = substr $$bytes, $at, 400;
        my ($line, $topic, $partition, $offset, $time, $key, $size)
            = $head =~ /^((\S+) (\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) )/
            or last;
        my ($key_bytes, $value_bytes) = map { $_ < 0 ? 0 : $_ } $key, $size;
        my $name = substr $$bytes, $at + length $line, $key_bytes;
        my $headers_at = $at + length($line) + $key_bytes + 1;
        my $value_at = index($$bytes, "\n", $headers_at) + 1;

        last if $value_at == 0 || $value_at + $value_bytes > length $$bytes;

        push @messages, {
            topic => $topic, partition => $partition, offset => $offset,
            time => $time, key => $key < 0 ? undef : $name,
            headers => _headers(substr $$bytes, $headers_at,
                $value_at - 1 - $headers_at),
            value => $size < 0 ? undef
                : substr $$bytes, $value_at, $value_bytes,
        };
        $at = $value_at + $value_bytes;
    }

    return @messages;
}

# kcat puts commas between them, and into them as they are.
sub _headers ($text) {
    return { map { /^([^=]+)=(.*)$/s ? ($1 => $2) : () }
        split /,(?=[\w.-]+=)/, $text };
}

sub _command ($self, @arguments) {
    return ('kcat', '-b', $self->address, @arguments);
}

# What kcat writes; dies with what it says where it fails.
sub _kcat ($self, $arguments, $seconds = $patience) {
    my $errors = "$self->{folder}/kcat.log";

    open my $pipe, '-|:raw', 'sh', '-c', 'exec "$@" 2> "$0"', $errors,
        'timeout', $seconds, $self->_command(@$arguments)
        or croak "kcat: $!";
    my $said = do { local $/; <$pipe> } // '';
    close $pipe;

    my $status = $? >> 8;
    croak "kcat @$arguments: status $status, " . _read($errors)
        if $status != 0 && $status != 124;

    return $said;
}

sub _read ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}


package Vstream::Kafka::Follower;

use parent -norequire, 'Vstream::Process';

# Whole messages that have come until now, as consume() gives them.
sub messages ($self) {
    my $bytes = Vstream::Kafka::_read($self->{file});
    return Vstream::Kafka::_messages(\$bytes);
}

sub stop ($self) {
    $self->signal('TERM');
    return $self->wait_end;
}

1;
