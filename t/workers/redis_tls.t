#!/usr/bin/perl

# rediss:// of vstream-ingest: cameras are published through it, in pictures
# larger than any buffer; a certificate that is not right is refused and named;
# a handshake that is cut, slow or never answered holds up nothing and burns no
# processor; its key is in no other process.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;

use Vstream::CameraServer;
use Vstream::Certificates;
use Vstream::Ingest;
use Vstream::Load;
use Vstream::Subscriber;
use Vstream::Test;

my $ca = Vstream::Certificates->new(folder(), 'right');
my $other = Vstream::Certificates->new(folder(), 'other');
my ($cert, $key) = $other->issue('ingest', client => 1);
my ($stranger, $stranger_key) = $ca->issue('stranger', client => 1);
my $redis = start_redis(tls => [ $ca->issue('redis') ], ca => $other->file);
my $trust = 'ca_file: ' . $ca->file;
my $identity = "certificate: $cert, key: $key";

# The section of the configuration.
sub section ($url, @more) {
    return '{' . join(', ', "url: \"$url\"", @more) . '}';
}

# Processor time of a process, in seconds.
sub cpu ($pid) {
    my @fields = split ' ',
        Vstream::Ingest::read_file("/proc/$pid/stat") =~ s/^.*\) //r;
    return ($fields[11] + $fields[12]) / 100;
}

# Is this in the memory of a process?  undef: it may not be read.
sub holds ($pid, $bytes) {
    no warnings 'portable';
    open my $memory, '<:raw', "/proc/$pid/mem" or return undef;

    for (split /\n/, Vstream::Ingest::read_file("/proc/$pid/maps")) {
        my ($from, $to, $file) = /^(\w+)-(\w+) rw\S* \S+ \S+ \S+ *(.*)$/
            or next;
        next if $file =~ /^\[v/;
        seek $memory, hex $from, 0 or next;
        read $memory, my $text, hex($to) - hex($from);
        return 1 if index($text // '', $bytes) >= 0;
    }

    return 0;
}


subtest 'pictures' => sub {
    my $ingest = start_ingest($redis, name => 'one',
        redis => section($redis->tls_url('ingest'), $trust, $identity));

    # 4K noise that no encoder makes small.
    declare($redis, 'gate', 'test:', width => 3840, quality => 100, fps => 10);
    camera_is($redis, 'gate', 'gate streams', state => 'streaming');

    my $subscriber = Vstream::Subscriber->new($redis, 'gate');
    my @frames = map { $subscriber->frame(patience()) // () } 1 .. 20;
    is @frames, 20, 'pictures';
    my ($largest) = sort { $b <=> $a } map { length $_->{jpeg} } @frames;
    cmp_ok $largest, '>', 100_000, 'of many records';
    is_deeply [ map { $_->{seq} } @frames ],
        [ sort { $a <=> $b } map { $_->{seq} } @frames ], 'in order';
    $subscriber->close;

    my $port = $redis->tls_port;
    is scalar(grep { /laddr=127\.0\.0\.1:$port .*user=vstream-ingest/ }
        split /\n/, $redis->command('CLIENT', 'LIST')), 3,
        'three connections, all by TLS';

    # A prime of the key, as OpenSSL holds it: words of 64 bits, lowest first.
    my ($prime) = qx(openssl pkey -in $key -noout -text)
        =~ /^prime1:\n((?:\s+[0-9a-f:]+\n)+)/m;
    my $bytes = reverse pack 'H*', $prime =~ tr/0-9a-f//cdr =~ s/^00//r;

    SKIP: {
        skip 'only root may read the memory of others', 3
            if $> != 0 || $ENV{SANITIZE};
        my ($pid) = map { $_->{pid} } @{ $ingest->overview->{cameras} };

        is holds($ingest->pid, $bytes), 1, 'its key is in the supervisor';
        is holds($ingest->overview->{spawner}, $bytes), 0,
            'not in the spawner';
        is holds($pid, $bytes), 0, 'not in a camera process';
    }

    my $epoch = epoch_of($redis, 'gate');
    $redis->command('CLIENT', 'KILL', 'TYPE', $_, 'SKIPME', 'yes')
        for qw(normal pubsub);
    my $again = Vstream::Subscriber->new($redis, 'gate');
    ok $again->frame(patience()), 'cut: pictures go on';
    is epoch_of($redis, 'gate'), $epoch, 'under the same epoch';
    $again->close;

    # Nobody watches, nothing to do but leases: no loop that runs in circles.
    my $before = cpu($ingest->pid);
    sleep 1.5;
    cmp_ok cpu($ingest->pid) - $before, '<', 0.75, 'at rest, it rests';

    $redis->pause;
    ok wait_for(sub { $ingest->get('/ready')->{content} =~ /hangs/ },
        patience()), 'hangs: not ready';
    $before = cpu($ingest->pid);
    sleep 1;
    cmp_ok cpu($ingest->pid) - $before, '<', 0.5, 'hangs: it waits';
    $redis->resume;
    ok $ingest->wait_ready, 'hangs no more: ready';

    withdraw($redis, 'gate');
    is $ingest->stop, 'exit 0', 'ended';
};


subtest 'certificates' => sub {
    my $named = start_redis(tls => [ $ca->issue('named',
        names => ['redis.example'], addresses => []) ]);
    my $expired = start_redis(tls => [ $ca->issue('expired', valid => -86400) ]);
    my %refused = (
        'another CA' => [ section($redis->tls_url('ingest'),
            'ca_file: ' . $other->file, $identity),
            qr/its certificate: .*issuer/ ],
        'no CA of this host' => [ section($redis->tls_url('ingest')),
            qr/its certificate: / ],
        'another name' => [ section($named->tls_url('ingest'), $trust),
            qr/its certificate: hostname mismatch/ ],
        'another address' => [
            section($named->tls_url('ingest', '127.0.0.1'), $trust),
            qr/its certificate: IP address mismatch/ ],
        'expired' => [ section($expired->tls_url('ingest'), $trust),
            qr/its certificate: certificate has expired/ ],
        'no certificate of ours' => [ section($redis->tls_url('ingest'),
            $trust), qr/certificate required|reset by peer/ ],
        'one of ours that it does not know' => [
            section($redis->tls_url('ingest'), $trust,
                "certificate: $stranger", "key: $stranger_key"),
            qr/unknown ca|reset by peer/ ],
        'a port without TLS' => [
            section($redis->tls_url('ingest', 'localhost', $redis->port),
                $trust), qr/no TLS handshake in time|wrong version number/ ],
        'TLS where none is spoken' => [
            section($redis->url('ingest', $redis->tls_port)),
            qr/closed the connection|reset by peer/ ],
    );

    for my $name (sort keys %refused) {
        $refused{$name}[2] = start_ingest($redis, wait => 0,
            name => $name =~ tr/ /-/r, redis => $refused{$name}[0]);
    }

    for my $name (sort keys %refused) {
        my (undef, $pattern, $ingest) = @{ $refused{$name} };

        ok wait_for(sub { $ingest->log =~ $pattern }, patience()),
            "$name: is told" or diag $ingest->log;
        is $ingest->get('/ready')->{status}, 503, "$name: not ready";

        my $told = () = $ingest->log =~ /"message":"redis (?:is away|refused)"/g;
        cmp_ok $told, '<=', 3, "$name: once for each connection";
        $ingest->expect(qr/redis refused/)->stop;
    }

    # What is right; by files in $CREDENTIALS_DIRECTORY, too.
    mkdir folder() . '/systemd';
    for ([ 'ca', $ca->file ], [ 'cert', $cert ], [ 'key', $key ]) {
        chmod 0600, write_file(folder() . "/systemd/$_->[0]",
            Vstream::Ingest::read_file($_->[1]));
    }
    chmod 0600, write_file(folder() . '/systemd/password',
        $redis->password('ingest'));

    my $port = $redis->tls_port;
    my %right = (
        'by address' => section($redis->tls_url('ingest', '127.0.0.1'),
            $trust, $identity),
        'server_name' => section($named->tls_url('ingest'), $trust,
            'server_name: redis.example'),
        'credentials' => section("rediss://localhost:$port",
            'user: vstream-ingest, password_file: password',
            'ca_file: ca, certificate: cert, key: key'),
    );

    for my $name (sort keys %right) {
        my $ingest = start_ingest($redis, name => $name =~ tr/ /-/r,
            redis => $right{$name}, environment =>
                { CREDENTIALS_DIRECTORY => folder() . '/systemd' });

        is $ingest->get('/ready')->{status}, 200, "$name: ready";
        $ingest->stop;
    }
};


subtest 'handshakes that fail on their way' => sub {
    my $port = Vstream::Process::free_port();
    my $url = $redis->tls_url('ingest', 'localhost', $port);
    my $cut = Vstream::Load->spoil_port($redis, $redis->tls_port, $port,
        'cut', 0, 300);
    my $ingest = start_ingest($redis, name => 'cut', wait => 0,
        redis => section($url, $trust, $identity));

    ok $ingest->wait_ready, 'cut after some bytes: it gets through in the end';
    cmp_ok $cut->connections, '>', 6, 'after some tries';
    $ingest->stop;
    $cut->signal('TERM')->wait_end;

    my $drip = Vstream::Load->spoil_port($redis, $redis->tls_port, $port,
        'drip');
    $ingest = start_ingest($redis, name => 'drip', wait => 0,
        redis => section($url, $trust, $identity));
    ok $ingest->wait_ready, 'byte by byte: ready';
    $ingest->stop;
    $drip->signal('TERM')->wait_end;

    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 16, ReuseAddr => 1) or die $!;
    $ingest = start_ingest($redis, name => 'silent', wait => 0,
        redis => section($url, $trust, $identity));
    ok wait_for(sub { $ingest->get('/health')->{status} == 200 }, patience()),
        'never answered: it runs';
    my $before = cpu($ingest->pid);
    ok wait_for(sub { $ingest->log =~ /no TLS handshake in time/ },
        patience()), 'never answered: is told';
    is $ingest->get('/ready')->{status}, 503, 'and not ready';
    cmp_ok cpu($ingest->pid) - $before, '<', 1, 'it waits';
    $ingest->stop;
};


subtest '--check' => sub {
    my $garbage = write_file('garbage.pem', "no PEM\n");
    my $open = write_file('open.key', Vstream::Ingest::read_file($key));
    chmod 0644, $open;
    my $locked = folder() . '/locked.key';
    system 'openssl', 'pkey', '-in', $key, '-aes128', '-passout', 'pass:x',
        '-out', $locked;
    chmod 0600, $locked;

    for (
        [ "ca_file: $garbage", 'redis.ca_file', qr/certificates \(PEM\)/ ],
        [ 'ca_file: /missing.pem', 'redis.ca_file', qr/can be read/ ],
        [ "certificate: $garbage\n  key: $key", 'redis.certificate',
            qr/a certificate \(PEM\)/ ],
        [ "certificate: $cert\n  key: $open", 'redis.key',
            qr/open to all users/ ],
        [ "certificate: $cert\n  key: $stranger_key", 'redis.key',
            qr/private key/ ],
        [ "certificate: $cert\n  key: $locked", 'redis.key',
            qr/without a passphrase/ ],
        [ "certificate: $cert\n  key: missing", 'redis.key',
            qr/CREDENTIALS_DIRECTORY/ ],
    ) {
        my ($lines, $path, $pattern) = @$_;
        my $file = write_file('check.yaml',
            "redis:\n  url: rediss://h\n  $lines\n");
        my $program = ingest_program();
        my $said = qx($program --check --config $file 2>&1 < /dev/null);

        is $? >> 8, 2, "refused: $path";
        like $said, qr/check\.yaml: line \d+, column \d+: "$path" .*$pattern/,
            'with its place' or diag $said;
    }
};

finish();
