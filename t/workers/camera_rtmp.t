#!/usr/bin/perl

# rtmps: whom a camera process believes to be its camera.

use v5.36;

use FindBin;
use IO::Socket::SSL;
use lib "$FindBin::Bin/../lib";

use Vstream::CameraServer;
use Vstream::Certificates;
use Vstream::Driver qw(drive server);
use Vstream::Publisher;
use Vstream::Test;

my $folder = folder();
my $cameras = Vstream::Certificates->new($folder, 'cameras');
my $strangers = Vstream::Certificates->new($folder, 'strangers');
my @front = $cameras->issue('front');
my @stranger = $strangers->issue('stranger');
my $nginx = rtmp_server();
my $publisher = publish(Vstream::CameraServer::clip('gop1s.mp4'), 'flv',
    'rtmp://127.0.0.1:' . $nginx->port . '/live/street');


sub camera ($port, $user = '') {
    return drive("rtmps://${user}127.0.0.1:$port/live/street",
        folder => $folder, seconds => 5, frames => 1,
        configure => { ca_file => $cameras->file });
}

# An answer to "connect" that wants a password.
sub refusal () {
    my $text = sub ($s) { pack 'n/a*', $s };
    my $why = '[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ]';
    my $body = "\x02" . $text->('_error') . "\0" . pack('d>', 1) . "\x05\x03"
        . $text->('level') . "\x02" . $text->('error')
        . $text->('description') . "\x02" . $text->($why) . "\0\0\x09";
    my $head = "\x03\0\0\0" . substr(pack('N', length $body), 1)
        . "\x14\0\0\0\0";

    return $head . join "\xc3", $body =~ /(.{1,128})/sg;
}

sub receive ($client, $length) {
    while ($length > 0) {
        my $n = sysread $client, my $bytes, $length or return 0;
        $length -= $n;
    }

    return 1;
}


subtest 'certificates' => sub {
    ok wait_for(sub {
        camera(tls_front($nginx->port, @front)->port)->frames > 0;
    }, 30), 'one that is trusted: there are pictures';

    for ([ 'of a stranger', @stranger ],
        [ 'of another host', $cameras->issue('elsewhere',
            names => ['camera.example'], addresses => ['192.0.2.1']) ])
    {
        my ($whose, @files) = @$_;
        my $camera = camera(tls_front($nginx->port, @files)->port);

        is $camera->reason, 'protocol_error', "one $whose is refused";
        like $camera->detail, qr/certificate/, 'by a word on certificates';
    }
};

# libavformat dials once more when it is asked for a password.
subtest 'a stranger who takes the second call' => sub {
    my $server = server(sub ($client) {
        my $is_second = -e "$folder/called";
        my @files = $is_second ? @stranger : @front;

        write_file('called', '');
        $client = IO::Socket::SSL->start_SSL($client, SSL_server => 1,
            SSL_cert_file => $files[0], SSL_key_file => $files[1]) or return;
        receive($client, 1537) or return;
        write_file('believed', '') if $is_second;
        print $client "\x03" . "\0" x 3072;
        receive($client, 1536 + 100) and print $client refusal();
        sleep 2;
    });
    my $camera = camera($server->port, 'viewer:secret@');

    ok -e "$folder/called", 'it has called';
    is $camera->reason, 'protocol_error', 'the second call fails';
    like $camera->detail, qr/certificate/, 'by the certificate';
    ok !-e "$folder/believed", 'the stranger hears nothing';
};

finish();
