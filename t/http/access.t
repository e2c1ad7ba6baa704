# A vstream location is reached by a request from outside, through nginx's
# access phase, or not at all.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $redis = start_redis();
my $pages = folder() . '/pages';

mkdir $pages;
write_file("$pages/inner.shtml",
    'before<!--# include virtual="/closed/frame.jpg" -->after');
write_file("$pages/open.shtml",
    'before<!--# include virtual="/live/a/frame.jpg" -->after');
write_file("$pages/status.shtml",
    'before<!--# include virtual="/api/v1/cameras" -->after');
write_file("$pages/page.html", 'page');
write_file("$pages/mirrored.html", 'page');

my $nginx = start_nginx($redis, server => <<"END");
    root $pages;
    ssi on;
    location /closed/ { deny all; vstream_snapshot a; }
    location /closed-wall/ { deny all; vstream_wall a; }
    location /guarded/ {
        auth_basic "cameras";
        auth_basic_user_file @{[ write_file('users', "me:{PLAIN}pw\n") ]};
        vstream_snapshot a;
    }
    location = /page.html { auth_request /live/a/frame.jpg; }
    location = /mirrored.html { mirror /live/a/stream.mjpg; }
    location /redirected/ { try_files /none /live/a/frame.jpg; }
    location /missing/ { error_page 404 = /live/a/frame.jpg; return 404; }
    location /internal/ { internal; vstream_snapshot a; }
    location /if/ {
        if (\$arg_refuse) { return 403; }
        if (\$http_origin = "https://page.example") {
            add_header Access-Control-Allow-Origin \$http_origin always;
        }
        vstream_snapshot a;
    }
    location /limited/ { limit_except GET { deny all; } vstream_snapshot a; }
    location /nested/ {
        vstream_snapshot a;
        location /nested/inner/ { root $pages; }
    }
END

my $a = Vstream::Camera->new($redis, 'a')->declare->add_still;


sub body_of ($path) {
    return $nginx->get($path)->{content};
}

# The still goes stale; each call gets a fresh one.
sub is_picture ($name, $path, %headers) {
    $a->publish;
    sleep 0.02;
    my $answer = $nginx->get($path, %headers);
    is $answer->{status}, 200, "$name: status";
    is_bytes $answer->{content}, $a->jpeg, "$name: the picture";
}

is_picture 'asked for', '/live/a/frame.jpg';

is $nginx->get('/closed/frame.jpg')->{status}, 403, 'closed';
is $nginx->get('/closed-wall/')->{status}, 403, 'a closed wall';

for my $page (qw(inner open status)) {
    my $body = body_of("/$page.shtml");
    like $body, qr/\Abefore.*after\z/s, "SSI: $page";
    unlike $body, qr/\xff\xd8|"cameras"/, "SSI: $page holds nothing of ours";
}

is $nginx->get('/page.html')->{status}, 403, 'auth_request gets no permission';
is body_of('/mirrored.html'), 'page', 'mirror: the request itself';
is $nginx->metric('vstream_viewers{camera="a"}'), 0, 'mirror: no viewer';
ok wait_for(sub { $nginx->access_log =~ m{GET /mirrored\.html 200} }),
    'mirror: ends';

is_picture 'try_files', '/redirected/x';
is_picture 'error_page', '/missing/x';
is $nginx->get('/internal/x')->{status}, 404, 'internal';
is $nginx->get('/guarded/x')->{status}, 401, 'auth_basic without a password';
is_picture 'auth_basic', '/guarded/x', Authorization => 'Basic bWU6cHc=';
is $nginx->get('/guarded/x', Authorization => 'Basic bWU6eA==')->{status}, 401,
    'auth_basic with another password';

is $nginx->get('/if/?refuse=1')->{status}, 403, '"if" with return';
is_picture '"if" that does not match', '/if/';
is_picture '"if" that adds a header', '/if/',
    Origin => 'https://page.example';
is $nginx->get('/if/', Origin => 'https://page.example')->{headers}
    {'access-control-allow-origin'}, 'https://page.example', 'which is there';
is $nginx->request('POST', '/limited/')->{status}, 403, 'limit_except';
is_picture 'limit_except lets GET in', '/limited/';
is $nginx->get('/nested/inner/x')->{status}, 404,
    'a location inside is no endpoint';

finish();
