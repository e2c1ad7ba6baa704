# What one more viewer costs for each frame: one write, and of memory nothing.
# Frames are received, copied and given a header once, however many watch;
# measured as the slope between few and many viewers.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Vstream::Process;
use Vstream::Memory;
use Vstream::Test;

my $size = 58_700;
my $frames = 30;

my $redis = start_redis();
my $memory = Vstream::Memory->create;
my $nginx = start_nginx($redis, $memory->options, workers => 1,
    level => 'warn');
my ($worker) = $nginx->new_workers;
my $camera = Vstream::Camera->new($redis, 'h', size => $size);

$camera->declare->add_still;
$memory->watch($worker);


sub sent {
    return $nginx->metric('vstream_frames_sent_total{camera="h"}');
}

sub counts {
    return map { $_ => $memory->get($_) } qw(allocations copied writes);
}

# A process that opens so many viewers and throws away what they get.
sub drain ($viewers, $path) {
    my $process = Vstream::Process->start(log => folder() . '/drain',
        command => [ $^X, '-MIO::Select', '-MIO::Socket::INET', '-e', <<'END',
            my ($port, $path, $n) = @ARGV;
            my $all = IO::Select->new;

            for (1 .. $n) {
                my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die;
                syswrite $socket, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n";
                $all->add($socket);
            }

            while ($all->count) {
                for my $socket ($all->can_read) {
                    $all->remove($socket) if !sysread $socket, my $in, 1 << 18;
                }
            }
END
            $nginx->port, $path, $viewers ]);

    wait_for(sub { viewers() == $viewers }, 20);

    return $process;
}

sub viewers { return $nginx->metric('vstream_viewers{camera="h"}') }

# Viewer-frames, and what they cost in all, with so many viewers.
sub costs ($viewers, $path) {
    my $process = drain($viewers, $path);

    $camera->push_frame;
    sleep 0.3;

    my $sent = sent();
    my %before = counts();

    for (1 .. $frames) {
        $camera->push_frame;
        sleep 0.03;
    }

    sleep 0.3;

    my %after = counts();
    $sent = sent() - $sent;
    $process->signal('TERM');
    $process->wait_end;
    wait_for(sub { viewers() == 0 }, 20);

    return (sent => $sent, map { $_ => $after{$_} - $before{$_} } keys %after);
}

for my $kind ([ 'plain', '' ], [ 'with early headers', '?advance=1' ]) {
    my ($name, $query) = @$kind;
    my %few = costs(2, "/live/h/stream.mjpg$query");
    my %many = costs(40, "/live/h/stream.mjpg$query");
    my $more = $many{sent} - $few{sent};
    my %slope = map { $_ => ($many{$_} - $few{$_}) / $more }
        qw(allocations copied writes);

    cmp_ok $more, '>', 20 * $frames, "$name: frames went to all";
    cmp_ok $slope{allocations}, '<', 0.05,
        "$name: nothing is allocated for one more viewer";
    cmp_ok $slope{copied}, '<', $size / 20,
        "$name: none of its picture is copied";
    cmp_ok abs($slope{writes} - 1), '<', 0.05,
        "$name: and it takes one write";
    diag sprintf "%s: %.4f allocations, %.0f bytes copied, %.3f writes "
        . 'for each viewer and frame; of each frame itself %.1f allocations '
        . 'and %.2f copies', $name, @slope{qw(allocations copied writes)},
        $few{allocations} / $frames, $few{copied} / $frames / $size;
}

finish();
