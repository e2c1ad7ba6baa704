#!/usr/bin/perl

# kafka: as one camera process sees it: values come over the link, in the three
# forms that there are, and in many that are none.

use v5.36;

use FindBin;
use JSON::PP ();
use MIME::Base64 qw(encode_base64 encode_base64url);
use lib "$FindBin::Bin/../lib";

use Vstream::Driver;
use Vstream::Test;

my $folder = folder();
my $jpegs = clip('moving.mjpeg', qw(-f lavfi -i
    testsrc2=size=640x360:rate=20:duration=4 -c:v mjpeg -q:v 4));
my @pictures = do {
    open my $file, '<:raw', $jpegs or die "$jpegs: $!";
    local $/;
    <$file> =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/sg;
};


# A folder with these values, to be sent in this order.
sub values_of (@values) {
    state $count = 0;
    my $where = sprintf '%s/values%d', $folder, $count++;

    mkdir $where or die "$where: $!";

    for my $n (0 .. $#values) {
        open my $file, '>:raw', sprintf '%s/%05d', $where, $n or die "$!";
        print $file $values[$n];
        close $file;
    }

    return $where;
}

sub json (%members) {
    return JSON::PP->new->canonical->encode(\%members);
}

# As programs write it.
sub forms ($jpeg) {
    my $base64 = encode_base64($jpeg, '');
    (my $escaped = $base64) =~ s{/}{\\/}g;
    $escaped =~ s/=/\\u003d/g;

    return ($jpeg, $base64, encode_base64($jpeg), encode_base64url($jpeg),
        "data:image/jpeg;base64,$base64", qq("$base64"),
        json(frame => $base64, camera_id => 'street', frame_number => 7,
            timestamp => '2025-01-01 00:00:00'),
        json(frame => encode_base64($jpeg, "\r\n"), source => '10.0.0.7'),
        qq({"camera_id": "street", "frame": "$escaped"}));
}


# These take long, and the machine little: they run beside the others.
my $waiting = start_drive('kafka:frames', folder => $folder, seconds => 8,
    values => values_of('hello'));
my $stalling = start_drive('kafka:frames', folder => $folder, seconds => 8,
    values => values_of(@pictures[0 .. 9], ('garbage') x 60), rate => 10);


subtest 'every form of a picture, byte for byte' => sub {
    my @values = map { forms($_) } @pictures[0 .. 3];
    my $camera = drive('kafka:frames', folder => $folder, seconds => 4,
        watch => 0, frames => 1, values => values_of(@values), rate => 15);
    my %known = map { $_ => 1 } @pictures[0 .. 3];

    is_deeply $camera->stream,
        { codec => 'mjpeg', width => 640, height => 360 }, 'what it is';
    my ($sent) = $camera->events('VALUES');
    my $counts = $camera->counts;

    is $counts->{units} + $counts->{values_late} + $sent->{refused}, 36,
        'all have come, if this machine lets them';
    is $counts->{values_broken}, 0, 'and none holds no picture';
    cmp_ok scalar($camera->live), '>=', 24,
        'they are shown: ' . $camera->live;
    is scalar(grep { !$known{ $camera->jpeg($_->{n}) } } $camera->frames), 0,
        'byte for byte';
    is $camera->reason, '', 'it works on';

    my ($worst) = sort { $b <=> $a } map { $_->{age_us} } $camera->live;
    cmp_ok $worst, '<', 1_000_000, "as old as their values: $worst us";
};

subtest 'what holds no picture is counted, and never the end' => sub {
    my $base64 = encode_base64($pictures[0], '');
    my @garbage = ("hello\r\n\x00\xff" . 'x' x 200, '{"frame":"hello"}',
        '{"frames":1}', '{"frame":', 'iVBORw0KGgo=', "\xff\xd8\xff\xd9",
        substr($pictures[0], 0, 3000), substr($base64, 0, 4000), '[]',
        json(frame => [$base64]), 'null', ' ');
    my $camera = drive('kafka:frames', folder => $folder, seconds => 5,
        watch => 0, frames => 1, rate => 12,
        values => values_of(@garbage, map { ($_, $pictures[1]) } @garbage));
    my @logs = map { $_->{json}{message} } $camera->events('LOG');

    my ($sent) = $camera->events('VALUES');
    my $counts = $camera->counts;

    is $counts->{values} + $sent->{refused}, 36, 'all have come';
    cmp_ok abs($counts->{values_broken} - 24), '<=',
        $sent->{refused} + $counts->{values_late},
        'those without are counted';
    is $counts->{values_broken} + $counts->{units} + $counts->{values_late},
        $counts->{values}, 'pictures between them are taken';
    is scalar(grep { $camera->jpeg($_->{n}) ne $pictures[1] }
            $camera->frames), 0, 'and nothing else is shown';
    is scalar(@logs), 1, 'one line in the log';
    like $logs[0], qr/hello\\x0d\\x0a\\x00\\xff/, "an escaped sample: $logs[0]";
    cmp_ok length($logs[0]), '<', 320, 'of bounded length';
    is $camera->reason, '', 'it works on';
};

subtest 'a flood is thinned, and the newest shown' => sub {
    my @values = map { encode_base64($pictures[ $_ % 40 ], '') } 1 .. 1999;
    my $camera = drive('kafka:frames', folder => $folder, seconds => 5,
        watch => 0, frames => 1, rate => 500,
        values => values_of(@values, encode_base64($pictures[60], '')),
        configure => { width => 320 });
    my ($sent) = $camera->events('VALUES');
    my $counts = $camera->counts;
    my ($last) = reverse $camera->frames;

    is $sent->{sent}, 2000, 'all were offered';
    cmp_ok $sent->{refused} + $counts->{values_late}, '>', 100,
        'most are not taken, or not looked at';
    cmp_ok abs($counts->{units} + $counts->{values_late} - $counts->{values}),
        '<=', 2, 'of each that is taken, it or a newer one is shown';
    cmp_ok $last->{age_us}, '<', $ENV{SANITIZE} ? 5_000_000 : 1_000_000,
        'the last is no old one';
    is $last->{size}, '320x180', 'width= encodes anew';
};

subtest 'pictures change their size' => sub {
    my $small = clip('small.mjpeg', qw(-f lavfi -i
        testsrc2=size=320x240:rate=5:duration=1 -c:v mjpeg -q:v 4));
    my ($picture) = do {
        open my $file, '<:raw', $small or die "$small: $!";
        local $/;
        <$file> =~ /(\xff\xd8\xff.*?\xff\xd9(?=\xff\xd8\xff|\z))/s;
    };
    my $camera = drive('kafka:frames', folder => $folder, seconds => 2,
        watch => 0, values => values_of($pictures[0], ($picture) x 5));

    is_deeply $camera->stream,
        { codec => 'mjpeg', width => 320, height => 240 }, 'it is told';
};

subtest 'without a picture it waits' => sub {
    my $camera = $waiting->finish;

    is scalar($camera->events('STREAM')), 0, 'it is not streaming';
    is $camera->reason, '', 'but works on, longer than a connection may take';
    ok $camera->ended_well, 'and ends well';
};

subtest 'pictures that stop are a stall' => sub {
    my $camera = $stalling->finish;

    is $camera->reason, 'stalled', 'garbage or not';
    like $camera->detail, qr/check the program that writes to it/,
        'what to do';
};

done_testing;
