# What it costs to show pictures to many: vstream against a plain program that
# does no more than it must, and against what others use for it.

package Fanout;

use v5.36;

use FindBin;

use Vstream::Gateway;
use Vstream::Peer qw(watched);

my $top = "$FindBin::Bin/../..";

sub rows { return ('fanout-cpu' => \&cpu) }
sub quick { return 'fanout-cpu' }


# One worker as conf/nginx-tls.conf has it, but without TLS and the bounds on
# one address.
sub gateway ($bench) {
    my $conf = production();
    my ($listen) = $conf =~ /^ +listen 443 ssl http2 (.*);$/m;
    my ($connections) = $conf =~ /^ +vstream_redis .* connections=(\d+);$/m;
    my ($sockets) = $conf =~ /^ +worker_connections (\d+);$/m;
    my ($level) = $conf =~ /^error_log \S+ (\w+);$/m;
    my @times = $conf =~ /^[ ]+(
        (?:(?:client|keepalive|send|vstream)_\w*timeout
        |reset_timedout_connection)[ ].*;)$/mgx;

    return Vstream::Gateway->start($bench, listen => $listen,
        connections => $connections, sockets => $sockets, level => $level,
        server => join "\n", @times, "vstream_max_viewers $sockets;");
}

sub production {
    open my $file, '<', "$top/conf/nginx-tls.conf" or die "$!\n";
    local $/;
    return <$file>;
}

sub vstream_watched ($bench, $gateway, $viewers, %options) {
    my $nginx = $gateway->nginx;

    return watched($bench, $viewers, port => $nginx->port,
        paths => ['/live/c1/stream.mjpg'], pids => [ $nginx->workers ],
        %options);
}

# A peer that is there for this run alone.
sub peer_watched ($bench, $kind, $viewers, %options) {
    my $peer = Vstream::Peer->$kind($bench);
    my $result = $peer->watched_by($bench, $viewers, %options);

    $peer->stop;

    return $result;
}


# CPU of one picture to one viewer.
sub cpu ($bench) {
    my $gateway = gateway($bench);
    my %options = (seconds => $bench->seconds(1.5, 2), warm => 0.7);

    for my $viewers (1000, 200) {
        my @pairs = $bench->interleaved(
            vstream => sub {
                vstream_watched($bench, $gateway, $viewers, %options);
            },
            limit => sub {
                peer_watched($bench, 'limit', $viewers, %options);
            },
            Nchan => sub {
                peer_watched($bench, 'nchan', $viewers, %options);
            });

        $bench->judge("CPU/picture, $viewers viewers", pairs => \@pairs,
            ours => 'vstream', base => 'limit', figure => 'us_per_picture',
            unit => 'us', gate => 1.25, aim => 1.12);
        $bench->judge("CPU/picture, $viewers viewers", pairs => \@pairs,
            ours => 'vstream', base => 'Nchan', figure => 'us_per_picture',
            unit => 'us', gate => 1, aim => 0.9);
    }
    $gateway->stop;
}

1;
