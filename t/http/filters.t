# Between the module and a viewer stand nginx's own filters.  Whatever an
# operator switches on there, pictures arrive whole, in order, and the newest.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Compress::Raw::Zlib qw(WANT_GZIP);
use Vstream::Test;

my $redis = start_redis();
my $nginx = start_nginx($redis, tls => 1, http => <<'END', server => <<'END2');
    sendfile on;
    tcp_nopush on;
    ssl_buffer_size 4k;
    gzip on;
    gzip_http_version 1.0;
    gzip_types *;
    gzip_proxied any;
    charset_map koi8-r bytes { 2d 5f; }
END
    location /slow/ { limit_rate 400k; vstream_mjpeg $arg_camera; }
    location /slow-frame/ { limit_rate 400k; vstream_snapshot $arg_camera; }
    location /plain/ {
        chunked_transfer_encoding off;
        vstream_mjpeg $arg_camera;
    }
    location /delayed/ { tcp_nodelay off; vstream_mjpeg $arg_camera; }
    location /postponed/ { postpone_output 64k; vstream_mjpeg $arg_camera; }
    location /all/ { vstream_mjpeg $arg_camera; }
    location /substituted/ {
        sub_filter_types *;
        sub_filter_once off;
        sub_filter X-Frame-Seq: X-Frame-Number:;
        vstream_mjpeg $arg_camera;
    }
    location /before/ {
        addition_types *;
        add_before_body /hello;
        vstream_mjpeg $arg_camera;
    }
    location /hello { default_type text/plain; return 200 "hello\r\n"; }
    location /recoded/ {
        charset_types *;
        source_charset koi8-r;
        charset bytes;
        vstream_mjpeg $arg_camera;
    }
    location /proxied/ {
        rewrite ^/proxied(.*)$ /live$1 break;
        proxy_pass http://127.0.0.1:$server_port;
        proxy_http_version 1.1;
    }
END2

my $size = 40_000;


sub camera {
    state $n = 0;
    return Vstream::Camera->new($redis, 'x' . ++$n, size => $size)
        ->declare->add_still;
}

sub viewer ($path, $camera, %options) {
    my $v = Vstream::Viewer->watch($nginx, "$path?camera=" . $camera->id,
        %options);

    wait_for(sub { $camera->watchers });
    return $v;
}

sub text_of ($part) {
    return Vstream::Jpeg->text($part->{jpeg});
}


for my $tls (0, 1) {
    my $c = camera();
    my $v = viewer('/slow/', $c, tls => $tls);
    my $began = time();

    while (time() - $began < 2) {
        $c->push_frame;
        sleep 0.02;
    }

    my @parts = $v->parts(0.5);
    my $bytes = @parts * $size;
    my $rate = $bytes / (time() - $began - 0.5);

    cmp_ok $rate, '<', 600 * 1024, "limit_rate, TLS: $tls: is kept to";
    cmp_ok scalar(@parts), '>=', 4, 'pictures come';
    is_deeply [ grep { length $_->{jpeg} != $size } @parts ], [],
        'each of them whole';
    my @seqs = map { $_->{headers}{'x-frame-seq'} } @parts;
    is_deeply \@seqs, [ sort { $a <=> $b } @seqs ], 'in order';
    cmp_ok $seqs[-1], '>=', $c->seq - 40, 'and not far behind';
}

{
    my $c = camera();
    my $v = Vstream::Viewer->open($nginx, '/slow-frame/?camera=' . $c->id);
    is_bytes $v->content, $c->jpeg, 'a snapshot with limit_rate';
}

for my $case (
    [ '/plain/', 'chunked_transfer_encoding off' ],
    [ '/delayed/', 'tcp_nodelay off' ],
    [ '/postponed/', 'postpone_output' ],
) {
    my ($path, $name) = @$case;
    my $c = camera();
    my $v = viewer($path, $c);

    is text_of($v->part), $c->id . ' ' . $c->frame_id, "$name: the still";

    for (1 .. 5) {
        my $began = time();
        $c->push_frame;
        my $part = $v->new_part;
        is_bytes $part->{jpeg}, $c->jpeg, "$name: a frame";
        cmp_ok time() - $began, '<', 1, 'at once';
    }

    is $v->header('Transfer-Encoding'), undef, "$name: not chunked"
        if $path eq '/plain/';
}

{
    my $c = camera();
    my $v = viewer('/live/' . $c->id . '/stream.mjpg', $c, version => '1.0',
        headers => [ 'Accept-Encoding: gzip' ]);

    is $v->header('Content-Encoding'), 'gzip', 'gzip where it is forced';
    $c->push_frame;
    sleep 0.5;
    my $bytes = $v->available;
    my $inflate = Compress::Raw::Zlib::Inflate->new(-WindowBits => WANT_GZIP);
    $inflate->inflate($bytes, my $text);
    ok index($text, $c->jpeg) > 0, 'each picture can be unpacked at once';

    my $answer = $nginx->get('/api/v1/cameras', 'Accept-Encoding' => 'gzip');
    is $answer->{headers}{'content-encoding'}, 'gzip', 'status, too';
}

{
    my $c = camera();
    my $v = Vstream::Viewer->watch($nginx,
        '/proxied/' . $c->id . '/stream.mjpg');

    is_bytes $v->part->{jpeg}, $c->jpeg, 'behind another nginx: the still';
    wait_for(sub { $c->watchers });

    for (1 .. 5) {
        my $began = time();
        $c->push_frame;
        is_bytes $v->new_part->{jpeg}, $c->jpeg, 'a frame';
        cmp_ok time() - $began, '<', 1, 'is not buffered';
    }
}

# What a filter does, it does to all pictures, and not to the first alone.  The
# bytes of a still and four frames.
sub some_bytes ($path) {
    my $c = camera();
    my $v = viewer($path, $c);
    my $bytes = '';

    for my $n (1 .. 5) {
        wait_for(sub {
            $bytes .= $v->available;
            return $n <= (() = $bytes =~ /^X.Frame.(?:Seq|Number): /mg);
        });
        $c->push_frame if $n < 5;
    }

    return $bytes;
}

for my $case (
    [ '/substituted/', 'sub_filter', qr/^/, 'X-Frame-Number' ],
    [ '/before/', 'add_before_body', qr/^hello\r\n--/, 'X-Frame-Seq' ],
    [ '/recoded/', 'charset_map', qr/^__/, 'X_Frame_Seq' ],
) {
    my ($path, $name, $begins, $field) = @$case;
    my $bytes = some_bytes($path);
    my @fields = $bytes =~ /^(X.Frame.(?:Seq|Number)): \d+\r$/mg;

    like $bytes, $begins, "$name: before all parts";
    is_deeply \@fields, [ ($field) x 5 ], 'and in each of them';
}

# $body_bytes_sent is what came, framing and all, whoever has sent it.
for my $version ('1.0', '1.1') {
    my $c = camera();
    my $v = Vstream::Viewer->open($nginx, '/all/?camera=' . $c->id,
        version => $version, unread => 1);
    my ($quiet, $all, $logged) = (0, '', undef);

    wait_for(sub { $c->watchers });

    for (1 .. 6) {
        $c->push_frame;
        sleep 0.05;
    }

    while ($quiet++ < 4) {
        sleep 0.1;
        $quiet = 0 while sysread $v->socket, $all, 1_000_000, length $all;
    }

    $v->close;
    wait_for(sub {
        ($logged) = $nginx->access_log =~ / (\d+) camera=@{[ $c->id ]} /;
        return defined $logged;
    });

    my $body = length $all =~ s/^.*?\r\n\r\n//sr;

    cmp_ok $body, '>', 5 * $size, "HTTP/$version: $body bytes came";
    is $logged, $body, 'and as many are logged';
}

finish();
