#!/usr/bin/perl

# rediss:// of the module: a viewer sees pictures through it, across a reload
# and a Redis that comes back; a certificate that is not right is refused and
# named; a handshake that is cut, slow or never answered holds up nobody; and
# what "nginx -t" says of its parameters.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use IO::Socket::IP;

use Vstream::Certificates;
use Vstream::Load;
use Vstream::Test;

my $ca = Vstream::Certificates->new(folder(), 'right');
my $other = Vstream::Certificates->new(folder(), 'other');
my $redis = start_redis(tls => [ $ca->issue('redis') ]);
my $trust = 'ca_file=' . $ca->file;

# A line of nginx.conf.
sub line ($url, @parameters) {
    return join(' ', 'vstream_redis', $url, 'connections=1', @parameters)
        . ';';
}

sub slurp ($path) {
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

# The next part that is new and whole.
sub picture ($viewer) {
    while (my $part = $viewer->part(10)) {
        return $part if Vstream::Load::is_right($part);
    }
    return undef;
}

# Connected to before its certificate expires; what comes then is seen below.
my $expiring = start_redis(tls => [ $ca->issue('expiring', valid => 5) ]);
my $expires = time() + 5;
my $connected = start_nginx($redis, workers => 1, wait => 0,
    redis_line => line($expiring->tls_url('nginx'), $trust));

Vstream::Camera->new($redis, 'gate')->declare;
Vstream::Load->publish($redis, cameras => ['gate'], fps => 10,
    smallest => 300_000, largest => 400_000);


{
    # What has been freed is overwritten: who still reads it after a reload
    # reads nonsense.
    local $ENV{MALLOC_PERTURB_} = 85;
    my $nginx = start_nginx($redis, redis_line => line($redis->tls_url('nginx'), $trust),
        server => 'location = /plain { return 200 "here\n"; }');
    my $viewer = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');

    is $viewer->status, 200, 'a viewer';
    ok picture($viewer), "picture $_ of 300 KB and more is right" for 1 .. 10;
    is $nginx->get('/live/gate/frame.jpg')->{status}, 200, 'a snapshot';

    # The others of this Redis are tests and publishers.
    my @list = split /\n/, $redis->command('CLIENT', 'LIST');
    my $port = $redis->tls_port;
    is scalar(grep { /laddr=127\.0\.0\.1:$port / } @list), 4,
        'all connections are by TLS';

    ok $nginx->reload, 'a reload';
    my $late = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');
    ok picture($late), 'who comes after it sees pictures';
    $viewer->close;
    ok wait_for(sub { $nginx->workers == 2 }, 20), 'the former workers leave';

    $redis->command('CLIENT', 'KILL', 'TYPE', $_, 'SKIPME', 'yes')
        for qw(normal pubsub);
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 4 }, 10),
        'cut: all connections are back';
    ok wait_for(sub { picture($late) }, 10), 'cut: pictures go on';

    $redis->kill->start_again;
    Vstream::Camera->new($redis, 'gate')->declare;
    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 4 }, 10),
        'restarted: all connections are back';
    my $again = Vstream::Viewer->open($nginx, '/live/gate/stream.mjpg');
    ok picture($again), 'restarted: pictures go on';

    $redis->pause;
    ok wait_for(sub { $nginx->get('/ready')->{status} == 503 }, 10),
        'hangs: not ready';
    my $began = time();
    is $nginx->get('/plain')->{status}, 200, 'hangs: other locations answer';
    $redis->resume;
    ok wait_for(sub { picture($again) }, 10), 'hangs no more: pictures go on';
}


# Redis servers that are not what one would like, each with a client of its
# own; and those that are.
my %server = (
    named => start_redis(tls => [ $ca->issue('named',
        names => ['redis.example'], addresses => []) ]),
    expired => start_redis(tls => [ $ca->issue('expired', valid => -86400) ]),
    mutual => start_redis(tls => [ $ca->issue('mutual') ],
        ca => $other->file),
    six => start_redis(tls => [ $ca->issue('six', names => [],
        addresses => ['::1']) ],
        arguments => ['--bind', '127.0.0.1', '-::1']),
);
my ($cert, $key) = $other->issue('nginx', client => 1);
my ($stranger, $stranger_key) = $ca->issue('stranger', client => 1);

sub refused ($name, $line, $pattern) {
    my $nginx = start_nginx($redis, workers => 1, wait => 0, level => 'warn',
        redis_line => $line);

    return { name => $name, nginx => $nginx, pattern => $pattern };
}

sub accepted ($name, $line) {
    my $nginx = start_nginx($redis, workers => 1, redis_line => $line);

    is $nginx->get('/ready')->{status}, 200, "$name: ready";
}

my @refused = (
    refused('another CA', line($redis->tls_url('nginx'),
        'ca_file=' . $other->file), qr/its certificate: .*issuer/),
    refused('no CA of this host', line($redis->tls_url('nginx')),
        qr/its certificate: /),
    refused('another name', line($server{named}->tls_url('nginx'), $trust),
        qr/its certificate is of another name/),
    refused('another address',
        line($server{named}->tls_url('nginx', '127.0.0.1'), $trust),
        qr/its certificate is of another name/),
    refused('expired', line($server{expired}->tls_url('nginx'), $trust),
        qr/its certificate: certificate has expired/),
    refused('no certificate of ours',
        line($server{mutual}->tls_url('nginx'), $trust),
        qr/certificate required|handshake failure/),
    refused('a certificate of ours that it does not know',
        line($server{mutual}->tls_url('nginx'), $trust,
            "certificate=$stranger", "certificate_key=$stranger_key"),
        qr/unknown ca/),
    refused('a port without TLS',
        line($redis->tls_url('nginx', 'localhost', $redis->port), $trust),
        qr/takes too long|wrong version number/),
    refused('TLS where none is spoken',
        line($redis->url('nginx', $redis->tls_port)), qr/was cut/),
);

accepted('by name', line($redis->tls_url('nginx', 'localhost'), $trust));
accepted('by address', line($redis->tls_url('nginx', '127.0.0.1'), $trust));
SKIP: {
    skip 'no IPv6 on this host', 1 unless IO::Socket::IP->new(
        LocalHost => '::1', Listen => 1);
    accepted('by address of IPv6', line($server{six}->tls_url('nginx',
        '[::1]'), $trust));
}
accepted('server_name=', line($server{named}->tls_url('nginx'), $trust,
    'server_name=redis.example'));
accepted('mutual', line($server{mutual}->tls_url('nginx'), $trust,
    "certificate=$cert", "certificate_key=$key"));

for my $case (@refused) {
    my ($nginx, $name) = ($case->{nginx}, $case->{name});

    ok wait_for(sub { $nginx->error_log =~ $case->{pattern} }, 10),
        "$name: is told" or diag $nginx->error_log;
    ok wait_for(sub { $nginx->get('/ready')->{status} == 503 }),
        "$name: not ready";
    is $nginx->get('/health')->{status}, 200, "$name: but alive";

    # Once for each connection, and not again at each try.
    my @lines = grep { /trying again/ } split /\n/, $nginx->error_log;
    cmp_ok scalar(@lines), '<=', 2, "$name: once for each connection"
        or diag join "\n", @lines;
}


# The certificate is looked at again at each connection.
sleep 0.1 while time() < $expires + 1;
$expiring->command('CLIENT', 'KILL', 'TYPE', $_, 'SKIPME', 'yes')
    for qw(normal pubsub);
ok wait_for(sub {
    $connected->error_log =~ /its certificate: certificate has expired/
}), 'expired meanwhile: is told';
ok wait_for(sub { $connected->get('/ready')->{status} == 503 }),
    'expired meanwhile: not ready';


# Handshakes that fail on their way: cut after some bytes, each time a little
# later; byte by byte; never answered.
{
    my $port = Vstream::Process::free_port();
    my $cut = Vstream::Load->spoil_port($redis, $redis->tls_port, $port,
        'cut', 0, 200);
    my $nginx = start_nginx($redis, workers => 1, wait => 0,
        redis_line => line($redis->tls_url('nginx', 'localhost', $port),
            $trust));

    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 2 }, 30),
        'cut in the handshake: it gets through in the end';
    cmp_ok $cut->connections, '>', 4, 'cut in the handshake: after some tries';
}

{
    my $port = Vstream::Process::free_port();

    my $drip = Vstream::Load->spoil_port($redis, $redis->tls_port, $port,
        'drip');

    my $nginx = start_nginx($redis, workers => 1, wait => 0,
        redis_line => line($redis->tls_url('nginx', 'localhost', $port),
            $trust));

    ok wait_for(sub { $nginx->metric('vstream_redis_connections') == 2 }, 20),
        'byte by byte: ready';
}

{
    my $port = Vstream::Process::free_port();
    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 16, ReuseAddr => 1) or die $!;
    my $nginx = start_nginx($redis, workers => 1, wait => 0,
        redis_line => line($redis->tls_url('nginx', 'localhost', $port),
            $trust), server => 'location = /plain { return 200 "here\n"; }');
    my $began = time();
    my $answers = 0;

    until ($nginx->error_log =~ /the TLS handshake takes too long/
        || time() > $began + 10)
    {
        $answers += $nginx->get('/plain')->{status} == 200;
        sleep 0.02;
    }

    like $nginx->error_log, qr/the TLS handshake takes too long/,
        'never answered: is told';
    cmp_ok $answers, '>', 5, 'never answered: other locations are';
}


subtest 'nginx -t' => sub {
    my $nginx = Vstream::Nginx->prepare(folder => folder(), wait => 0);
    my $garbage = write_file('garbage.pem', "no PEM\n");
    my $open = write_file('open.key', slurp($key));
    my $missing = folder() . '/missing.pem';
    my $url = 'rediss://127.0.0.1:1';

    chmod 0644, $open;

    my $check = sub ($parameters) {
        my $text = $nginx->main_lines . "http {\nvstream_redis $parameters;\n}";
        $nginx->write_configuration($text);
        return $nginx->test;
    };

    for ("$url", "$url $trust", "$url $trust server_name=a.example",
        "$url certificate=$cert certificate_key=$key",
        'rediss://me:secret@127.0.0.1:1/2', 'rediss://[::1]')
    {
        my ($status, $said) = $check->($_);
        is $status, 0, "accepted: $_" =~ s/\Q@{[ folder() ]}\E//gr
            or diag $said;
    }

    for (
        [ "$url ca_file=$missing", qr/\Q$missing\E.*cannot be used/s ],
        [ "$url ca_file=$garbage", qr/\Q$garbage\E.*cannot be used/s ],
        [ "$url ca_file=", qr/has no value/ ],
        [ "$url certificate=$cert", qr/go together/ ],
        [ "$url certificate_key=$key", qr/go together/ ],
        [ "$url certificate=$missing certificate_key=$key",
            qr/\Q$missing\E.*cannot be used/s ],
        [ "$url certificate=$garbage certificate_key=$key",
            qr/\Q$garbage\E.*cannot be used/s ],
        [ "$url certificate=$cert certificate_key=$missing",
            qr/\Q$missing\E/ ],
        [ "$url certificate=$cert certificate_key=$open",
            qr/\Q$open\E" is open to all users/ ],
        [ "$url certificate=$cert certificate_key=$stranger_key",
            qr/cannot be used/ ],
        [ "redis://127.0.0.1:1 $trust", qr{need a URL of rediss://} ],
        [ "unix:/run/redis.sock $trust", qr{need a URL of rediss://} ],
        [ 'redis://127.0.0.1:1 server_name=a', qr{need a URL of rediss://} ],
        [ 'rediss://unix:/run/redis.sock', qr/database is not a number/ ],
        [ 'rediss:unix:/run/redis.sock', qr/unknown scheme/ ],
        [ 'rediss://', qr/no host/ ],
        [ "$url verify=off", qr/unknown parameter "verify=off"/ ],
    ) {
        my ($parameters, $pattern) = @$_;
        my ($status, $said) = $check->($parameters);
        my $name = $parameters =~ s/\Q@{[ folder() ]}\E//gr;

        is $status, 1, "refused: $name";
        like $said, $pattern, 'says why';
        like $said, qr/in \S+nginx\.conf:\d+/, 'with file and line';
    }
};

finish();
