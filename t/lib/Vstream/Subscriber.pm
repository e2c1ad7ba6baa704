# A subscriber of one camera's frames, as an nginx worker is one: it takes
# what is pushed and sees to it that each frame is what it should be.  The
# rendition is main, if it is not given.

package Vstream::Subscriber;

use v5.36;

use Carp qw(croak);
use IO::Select;
use Time::HiRes qw(time);


sub new ($class, $redis, $id, $rendition = 'main') {
    my $client = $redis->connect;
    my $channel = "vs:{$id}:frame"
        . ($rendition eq 'main' ? '' : ":$rendition");

    $client->command('SSUBSCRIBE', $channel);

    return bless { client => $client, channel => $channel,
        since => time() }, $class;
}

# The next frame: { epoch, seq, t (seconds), width, height, jpeg, came };
# undef: none has come in time, or the connection is closed.
sub frame ($self, $seconds = 20) {
    my $deadline = time() + $seconds;

    while (1) {
        my $frame = $self->_take;
        return $frame if $frame;

        my $left = $deadline - time();
        return undef if $left <= 0 || $self->{closed};

        IO::Select->new($self->{client}{socket})->can_read($left) or next;
        $self->{closed} = 1
            if !sysread $self->{client}{socket}, $self->{client}{buffer},
                1 << 20, length $self->{client}{buffer};
    }
}

# All frames that come for so long.
sub frames ($self, $seconds) {
    my $deadline = time() + $seconds;
    my @frames;

    while ((my $left = $deadline - time()) > 0 && !$self->{closed}) {
        my $frame = $self->frame($left);
        push @frames, $frame if $frame;
    }

    return @frames;
}

# What has come already.
sub drain ($self) {
    return $self->frames(0.02);
}

sub _take ($self) {
    my $buffer = \$self->{client}{buffer};

    $$buffer =~ /^\*3\r\n\$8\r\nsmessage\r\n\$\d+\r\n([^\r]*)\r\n\$(\d+)\r\n/
        or return undef;
    my ($channel, $length, $head) = ($1, $2, $+[0]);
    return undef if length $$buffer < $head + $length + 2;

    my $message = substr $$buffer, $head, $length;
    substr $$buffer, 0, $head + $length + 2, '';

    croak "message of $channel" if $channel ne $self->{channel};
    $message =~ s/^(\d+) (\d+) (\d+) (\d+) (\d+)\n//
        or croak 'no frame line: ' . substr $message, 0, 80;
    my %frame = (epoch => $1, seq => $2, t => $3 / 1e6, width => $4,
        height => $5, jpeg => $message, came => time());
    croak 'no JPEG' if $message !~ /^\xff\xd8.*\xff\xd9$/s;

    return \%frame;
}

sub close ($self) {
    close $self->{client}{socket};
    return;
}

1;
