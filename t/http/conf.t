# What "nginx -t" says of each directive: nothing where it is right; else the
# file, the line, the value and what would be right, and never a password.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Test;

my $nginx = Vstream::Nginx->prepare(folder => folder());
my $redis = 'vstream_redis redis://127.0.0.1:1;';
my $open = 'vstream_anonymous on;';
my $secret = 'hunter2-Canary';


# Configuration of an http block, `#BAD` behind the line that is complained of.
sub check ($http, $main = '') {
    my $text = $nginx->main_lines . $main . "http {\n"
        . $nginx->temp_path_lines . "$http\n}\n";
    my ($before) = $text =~ /^(.*?)#BAD/s;
    my $line = defined $before ? 1 + ($before =~ tr/\n//) : undef;

    $nginx->write_configuration($text);

    return ($nginx->test, $line);
}

sub accepted ($name, $http) {
    my ($status, $said) = check($http);

    is $status, 0, "accepted: $name" or diag $said;
    unlike $said, qr/\Q$secret\E/, "$name: nothing is revealed";
}

# The patterns must all match; the line of #BAD must be named.
sub refused ($name, $http, @patterns) {
    my ($status, $said, $line) = check($http);

    is $status, 1, "refused: $name" or diag $said;

    for my $pattern (@patterns) {
        like $said, $pattern, "$name: says $pattern";
    }

    like $said, qr/nginx\.conf:$line\b/, "$name: names file and line"
        if defined $line;
    unlike $said, qr/\Q$secret\E/, "$name: does not reveal it";
}

sub server (@lines) {
    return join "\n", 'server {', "listen unix:" . folder() . "/s;",
        @lines, '}';
}

sub location (@lines) {
    return "$redis\n" . server('location / {', @lines, '}');
}


subtest 'vstream_redis' => sub {
    my $password = write_file('password', "$secret\nand more\n");
    my $empty = write_file('empty', "\n$secret\n");
    my $long = write_file('long', $secret x 100);
    my $open = write_file('open', "$secret\n");
    chmod 0600, $password, $empty, $long;
    chmod 0604, $open;

    accepted $_, "vstream_redis $_;" for (
        'redis://127.0.0.1', 'redis://127.0.0.1:6380', 'redis://127.0.0.1/3',
        'redis://localhost:6379/0', 'redis://[::1]:6379',
        'unix:/run/redis.sock', "redis://:$secret\@127.0.0.1",
        "redis://me:$secret\@127.0.0.1:1/2",
        "redis://me:a\@b%2F$secret\@127.0.0.1",
        'redis://127.0.0.1 connections=1', 'redis://127.0.0.1 connections=64',
        'redis://127.0.0.1 prefix=site-2', 'unix:/run/redis.sock user=me',
        'redis://127.0.0.1 prefix=' . 'p' x 32,
        "redis://127.0.0.1 password_file=$password",
        "redis://me\@127.0.0.1 password_file=$password connections=4 prefix=a",
    );

    refused 'another scheme', "vstream_redis http://:$secret\@h; #BAD",
        qr/unknown scheme/, qr{redis\[s\]://\[user};
    refused 'no scheme', 'vstream_redis 127.0.0.1:6379; #BAD',
        qr/unknown scheme/, qr{redis\[s\]://\[user};
    refused 'no host', "vstream_redis redis://me:$secret\@; #BAD",
        qr/no host/, qr{redis\[s\]://\[user};
    refused 'nothing behind the scheme', 'vstream_redis redis://; #BAD',
        qr/no host/, qr{redis\[s\]://\[user};
    refused 'bad port', "vstream_redis redis://:$secret\@127.0.0.1:70000; #BAD",
        qr/invalid port/, qr/127\.0\.0\.1:70000/;
    refused 'bad database', "vstream_redis redis://:$secret\@h/x; #BAD",
        qr/database is not a number/, qr{redis\[s\]://\[user};
    refused 'unknown host', "vstream_redis redis://:$secret\@no.invalid; #BAD",
        qr/host not found/, qr/no\.invalid/;

    refused "connections=$_",
        "vstream_redis redis://127.0.0.1 connections=$_; #BAD",
        qr/connections=\Q$_\E/, qr/from 1 to 64/ for (0, 65, -1, 'x', '');
    refused "prefix=$_", "vstream_redis redis://127.0.0.1 \"prefix=$_\"; #BAD",
        qr/prefix=\Q$_\E/, qr/1 to 32 letters/
        for ('a b', '{x}', 'p' x 33, '*', '');
    refused 'unknown parameter', 'vstream_redis redis://127.0.0.1 tls=on; #BAD',
        qr/unknown parameter "tls=on"/,
        qr/connections=, prefix=, user=, .*certificate_key= and server_name=/;
    refused 'user= without one', 'vstream_redis redis://127.0.0.1 user=; #BAD',
        qr/has no value/;
    refused 'no password file',
        'vstream_redis redis://127.0.0.1 password_file=/no/such; #BAD',
        qr{/no/such}, qr/No such file/;
    refused 'password file is a folder',
        "vstream_redis redis://127.0.0.1 password_file=/tmp; #BAD",
        qr{/tmp}, qr/password/;
    refused 'empty password file',
        "vstream_redis redis://127.0.0.1 password_file=$empty; #BAD",
        qr/\Q$empty\E/, qr/no password of 1 to 511 bytes in its first line/;
    refused 'password file for everybody',
        "vstream_redis redis://127.0.0.1 password_file=$open; #BAD",
        qr/\Q$open\E/, qr/open to all users of this host; chmod o-rwx it/;
    refused 'password too long',
        "vstream_redis redis://127.0.0.1 password_file=$long; #BAD",
        qr/no password of 1 to 511 bytes/;
    refused 'twice', "$redis\n$redis #BAD", qr/"vstream_redis" .*is duplicate/;
    refused 'in a server', server("$redis #BAD"),
        qr/"vstream_redis" directive is not allowed here/;
    refused 'without a value', 'vstream_redis; #BAD',
        qr/invalid number of arguments/;
};


subtest 'vstream_origin' => sub {
    accepted $_, "$redis vstream_origin $_;" for ('a', 'site-1.b_c', 'x' x 64);

    refused "origin $_", "$redis vstream_origin \"$_\"; #BAD",
        qr/invalid origin "\Q$_\E"/, qr/1 to 64 letters/
        for ('', '-a', 'a b', '{a}', 'x' x 65);
    refused 'twice', "$redis vstream_origin a;\nvstream_origin b; #BAD",
        qr/"vstream_origin" .*is duplicate/;
    refused 'in a location', location('vstream_origin a; #BAD'),
        qr/not allowed here/;
};


subtest 'vstream_camera' => sub {
    accepted $_, "$redis vstream_camera $_;" for (
        'a rtsp://192.0.2.1/s', 'a http://h:81/x', 'a https://h/', 'a test:',
        'a file:/srv/a.mp4', "0.b-c_ test:", 'x' . 'y' x 63 . ' test:',
        'a rtsp://${GATE}@h/s', 'a rtsp://me:${GATE}@h/s',
        'a rtsps://h/s', 'a rtmp://h/live/s', 'a rtmps://${GATE}@h/live/s',
        'a srt://h:9000?latency=50&passphrase=${GATE}',
        'a srt://0.0.0.0:9000?mode=listener', 'a udp://@239.0.0.1:5000',
        'a v4l2:/dev/video0?size=640x480', 'a kafka:topic?camera=b',
        'a rtsp://h/s transport=udp',
        'a test: "name=Gate north, Ö" fps=29.97 width=1280 quality=75 '
            . 'transport=tcp still=off',
        'a test: still=0.1', 'a test: fps=0.01', 'a test: quality=100',
        'a test: name=' . 'n' x 128,
    );

    refused "id $_", "$redis\nvstream_camera \"$_\" test:; #BAD",
        qr/invalid camera id "\Q$_\E"/,
        qr/1 to 64 letters, digits, dots, dashes or underscores/
        for ('', '_', '-a', '.a', 'a b', 'a/b', '{a}', 'a:b', '*', "\xc3\xb6",
            'x' x 65);

    refused "option $$_[0]",
        "$redis\nvstream_camera a test: \"$$_[0]=$$_[1]\"; #BAD",
        qr/invalid value "\Q$$_[1]\E" of camera option "$$_[0]"/, $$_[2]
        for (
            [ 'fps', '0', qr/0\.01 to 120/ ],
            [ 'fps', '121', qr/0\.01 to 120/ ],
            [ 'fps', 'x', qr/0\.01 to 120/ ],
            [ 'fps', '', qr/0\.01 to 120/ ],
            [ 'width', '15', qr/even number from 16 to 7680/ ],
            [ 'width', '17', qr/even number/ ],
            [ 'width', '7682', qr/even number/ ],
            [ 'quality', '0', qr/1 to 100/ ],
            [ 'quality', '101', qr/1 to 100/ ],
            [ 'transport', 'quic', qr/it is tcp or udp/ ],
            [ 'still', '0', qr/off or a number/ ],
            [ 'still', '3601', qr/off or a number/ ],
            [ 'name', '', qr/1 to 128 bytes of UTF-8/ ],
            [ 'name', 'n' x 129, qr/1 to 128 bytes/ ],
            [ 'name', "a\x1bb", qr/without control/ ],
            [ 'name', "\xff", qr/UTF-8/ ],
        );

    refused "substream $$_[0]",
        "$redis\nvstream_camera a test: \"substream=$$_[0]\"; #BAD",
        qr/camera option "substream" $$_[1]/
        for (
            [ '', qr/is empty/ ],
            [ 'off', qr/\w/ ],
            [ 'rtsp://a:secret@cam/2', qr/holds a literal password/ ],
            [ 'rtsp://cam/' . 'x' x 2042, qr/is longer than/ ],
        );

    refused 'unknown option', "$redis\nvstream_camera a test: zoom=2; #BAD",
        qr/unknown camera option "zoom"/, qr/name=, fps=, width=, quality=/,
        qr/, kafka_fps= and interval= in/;
    refused "a second source, $_", "$redis\nvstream_camera a test: $_; #BAD",
        qr/camera option "\.\.\."/
        for ("rtsp://me:$secret\@h/s", "rtsp://me:$secret\@h/s?channel=2",
            "rtsp://me:$secret=\@h/s");
    refused 'no option', "$redis\nvstream_camera a test: fast; #BAD",
        qr/invalid camera option "fast"/, qr/name=value/;
    refused 'a name that is half quoted',
        "$redis\nvstream_camera a test: name=\"North gate\"; #BAD",
        qr/invalid camera option "gate""/, qr/"name=North gate"/;

    refused "source $$_[0]", "$redis\nvstream_camera a \"$$_[0]\"; #BAD",
        qr/source of camera "a"/, $$_[1] for (
            [ "rtsp://me:$secret\@h/s",
                qr/literal password; write \$\{NAME\}/ ],
            [ "rtsp://me:\${PW}x$secret\@h/s", qr/\$\{NAME\}/ ],
            [ 'rtsp://h/${PW}', qr/placeholder where none may be/ ],
            [ 'rtsp://${pw}@h/', qr/bad placeholder/ ],
            [ "rtsp://h/$secret bad", qr/holds a space/ ],
            [ 'exec:/bin/sh', qr/must begin with/ ],
            [ 'gopher://h/', qr/must begin with/ ],
            [ '', qr/is empty/ ],
            [ 'rtsp:///s', qr/names no host/ ],
            [ 'rtsp://h:0/', qr/bad port/ ],
            [ 'file:a.mp4', qr/absolute path/ ],
            [ 'file:/a/../b', qr/absolute path/ ],
            [ 'http://h/' . 'x' x 2048, qr/longer than 2048/ ],
            [ "srt://h:9000?passphrase=$secret",
                qr/literal password; write \$\{NAME\}/ ],
            [ 'srt://h:9000?streamid=${PW}', qr/placeholder where none may/ ],
            [ 'srt://h:9000?transtype=file', qr/does not know.*latency/ ],
            [ 'srt://h:9000?mode=rendezvous', qr/mode=caller\|listener/ ],
            [ 'srt://h', qr/bad port/ ],
            [ 'srt://me@h:9000', qr/user or a path.*passphrase=/ ],
            [ 'udp://h:5000', qr/write an address/ ],
            [ 'v4l2:video0', qr{v4l2:/dev/video0} ],
            [ 'kafka://broker/topic', qr/topic of Kafka/ ],
        );

    refused 'the same id twice',
        "$redis\nvstream_camera a test:;\nvstream_camera b test:;\n"
        . "vstream_camera a test: name=A; #BAD",
        qr/camera "a" is declared already in \S+nginx\.conf:\d+/;

    my (undef, $said, $line) = check("$redis\nvstream_camera a test:;\n\n"
        . "vstream_camera a test:; #BAD");
    my $first = $line - 2;
    like $said, qr/already in \S+nginx\.conf:$first\b/, 'names the first line';

    refused 'no source', "$redis\nvstream_camera a; #BAD",
        qr/invalid number of arguments in "vstream_camera"/;
    refused 'in a server', "$redis\n" . server('vstream_camera a test:; #BAD'),
        qr/not allowed here/;

    my $cameras = join '', map { "vstream_camera c$_ test:;\n" } 1 .. 1024;
    accepted '1024 cameras', $redis . $cameras;
    refused '1025 cameras', "$redis\n${cameras}vstream_camera d test:; #BAD",
        qr/at most 1024/;
};


subtest 'endpoints' => sub {
    my @camera = qw(vstream_mjpeg vstream_snapshot vstream_wall vstream_status);
    my @alone = qw(vstream_status vstream_health vstream_ready vstream_metrics);

    accepted "$_ a", location($open, "$_ a;") for @camera;
    accepted "$_ with a variable", location($open, "$_ \$arg_x;") for @camera;
    accepted $_, location($open, "$_;") for @alone;
    accepted "$_, open by its nature", location("$_;")
        for qw(vstream_health vstream_ready);

    refused "$_ closed", location("$_ a; #BAD"), qr/"$_" in \S+:\d+/,
        qr/open to everybody; write "vstream_anonymous on;"/ for @camera;
    refused "$_ closed", location("$_; #BAD"), qr/"$_" in \S+:\d+/,
        qr/vstream_anonymous on/ for qw(vstream_status vstream_metrics);
    refused "$_ without a camera", location($open, "$_; #BAD"),
        qr/invalid number of arguments in "$_"/
        for qw(vstream_mjpeg vstream_snapshot vstream_wall);
    refused "$_ with a value", location($open, "$_ a; #BAD"),
        qr/invalid number of arguments in "$_"/
        for qw(vstream_health vstream_ready vstream_metrics);
    refused "$_ in a server", "$redis\n" . server($open, "$_ a; #BAD"),
        qr/not allowed here/ for @camera;
    refused 'in an "if"', location($open, 'if ($arg_x) {',
            'vstream_mjpeg a; #BAD', '}'), qr/not allowed here/;
    refused 'two in one location',
        location($open, 'vstream_mjpeg a;', 'vstream_health; #BAD'),
        qr/"vstream_mjpeg" and "vstream_health" cannot stand in one location/;
    refused 'an unknown variable', location($open, 'vstream_mjpeg $nobody;'),
        qr/unknown "nobody" variable/;
    refused "$_ of what is no camera id", location($open, "$_ \"a b\"; #BAD"),
        qr/"a b"/, qr/1 to 64 letters/
        for qw(vstream_mjpeg vstream_snapshot vstream_status);

    refused 'a location without vstream_redis',
        server($open, 'location / {', 'vstream_mjpeg a; #BAD', '}'),
        qr/no "vstream_redis" in the http block/, qr/nginx\.conf:\d+/,
        qr/add for example "vstream_redis redis:/;
    refused 'a camera without vstream_redis', 'vstream_camera a test:; #BAD',
        qr/no "vstream_redis"/, qr/add for example/;
    refused 'health without vstream_redis',
        server('location / {', 'vstream_health; #BAD', '}'),
        qr/no "vstream_redis"/;
};


subtest 'vstream_anonymous' => sub {
    accepted 'in http',
        "$redis $open" . server('location / { vstream_metrics; }');
    accepted 'in a server',
        $redis . server($open, 'location / { vstream_metrics; }');
    refused 'switched off again', "$redis $open\n"
        . server('vstream_anonymous off;', 'location / {',
            'vstream_metrics; #BAD', '}'),
        qr/open to everybody/;
    refused 'maybe', "$redis\nvstream_anonymous maybe; #BAD",
        qr/invalid value "maybe"/, qr/it must be "on" or "off"/;
    refused 'twice', "$redis $open\n$open #BAD", qr/is duplicate/;
};


subtest 'vstream_placeholder' => sub {
    my $jpeg = Vstream::Jpeg->with_text('away');
    my $good = write_file('good.jpg', $jpeg);
    my $text = write_file('text.jpg', 'no picture');
    my $cut = write_file('cut.jpg', substr $jpeg, 0, 700);
    my $none = write_file('none.jpg', '');
    my $large = write_file('large.jpg', $jpeg . 'x' x (8 * 1024 * 1024));

    accepted $_, $_ for (
        "vstream_placeholder $good;",
        server("vstream_placeholder $good;"),
        location($open, "vstream_placeholder $good;", 'vstream_mjpeg a;'),
    );

    refused 'missing', 'vstream_placeholder /no/such.jpg; #BAD',
        qr{/no/such\.jpg}, qr/No such file/;
    refused 'not a JPEG', "vstream_placeholder $text; #BAD",
        qr/\Q$text\E/, qr/no usable JPEG/;
    refused 'a part of a JPEG', "vstream_placeholder $cut; #BAD",
        qr/\Q$cut\E/, qr/no usable JPEG/;
    refused 'empty', "vstream_placeholder $none; #BAD",
        qr/\Q$none\E/, qr/empty or larger than 8388608 bytes/;
    refused 'too large', "vstream_placeholder $large; #BAD",
        qr/larger than 8388608 bytes/;
    refused 'a folder', 'vstream_placeholder /tmp; #BAD', qr{/tmp};
    refused 'twice',
        "vstream_placeholder $good;\nvstream_placeholder $good; #BAD",
        qr/is duplicate/;
};


subtest 'bounds' => sub {
    accepted $_, "$_;" for (
        'vstream_max_viewers 1', 'vstream_max_viewers 1000000',
        'vstream_stall_timeout 100ms', 'vstream_stall_timeout 1h',
        'vstream_max_frame_size 1k', 'vstream_max_frame_size 8m',
        'vstream_max_fps 0', 'vstream_max_fps 0.01', 'vstream_max_fps 29.97',
        'vstream_max_fps 1000',
    );

    for my $case (
        [ 'vstream_max_viewers', '5', qr/1 to 1000000/, 0, 1000001, -1, 'x' ],
        [ 'vstream_stall_timeout', '5s', qr/100ms/, '99ms', 0, 'soon', '-1' ],
        [ 'vstream_max_frame_size', '1m', qr/1k to 8m/, 0, '1023', '9m',
            'big', -1 ],
        [ 'vstream_max_fps', '5', qr/0\.01 to 1000/, '0.009', 1001, -1, 'x',
            '1.2345' ],
    ) {
        my ($directive, $good, $right, @bad) = @$case;

        for my $value (@bad) {
            refused "$directive $value", "\n$directive $value; #BAD",
                qr/invalid value "\Q$value\E" of $directive/, $right;
            refused "$directive $value in a location",
                location("$directive $value; #BAD"), $right;
        }

        refused "$directive twice", "$directive $good;\n$directive $good; #BAD",
            qr/is duplicate/;
    }
};


subtest 'the files that are shipped' => sub {
    accepted 'conf/vstream.conf', "$redis\n"
        . server($open, "include $FindBin::Bin/../../conf/vstream.conf;");
};

done_testing();
